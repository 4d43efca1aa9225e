"""Public tracking: who holds the receipt sees where the dossier stands, and nobody learns anything by guessing."""

import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway import track
from gateway.clock import to_us
from gateway.paper_receipt import paper_key
from gateway.paper_words import STATES
from gateway.track_code import CODE_CHARACTERS, shown, tracking_code, typed
from storage import courses, journal
from storage.courses import Course
from tests.databases import database_url
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.test_notice import with_mistakes
from tests.schemas.pdf_text import sheets

__all__ = ["database_url"]
WIDE = "telephones are narrow: what is wider than its column breaks"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("track") / "home", public_url="https://cong.example.vn") as made:
        yield made


@pytest.fixture
def gateway(house: Inhouse) -> Inhouse:
    # Another hour: what was guessed in another test does not count.
    house.clock.advance(3600)
    return house


_seeds = iter(range(100, 1000))


def filed(gateway: Inhouse) -> tuple[str, str, str]:
    """A dossier, its number and its code as the employer is told it."""
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier(next(_seeds), employees=1)).json()
    code = gateway("GET", f"/v1/dossiers/{told['dossier']}/tracking-code", employer).json()
    assert code["receipt_number"] == told["receipt_number"]
    assert code["url"] == "https://cong.example.vn/track"
    return told["dossier"], told["receipt_number"], code["code"]


class Page(HTMLParser):
    """What a page shows and is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.said = ""
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden += tag == "style"
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        self.said += "" if self._hidden else data


def state(gateway: Inhouse, dossier: str, now: str, **course: object) -> None:
    with gateway.house.database.begin() as tx:
        journal.record(tx, [], {dossier: now})
        fields: dict[str, object] = {"office": OFFICE, "since_us": 1, "due_at_us": to_us(gateway.clock.now())}
        courses.put(tx, Course(dossier=dossier, **(fields | course)))  # type: ignore[arg-type]


def test_number_and_code_show_where_the_dossier_stands(gateway: Inhouse) -> None:
    dossier, number, code = filed(gateway)
    answer = gateway("GET", f"/v1/track?number={number}&code={code}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    told = answer.json()
    shown_to_party = gateway("GET", f"/v1/dossiers/{dossier}", gateway.bearer("employer", units=[UNIT])).json()
    for name in ("receipt_number", "state", "procedure", "received_at", "due_at"):
        assert told[name] == shown_to_party[name]
    assert (told["office"], told["state_vi"], told["state_en"]) == (OFFICE, "đã tiếp nhận", "accepted")
    assert told["office_name"]
    assert (told["is_paused"], told["supplement_awaited"], told["result_ready"], told["results"]) == (False,) * 3 + (0,)
    due_us = to_us(gateway.clock.now()) + 86_400_000_000
    state(gateway, dossier, "supplement-requested", due_at_us=due_us, paused_since_us=5, appointed_at_us=due_us)
    told = gateway("GET", f"/v1/track?number={number}&code={code}").json()
    assert (told["is_paused"], told["supplement_awaited"]) == (True, True)
    assert told["due_at"] == told["appointed_at"] != shown_to_party["due_at"]
    state(gateway, dossier, "returned")
    told = gateway("GET", f"/v1/track?number={number}&code={code}").json()
    assert (told["result_ready"], told["due_at"]) == (True, None)


def test_every_state_has_its_words(gateway: Inhouse) -> None:
    dossier, number, code = filed(gateway)
    for name, words in STATES.items():
        state(gateway, dossier, name)
        page = Page(gateway("GET", f"/track?number={number}&code={code}").text)
        assert words.vi[1:] in page.said
        assert words.en[1:] in page.said


def test_no_person_is_named(gateway: Inhouse) -> None:
    dossier, number, code = filed(gateway)
    with gateway.house.database.read() as tx:
        row = journal.dossier(tx, dossier, journal.Scope(everything=True))
    assert row
    state(gateway, dossier, "in-work", officer="Nguyễn Thị Mẫu", department="Phòng Thu")
    for path in ("/v1/track", "/track"):
        text = gateway("GET", f"{path}?number={number}&code={code}").text
        for secret in ("MẪU", "Mẫu", "Phòng", row.submitter, TAX_CODE, row.sha256.hex(), row.statement, row.id, UNIT):
            assert secret not in text, secret


def test_a_wrong_code_and_a_wrong_number_are_answered_alike(gateway: Inhouse) -> None:
    dossier, number, code = filed(gateway)
    _, _, another = filed(gateway)
    with gateway.house.database.read() as tx:
        row = journal.dossier(tx, dossier, journal.Scope(everything=True))
    assert row
    guesses = [
        (number, another), (number, "00000-00000"), (number, ""), (number, code[:-1]), (number, code + "0"),
        (number, paper_key(row.statement)[:10]), (number, row.sha256.hex()[:10]), (number, "ＺＺＺＺＺＺＺＺＺＺ"),
        ("G00.01-20260302-9999999", code), ("", code), ("'; DROP TABLE dossier; --", code), ("G" * 100, code),
        (dossier, code), (number.replace("G", "Ｇ"), code),
    ]  # fmt: skip
    answers = [gateway("GET", "/v1/track", params={"number": one, "code": two}) for one, two in guesses]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text.replace(answer.json()["correlation_id"], "") for answer in answers}) == 1
    assert answers[0].json()["code"] == "not-tracked"
    pages = [gateway("GET", "/track", params={"number": "x", "code": two}) for _, two in guesses[3:6]]
    assert {page.status_code for page in pages} == {404}


def test_guesses_at_a_number_are_counted_by_all_workers_and_keep_its_holder_from_nothing(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "TRIES_A_NUMBER_MAX", 4)
    with inhouse(tmp_path / "home", database_url=database_url, public_url="https://cong.example.vn") as gateway:
        _, number, code = filed(gateway)
        workers = [track.Tracking(gateway.house.database) for _ in range(2)]
        now, tables = gateway.clock.now(), gateway.house.tables
        for guess in range(4):
            with pytest.raises(track.NotTracked):
                workers[guess % 2].find(number, "00000-00000", tables, now)
        for worker in workers:
            with pytest.raises(track.BudgetSpent) as shut:
                worker.find(number, "00000-00000", tables, now)
            assert 0 < shut.value.retry_after_s <= 3600
            # Whoever guesses at somebody's number does not keep that one out.
            assert worker.find(number, code, tables, now).receipt_number == number
        for path in ("/v1/track", "/track"):
            assert gateway("GET", f"{path}?number={number}&code=00000-00000").status_code == 429
            assert gateway("GET", f"{path}?number={number}&code={code}").status_code == 200
        # At another number it can be guessed still, and at this one when the hour is over; the counts are dropped then.
        _, other, _ = filed(gateway)
        with pytest.raises(track.NotTracked):
            workers[0].find(other, "00000-00000", tables, now)
        gateway.house.callers.forget_ended(gateway.clock.advance(30))
        with pytest.raises(track.BudgetSpent):
            track.Tracking(gateway.house.database).find(number, "00000-00000", tables, gateway.clock.now())
        now = gateway.clock.advance(3600)
        with pytest.raises(track.NotTracked):
            workers[0].find(number, "00000-00000", tables, now)


def test_what_is_no_number_is_said_so_however_often_it_is_typed(gateway: Inhouse) -> None:
    for _ in range(track.TRIES_A_NUMBER_MAX + 2):
        with pytest.raises(track.NotTracked):
            gateway.house.tracking.find("số nào?", "0", gateway.house.tables, gateway.clock.now())


def test_guesses_at_all_numbers_together_are_limited(gateway: Inhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "TRIES_A_MINUTE_MAX", 5)
    answers = [gateway("GET", f"/v1/track?number=G00.01-20260302-{guess:07d}&code=0") for guess in range(7)]
    assert [answer.status_code for answer in answers] == [404] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) <= 60
    with gateway.house.database.read() as tx:
        latest = "SELECT used FROM quota WHERE client = '' AND budget = 'track' ORDER BY minute DESC LIMIT 1"
        counted = tx.execute(sa.text(latest)).scalar()
    assert counted == 6, "what is spent is counted no further, or every guess would cost a commit"
    _, number, code = filed(gateway)
    assert gateway("GET", f"/v1/track?number={number}&code={code}").status_code == 200, "who knows is not shut out"


def test_the_page_is_a_form_that_runs_and_loads_nothing(gateway: Inhouse) -> None:
    _, number, code = filed(gateway)
    for query in ("", f"?number={number}&code={code}", "?number=x&code=y"):
        answer = gateway("GET", "/track" + query)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "form-action 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")
        page = Page(answer.text)
        assert not set(page.tags) & {"script", "link", "img", "iframe", "object", "base"}
        assert not page.attributes.keys() & {"src", "href", "style"}
        assert not any(name.startswith("on") for name in page.attributes)
        assert page.attributes["action"] == ["/track"]
        assert page.attributes["method"] == ["get"]
        assert page.attributes["lang"][0] == "vi"
        assert "width=device-width, initial-scale=1" in page.attributes["content"], WIDE
        assert "overflow-wrap:anywhere" in answer.text, WIDE
        assert page.attributes["for"] == ["number", "code"] == page.attributes["id"]
        assert unicodedata.is_normalized("NFC", answer.text)


def test_the_page_says_what_a_person_asks(gateway: Inhouse) -> None:
    dossier, number, code = filed(gateway)
    state(gateway, dossier, "supplement-requested", paused_since_us=5, due_at_us=1_773_997_200_000_000)
    page = Page(gateway("GET", f"/track?number={number.lower()}&code={code.replace('-', ' ').lower()}").text)
    for said in (
        "Tra cứu hồ sơ", "Đang chờ bổ sung", "A supplement was requested", number, "600 – ", f"{OFFICE} – ",
        "Hãy xem danh mục trong phần mềm đã nộp hồ sơ", "20/03/2026 16:00 (đang tạm dừng chờ bổ sung)",
    ):  # fmt: skip
        assert said in page.said, said
    assert code not in page.said
    assert page.said.index("Hạn trả kết quả") < page.said.index("Result due by")
    state(gateway, dossier, "finished")
    assert "Đã giải quyết xong" in Page(gateway("GET", f"/track?number={number}&code={code}").text).said
    wrong = Page(gateway("GET", f"/track?number={number}&code=AAAAA-AAAAA").text)
    assert "Không có hồ sơ nào với số và mã này" in wrong.said
    assert wrong.attributes["value"] == [number, "AAAAA-AAAAA"]


def test_what_is_typed_is_text_and_no_markup(gateway: Inhouse) -> None:
    forged = '"><script>alert(1)</script>'
    page = gateway("GET", "/track", params={"number": forged, "code": forged[:40]}).text
    assert "<script" not in page
    assert "&quot;&gt;&lt;script&gt;" in page


def test_the_code_is_for_the_parties_and_a_refusal_has_one_too(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    dossier, _, _ = filed(gateway)
    path = f"/v1/dossiers/{dossier}/tracking-code"
    assert gateway("GET", path, gateway.bearer("office", offices=[OFFICE])).status_code == 200
    assert gateway("GET", path, gateway.bearer("employer")).status_code == 404
    assert gateway("GET", path, gateway.bearer("operator")).status_code == 403
    refused = gateway("POST", "/v1/dossiers", employer, content=with_mistakes()).json()
    told = gateway("GET", f"/v1/dossiers/{refused['dossier']}/tracking-code", employer).json()
    page = Page(gateway("GET", f"/track?number={told['receipt_number']}&code={told['code']}").text)
    assert "Không tiếp nhận" in page.said


def test_the_printed_receipt_bears_the_code(gateway: Inhouse) -> None:
    dossier, number, code = filed(gateway)
    office = gateway.bearer("office", offices=[OFFICE])
    text = "".join(sheets(gateway("GET", f"/v1/dossiers/{dossier}/receipt.pdf", office).content))
    assert "Mã tra cứu" in text
    assert code in text.replace("\u200b", "")
    assert "https://cong.example.vn/track" in "".join(text.replace("\u200b", "").split())
    assert number in text


@given(st.text(alphabet="abc.-_ABC123", min_size=1, max_size=80))
def test_a_code_is_read_however_a_person_writes_it(statement: str) -> None:
    code = tracking_code(statement)
    assert len(code) == CODE_CHARACTERS
    for written in (code, shown(code), code.lower(), f" {shown(code)}\n", " ".join(code), code.replace("0", "o")):
        assert typed(written) == code
    assert typed(code.replace("1", "l")) == typed(code.replace("1", "i")) == code
    assert tracking_code(statement + "x") != code


@given(st.text(max_size=60))
def test_what_is_no_code_is_none(text: str) -> None:
    assert typed(text) == "" or len(typed(text)) == CODE_CHARACTERS
