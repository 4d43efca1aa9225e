"""Trust without a restart: what is taken into force when the folder changes, and what is not."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import trusting
from gateway.trusting import NONE_RULE, READ_AGAIN_AFTER, UNUSABLE_RULE, TrustWatch, follow
from signing.demo_pki import make_crl
from signing.indication import SubIndication
from signing.sign import sign
from signing.trust import Chain, TrustUnusable
from signing.trust_facts import FACTS_FILE, Facts, with_facts
from signing.trust_list import Trusted
from storage import alarms
from tests.gateway.inhouse import UNIT, Inhouse, a_dossier, inhouse, pki
from tests.signing.revocation_workshop import leaf
from tests.signing.trust_workshop import MIDDLE, OTHER, ROOT, STAMPS, lay, note, pem, quick_pki, sha256_of
from tests.signing.workshop import NOW, PATH, judge, unsigned

SECOND = timedelta(seconds=1)
LEAF = leaf(MIDDLE).certificate.public_bytes(Encoding.DER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return lay(tmp_path / "trust", root=pem(ROOT), middle=pem(MIDDLE), other=pem(OTHER))


@pytest.fixture
def watch(folder: Path) -> TrustWatch:
    watch = TrustWatch(folder)
    watch.read(NOW)
    return watch


def in_force(watch: TrustWatch) -> Trusted:
    assert watch.trusted is not None
    return watch.trusted


def anchors(watch: TrustWatch) -> set[str]:
    names = {one.certificate: name for name, one in (("root", ROOT), ("other", OTHER), ("stamps", STAMPS))}
    return {names[one] for one in in_force(watch).store.anchors}


def looked(watch: TrustWatch, now: datetime = NOW, *, times: int = 2) -> list[trusting.Look]:
    return [look for _ in range(times) if (look := watch.look(now)) is not None]


def test_a_folder_that_stays_as_it_is_is_not_read_again(watch: TrustWatch) -> None:
    assert not watch.changed(NOW + timedelta(days=3000))
    assert looked(watch, times=5) == []


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file came": lambda folder: lay(folder, stamps=pem(STAMPS)),
    "a file went": lambda folder: (folder / "other.pem").unlink(),
    "a file was put in its place": lambda folder: (
        lay(folder.parent, new=pem(STAMPS)) and (folder.parent / "new.pem").replace(folder / "other.pem")
    ),
    "a file was written over": lambda folder: lay(folder, other=pem(STAMPS)),
    "the list came": lambda folder: note(folder, OTHER, source="x"),
    "a CRL came": lambda folder: lay(folder, a__crl=make_crl(ROOT, this_update=NOW, next_update=NOW + SECOND)),
    "stamps came": lambda folder: lay(folder / "tsa", stamps=pem(STAMPS)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_in_force_after_two_looks(watch: TrustWatch, change: Callable[[Path], object]) -> None:
    before = in_force(watch)
    change(watch.folder)
    assert watch.changed(NOW)
    (look,) = looked(watch)
    assert look.trusted is not None
    assert look.trusted is watch.trusted
    assert look.alarm is None
    assert look.trusted.digest != before.digest
    assert look.trusted.store is not before.store, "and with it go the chains that were remembered"
    assert not watch.changed(NOW)
    fresh = TrustWatch(watch.folder)
    assert fresh.read(NOW).digest == look.trusted.digest, "another worker trusts the same"


def test_touching_a_file_changes_nothing(watch: TrustWatch) -> None:
    before = in_force(watch)
    (watch.folder / "root.pem").touch()
    assert watch.changed(NOW)
    assert looked(watch) == []
    assert in_force(watch).store is before.store
    assert not watch.changed(NOW)


def test_a_file_that_is_being_written_is_not_read_until_it_rests(watch: TrustWatch) -> None:
    whole = pem(STAMPS)
    for size in (10, 200, 500):
        (watch.folder / "stamps.pem").write_bytes(whole[:size])
        assert watch.look(NOW) is None
    (watch.folder / "stamps.pem").write_bytes(whole)
    assert [look.alarm for look in looked(watch)] == [None]
    assert anchors(watch) == {"root", "other", "stamps"}


def test_a_folder_that_never_rests_is_read_all_the_same(watch: TrustWatch) -> None:
    note(watch.folder, OTHER, withdrawn_on=date(2026, 3, 1), why="stolen")
    looks = []
    for number in range(trusting.UNSETTLED_LOOKS_MAX + 1):
        (watch.folder / "log.txt").write_bytes(b"x" * number)
        looks += looked(watch, times=1)
    assert len(looks) == 1
    assert anchors(watch) == {"root"}


def test_a_torn_file_keeps_the_trust_in_force_and_is_told_once(
    watch: TrustWatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = in_force(watch)
    lay(watch.folder, torn=pem(STAMPS)[:100])
    with caplog.at_level(logging.WARNING, "motcua.trust"):
        (look,) = looked(watch, times=6)
    assert look.trusted is None
    assert look.alarm is not None
    assert look.alarm.rule == UNUSABLE_RULE
    assert "torn.pem" in look.alarm.vi
    assert "torn.pem" in look.alarm.en
    assert len([one for one in caplog.records if "torn.pem" in one.message]) == 1
    assert in_force(watch).store is before.store
    lay(watch.folder, torn=pem(STAMPS))
    (look,) = looked(watch)
    assert look.alarm is None
    assert anchors(watch) == {"root", "other", "stamps"}


def test_an_unusable_folder_that_becomes_the_old_one_again_only_ends_the_alarm(watch: TrustWatch) -> None:
    lay(watch.folder, torn=b"-----BEGIN CERTIFICATE-----")
    looked(watch)
    (watch.folder / "torn.pem").unlink()
    (look,) = looked(watch)
    assert (look.trusted, look.alarm) == (None, None)


def test_what_could_not_be_read_for_another_reason_is_read_again_later(watch: TrustWatch) -> None:
    link = watch.folder / "far.pem"
    (watch.folder.parent / "away").mkdir()
    link.symlink_to(watch.folder.parent / "away" / "far.pem")
    assert [look.alarm is None for look in looked(watch)] == [False]
    # What the link leads to comes back: only reading tells, where a far store shows nothing else.
    watch._read_at = trusting._stats(watch.folder)
    assert watch.look(NOW + READ_AGAIN_AFTER - SECOND) is None
    link.unlink()
    watch._read_at = trusting._stats(watch.folder)
    assert watch.look(NOW + READ_AGAIN_AFTER - SECOND) is None
    look = watch.look(NOW + READ_AGAIN_AFTER)
    assert look is not None
    assert look.alarm is None


@pytest.mark.parametrize("emptied", ["files", "folder"])
def test_an_emptied_folder_is_no_decision(watch: TrustWatch, emptied: str) -> None:
    for path in list(watch.folder.iterdir()):
        path.unlink()
    if emptied == "folder":
        watch.folder.rmdir()
    (look,) = looked(watch, times=4)
    assert look.trusted is None
    assert look.alarm is not None
    assert look.alarm.rule == UNUSABLE_RULE
    assert anchors(watch) == {"root", "other"}
    with pytest.raises(TrustUnusable):
        watch.read(NOW)
    assert anchors(watch) == {"root", "other"}


def test_a_lost_file_that_the_list_names_is_no_decision(watch: TrustWatch) -> None:
    note(watch.folder, OTHER, source="x")
    looked(watch)
    (watch.folder / "other.pem").unlink()
    (look,) = looked(watch)
    assert look.alarm is not None
    assert sha256_of(OTHER) in look.alarm.en
    assert anchors(watch) == {"root", "other"}


def test_a_folder_for_stamps_that_is_gone_is_no_decision_and_a_withdrawal_is_one(folder: Path) -> None:
    lay(folder / "tsa", stamps=pem(STAMPS))
    watch = TrustWatch(folder)
    watch.read(NOW)
    (folder / "tsa" / "stamps.pem").rename(folder.parent / "stamps.pem")
    (look,) = looked(watch)
    assert look.alarm is not None
    assert in_force(watch).tsa is not None
    (folder.parent / "stamps.pem").rename(folder / "tsa" / "stamps.pem")
    note(folder / "tsa", STAMPS, withdrawn_on=date(2026, 3, 1), why="ceased")
    (look,) = looked(watch)
    assert look.alarm is None
    assert in_force(watch).tsa is None


def test_withdrawing_all_is_a_decision_and_sounds_an_alarm(watch: TrustWatch) -> None:
    for one in (ROOT, OTHER):
        note(watch.folder, one, withdrawn_on=date(2026, 3, 2), why="x")
    (look,) = looked(watch)
    assert look.trusted is not None
    assert look.trusted.store.anchors == ()
    assert look.alarm is not None
    assert look.alarm.rule == NONE_RULE
    assert TrustWatch(watch.folder).read(NOW).store.anchors == (), "after a restart, too"


def test_a_withdrawal_does_not_wait_for_a_torn_file_beside_it(watch: TrustWatch) -> None:
    lay(watch.folder, torn=pem(STAMPS)[:100])
    note(watch.folder, OTHER, withdrawn_on=date(2026, 3, 2), why="stolen")
    (look,) = looked(watch)
    assert look.alarm is not None
    assert look.trusted is not None
    assert anchors(watch) == {"root"}


def test_dates_pass_though_no_file_changes(folder: Path) -> None:
    note(folder, ROOT, trusted_until=date(2026, 3, 10))
    note(folder, OTHER, trusted_from=date(2026, 3, 12))
    watch = TrustWatch(folder)
    watch.read(NOW)
    assert anchors(watch) == {"root"}
    end = datetime(2026, 3, 10, 17, tzinfo=UTC)
    assert not watch.changed(end - SECOND)
    assert watch.changed(end)
    look = watch.look(end)
    assert look is not None
    assert look.alarm is not None
    assert look.alarm.rule == NONE_RULE
    assert anchors(watch) == set()
    look = watch.look(datetime(2026, 3, 11, 17, tzinfo=UTC))
    assert look is not None
    assert look.alarm is None
    assert anchors(watch) == {"other"}
    assert watch.look(end - SECOND) is not None, "a clock that is put back"
    assert anchors(watch) == {"root"}


def test_dates_pass_while_a_file_is_being_written_and_while_one_is_torn(folder: Path) -> None:
    note(folder, OTHER, trusted_until=date(2026, 3, 10))
    watch = TrustWatch(folder)
    watch.read(NOW)
    end = datetime(2026, 3, 10, 17, tzinfo=UTC)
    lay(folder, torn=pem(STAMPS)[:100])
    assert watch.look(end) is not None
    assert anchors(watch) == {"root"}
    looked(watch, end - SECOND, times=3)
    assert watch.alarm is not None
    assert anchors(watch) == {"root", "other"}
    assert watch.look(end) is not None
    assert anchors(watch) == {"root"}


def test_nobody_is_trusted_at_first_and_the_first_anchor_needs_no_restart(tmp_path: Path) -> None:
    watch = TrustWatch(tmp_path / "trust")
    assert watch.read(NOW).store.anchors == ()
    assert watch.alarm is None
    (tmp_path / "trust").mkdir()
    assert looked(watch) == []
    lay(tmp_path / "trust", root=pem(ROOT))
    looked(watch)
    assert anchors(watch) == {"root"}


def test_an_unusable_folder_stops_the_start(folder: Path) -> None:
    lay(folder, torn=b"-----BEGIN CERTIFICATE-----")
    with pytest.raises(TrustUnusable, match=r"torn\.pem"):
        TrustWatch(folder).read(NOW)


def test_links_that_are_switched_in_one_step_are_seen(tmp_path: Path) -> None:
    """As container platforms mount a configuration: names lead through one link that is replaced."""
    for name, one in (("first", ROOT), ("second", OTHER)):
        lay(tmp_path / "trust" / f"..{name}", ca=pem(one))
    folder = tmp_path / "trust"
    (folder / "..data").symlink_to("..first")
    (folder / "ca.pem").symlink_to("..data/ca.pem")
    watch = TrustWatch(folder)
    watch.read(NOW)
    assert anchors(watch) == {"root"}
    (folder / "..new").symlink_to("..second")
    (folder / "..new").replace(folder / "..data")
    looked(watch)
    assert anchors(watch) == {"other"}


def test_whatever_is_done_to_the_files_meanwhile_trust_is_one_of_the_whole_states(tmp_path: Path) -> None:
    """One writes, torn and whole, in place and by renaming, as fast as it can; another looks."""
    states = [pem(ROOT, OTHER), pem(ROOT, STAMPS), pem(ROOT)]
    allowed = [{"root", "other"}, {"root", "stamps"}, {"root"}]
    folder = lay(tmp_path / "trust", all=states[0], middle=pem(MIDDLE))
    watch = TrustWatch(folder)
    watch.read(NOW)
    stop = threading.Event()
    written = [0]

    def write() -> None:
        while not stop.is_set():
            written[0] = turn = written[0] + 1
            content = states[turn % 3]
            if turn % 2:
                (tmp_path / "next").write_bytes(content)
                (tmp_path / "next").replace(folder / "all.pem")
            else:
                with (folder / "all.pem").open("wb") as file:
                    # Never at the end of a certificate: what is cut off there looks whole.
                    for part in (content[:100], content[100:700], content[700:]):
                        file.write(part)
                        file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[set[str]] = []
    try:
        while len(seen) < 500 or written[0] < 500:
            watch.look(NOW)
            seen.append(anchors(watch))
            assert isinstance(in_force(watch).store.chain(LEAF, NOW), Chain), "an employer is never turned away for it"
    finally:
        stop.set()
        writer.join()
    assert all(one in allowed for one in seen)
    assert len({frozenset(one) for one in seen}) > 1, "it was read meanwhile"
    (folder / "all.pem").write_bytes(states[1])
    looked(watch, times=3)
    assert (anchors(watch), watch.alarm) == ({"root", "stamps"}, None)


def test_a_signature_that_passed_a_moment_ago_is_refused(tmp_path: Path) -> None:
    made = quick_pki(NOW)
    made.write(tmp_path)
    watch = TrustWatch(tmp_path / "trust")
    employer = made.employers["branch"]
    signed = sign(unsigned(), PATH, employer.key, employer.certificate, now=NOW)
    assert judge(signed, watch.read(NOW).store).passed
    note(tmp_path / "trust", made.root, withdrawn_on=date(2026, 3, 2), why="stolen")
    (look,) = looked(watch)
    assert look.trusted is not None
    assert judge(signed, look.trusted.store).sub_indication == SubIndication.NO_CERTIFICATE_CHAIN_FOUND


# In a running gateway.
async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it waits for a file system and a database
            await asyncio.sleep(0.01)


async def following(gateway: Inhouse, watch: TrustWatch, doing: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.create_task(follow(gateway.house, watch))
    try:
        await doing()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def open_alarms(gateway: Inhouse) -> list[str]:
    with gateway.house.database.read() as tx:
        return [one.rule for one in alarms.alarms(tx, ["operator"]) if one.subject == "trust"]


def test_a_running_gateway_refuses_from_then_on_and_tells_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusting, "LOOK_EVERY_S", 0.02)
    with inhouse(tmp_path / "home") as gateway:
        trust = tmp_path / "home" / "trust"
        watch = TrustWatch(trust)
        watch.read(gateway.clock.now())
        token = gateway.bearer("employer", units=[UNIT])

        async def file(seed: int) -> int:
            return (await gateway.ask("POST", "/v1/dossiers", token, content=a_dossier(seed))).status_code

        async def session() -> None:
            assert await file(1) in (201, 202)
            policy, revocation = gateway.house.tables.policy, gateway.house.tables.revocation

            (trust / "torn.pem").write_bytes(b"-----BEGIN CERTIFICATE-----")
            await until(lambda: open_alarms(gateway) == [UNUSABLE_RULE])
            assert await file(2) in (201, 202), "the trust in force stays"
            (trust / "torn.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA")
            await until(lambda: watch._read_at == trusting._stats(trust))
            assert open_alarms(gateway) == [UNUSABLE_RULE]
            (trust / "torn.pem").unlink()
            await until(lambda: open_alarms(gateway) == [])

            withdrawn = Facts(sha256=sha256_of(pki().root), withdrawn_on=date(2026, 3, 2), why="stolen")
            (trust / FACTS_FILE).write_bytes(with_facts(b"", withdrawn))
            await until(lambda: gateway.house.tables.trust.anchors == ())
            assert await file(3) == 422
            await until(lambda: open_alarms(gateway) == [NONE_RULE])
            assert gateway.house.tables.policy is policy
            assert gateway.house.tables.revocation is revocation

            (trust / FACTS_FILE).unlink()
            await until(lambda: gateway.house.tables.trust.anchors != ())
            assert await file(4) in (201, 202)
            await until(lambda: open_alarms(gateway) == [])

        gateway.asked(following(gateway, watch, session))


def test_a_crl_laid_into_the_folder_is_learnt_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusting, "LOOK_EVERY_S", 0.02)
    with inhouse(tmp_path / "home") as gateway:
        trust = tmp_path / "home" / "trust"
        watch = TrustWatch(trust)
        now = gateway.clock.now()
        watch.read(now)
        der = make_crl(pki().intermediate, this_update=now - SECOND, next_update=now + timedelta(days=1), number=7)

        async def session() -> None:
            known = {one.sha256 for one in gateway.house.tables.revocation.held()}
            (trust / "newer.crl").write_bytes(der)
            await until(lambda: {one.sha256 for one in gateway.house.tables.revocation.held()} > set())
            await until(lambda: {one.sha256 for one in gateway.house.tables.revocation.held()} != known)
            assert "newer.crl" in {one.source for one in gateway.house.tables.revocation.held()}

        gateway.asked(following(gateway, watch, session))


def test_an_alarm_of_an_earlier_run_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusting, "LOOK_EVERY_S", 0.02)
    with inhouse(tmp_path / "home") as gateway:
        with gateway.house.database.begin() as tx:
            trusting._sound(tx, trusting.Alarm(UNUSABLE_RULE, "hỏng", "broken"), gateway.clock.now())
            trusting._sound(tx, trusting.Alarm(UNUSABLE_RULE, "hỏng khác", "broken otherwise"), gateway.clock.now())
        assert open_alarms(gateway) == [UNUSABLE_RULE], "one is open at a time"
        watch = TrustWatch(tmp_path / "home" / "trust")
        watch.read(gateway.clock.now())

        async def session() -> None:
            await until(lambda: open_alarms(gateway) == [])

        gateway.asked(following(gateway, watch, session))
