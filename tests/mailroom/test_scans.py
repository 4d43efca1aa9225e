"""Scanned pages find their dossiers: by themselves where everything agrees, by a person where anything does not."""

import asyncio
import base64
import io
from contextlib import closing
from typing import Any

import pypdfium2
import pytest
from PIL import Image
from sqlalchemy import text

from gateway.mailroom.codes import CoverCode, cover_code, page_code, read_code
from gateway.mailroom.finishing import MAILROOM_RULES, finish, match_again
from gateway.mailroom.lack_words import WHYS
from gateway.postal.look_over import look_over
from signing.seal import create_seal_key, load_seal_key
from storage import alarms, documents, mailroom, mailroom_erasing, register
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, TAX_CODE, UNIT, inhouse
from tests.mailroom.post_room import BOOK, PDF, PostRoom, an_envelope, coded, loose, only, pages_in, pile

CONTRACT = {"kind": "attachment", "count": 1, "name": "Hợp đồng lao động", "pages": 1}
ONE_BOOK = {"kind": "book", "count": 1}


class Came:
    """An announced dossier whose paper came, and was opened and counted."""

    def __init__(
        self, room: PostRoom, seed: int, *pieces: dict[str, Any], counted: list[dict[str, Any]], printed: bool = False
    ) -> None:
        self.room = room
        self.announced = room.announce((seed, pieces))
        self.dossier: str = self.announced["dossiers"][0]["dossier"]
        sheets = room.sheets if printed else room.codes
        self.cover, self.forms = sheets(self.announced, self.dossier)
        self.item = room.item([self.dossier])
        opened = room.open(self.item, *counted)
        assert opened.status_code == 200, opened.text
        self.opening: str = opened.json()["opening"]

    def stand(self) -> dict[str, Any]:
        (one,) = (one for one in self.room.shown(self.opening)["dossiers"] if one["dossier"] == self.dossier)
        return dict(one)

    def kept(self) -> list[documents.Document]:
        with self.room.gateway.house.database.read() as tx:
            return [one for one in documents.of(tx, self.dossier) if one.kind == "scans"]

    def facts(self) -> list[str]:
        answer = self.room.gateway("GET", f"/v1/dossiers/{self.dossier}/events", self.room.employer)
        return [one["type"] for one in answer.json()["events"]]


def registered(valid_to: str | None) -> register.Unit:
    return register.Unit(code=UNIT, tax_code=TAX_CODE, office=OFFICE, valid_from="2020-01-01", valid_to=valid_to)


def states(answer: Any) -> list[tuple[str, str]]:
    return [(page["state"], page["dossier"]) for page in answer.json()["pages"]]


def test_a_whole_pile_becomes_a_dossier_by_itself_and_the_same_scan_again_is_answered_the_same(room: PostRoom) -> None:
    came = Came(room, 20, BOOK, CONTRACT, counted=[ONE_BOOK, {"kind": "attachment", "count": 1}], printed=True)
    sent = pile(came.cover, came.forms, loose("Hợp đồng"))
    scanned = room.scan(came.opening, sent)
    assert scanned.status_code == 200, scanned.text
    assert set(states(scanned)) == {("filed", came.dossier)}
    assert [page["how"] for page in scanned.json()["pages"]] == ["code"] * 4 + ["follows"]
    (stand,) = scanned.json()["dossiers"]
    assert (stand["state"], stand["complete"], stand["missing"], stand["pages"]) == ("filed", True, [], 5)
    assert room.scan(came.opening, sent).json() == scanned.json()
    shown = room.dossier(came.dossier)
    assert shown.status_code == 200, shown.text
    assert (shown.json()["channel"], shown.json()["state"]) == ("post", "accepted")
    assert room.shown(came.opening)["settled"] is True
    assert came.opening not in [one["opening"] for one in room.waiting()]
    (document,) = came.kept()
    stores = room.gateway.house.stores
    content = stores.cipher.open(stores.vault.read(document.place), document.wrapped_key or b"", document.sha256)
    assert pages_in(content) == 5


def test_pages_that_were_scanned_as_pictures_follow_one_another_in_their_batch(room: PostRoom) -> None:
    came = Came(room, 21, BOOK, CONTRACT, counted=[ONE_BOOK, {"kind": "attachment", "count": 1}])
    sent = pile(came.cover, came.forms, loose("Hợp đồng"))
    with closing(pypdfium2.PdfDocument(sent)) as document:
        images = [page.render(scale=200 / 72, grayscale=True).to_pil().convert("L") for page in document]
    answers = []
    for image in images[:-2]:
        jpeg = io.BytesIO()
        image.save(jpeg, "JPEG", quality=85)
        answers.append(room.scan(came.opening, jpeg.getvalue(), "image/jpeg", batch="tập-1"))
    assert [states(one) for one in answers] == [[("filed", came.dossier)]] * 3
    assert came.stand()["state"] == "waiting"
    tiff = io.BytesIO()
    images[-2].save(tiff, "TIFF", save_all=True, append_images=images[-1:], compression="tiff_deflate")
    last = room.scan(came.opening, tiff.getvalue(), "image/tiff", batch="tập-1")
    assert states(last) == [("filed", came.dossier)] * 2
    assert came.stand()["state"] == "filed"


def test_a_page_without_a_code_waits_when_the_counts_differ_and_a_person_binds_it(room: PostRoom) -> None:
    came = Came(room, 22, BOOK, CONTRACT, counted=[ONE_BOOK, {"kind": "attachment", "count": 1}])
    scanned = room.scan(came.opening, pile(came.cover, came.forms, loose("Hợp đồng", 2)))
    assert states(scanned)[4:] == [("waiting", "")] * 2
    assert all(page["near"] == came.dossier and page["why"] for page in scanned.json()["pages"][4:])
    (waits,) = (one for one in room.waiting() if one["opening"] == came.opening)
    assert [page["number"] for page in waits["pages"]] == [5, 6]
    scan = scanned.json()["scan"]
    bound = room.bind((scan, 5, came.dossier), (scan, 6, ""), reason="trang 6 lạc vào")
    assert bound.status_code == 200, bound.text
    assert [(page["state"], page["how"]) for page in bound.json()["pages"]] == [
        ("filed", "person"), ("set-aside", "person"),
    ]  # fmt: skip
    assert came.stand()["state"] == "filed"
    assert room.dossier(came.dossier).status_code == 200
    trace = room.gateway("GET", f"/v1/mailroom/scans/{scan}/pages/6", room.office).json()
    assert [(one["dossier"], one["was"], one["why"]) for one in trace["bindings"]] == [("", "", "trang 6 lạc vào")]
    assert room.bind((scan, 6, ""), reason="lần nữa").status_code == 200
    assert room.gateway("GET", f"/v1/mailroom/scans/{scan}/pages/6", room.office).json() == trace
    image = room.gateway("GET", f"/v1/mailroom/scans/{scan}/pages/6.png", room.office)
    assert (image.status_code, image.headers["content-type"]) == (200, "image/png"), image.text
    assert Image.open(io.BytesIO(image.content)).width > 200


def test_a_page_bound_to_the_wrong_dossier_is_rebound_with_a_trace_and_nothing_is_overwritten(room: PostRoom) -> None:
    announced = room.announce((23, [CONTRACT]), (24, [CONTRACT]))
    one, other = (dossier["dossier"] for dossier in announced["dossiers"])
    counted = [{"dossier": dossier, "kind": "attachment", "count": 1} for dossier in (one, other)]
    opening = room.open(room.item([one, other]), *counted).json()["opening"]
    sheets = [part for dossier in (one, other) for part in (*room.codes(announced, dossier), loose(dossier))]
    scanned = room.scan(opening, pile(*sheets))
    assert [stand["state"] for stand in scanned.json()["dossiers"]] == ["filed", "filed"], scanned.text
    scan = scanned.json()["scan"]
    numbers = [page["number"] for page in scanned.json()["pages"] if page["dossier"] == other]
    rebound = room.bind((scan, numbers[-1], one), reason="trang của hồ sơ thứ nhất")
    assert rebound.status_code == 200, rebound.text
    database = room.gateway.house.database
    for dossier in (one, other):
        with database.read() as tx:
            kept = [document for document in documents.of(tx, dossier) if document.kind == "scans"]
            filing = mailroom.filing_of(tx, dossier)
        assert [document.number for document in kept] == [1, 2]
        assert filing is not None
        assert filing.state == "filed"
        facts = room.gateway("GET", f"/v1/dossiers/{dossier}/events", room.employer).json()["events"]
        assert [fact["type"] for fact in facts].count("pages-rebound") == 1
    with database.read() as tx:
        trace = mailroom.bindings_of(tx, scan, numbers[-1])
    assert [(step.was, step.dossier, step.why) for step in trace] == [
        ("", other, "follows"), (other, one, "trang của hồ sơ thứ nhất"),
    ]  # fmt: skip


def test_a_clerk_says_that_a_dossier_is_complete_as_it_is_knowing_what_it_lacks(room: PostRoom) -> None:
    came = Came(room, 25, BOOK, counted=[{"kind": "book", "count": 0}])
    scanned = room.scan(came.opening, pile(came.cover, only(came.forms, [1, 2])))
    (stand,) = scanned.json()["dossiers"]
    keys = sorted(lack["key"] for lack in stand["missing"])
    assert (stand["state"], keys) == ("waiting", ["pieces:book:0/1", "printed:3:1"])
    refused = room.say_complete(came.opening, came.dossier, "printed:3:1")
    assert (refused.status_code, refused.json()["code"]) == (409, "not-as-seen")
    assert room.dossier(came.dossier).status_code == 404
    said = room.say_complete(came.opening, came.dossier, *keys, reason="đơn vị nộp sổ sau")
    assert said.status_code == 200, said.text
    assert said.json()["dossiers"][0]["state"] == "filed"
    assert room.say_complete(came.opening, came.dossier, *keys, reason="đơn vị nộp sổ sau").json() == said.json()
    again = room.say_complete(came.opening, came.dossier, *keys, reason="lý do khác")
    assert (again.status_code, again.json()["code"]) == (409, "paper-filed")
    # The page that comes later is not added to a dossier that was made: a person decides.
    late = room.scan(came.opening, only(came.forms, [3]))
    assert states(late) == [("waiting", "")]
    assert late.json()["pages"][0]["near"] == came.dossier
    assert room.bind((late.json()["scan"], 1, came.dossier), reason="trang đến sau").status_code == 200
    assert [one.number for one in came.kept()] == [1, 2]
    assert "pages-rebound" in came.facts()


def test_a_cover_that_another_key_signed_files_nothing(room: PostRoom, tmp_path: Any) -> None:
    came = Came(room, 26, counted=[])
    create_seal_key(tmp_path / "forger.pem")
    genuine = read_code(came.announced["dossiers"][0]["code"])
    assert isinstance(genuine, CoverCode)
    forged = cover_code(came.dossier, genuine.digest, load_seal_key(tmp_path / "forger.pem"))
    forged_cover = coded(forged, page_code(came.dossier, genuine.digest, 0, 1, 1))
    scanned = room.scan(came.opening, pile(forged_cover, came.forms))
    assert states(scanned)[0] == ("waiting", "")
    assert scanned.json()["pages"][0]["why"] == WHYS["unsigned"][0]
    assert scanned.json()["dossiers"][0]["state"] == "waiting"
    assert room.dossier(came.dossier).status_code == 404
    whole = room.scan(came.opening, came.cover)
    assert whole.json()["dossiers"][0]["state"] == "filed"


def test_a_page_of_another_item_waits_and_so_does_its_dossier(room: PostRoom) -> None:
    here, there = Came(room, 27, counted=[]), Came(room, 28, counted=[])
    scanned = room.scan(here.opening, pile(here.cover, here.forms, only(there.forms, [2])))
    assert states(scanned)[-1] == ("waiting", "")
    assert here.stand()["state"] == "filed"
    room.scan(there.opening, pile(there.cover, only(there.forms, [1, 3])))
    assert there.stand()["state"] == "waiting"
    number = len(scanned.json()["pages"])
    bound = room.bind((scanned.json()["scan"], number, there.dossier), reason="nằm lạc ở bưu gửi khác")
    assert bound.status_code == 200, bound.text
    assert there.stand()["state"] == "filed"
    assert room.dossier(there.dossier).status_code == 200


def test_what_foreign_codes_say_of_persons_is_not_written_down(room: PostRoom) -> None:
    came = Came(room, 42, counted=[])
    scanned = room.scan(came.opening, coded("001090123456||Nguyen Van A|01011990|Nam|Ha Noi|01012021"))
    assert states(scanned) == [("waiting", "")]
    with room.gateway.house.database.read() as tx:
        (page,) = mailroom.pages_in(tx, came.opening)
    assert "QRCode" in page.codes
    assert "001090123456" not in page.codes
    assert "Nguyen" not in page.codes


def test_other_offices_get_nothing_of_a_mail_room(room: PostRoom) -> None:
    came = Came(room, 29, counted=[])
    scan = room.scan(came.opening, only(came.forms, [1])).json()["scan"]
    stranger = room.gateway.bearer("office", offices=[OTHER_OFFICE])
    for page in ("1", "1.png", "99.png"):
        assert room.gateway("GET", f"/v1/mailroom/scans/{scan}/pages/{page}", stranger).status_code == 404
    assert room.bind((scan, 1, came.dossier), token=stranger).status_code == 404
    assert room.bind((scan, 1, "d-" + "a" * 26)).status_code == 404
    elsewhere = room.announce((43, []), office=OTHER_OFFICE)["dossiers"][0]["dossier"]
    assert room.bind((scan, 1, elsewhere)).status_code == 404
    assert room.scan(came.opening, came.cover, token=stranger).status_code == 404


def encrypted() -> bytes:
    """A PDF whose text says that it is locked: an /Encrypt with a password that nobody was told."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj\n"
        b"4 0 obj<</Filter/Standard/V 1/R 2/Length 40/P -44/O<" + b"5A" * 32 + b">/U<" + b"A5" * 32 + b">>>endobj\n"
        b"trailer<</Root 1 0 R/Encrypt 4 0 R/ID[<" + b"00" * 16 + b"><" + b"00" * 16 + b">]>>\n%%EOF\n"
    )


def truncated_tiff() -> bytes:
    tiff = io.BytesIO()
    Image.effect_noise((600, 800), 60).save(tiff, "TIFF", compression="tiff_deflate")
    return tiff.getvalue()[: len(tiff.getvalue()) // 2]


def too_many_pages() -> bytes:
    with closing(pypdfium2.PdfDocument.new()) as document:
        for _ in range(301):
            document.new_page(50, 50)
        made = io.BytesIO()
        document.save(made)
        return made.getvalue()


def test_what_cannot_be_read_is_told_clearly_and_costs_nothing_that_was_there(room: PostRoom) -> None:
    came = Came(room, 30, BOOK, counted=[ONE_BOOK])
    before = room.scan(came.opening, pile(came.cover, only(came.forms, [1, 2]))).json()
    for content, media_type in (
        (encrypted(), PDF), (too_many_pages(), PDF), (truncated_tiff(), "image/tiff"), (b"not a scan", "image/jpeg"),
    ):  # fmt: skip
        for _ in range(2):
            refused = room.scan(came.opening, content, media_type)
            assert (refused.status_code, refused.json()["code"]) == (422, "scan-unreadable"), refused.text
            assert " · " in refused.json()["detail"]
    assert room.scan(came.opening, b"x", "text/plain").json()["code"] == "media-type"
    shown = room.shown(came.opening)
    assert [scan["state"] for scan in shown["scans"]] == ["read"] + ["unreadable"] * 4
    assert all(scan["why"] for scan in shown["scans"][1:])
    assert shown["pages"] == before["pages"]
    assert room.scan(came.opening, only(came.forms, [3])).json()["dossiers"][0]["state"] == "filed"


def test_a_scan_that_could_not_be_read_by_our_own_fault_is_read_when_it_is_sent_again(
    room: PostRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = Came(room, 44, counted=[])
    sent = pile(came.cover, came.forms)
    with monkeypatch.context() as broken:
        broken.setattr("gateway.mailroom.apart._MODULE", "gateway.mailroom.no_such_module")
        assert room.scan(came.opening, sent).json()["code"] == "scan-unreadable"
    assert [scan["state"] for scan in room.shown(came.opening)["scans"]] == ["unreadable"]
    assert room.scan(came.opening, sent).json()["dossiers"][0]["state"] == "filed"
    assert [(scan["state"], scan["why"]) for scan in room.shown(came.opening)["scans"]] == [("read", "")]


def test_a_body_that_is_too_large_is_not_read(room: PostRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    came = Came(room, 31, counted=[])
    headers = {"content-type": PDF, "content-length": str(room.gateway.house.settings.scan_bytes_max + 1)}
    path = f"/v1/mailroom/scans?opening={came.opening}"
    refused = room.gateway("POST", path, room.office, content=b"%PDF-", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (413, "body-too-large")


def test_after_a_power_cut_the_rest_is_done_by_itself_and_then_nothing_is_written(
    room: PostRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = Came(room, 32, counted=[])
    house = room.gateway.house

    async def cut(*_: object) -> None:
        raise ConnectionAbortedError("the power went")

    with monkeypatch.context() as broken:
        broken.setattr("gateway.mailroom.filing._make", cut)
        assert room.scan(came.opening, pile(came.cover, came.forms)).status_code == 500
    assert room.dossier(came.dossier).status_code == 404
    assert came.stand()["state"] == "wanted"
    asyncio.run(finish(house))
    assert came.stand()["state"] == "wanted", "whoever asked for it may be at work on it"
    room.gateway.clock.advance(61)
    asyncio.run(finish(house))
    assert came.stand()["state"] == "filed"
    assert room.dossier(came.dossier).status_code == 200
    written: list[str] = []
    with monkeypatch.context() as watched:
        begin = type(house.database).begin

        def noted(database: Any) -> Any:
            written.append("begin")
            return begin(database)

        watched.setattr(type(house.database), "begin", noted)
        asyncio.run(finish(house))
    assert written == []


def test_a_scan_that_was_kept_and_not_read_is_read_later(room: PostRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    came = Came(room, 33, counted=[])

    async def cut(*_: object) -> None:
        raise ConnectionAbortedError("the power went")

    with monkeypatch.context() as broken:
        broken.setattr("gateway.mailroom.scanning.read_kept", cut)
        assert room.scan(came.opening, pile(came.cover, came.forms)).status_code == 500
    assert [scan["state"] for scan in room.shown(came.opening)["scans"]] == ["kept"]
    room.gateway.clock.advance(1000)
    asyncio.run(finish(room.gateway.house))
    assert came.stand()["state"] == "filed"


def test_paper_that_a_clerk_keys_in_when_it_is_here_is_filed_once_its_pages_are_bound(room: PostRoom) -> None:
    opening = room.open("EB000000270VN", ONE_BOOK).json()["opening"]
    scanned = room.scan(opening, loose("Giấy tờ không khai báo", 2))
    assert states(scanned) == [("waiting", "")] * 2
    assert {page["why"] for page in scanned.json()["pages"]} == {WHYS["unannounced"][0]}
    envelope = base64.b64encode(an_envelope(34)).decode()
    told = {"dossiers": [{"envelope": envelope, "pieces": [BOOK]}], "office": OFFICE, "item": "EB000000270VN"}
    keyed = room.gateway("POST", "/v1/postal/announcements", room.office, json=told)
    assert keyed.status_code in (200, 201), keyed.text
    dossier = keyed.json()["dossiers"][0]["dossier"]
    asyncio.run(match_again(room.gateway.house))
    shown = room.shown(opening)
    assert (shown["announced"], [one["dossier"] for one in shown["dossiers"]]) == (True, [dossier])
    scan = scanned.json()["scan"]
    assert room.bind((scan, 1, dossier), (scan, 2, dossier), reason="hồ sơ không khai báo trước").status_code == 200
    (stand,) = room.shown(opening)["dossiers"]
    keys = [lack["key"] for lack in stand["missing"]]
    assert not any(key.startswith("cover") for key in keys), "there never was one"
    said = room.say_complete(opening, dossier, *keys, reason="tờ khai viết tay")
    assert said.json()["dossiers"][0]["state"] == "filed", said.text
    assert room.gateway("GET", f"/v1/dossiers/{dossier}", room.office).status_code == 200


def test_a_dossier_in_two_items_waits_for_the_second_and_is_then_filed_by_itself(room: PostRoom) -> None:
    announced = room.announce((36, [BOOK]))
    dossier = announced["dossiers"][0]["dossier"]
    first, second = room.item([dossier]), room.item([dossier])
    opening = room.open(first).json()["opening"]
    scanned = room.scan(opening, pile(*room.codes(announced, dossier)))
    (stand,) = scanned.json()["dossiers"]
    assert (stand["state"], {lack["key"] for lack in stand["missing"]}) == (
        "waiting", {f"item:{second}", "pieces:book:0/1"},
    )  # fmt: skip
    opened = room.open(second, ONE_BOOK)
    assert opened.json()["dossiers"][0]["state"] == "filed", opened.text
    assert room.shown(opening)["settled"] is True


def test_the_same_binding_under_one_key_is_answered_the_same(room: PostRoom) -> None:
    came = Came(room, 37, counted=[])
    scan = room.scan(came.opening, loose("giấy lạ")).json()["scan"]
    told = {"pages": [{"scan": scan, "number": 1, "dossier": ""}], "reason": "giấy lạ"}
    key = {"idempotency-key": "bind-1"}
    first = room.gateway("POST", "/v1/mailroom/pages", room.office, json=told, headers=key)
    assert first.status_code == 200, first.text
    assert room.gateway("POST", "/v1/mailroom/pages", room.office, json=told, headers=key).content == first.content
    other = room.gateway("POST", "/v1/mailroom/pages", room.office, json=told | {"reason": "khác"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key-reused")


def test_a_power_cut_after_the_dossier_was_made_makes_no_second_one(
    room: PostRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = Came(room, 38, counted=[])

    def cut(*_: object) -> None:
        raise ConnectionAbortedError("the power went")

    with monkeypatch.context() as broken:
        broken.setattr("gateway.mailroom.filing._filed", cut)
        assert room.scan(came.opening, pile(came.cover, came.forms)).status_code == 500
    receipt = room.dossier(came.dossier).json()["receipt"]
    room.gateway.clock.advance(61)
    asyncio.run(finish(room.gateway.house))
    with room.gateway.house.database.read() as tx:
        filing = mailroom.filing_of(tx, came.dossier)
    assert filing is not None
    assert filing.state == "filed"
    assert room.dossier(came.dossier).json()["receipt"] == receipt
    assert [one.number for one in came.kept()] == [1]
    assert room.shown(came.opening)["settled"] is True


def test_keys_are_forgotten_with_the_last_dossier_whose_pages_are_in_a_scan(room: PostRoom) -> None:
    announced = room.announce((39, []), (40, []))
    one, other = (dossier["dossier"] for dossier in announced["dossiers"])
    opening = room.open(room.item([one, other])).json()["opening"]
    sheets = [sheet for dossier in (one, other) for sheet in room.codes(announced, dossier)]
    scan = room.scan(opening, pile(*sheets)).json()["scan"]
    erase = text("UPDATE dossier SET erased_at_us = 1 WHERE id = :id")
    with room.gateway.house.database.begin() as tx:
        tx.execute(erase, {"id": one})
        assert mailroom_erasing.forget_keys(tx, one) == 0
    image = f"/v1/mailroom/scans/{scan}/pages/1.png"
    assert room.gateway("GET", image, room.office).json()["code"] == "content-erased"
    with room.gateway.house.database.begin() as tx:
        tx.execute(erase, {"id": other})
        assert (mailroom_erasing.forget_keys(tx, other), mailroom_erasing.forget_keys(tx, other)) == (1, 0)
        kept = mailroom.scan(tx, scan)
    assert kept is not None
    assert kept.wrapped_key is None


def test_on_a_server_what_cannot_be_made_now_waits_for_a_person_and_is_made_when_the_register_is_mended(
    tmp_path: Any, postgres_migrated_url: str
) -> None:
    with inhouse(tmp_path / "home", database_url=postgres_migrated_url) as gateway:
        room = PostRoom(gateway)
        came = Came(room, 41, CONTRACT, counted=[{"kind": "attachment", "count": 1}])
        with gateway.house.database.begin() as tx:
            register.put(tx, [registered(valid_to="2025-12-31")])
        scanned = room.scan(came.opening, pile(came.cover, came.forms, loose("Hợp đồng")))
        (stand,) = scanned.json()["dossiers"]
        assert (stand["state"], stand["complete"], bool(stand["refused"])) == ("refused", True, True), scanned.text
        assert room.dossier(came.dossier).status_code == 404
        assert came.opening in [one["opening"] for one in room.waiting()]
        with gateway.house.database.begin() as tx:
            register.put(tx, [registered(valid_to=None)])
        said = room.say_complete(came.opening, came.dossier, reason="đã sửa danh mục đơn vị")
        assert said.json()["dossiers"][0]["state"] == "filed", said.text
        scan = scanned.json()["scan"]
        assert room.bind((scan, 5, ""), reason="trang thừa").status_code == 200
        assert [one.number for one in came.kept()] == [1, 2]
        asyncio.run(match_again(gateway.house))
        asyncio.run(finish(gateway.house))
        assert room.waiting() == []


def test_what_waits_too_long_is_told_of_once_and_no_more_when_it_is_done(room: PostRoom) -> None:
    came = Came(room, 35, counted=[])
    house = room.gateway.house

    def told() -> list[str]:
        look_over(house.database, house.tables, room.gateway.clock.now(), MAILROOM_RULES)
        with house.database.read() as tx:
            return [one.subject for one in alarms.alarms(tx, [OFFICE]) if one.rule == "post-page-waiting"]

    assert came.opening not in told()
    room.gateway.clock.advance(4 * 86_400)
    assert told().count(came.opening) == 1
    assert told().count(came.opening) == 1
    room.scan(came.opening, pile(came.cover, came.forms))
    assert came.opening not in told()
