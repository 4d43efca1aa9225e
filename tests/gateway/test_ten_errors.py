"""One dossier with ten mistakes: the interface, the command and the printed notice say the same words about each."""

import json
import re
from pathlib import Path

import pytest
from lxml import html

from schemas.sample import make_dossier
from tests.clocks import HandClock
from tests.gateway.cli_run import Terminal
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, inhouse, sign
from tests.schemas.broken import in_form
from tests.schemas.pdf_text import sheets

# In the list of employees, by row: what is replaced, by what, and the finding that it must give.
IN_ROWS = (
    (1, rb"<TienLuong>[^<]*<", b"<TienLuong>7.500.000<", "amount-malformed"),
    (2, rb"<NgaySinh>[^<]*<", b"<NgaySinh>31/02/1990<", "date-impossible"),
    (3, rb"<ChucVu>[^<]*</ChucVu>", b"", "element-missing"),
    (4, rb"<MasoBHXH>([^<]*)</MasoBHXH>", rb"<MaSoBHXH>\1</MaSoBHXH>", "element-misspelt"),
    (5, rb"<PA>[^<]*<", b"<PA>ZZ<", "value-not-listed"),
    (6, rb"<DenThang/>|<DenThang>[^<]*</DenThang>", b"<DenThang>01/2020</DenThang>", "d02-months-reversed"),
    (7, rb"<MasoBHXH>[^<]*<", b"<MasoBHXH>79<", "social-number-malformed"),
    (8, rb"<TuThang>[^<]*<", b"<TuThang>3/2026<", "month-malformed"),
)
IN_ENVELOPE = ((rb"<SoLuongFile>[^<]*<", b"<SoLuongFile>9<", "file-count-mismatch"),)
IN_ENVELOPE += ((rb"<KyKeKhai>[^<]*<", b"<KyKeKhai>032026<", "month-malformed"),)
ROW = re.compile(rb"<LaoDong>.*?</LaoDong>", re.DOTALL)
CODES = sorted([*(one[3] for one in IN_ROWS), *(one[2] for one in IN_ENVELOPE)])


def spoilt() -> bytes:
    """The dossier, signed after it was spoilt: nothing but its content is wrong."""
    raw = make_dossier(
        "600", employees=12, seed=4, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026",
        made_on=HandClock().now().date(), attachments=0,
    )  # fmt: skip

    def in_list(form: bytes) -> bytes:
        rows = ROW.findall(form)
        for number, old, new, _ in IN_ROWS:
            changed, times = re.subn(old, new, rows[number - 1], count=1)
            assert times == 1, old
            form = form.replace(rows[number - 1], changed)
        return form

    raw = in_form(raw, "D02-TS", in_list)
    for old, new, _ in IN_ENVELOPE:
        raw, times = re.subn(old, new, raw, count=1)
        assert times == 1, old
    return sign(raw)


def squeezed(text: str) -> str:
    return "".join(text.replace("\u200b", "").split())


@pytest.mark.parametrize("language", ["vi", "en"])
def test_all_ten_are_told_in_the_same_words_by_interface_command_and_notice(
    tmp_path: Path, motcua: Terminal, language: str
):
    content = spoilt()
    with inhouse(motcua.home) as gateway:
        employer = gateway.bearer("employer", units=[UNIT])
        asked = {"accept-language": language}
        refused = gateway("POST", "/v1/dossiers", employer, content=content, headers=asked)
        checked = gateway("POST", "/v1/dossiers/check", employer, content=content, headers=asked)
        page = gateway(
            "POST", "/v1/dossiers/check", employer, content=content, headers={**asked, "accept": "text/html"}
        )
        at = gateway.clock.now().isoformat()
    assert (refused.status_code, checked.status_code, page.status_code) == (422, 200, 200)
    found = checked.json()["findings"]
    assert sorted(one["code"] for one in found if one["severity"] == "error") == CODES
    assert refused.json()["findings"] == found

    file = tmp_path / "hoso.xml"
    file.write_bytes(content)
    words = ("check", file, "--at", at, "--lang", language, "--json", "--notice")
    for notice in (tmp_path / "notice.html", tmp_path / "notice.pdf"):
        ran = motcua(*words, notice)
        assert ran.status == 1
        assert json.loads(ran.out)["findings"] == found
    printed = [
        squeezed(html.fromstring((tmp_path / "notice.html").read_bytes()).text_content()),
        squeezed(html.fromstring(page.content).text_content()),
        squeezed("".join(sheets((tmp_path / "notice.pdf").read_bytes()))),
    ]
    for one in found:
        for text in printed:
            assert squeezed(one["message"]) in text, one["code"]
            assert squeezed(one["fix"]) in text, one["code"]


def test_each_of_the_ten_says_where_to_look_in_the_list(motcua: Terminal):
    with inhouse(motcua.home) as gateway:
        employer = gateway.bearer("employer", units=[UNIT])
        found = gateway("POST", "/v1/dossiers/check", employer, content=spoilt()).json()["findings"]
    by_row = {one["row"]: one for one in found if one["row"] is not None and one["severity"] == "error"}
    assert sorted(by_row) == [one[0] for one in IN_ROWS]
    for number, one in by_row.items():
        assert one["row_name"]
        # Whoever is new has no number yet.
        person = f"{one['row_name']}, {one['row_key']}" if one["row_key"] else one["row_name"]
        assert f"dòng {number} ({person})" in one["message"]
        assert one["column_label"]
        assert f"/LaoDong[{number}]" in one["pointer"]
        assert one["line"]
        assert one["fix"]
    assert sum(bool(one["row_key"]) for one in by_row.values()) >= len(IN_ROWS) // 2
    assert "“MasoBHXH”" in by_row[4]["message"] + by_row[4]["fix"]
