"""The proof that the checker can fail: what it found sound is spoilt in a copy, in many ways, and it says so."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import checker, checker_reading, scenarios_disk, shim
from tests.faults.gates import Gate
from tests.faults.ledger import Ledger
from tests.faults.stage import Play, Stage

Spoil = Callable[[sqlite3.Connection, Path], None]
LOAD_S = 6.0
POWER_S = 14.0


def _run(*statements: str) -> Spoil:
    def spoil(connection: sqlite3.Connection, _: Path) -> None:
        for statement in statements:
            connection.execute(statement)

    return spoil


def _flip(connection: sqlite3.Connection, vault: Path) -> None:
    pack, offset, length = connection.execute(
        f"SELECT pack, pack_offset, pack_length FROM dossier WHERE {_ONE}"
    ).fetchone()
    with (vault / pack).open("r+b") as file:
        file.seek(offset + length // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))


def _cut_pack(connection: sqlite3.Connection, vault: Path) -> None:
    pack, offset = connection.execute(f"SELECT pack, pack_offset FROM dossier WHERE {_ONE}").fetchone()
    with (vault / pack).open("r+b") as file:
        file.truncate(offset + 10)


def _drop_pack(connection: sqlite3.Connection, vault: Path) -> None:
    (vault / connection.execute(f"SELECT pack FROM dossier WHERE {_ONE}").fetchone()[0]).unlink()


_ONE = "id = (SELECT min(id) FROM dossier WHERE pack IS NOT NULL AND id IN (SELECT subject FROM statement))"
_ID = f"(SELECT id FROM dossier WHERE {_ONE})"
_SEQ = f"(SELECT seq FROM dossier WHERE {_ONE})"
_OTHER = f"(SELECT max(id) FROM dossier WHERE pack IS NOT NULL AND id <> {_ID})"
_COPIED = (
    "id, seq, state, sha256, size_bytes, channel, procedure, procedure_version, unit, tax_code, period, batch, follows,"
    " submitter, received_at_us, due_at_us, competent_office, statement_number, statement, report, pack, pack_offset,"
    " pack_length, wrapped_key"
)
# What is done to a copy, and the kind of finding it must lead to.
SPOILT: dict[str, tuple[str, Spoil]] = {
    "a dossier's row is deleted": ("lost", _run(f"DELETE FROM dossier WHERE {_ONE}")),
    "a refusal is deleted": (
        "lost",
        _run("DELETE FROM dossier WHERE id = (SELECT min(id) FROM dossier WHERE pack IS NULL)"),
    ),
    "a leaf is deleted": ("lost", _run(f"DELETE FROM log_entry WHERE seq = {_SEQ}")),
    "a leaf is changed": ("altered", _run(f"UPDATE log_entry SET leaf = zeroblob(32) WHERE seq = {_SEQ}")),
    "the newest leaf is deleted": ("lost", _run("DELETE FROM log_entry WHERE seq = (SELECT max(seq) FROM log_entry)")),
    "the tree's root is another": ("altered", _run("UPDATE log_origin SET root = zeroblob(32)")),
    "the gateway sounds an alarm": (
        "lost",
        _run("INSERT INTO alarm VALUES ('a-1', 'log-rolled-back', 'x', 'operator', 1, 'x', 'x', NULL, NULL)"),
    ),
    "the log forgets its origin": ("lost", _run("DELETE FROM log_origin")),
    "a work is deleted": ("lost", _run(f"DELETE FROM work WHERE dossier = {_ID}")),
    "a fact is deleted": ("lost", _run(f"DELETE FROM event WHERE dossier = {_ID} AND type = 'accepted'")),
    "a hand-over is taken back": ("lost", _run(f"UPDATE work SET state = 'offered' WHERE dossier = {_ID}")),
    "a hand-over's statement is deleted": ("lost", _run(f"DELETE FROM statement WHERE subject = {_ID}")),
    "a byte of a pack is flipped": ("lost", _flip),
    "a pack is cut short": ("lost", _cut_pack),
    "a pack is gone": ("lost", _drop_pack),
    "a key is changed": ("lost", _run(f"UPDATE dossier SET wrapped_key = zeroblob(69) WHERE {_ONE}")),
    "a receipt is rewritten": (
        "altered",
        _run(f"UPDATE dossier SET statement = replace(statement, 'A', 'B') WHERE {_ONE}"),
    ),
    "a receipt is another dossier's": (
        "altered",
        _run(f"UPDATE dossier SET statement = (SELECT statement FROM dossier WHERE id = {_OTHER}) WHERE {_ONE}"),
    ),
    "a number is another": ("altered", _run(f"UPDATE dossier SET statement_number = 'G00.01-1' WHERE {_ONE}")),
    "the same bytes stand twice": (
        "duplicated",
        _run(
            f"CREATE TABLE twice AS SELECT {_COPIED} FROM dossier WHERE {_ONE}",
            "DROP INDEX dossier_content",
            "UPDATE twice SET id = 'd-twice', seq = -1, statement_number = 'G00.01-2'",
            f"INSERT INTO dossier ({_COPIED}) SELECT {_COPIED} FROM twice",
        ),
    ),
    "a fact is stated twice": (
        "duplicated",
        _run(
            "INSERT INTO event SELECT (SELECT max(seq) + 1 FROM event), dossier, type, at_us, actor, detail, unit,"
            f" submitter, office FROM event WHERE dossier = {_ID} AND type = 'accepted'"
        ),
    ),
}


def prove(stage: Stage) -> int:
    """0 when everything that was spoilt was found, and the same copy unspoilt was found sound."""
    play = Play(stage, "prove", LOAD_S)
    home = stage.disk_home(play.work)
    gate = Gate(home, play.work).start()
    with play.loaded(gate) as ledger:
        time.sleep(LOAD_S)
    outcome = play.conclude(gate, ledger, lambda: checker_reading.home_on_disk(home.folder))
    sound = bool(outcome.verdict)
    print(f"nothing spoilt: {outcome.verdict.counts()} {'as it must be' if sound else outcome.verdict.named()}")
    good = sound
    for what, (kind, spoil) in SPOILT.items():
        good &= _is_found(play.work, home.folder, ledger, what, kind, spoil)
    good &= _is_told_twice_found(home.folder, ledger)
    for what, mask in (("vault", shim.VAULT), ("SQLite", shim.SQLITE), ("folders", shim.FOLDER)):
        found = scenarios_disk.power(stage, f"power-without-sync-of-{what}", POWER_S, broken=mask)
        counts = found.verdict.counts()
        print(f"a build that never syncs its {what}: {counts} {'found' if counts[0] else 'NOT FOUND'}", flush=True)
        good &= counts[0] > 0
    print("the checker finds what is wrong" if good else "THE CHECKER IS BLIND")
    return 0 if good else 1


def _is_found(work: Path, home: Path, ledger: Ledger, what: str, kind: str, spoil: Spoil) -> bool:
    copy = work / "spoilt"
    shutil.copytree(home, copy)
    connection = sqlite3.connect(copy / "motcua.sqlite", isolation_level=None)
    spoil(connection, copy / "vault")
    connection.close()
    verdict = checker.check(checker_reading.home_on_disk(copy), ledger)
    shutil.rmtree(copy)
    found = bool(verdict.wrong[kind])
    print(f"{what}: {verdict.counts()} {'found' if found else 'NOT FOUND'}", flush=True)
    return found


def _is_told_twice_found(home: Path, ledger: Ledger) -> bool:
    """Two clients that were told different receipts for the same bytes."""
    one, other = [told for told in ledger.told if told.kind == "dossier"][:2]
    told = [*ledger.told, type(one)(**{**{f: getattr(one, f) for f in one.__struct_fields__}, "jws": other.jws})]
    verdict = checker.check(checker_reading.home_on_disk(home), ledger, told)
    found = bool(verdict.wrong["differing"])
    print(f"two receipts told for the same bytes: {verdict.counts()} {'found' if found else 'NOT FOUND'}", flush=True)
    return found
