"""The log as the gateway keeps it: one leader at a time, crashes between any two steps, databases that went back."""

import dataclasses
import itertools
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from gateway.clock import to_us
from gateway.log_opening import ROLLED_BACK_RULE, OriginSaid, number_in
from gateway.log_verify import export_log, verify_log
from gateway.logbook import (
    STOPPED_RULE,
    Logbook,
    LogKeyDiffers,
    LogRolledBack,
    PublishedBroken,
    open_log,
    proof_text,
    proofs_of,
    reopen,
)
from gateway.receipt import ORIGIN_TYPE
from signing.note import Checkpoint, read_checkpoint, read_note, sign_note
from signing.seal import SealKeyUnusable, create_seal_key, open_jws
from storage import alarms, journal, log, log_rows, statements
from storage.database import Database, open_database
from storage.migrations import migrate
from tests.databases import a_dossier, an_event, database, database_url
from tests.gateway.logbooks import NOW, Kept, publish, rolled_back

__all__ = ["database", "database_url"]
RACERS, RACE_STEPS = 3, 20


@pytest.fixture
def kept(database: Database, tmp_path: Path) -> Kept:
    return Kept(database, tmp_path / "home")


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Kept]:
    """On the embedded database alone, for what does not depend on which it is."""
    opened = open_database(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    migrate(opened)
    yield Kept(opened, tmp_path / "home")
    opened.close()


def alarms_of(database: Database) -> list[str]:
    with database.read() as tx:
        return [one.rule for one in alarms.alarms(tx, None)]


def holds(kept: Kept) -> bool:
    keys = {key.kid: key.jwk for key in kept.seal.keys(NOW)}
    return verify_log(kept.database, kept.open().published, keys).holds


def test_the_first_origin_is_announced_under_the_seal_and_is_the_first_leaf(kept: Kept) -> None:
    book = kept.open()
    publish(book)
    with kept.database.read() as tx:
        (stated,) = statements.of(tx, "")
        assert log_rows.leaf(tx, stated.seq) == stated.leaf
    (key,) = kept.seal.keys(NOW)
    said = msgspec.json.decode(open_jws(stated.jws, key.jwk, typ=ORIGIN_TYPE), type=OriginSaid)
    assert (said.origin, said.number, said.previous) == (book.origin, 1, None)
    assert said.vkey == kept.origin().vkey
    assert book.origin.startswith("cong.example.vn/G00.01/")
    assert kept.check() == 1


def test_workers_that_open_the_log_at_once_open_one(kept: Kept) -> None:
    names = []
    threads = [threading.Thread(target=lambda: names.append(kept.open().origin)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 4
    assert len(set(names)) == 1
    with kept.database.read() as tx:
        assert len(log_rows.origins(tx)) == 1


def test_where_there_never_was_a_key_no_log_is_kept(embedded: Kept) -> None:
    (embedded.home / "log.pem").unlink()
    assert open_log(embedded.settings, embedded.database, embedded.seal, NOW) is None


def test_a_log_whose_key_is_gone_or_another_is_not_opened(embedded: Kept) -> None:
    embedded.open()
    (embedded.home / "log.pem").unlink()
    with pytest.raises(SealKeyUnusable):
        embedded.open()
    create_seal_key(embedded.home / "log.pem", "Ed25519")
    with pytest.raises(LogKeyDiffers):
        embedded.open()


def test_every_checkpoint_goes_on_from_the_one_before_and_holds(kept: Kept) -> None:
    book = kept.open()
    for count in (1, 255, 1, 300, 256, 7):
        kept.put(count)
        publish(book)
        kept.check()
    heads = kept.heads()
    assert heads[-1].size == 1 + 1 + 255 + 1 + 300 + 256 + 7
    origin = kept.origin()
    with kept.database.read() as tx:
        tile = log_rows.reader(tx, origin.number)
        for earlier, later in itertools.pairwise(heads):
            proof = log.consistency(earlier.size, later.size, tile)
            assert log.verify_consistency(earlier.size, later.size, earlier.root, later.root, proof)
    assert holds(kept)


def test_a_backlog_is_worked_off_in_bounded_slices(embedded: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_rows.leaves, "__defaults__", (100,))
    book = embedded.open()
    embedded.put(350)
    steps = 1
    while book.publish(NOW):
        steps += 1
    assert steps == 4
    assert embedded.check() == 351


def test_nothing_new_costs_one_look_and_writes_nothing(embedded: Kept) -> None:
    book = embedded.open()
    publish(book)
    before = book.published.path.stat().st_mtime_ns, embedded.origin()
    assert book.publish(NOW + timedelta(seconds=60)) is False
    assert (book.published.path.stat().st_mtime_ns, embedded.origin()) == before


def test_leaves_are_found_by_number_wherever_the_checkpoints_fell(kept: Kept) -> None:
    book, records = kept.open(), []
    for count in (3, 300, 5, 1):
        records += kept.put(count)
        publish(book)
    waiting = kept.put(2)
    origin = kept.origin()
    with kept.database.read() as tx:
        for number, record in enumerate([*records, *waiting], 1):
            # The origin's own statement is leaf 0, with number 1.
            assert log_rows.leaf(tx, number + 1) == record
            assert log_rows.index_of(tx, origin, number + 1) == number
        assert log_rows.entries(tx, origin, 1, 250) == records[:250]
        assert log_rows.entries(tx, origin, 302, 8) == records[301:309]


def test_heads_of_one_block_are_thinned_out_but_stamped_ones_stay(kept: Kept) -> None:
    book = kept.open()
    publish(book)
    with kept.database.begin() as tx:
        first = log_rows.newest(tx, 1)
        assert first is not None
        log_rows.stamp(tx, msgspec.structs.replace(first, token=b"token", stamped_at_us=5))
    for count in (250, 1, 1, 1, 1, 1, 1, 40, 1):
        kept.put(count)
        publish(book)
    assert [one.size for one in kept.heads()] == [1, 255, 298]
    assert kept.heads()[0].token == b"token"
    assert holds(kept)


def test_only_one_leads_until_it_falls_silent(kept: Kept) -> None:
    first, second = kept.open(), kept.open()
    kept.put(1)
    publish(first)
    kept.put(1)
    publish(second, NOW + timedelta(seconds=1))
    assert kept.heads()[-1].size == 2
    publish(second, NOW + timedelta(seconds=20))
    assert kept.check() == 3
    kept.put(1)
    publish(first, NOW + timedelta(seconds=21))
    assert kept.heads()[-1].size == 3
    publish(second, NOW + timedelta(seconds=21))
    assert kept.check() == 4


def test_a_lead_from_a_clock_far_ahead_holds_nobody_up(embedded: Kept) -> None:
    first, second = embedded.open(), embedded.open()
    publish(first, NOW + timedelta(days=400))
    embedded.put(1)
    publish(second, NOW)
    assert embedded.check() == 2


def test_a_leader_that_was_overtaken_writes_nothing(kept: Kept) -> None:
    first, second = kept.open(), kept.open()
    publish(first)
    kept.put(5)
    look = log_rows.look(kept.database)
    assert look is not None
    assert first.lead(look, NOW)
    # It falls silent just here; another takes over, and has not added anything yet.
    assert second.lead(look, NOW + timedelta(seconds=20))
    before = kept.origin()
    assert first.extend(NOW) is False
    assert kept.origin() == before
    with kept.database.read() as tx:
        assert log_rows.tile(tx, 1, 0, 0) == log_rows.tile(tx, 1, 0, 0)[:32]
    assert second.extend(NOW + timedelta(seconds=20)) is True


def test_two_that_read_the_same_tree_cannot_both_swap_it(kept: Kept) -> None:
    book = kept.open()
    publish(book)
    kept.put(5)
    old = kept.origin()
    with kept.database.begin() as tx:
        edge = log_rows.edge(tx, old)
        for record, wins in ((b"a" * 32, True), (b"b" * 32, False)):
            size, root, tiles = log.extended(old.size, [record], edge)
            assert log_rows.grow(tx, old, old.fence, 0, (size, root, 2), tiles) is wins
    with kept.database.read() as tx:
        assert log_rows.tile(tx, 1, 0, 0)[32:] == log.leaf_hash(b"a" * 32)


def test_a_leader_may_die_after_any_step(kept: Kept) -> None:
    later = NOW + timedelta(seconds=20)
    kept.put(3)
    first = kept.open()
    look = log_rows.look(kept.database)
    assert look is not None
    first.lead(look, NOW)
    first.extend(NOW)
    assert kept.heads() == []
    # It dies here: the tree won and is not signed.
    second = kept.open()
    publish(second, later)
    assert kept.check() == 4
    # The next one dies between the published file and the database.
    kept.put(3)
    third = kept.open()
    look = log_rows.look(kept.database)
    assert look is not None
    third.lead(look, later + timedelta(seconds=20))
    third.extend(later)
    won = kept.origin()
    note = sign_note(Checkpoint(won.origin, won.size, won.root).text, won.origin, third.signer)
    third.published.write(note)
    publish(kept.open(), later + timedelta(seconds=60))
    assert kept.heads()[-1].note == note
    assert kept.check() == 7
    assert holds(kept)


def race(url: str, home: Path, faults: list[BaseException]) -> None:
    """One worker of several, with a database of its own and a clock so fast that leads end all the time."""
    opened = open_database(url)
    try:
        kept, now = Kept(opened, home), NOW
        book = kept.open()
        for step in range(RACE_STEPS):
            now += timedelta(seconds=3 + step % 4)
            kept.put(7)
            book.publish(now)
    except BaseException as fault:
        faults.append(fault)
    finally:
        opened.close()


def test_workers_that_race_never_sign_two_roots_for_a_size(kept: Kept, database_url: str) -> None:
    kept.open()
    notes: dict[int, set[str]] = {}
    faults: list[BaseException] = []
    racers = [threading.Thread(target=race, args=(database_url, kept.home, faults)) for _ in range(RACERS)]
    for racer in racers:
        racer.start()
    while any(racer.is_alive() for racer in racers):
        for head in kept.heads():
            notes.setdefault(head.size, set()).add(head.note)
    assert faults == []
    publish(kept.open(), NOW + timedelta(days=1))
    assert kept.check() == 1 + RACERS * RACE_STEPS * 7
    assert len(notes) > 3
    assert {len(seen) for seen in notes.values()} == {1}
    # All that anybody ever saw signed is where the tree of today began.
    with kept.database.read() as tx:
        tile = log_rows.reader(tx, 1)
        for (note,) in notes.values():
            seen = read_checkpoint(read_note(note).text)
            assert seen.root == log.root_of(seen.size, tile)
    assert holds(kept)


def test_a_database_that_went_back_is_not_opened_and_nothing_is_signed_on_top(kept: Kept) -> None:
    book = kept.open()
    kept.put(10)
    publish(book)
    with rolled_back(kept.database):
        kept.put(10)
        publish(book)
        assert kept.check() == 21
    with pytest.raises(LogRolledBack, match="motcua log reopen"):
        kept.open()
    # A worker that was running all the while notices by itself, without anything new, and by what comes next.
    published = book.published.path.read_bytes()
    kept.put(30, salt="other")
    publish(book)
    assert book.trouble
    assert alarms_of(kept.database) == [ROLLED_BACK_RULE]
    assert kept.heads()[-1].size == 11
    assert book.published.path.read_bytes() == published
    # Another worker signs nothing either, though its own memory knows nothing of it.
    other = Logbook(kept.database, book.signer, book.published, book.origin)
    publish(other, NOW + timedelta(seconds=60))
    assert kept.heads()[-1].size == 11


def test_a_worker_notices_a_database_that_went_back_though_nothing_new_comes(embedded: Kept) -> None:
    book = embedded.open()
    with rolled_back(embedded.database):
        embedded.put(10)
        publish(book)
    publish(book)
    assert alarms_of(embedded.database) == [ROLLED_BACK_RULE]


def test_a_database_that_went_back_and_grew_beyond_what_was_published_is_noticed(embedded: Kept) -> None:
    book = embedded.open()
    embedded.put(2)
    publish(book)
    with rolled_back(embedded.database):
        embedded.put(3)
        publish(book)
    # Elsewhere it grew, under a file of published checkpoints that knows nothing.
    embedded.put(300, salt="fork")
    elsewhere = Logbook(embedded.database, book.signer, type(book.published)(embedded.home / "elsewhere"), book.origin)
    publish(elsewhere, NOW + timedelta(seconds=60))
    assert embedded.heads()[-1].size == 303
    with pytest.raises(LogRolledBack, match="khác cây đã công bố"):
        embedded.open()


def test_an_empty_database_in_place_of_the_one_that_published_is_noticed(embedded: Kept, tmp_path: Path) -> None:
    with rolled_back(embedded.database):
        publish(embedded.open())
    with pytest.raises(LogRolledBack, match="không biết nhật ký"):
        embedded.open()


def test_a_file_of_what_was_published_that_cannot_be_read_stops_the_log(embedded: Kept) -> None:
    book = embedded.open()
    publish(book)
    whole = book.published.path.read_bytes()
    book.published.path.write_bytes(whole[:30])
    with pytest.raises(PublishedBroken):
        embedded.open()
    embedded.put(1)
    publish(book)
    assert embedded.heads()[-1].size == 1
    assert alarms_of(embedded.database) == [STOPPED_RULE]
    book.published.path.write_bytes(whole)
    publish(book)
    assert embedded.check() == 2
    assert alarms_of(embedded.database) == []


def test_tiles_that_were_changed_are_noticed_before_anything_is_signed(embedded: Kept) -> None:
    book = embedded.open()
    embedded.put(5)
    publish(book)
    with embedded.database.begin() as tx:
        tx.execute(sa.text("UPDATE log_tile SET hashes = :hashes"), {"hashes": b"x" * 192})
    embedded.put(1)
    book.published.path.unlink()
    publish(book)
    assert embedded.heads()[-1].size == 6
    assert alarms_of(embedded.database) == [STOPPED_RULE]


def number(kept: Kept, day: str = "20261122") -> int:
    with kept.database.begin() as tx:
        return journal.reserve(tx, f"statement:G00.01:{day}", 1)


def test_a_new_origin_names_the_old_one_and_no_number_is_given_twice(kept: Kept) -> None:
    book = kept.open()
    publish(book)
    given = {number(kept)}
    with rolled_back(kept.database):
        given |= {number(kept) for _ in range(50)}
        kept.put(40)
        publish(book)
    origin = reopen(kept.settings, kept.database, kept.seal, NOW, "khôi phục")
    assert (origin.previous_origin, origin.previous_size) == (book.origin, 41)
    assert origin.origin.startswith(f"{book.origin}/2-")
    assert number(kept) not in given
    assert number(kept, "20261123") > 1_000_000
    again = kept.open()
    publish(again)
    # All that this database holds stands in the new tree, whatever the lost one knew.
    assert kept.check() == 2
    assert holds(kept)
    with kept.database.read() as tx:
        said = statements.last_of(tx, ORIGIN_TYPE)
    assert said is not None
    (key,) = kept.seal.keys(NOW)
    told = msgspec.json.decode(open_jws(said.jws, key.jwk), type=OriginSaid)
    assert told.previous is not None
    assert (told.previous.size, told.reason) == (41, "khôi phục")


def test_the_same_copy_restored_twice_gives_other_numbers_and_another_name(embedded: Kept) -> None:
    publish(embedded.open())
    given, names = {number(embedded)}, set()
    for _ in range(3):
        with rolled_back(embedded.database):
            embedded.put(4)
            names.add(reopen(embedded.settings, embedded.database, embedded.seal, NOW, "diễn tập").origin)
            publish(embedded.open())
            fresh = {number(embedded) for _ in range(20)}
            assert not fresh & given
            given |= fresh
        with pytest.raises(LogRolledBack):
            embedded.open()
    assert sorted(number_in(name) for name in names) == [2, 3, 4]


def test_a_new_key_takes_over_by_a_new_origin_that_goes_on_behind_the_old_tree(embedded: Kept) -> None:
    embedded.put(5)
    old = embedded.open()
    publish(old)
    embedded.put(3)
    (embedded.home / "log.pem").unlink()
    create_seal_key(embedded.home / "log.pem", "Ed25519")
    origin = reopen(embedded.settings, embedded.database, embedded.seal, NOW, "khóa mới")
    assert (origin.number, origin.previous_size) == (2, 6)
    publish(embedded.open())
    # The three that waited, and the statement of the origin.
    assert embedded.check() == 4
    assert holds(embedded)
    # A worker of before has the old key, and signs nothing under the new name.
    embedded.put(1)
    publish(old, NOW + timedelta(seconds=60))
    assert embedded.heads()[-1].size == 4


def test_a_checkpoint_that_was_published_and_not_entered_keeps_no_new_origin_from_being_opened(kept: Kept) -> None:
    """The gateway dies between the published file and the database, and then its log is opened anew."""
    book = kept.open()
    publish(book)
    kept.put(3)
    look = log_rows.look(kept.database)
    assert look is not None
    assert book.lead(look, NOW)
    assert book.extend(NOW)
    won = kept.origin()
    book.published.write(sign_note(Checkpoint(won.origin, won.size, won.root).text, won.origin, book.signer))
    assert kept.heads()[-1].size == 1
    origin = reopen(kept.settings, kept.database, kept.seal, NOW, "khóa mới")
    assert (origin.previous_origin, origin.previous_size, origin.previous_root) == (won.origin, 4, won.root)
    # Nothing that waited is missing: what was signed of the old tree ended at its first leaf.
    publish(kept.open())
    assert kept.check() == 4
    assert holds(kept)


def test_a_second_machine_that_had_published_more_can_be_reconciled(embedded: Kept) -> None:
    first = embedded.open()
    publish(first)
    own, others = embedded.home / "log-published", embedded.home / "of-the-other-machine"
    before = own.read_bytes()
    embedded.put(3)
    with rolled_back(embedded.database):
        embedded.put(2)
        publish(first)
        others.write_bytes(own.read_bytes())
    own.write_bytes(before)
    # This machine knows nothing of what the other one published.
    reopen(embedded.settings, embedded.database, embedded.seal, NOW, "khôi phục")
    publish(embedded.open())
    own.write_bytes(others.read_bytes())
    with pytest.raises(LogRolledBack):
        embedded.open()
    origin = reopen(embedded.settings, embedded.database, embedded.seal, NOW, "máy thứ hai")
    assert (origin.previous_origin, origin.previous_size) == (first.origin, 6)
    publish(embedded.open())
    assert holds(embedded)


def test_a_log_that_grows_meanwhile_is_verified_as_it_was(kept: Kept) -> None:
    book = kept.open()
    kept.put(300)
    publish(book)
    keys = {key.kid: key.jwk for key in kept.seal.keys(NOW)}
    grown = iter(range(3))

    def grow(_: int) -> None:
        for salt in itertools.islice(grown, 1):
            kept.put(2, str(salt))
            publish(book)

    found = verify_log(kept.database, book.published, keys, grow)
    assert found.faults == []
    assert found.leaves == 301
    assert kept.check() == 303


def test_reopening_without_the_published_file_logs_everything_anew(embedded: Kept) -> None:
    embedded.put(5)
    publish(embedded.open())
    (embedded.home / "log-published").unlink()
    reopen(embedded.settings, embedded.database, embedded.seal, NOW, "máy mới")
    publish(embedded.open())
    assert embedded.check() == 7


def dossier_with_leaf(kept: Kept, name: str) -> journal.Dossier:
    with kept.database.begin() as tx:
        turn = journal.take_turn(tx)
        one = a_dossier(name, turn.next(), statement=f"{name}.b.c")
        leaf = journal.LogEntry(
            one.seq, statements.Stated(seq=1, type="", subject="", number="", jws=one.statement).leaf
        )
        journal.enter(tx, [one], [], [an_event(one, one.seq)], [leaf])
        journal.end_turn(tx, turn)
    return one


def test_the_proof_of_a_dossier_holds_and_is_the_earliest_there_is(kept: Kept) -> None:
    book = kept.open()
    one = dossier_with_leaf(kept, "x")
    with kept.database.read() as tx:
        (waiting,) = proofs_of(tx, one.id)
        assert proofs_of(tx, "d-none") == []
    assert (waiting.logged, waiting.hashes, waiting.checkpoint) == (False, (), "")
    publish(book)
    kept.put(300)
    publish(book)
    with kept.database.begin() as tx:
        second = log_rows.heads(tx, 1, 0, 9)[-1]
        log_rows.stamp(tx, msgspec.structs.replace(second, token=b"token", stamped_at_us=to_us(NOW)))
    kept.put(1)
    publish(book)
    with kept.database.read() as tx:
        (proof,) = proofs_of(tx, one.id)
    assert (proof.size, proof.token, proof.index) == (302, b"token", 1)
    root = kept.heads()[-2].root
    assert log.verify_inclusion(
        proof.index, proof.size, log.leaf_hash(proof.statement_sha256), list(proof.hashes), root
    )
    head, index, *hashes = proof_text(proof).split("\n\n")[0].splitlines()
    assert (head, index, len(hashes)) == ("c2sp.org/tlog-proof@v1", "index 1", len(proof.hashes))
    assert proof_text(proof).endswith(proof.checkpoint)


def test_a_judgement_has_a_leaf_and_a_proof_of_its_own(kept: Kept) -> None:
    book = kept.open()
    one = dossier_with_leaf(kept, "waited")
    kept.put(3)
    with kept.database.begin() as tx:
        turn = journal.take_turn(tx)
        seq = turn.next()
        journal.record(tx, [an_event(one, seq)], {})
        tx.execute(
            sa.text("UPDATE dossier SET judgement_number = 'n', judgement = 'j.w.s' WHERE id = :id"), {"id": one.id}
        )
        journal.enter_leaves(tx, [journal.LogEntry(seq, b"j" * 32)])
        stated = statements.Stated(seq=turn.next(), type="motcua-handover+jws", subject=one.id, number="h", jws="h.h.h")
        statements.state(tx, stated)
        journal.end_turn(tx, turn)
    publish(book)
    with kept.database.read() as tx:
        proofs = proofs_of(tx, one.id)
    assert [proof.type.partition("+")[0] for proof in proofs] == [
        "motcua-receipt", "motcua-judgement", "motcua-handover",
    ]  # fmt: skip
    root = kept.origin().root
    for proof in proofs:
        leaf = log.leaf_hash(proof.statement_sha256)
        assert log.verify_inclusion(proof.index, proof.size, leaf, list(proof.hashes), root)
    assert proofs[1].statement_sha256 == b"j" * 32


def test_a_proof_under_an_origin_that_was_closed_still_holds(embedded: Kept) -> None:
    one = dossier_with_leaf(embedded, "old")
    old = embedded.open()
    publish(old)
    reopen(embedded.settings, embedded.database, embedded.seal, NOW, "khóa mới")
    publish(embedded.open())
    with embedded.database.read() as tx:
        (proof,) = proofs_of(tx, one.id)
    assert proof.origin == old.origin
    root = embedded.heads(1)[-1].root
    assert log.verify_inclusion(
        proof.index, proof.size, log.leaf_hash(proof.statement_sha256), list(proof.hashes), root
    )


@dataclasses.dataclass
class Harm:
    """Something that somebody with the database in hand may do."""

    sql: str
    told: str


@pytest.mark.parametrize(
    "harm",
    [
        Harm("UPDATE log_entry SET leaf = (SELECT leaf FROM log_entry WHERE seq = 2) WHERE seq = 3", "tile 0/0"),
        Harm("DELETE FROM log_entry WHERE seq = 3", "leaves are missing"),
        Harm(
            "UPDATE log_tile SET hashes = (SELECT hashes FROM log_tile WHERE level = 0 AND n = 0) WHERE n = 1",
            "tile 0/1",
        ),
        Harm("UPDATE checkpoint SET root = (SELECT root FROM checkpoint WHERE size = 1) WHERE size = 601", "601"),
        Harm(
            "UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 1) WHERE size = 601", "another tree"
        ),
        Harm("UPDATE statement SET jws = 'a.b.c'", "no statement announces"),
        Harm("UPDATE log_origin SET root = (SELECT root FROM checkpoint WHERE size = 1)", "root of 601"),
    ],
    ids=lambda harm: harm.told,
)
def test_whatever_is_changed_in_the_database_is_named(embedded: Kept, harm: Harm) -> None:
    book = embedded.open()
    publish(book)
    embedded.put(600)
    publish(book)
    assert holds(embedded)
    with embedded.database.begin() as tx:
        tx.exec_driver_sql(harm.sql)
    keys = {key.kid: key.jwk for key in embedded.seal.keys(NOW)}
    found = verify_log(embedded.database, book.published, keys)
    assert any(harm.told in fault.en for fault in found.faults), found.faults


def test_the_exported_files_are_a_log_of_their_own(embedded: Kept, tmp_path: Path) -> None:
    book, out = embedded.open(), tmp_path / "www"
    embedded.put(700)
    publish(book)
    written = export_log(embedded.database, out)
    assert written == 3 + 3 + 1 + 1 + 1
    signed = read_note((out / "checkpoint").read_bytes()).text.splitlines()
    hashes = b"".join((out / "tile" / "0" / name).read_bytes() for name in ("000", "001", "002.p/189"))
    assert (
        log.root_of(701, lambda level, n: hashes[n * 8192 :][:8192] if level == 0 else roots(out))
        == embedded.origin().root
    )
    assert signed[1] == "701"
    entries = (out / "tile" / "entries" / "002.p" / "189").read_bytes()
    records = [entries[at + 2 : at + 34] for at in range(0, len(entries), 34)]
    assert [log.leaf_hash(one) for one in records] == [hashes[at : at + 32] for at in range(512 * 32, 701 * 32, 32)]
    # Again: full tiles stay, partial ones are written, and those of the larger tree besides.
    embedded.put(1)
    publish(book)
    assert export_log(embedded.database, out) == 2 + 1 + 1 + 1


def roots(out: Path) -> bytes:
    return (out / "tile" / "1" / "000.p" / "2").read_bytes()
