"""What is said of paper can be proved, audited and erased like everything else."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from gateway.clock import to_us
from gateway.erasure import Order, erase
from storage import announcements, documents, items, mailroom, originals
from tests.gateway.bundles import (
    Verifiers,
    apart,
    bundle,
    publish_and_stamp,
    resealed,
    stamped_gateway,
    together,
)
from tests.gateway.ended import reported, taken
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, sign
from tests.gateway.test_erasure import audited, file_of
from tests.gateway.test_logbook_outside import Authority
from tests.postal.test_paper_line import announced, filed, hybrid, raw

ORDER = Order(by="operator", because="thử")


@pytest.fixture
def stamped(tmp_path: Path) -> Iterator[tuple[Inhouse, Authority]]:
    with stamped_gateway(tmp_path / "home") as made:
        yield made


def test_both_verifiers_accept_paper_and_each_half(
    stamped: tuple[Inhouse, Authority], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway, one = stamped
    client, secret = gateway.client("employer", units=[UNIT])
    token = gateway.token(client, secret)
    content = raw(1)
    alone = filed(gateway, announced(gateway, client, content), content).dossier
    first = hybrid(2)
    main = filed(gateway, announced(gateway, client, first, hybrid=1), first).dossier
    told = gateway("POST", f"/v1/dossiers?half_of={main.id}", token, content=sign(first)).json()
    (half,) = gateway("GET", f"/v1/dossiers/{main.id}", token).json()["halves"]
    assert half["receipt"] == told["receipt"]
    taken(gateway, gateway.bearer("office", offices=[OFFICE]))
    assert audited(gateway) == []
    publish_and_stamp(gateway)
    check = Verifiers(tmp_path, gateway("GET", "/v1/keys").json(), one.tsa.root.certificate, gateway.clock.now())
    for dossier in (alone.id, main.id, half["record"]):
        check.hold(bundle(gateway, dossier, token), capsys)
    files = apart(bundle(gateway, alone.id, token))
    assert files["paper/scans-001.pdf"] == b"%PDF-scans"
    # Other scans than the receipt names do not hold, whoever sealed the bundle again.
    key = gateway.house.stores.seal.signer_at(gateway.clock.now())
    forged = resealed(files | {"paper/scans-001.pdf": b"%PDF-others"}, key, gateway.clock.now())
    check.refuse(together(forged), capsys, (4, "paper/scans-001.pdf"))


def test_both_verifiers_accept_the_paper_half_of_what_came_by_wire(
    stamped: tuple[Inhouse, Authority], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway, one = stamped
    client, secret = gateway.client("employer", units=[UNIT])
    token = gateway.token(client, secret)
    main = gateway("POST", "/v1/dossiers", token, content=sign(hybrid(4))).json()["dossier"]
    content = msgspec.json.encode({"half_of": main, "pieces": []})
    half = filed(gateway, announced(gateway, client, content, half_of=main, media_type="application/json"), content)
    same = sign(raw(5))
    other = gateway("POST", "/v1/dossiers", token, content=same).json()["dossier"]
    paper = filed(gateway, announced(gateway, client, same), same)
    taken(gateway, gateway.bearer("office", offices=[OFFICE]))
    assert audited(gateway) == []
    reported(gateway.house, main, "work-started", "finished")
    erase(gateway.house.stores, file_of(gateway), main, ORDER, gateway.clock.advance(5))
    assert audited(gateway) == []
    publish_and_stamp(gateway)
    check = Verifiers(tmp_path, gateway("GET", "/v1/keys").json(), one.tsa.root.certificate, gateway.clock.now())
    for dossier in (main, half.dossier.id, other, paper.dossier.id):
        check.hold(bundle(gateway, dossier, token), capsys)
    assert "received/announced.json" in apart(bundle(gateway, paper.dossier.id, token))


def test_erasing_takes_scans_custody_and_the_other_half_along(stamped: tuple[Inhouse, Authority]) -> None:
    gateway, _ = stamped
    client, secret = gateway.client("employer", units=[UNIT])
    token, content = gateway.token(client, secret), hybrid(3)
    main = filed(gateway, announced(gateway, client, content, hybrid=1), content).dossier
    gateway("POST", f"/v1/dossiers?half_of={main.id}", token, content=sign(content))
    taken(gateway, gateway.bearer("office", offices=[OFFICE]))
    reported(gateway.house, main.id, "work-started", "finished")
    house, at_us = gateway.house, to_us(gateway.clock.now())
    filing = mailroom.PaperFiling(
        dossier=main.id, opening="o-1", state="wanted", asked_at_us=at_us, asked_by="c", reason="bà Nguyễn Thị Ẩn nói",
        missing="[]", pages="[]", why="", state_at_us=at_us,
    )  # fmt: skip
    bound = mailroom.Binding(
        scan="s-1", number=1, version=1, dossier="", was=main.id, at_us=at_us, bound_by="c", why="giấy của bà Ẩn"
    )
    with house.database.begin() as tx:
        opening = mailroom.Opening(
            id="o-1", item="EA123456785VN", office=OFFICE, opened_at_us=at_us, opened_by="c", officer="",
            arrived_at_us=at_us, counted="[]", condition="", open=0, matched="",
        )  # fmt: skip
        item = items.Item(
            number=opening.item, scheme="s10", carrier="vnpost", direction="in", office=OFFICE, unit=UNIT,
            announcement=None, bound_at_us=at_us, bound_by="c", state_at_us=at_us,
        )  # fmt: skip
        items.bind(tx, item, [main.id])
        mailroom.open_item(tx, opening)
        assert mailroom.want(tx, filing)
        mailroom.bind(tx, [bound])
    erase(house.stores, file_of(gateway), main.id, ORDER, gateway.clock.advance(5))
    with house.database.read() as tx:
        assert {one.wrapped_key for one in documents.of(tx, main.id)} == {None}
        assert originals.of(tx, main.id)
        assert announcements.announced(tx, main.id).pieces == "[]"
        assert mailroom.filing_of(tx, main.id).reason == ""
        assert tx.execute(sa.text("SELECT why FROM page_binding")).scalar() == ""
    assert audited(gateway) == []
