"""The hand-over note: what stands on it, and its bars, read again from the printed sheet."""

from collections.abc import Iterator
from typing import Any

import pypdfium2
import pytest
import zxingcpp

from schemas import handover_paper, typeset
from schemas.handover_paper import HandoverPaper, ItemLine, Party
from schemas.receipt_paper import Words
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, Inhouse, inhouse
from tests.postal.manifests_made import Counter, a_manifest, a_receipt, an_item
from tests.postal.paper_rows import Paper

RR, RS, LOCAL = "RR473124829VN", "RR123456785VN", "VTP0012345678"
DOTS_AN_INCH = 200


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("note") / "home") as made:
        yield made


def sheets(content: bytes) -> tuple[str, set[str]]:
    """The text of a PDF, and the bars that a scanner finds on its sheets."""
    with pypdfium2.PdfDocument(content) as document:
        text, bars = "", set()
        for page in document:
            text += page.get_textpage().get_text_range()
            picture = page.render(scale=DOTS_AN_INCH / 72).to_pil().convert("L")
            bars |= {one.text for one in zxingcpp.read_barcodes(picture)}
            page.close()
    return " ".join(text.split()), bars


def test_the_note_tells_both_counts_names_who_signs_and_its_bars_can_be_scanned(
    gateway: Inhouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    post = Counter(gateway, "post", tmp_path_factory.mktemp("post"))
    office = gateway.bearer("office", offices=[OFFICE])
    paper = Paper(gateway.house.database)
    (dossier,) = paper.announce("p-1")
    paper.say("UPDATE announced SET unit = :unit, tax_code = :tax WHERE id = :id", unit=UNIT, tax=TAX_CODE, id=dossier)
    paper.say("UPDATE unit SET name = 'Công ty Dệt Thống Nhất' WHERE code = :unit", unit=UNIT)
    back = '{"name":"Công ty","address":"12 Trần Hưng Đạo, Hà Nội","phone":"0912345678"}'
    paper.say("UPDATE announcement SET return_to = :back WHERE id = 'p-1'", back=back)
    paper.bind(RR, "p-1", [dossier])
    pensions = {"kind": "decision", "count": 7, "name": "QĐ hưu trí"}
    first = an_item(RR, book=41, card=13)
    first["pieces"].append(pensions)
    manifest = a_manifest(first, an_item(RS), an_item(LOCAL, loose_leaf=5))
    path = f"/v1/postal/manifests/{manifest['id']}"
    assert gateway("POST", "/v1/postal/manifests", post.token, json=manifest).status_code == 201
    text, bars = sheets(gateway("GET", f"{path}/note.pdf", post.token).content)
    assert bars == {RR, RS, LOCAL}
    for told in (
        "GIẤY GIAO NHẬN HỒ SƠ",
        "BK-05/2026-0001",
        "Dệt Thống Nhất",
        "0912345678",
        "Trần Hưng Đạo",
        "41",
        "13",
    ):
        assert told in text
    assert "Lê Thị Ước" not in text
    taken = an_item(RR, book=40, card=13)
    taken["pieces"].append(pensions)
    receipt = a_receipt(taken, an_item(RS, condition="opened", note="dán lại bằng băng keo"))
    gateway("POST", f"{path}/received", office, json=receipt)
    answer = gateway("GET", f"{path}/note.pdf", office)
    text, bars = sheets(answer.content)
    assert (answer.headers["content-type"], bars) == ("application/pdf", {RR, RS, LOCAL})
    for told in ("41 / 40", "thiếu", "dán lại", "không nhận được", "Bưu tá Nguyễn Văn Đệ", "Lê Thị Ước"):
        assert told in text
    assert gateway("GET", f"{path}/note.pdf", gateway.bearer("office", offices=["08907"])).status_code == 404


def a_note(count: int = 1, **changes: Any) -> HandoverPaper:
    told: dict[str, Any] = {
        "superior": "", "office": "BHXH", "number": "1", "dated": "", "title": Words("GIẤY GIAO NHẬN HỒ SƠ"),
        "under_title": (), "heads": (Words("x"),) * 7, "count_heads": (Words("a"), Words("b")),
        "lines": tuple(ItemLine(item=f"RR{n:08d}0VN", counts=("1", "")) for n in range(count)), "total": Words("Cộng"),
        "totals": ("1", ""), "notes": (), "parties": (Party(title=Words("Người giao")),) * 3,
        "sign_here": Words("(Ký)"), "foot": "f",
    }  # fmt: skip
    return HandoverPaper(**(told | changes))


def test_a_note_of_two_full_lists_is_set_and_one_more_is_refused() -> None:
    now = HandClock().now()
    made = handover_paper.pdf(a_note(handover_paper.LINES_MAX), now, apart=True)
    with pypdfium2.PdfDocument(made) as document:
        assert len(document) > 20
    with pytest.raises(ValueError, match="1001"):
        handover_paper.pdf(a_note(handover_paper.LINES_MAX + 1), now)


@pytest.mark.parametrize("changes", [{"totals": ("1",)}, {"parties": ()}], ids=str)
def test_columns_that_do_not_agree_are_no_note(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="agree"):
        handover_paper.pdf(a_note(**changes), HandClock().now())


def test_the_same_note_gives_the_same_bytes_and_markup_in_it_is_text() -> None:
    paper = a_note(office='#include "x" *đậm* <b>')
    made = [handover_paper.pdf(paper, HandClock().now()) for _ in range(2)]
    assert made[0] == made[1]
    assert "<B>" in sheets(made[0])[0]
    assert typeset.TEMPLATES.joinpath("handover.typ").is_file()
