"""The restore: a backup becomes a database and a vault again, in an empty place; nothing that was erased comes back.

Everything is checked before anything is written: seals, digests, packs, keys. Packs are kept first; then one
transaction makes the tables, erases again, takes leases back and shuts the log: so a restore is done, or nothing is.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from gateway import erasures_file, ids
from gateway.backup import silent
from gateway.backup_files import (
    PACKS_FOLDER,
    BackupUnusable,
    Manifest,
    PackNeeded,
    backups_in,
    check_file,
    digest_of,
    read_manifest,
    read_packs,
    read_rows,
)
from gateway.clock import VIETNAM, to_us
from gateway.erasure import TombstoneForged, erase_again, line_of, read_tombstone
from gateway.log_opening import ROLLED_BACK_RULE, leap
from storage import alarms, holds, journal, log_rows, migrations, tables
from storage.cipher import master_key_of
from storage.vault import VaultAway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from gateway.erasure import Tombstone
    from gateway.settle import Stores
    from storage.tables import Row

ROWS_AT_ONCE: Final = 500
_EVERYTHING: Final = journal.Scope(everything=True)
_LEASED: Final = sa.text("SELECT dossier, lease, holder FROM work WHERE state = 'leased' ORDER BY offered_seq")
_OFFER: Final = sa.text(
    "UPDATE work SET state = 'offered', lease = NULL, holder = NULL, lease_until_us = NULL WHERE dossier = :dossier"
)

# Parts of uploads lay in files of another machine; who held a token asks for a new one; nobody has audited this yet.
_NOT_TRUE_ANY_MORE: Final = tuple(
    sa.text(statement)
    for statement in ("DELETE FROM upload WHERE sha256 IS NULL", "DELETE FROM token", "DELETE FROM audit_mark")
)


class RestoreRefused(Exception):
    """Nothing was restored. The message says what stands in the way; once that is mended, trying again is safe."""


class Chosen(Struct, frozen=True):
    """A backup that is to be restored, and those in the same folder that were made later."""

    folder: Path
    manifest: Manifest
    newer: tuple[tuple[Path, Manifest | None], ...]


class Restored(Struct, frozen=True, kw_only=True):
    """What was restored: how many dossiers and packs, what was erased again, and how many leases were taken back.

    `is_log_shut` says that the log must be opened anew before a gateway can start.
    """

    manifest: Manifest
    dossiers: int
    packs: int
    erased_again: int
    holds_again: int
    leases_back: int
    is_log_shut: bool


def choose(folder: Path, keys: Mapping[str, Mapping[str, str]], *, at: datetime | None, name: str | None) -> Chosen:
    """The backup of that name, else the newest that was not made after `at`, else the newest.

    Its seal is checked, and that of every later one: `newer` has None for one that is broken. Raises `RestoreRefused`,
    `BackupUnusable`.
    """
    try:
        names = backups_in(folder)
    except OSError as error:
        raise RestoreRefused(f"{folder}: {error.strerror}") from error
    if name is not None:
        if name not in names:
            raise RestoreRefused(f"{folder}: không có bản sao lưu {name} · no such backup; {_listed(names)}")
        wanted = name
    else:
        # A name begins with its time in Vietnam, so that the order of names is that of time.
        stamp = f"{at.astimezone(VIETNAM):%Y%m%dT%H%M%S}" if at is not None else None
        fitting = [one for one in names if stamp is None or one.partition("-")[0] <= stamp]
        if not fitting:
            raise RestoreRefused(
                f"{folder}: không có bản sao lưu nào trước lúc đó · no backup by then; {_listed(names)}"
            )
        wanted = max(fitting, key=_order)
    later: list[tuple[Path, Manifest | None]] = []
    for one in sorted(names, key=_order):
        if _order(one) > _order(wanted):
            try:
                later.append((folder / one, read_manifest(folder / one, keys)))
            except BackupUnusable:
                later.append((folder / one, None))
    return Chosen(folder / wanted, read_manifest(folder / wanted, keys), tuple(later))


def check(chosen: Chosen, progress: Callable[[str, int, int], None] = silent) -> list[PackNeeded]:
    """Every file and pack of the backup is the one that was sealed; returns the packs. Raises `BackupUnusable`."""
    manifest = chosen.manifest
    files = [table.file for table in manifest.tables] + [
        manifest.erasures,
        *([manifest.packs] if manifest.packs else []),
    ]
    for done, file in enumerate(files, 1):
        check_file(chosen.folder, file)
        progress("files", done, len(files))
    needed = read_packs(chosen.folder, manifest)
    for done, pack in enumerate(needed, 1):
        path = chosen.folder.parent / PACKS_FOLDER / pack.name
        if pack.sha256:
            try:
                found = digest_of(path, pack.size_bytes)
            except OSError as error:
                raise BackupUnusable(f"{path}: {error.strerror}") from error
            if found != (pack.size_bytes, pack.sha256):
                raise BackupUnusable(f"{path}: không đúng bản đã niêm phong · is not the pack that was backed up")
        progress(PACKS_FOLDER, done, len(needed))
    return needed


def all_erasures(
    chosen: Chosen, files: Iterable[Path], keys: Mapping[str, Mapping[str, str]], *, complete: bool
) -> list[tuple[Tombstone, str]]:
    """Every erasure that is known, in the order of time: from the backup, from later ones beside it, and from `files`.

    A later backup that is broken may hide erasures: it is passed over only when `complete` says that the files hold
    all. Raises `RestoreRefused`, `BackupUnusable`, `ErasuresBroken`.
    """
    lines = []
    for folder, read in ((chosen.folder, chosen.manifest), *chosen.newer):
        try:
            manifest = read or read_manifest(folder, keys)
            check_file(folder, manifest.erasures)
        except BackupUnusable:
            if complete:
                continue
            raise
        path = folder / manifest.erasures.path
        lines += [(path, line) for line in erasures_file.read(path)]
    for path in files:
        lines += [(path, line) for line in erasures_file.read(path)]
    found: dict[str, Tombstone] = {}
    for path, line in lines:
        if line.tombstone not in found:
            try:
                said = read_tombstone(line.tombstone, keys.values())
            except TombstoneForged as error:
                raise RestoreRefused(f"{path}: {line.receipt}: dấu xóa giả · a forged tombstone: {error}") from error
            found[line.tombstone] = said
    return sorted(((said, jws) for jws, said in found.items()), key=lambda one: (one[0].erased_at, one[0].receipt))


class Restore:
    """One restore, into the empty database and vault of `stores`."""

    def __init__(
        self,
        stores: Stores,
        chosen: Chosen,
        packs: list[PackNeeded],
        progress: Callable[[str, int, int], None] = silent,
    ) -> None:
        """`packs` is what `check` gave."""
        self._stores, self._chosen, self._packs, self._progress = stores, chosen, packs, progress
        self._manifest = chosen.manifest
        self._names: dict[str, str] = {}

    def run(
        self,
        erased: list[tuple[Tombstone, str]],
        erasures: Path,
        now: datetime,
    ) -> Restored:
        """Do it. `erasures` is the file of erasures from now on. Where a log was kept, it stays shut, and no gateway
        starts, until a new origin is opened (`logbook.reopen`): something may have been published that is not here.

        Raises `RestoreRefused`, `BackupUnusable`, `ErasuresUnkept`; `DatabaseAway`, `VaultAway`: trying again is safe.
        """
        self._refuse_unfit()
        self._put_packs()
        with self._stores.database.begin() as tx:
            self._fill(tx)
            migrations.apply(tx)
            for statement in _NOT_TRUE_ANY_MORE:
                tx.execute(statement)
            turn = journal.take_turn(tx)
            holds_again = self._holds(tx)
            erased_again = sum(erase_again(tx, turn, said, jws) for said, jws in erased)
            leases_back = _take_back(tx, turn, now)
            leap(tx, self._stores.gateway_unit, now, 0)
            is_log_shut = _shut_log(tx, now)
            journal.end_turn(tx, turn)
            dossiers = tx.execute(sa.text("SELECT count(*) FROM dossier")).scalar_one()
            told = {line.tombstone for line in erasures_file.read(erasures)}
            erasures_file.append(erasures, [line_of(said, jws) for said, jws in erased if jws not in told])
        return Restored(
            manifest=self._manifest,
            dossiers=dossiers,
            packs=len(self._names),
            erased_again=erased_again,
            holds_again=holds_again,
            leases_back=leases_back,
            is_log_shut=is_log_shut,
        )

    def _refuse_unfit(self) -> None:
        """An empty database, an empty vault, and the keys. Raises `RestoreRefused`."""
        with self._stores.database.read() as tx:
            lived_in = tables.lived_in(tx)
        if lived_in:
            raise RestoreRefused(
                f"cơ sở dữ liệu không trống (bảng {lived_in}): chỉ khôi phục vào chỗ trống · the database is not empty"
            )
        known = {number for number, _ in migrations.available()}
        if strange := sorted(set(self._manifest.schema) - known):
            raise RestoreRefused(f"bản sao lưu của motcua mới hơn · made by a newer motcua: {strange}")
        mine = master_key_of(self._stores.cipher.lock(b"", hashlib.sha256().digest()).wrapped_key)
        if lacking := sorted(set(self._manifest.keys.master) - {mine}):
            raise RestoreRefused(f"thiếu khóa chính · lacks the master key {', '.join(lacking)} (MOTCUA_MASTER_KEY)")
        if self._manifest.packs is None:
            return
        ours = {pack.name for pack in self._packs} | {pack.sha256 for pack in self._packs}
        ours |= {f"{pack.sha256[:32]}.pack" for pack in self._packs}
        try:
            strangers = next((name for name in self._stores.vault.packs() if name not in ours), None)
        except VaultAway:
            # A store may forbid listing. Nothing is ever overwritten, so that what is there comes to no harm.
            return
        if strangers:
            raise RestoreRefused(
                f"kho không trống (gói {strangers}): chỉ khôi phục vào chỗ trống · the vault is not empty"
            )

    def _put_packs(self) -> None:
        folder = self._chosen.folder.parent / PACKS_FOLDER
        for done, pack in enumerate(self._packs, 1):
            if pack.sha256:
                with (folder / pack.name).open("rb") as file:
                    content = file.read(pack.size_bytes)
                # Once more, because these are the bytes that are kept.
                if hashlib.sha256(content).hexdigest() != pack.sha256:
                    raise BackupUnusable(f"{folder / pack.name}: đã đổi · changed under our hands")
                self._names[pack.name] = self._stores.vault.put_raw(pack.name, content)
            self._progress("vault", done, len(self._packs))

    def _fill(self, tx: sa.Connection) -> None:
        """The schema as it was then, and every row."""
        if tables.lived_in(tx):
            raise RestoreRefused("cơ sở dữ liệu không trống · the database is not empty")
        if migrations.present(tx) not in ([], list(self._manifest.schema)):
            tables.drop(tx)
        migrations.apply(tx, self._manifest.schema)
        tables.forget_first_rows(tx)
        for done, table in enumerate(self._manifest.tables, 1):
            at = table.columns.index("pack") if "pack_offset" in table.columns else None
            page: list[Row] = []
            for row in read_rows(self._chosen.folder, table.file):
                if at is not None and isinstance(name := row[at], str):
                    row[at] = self._names.get(name, name)
                page.append(row)
                if len(page) == ROWS_AT_ONCE:
                    tables.insert(tx, table.name, table.columns, page)
                    page = []
            tables.insert(tx, table.name, table.columns, page)
            self._progress("tables", done, len(self._manifest.tables))

    def _holds(self, tx: sa.Connection) -> int:
        """Holds that later backups know of bind again: what was forbidden since must not be erased by an oversight."""
        placed = 0
        for folder, manifest in self._chosen.newer:
            for hold in _holds_in(folder, manifest):
                if journal.dossier(tx, hold.dossier, _EVERYTHING) is not None:
                    placed += holds.place(tx, hold)
        return placed


def _holds_in(folder: Path, manifest: Manifest | None) -> Iterator[holds.Hold]:
    table = next((one for one in manifest.tables if one.name == "hold"), None) if manifest else None
    if table is None:
        return
    check_file(folder, table.file)
    for row in read_rows(folder, table.file):
        yield msgspec.convert(dict(zip(table.columns, row, strict=True)), holds.Hold)


def _take_back(tx: sa.Connection, turn: journal.Turn, now: datetime) -> int:
    """Offer again what was leased: whoever held it was told things that the restored gateway does not know of."""
    leased = tx.execute(_LEASED).all()
    for dossier_id, lease, holder in leased:
        dossier = journal.dossier(tx, dossier_id, _EVERYTHING)
        if dossier is None:  # the foreign key forbids it
            raise LookupError(dossier_id)
        tx.execute(_OFFER, {"dossier": dossier_id})
        fact = journal.Event(
            seq=turn.next(),
            dossier=dossier_id,
            type="lease-expired",
            at_us=to_us(now),
            actor="gateway",
            detail=msgspec.json.encode({"lease": lease, "holder": holder, "restored": True}).decode(),
            unit=dossier.unit,
            submitter=dossier.submitter,
            office=dossier.competent_office,
        )
        journal.record(tx, [fact], {})
    return len(leased)


def _shut_log(tx: sa.Connection, now: datetime) -> bool:
    """Let no gateway sign on: what was published after the backup is not in this tree."""
    current = log_rows.current(tx)
    if current is None:
        return False
    alarm = alarms.Alarm(
        id=ids.alarm_id(),
        rule=ROLLED_BACK_RULE,
        subject=current.origin,
        owner="operator",
        since_us=to_us(now),
        next_step_vi="Cơ sở dữ liệu được khôi phục từ bản sao lưu: chạy `motcua log reopen --because …`.",
        next_step_en="The database was restored from a backup: run `motcua log reopen --because …`.",
    )
    alarms.sound(tx, alarm)
    return True


def _order(name: str) -> tuple[str, int]:
    stamp, _, head = name.partition("-")
    return stamp, int(head)


def _listed(names: list[str]) -> str:
    return f"có · there are: {', '.join(names[-5:])}" if names else "chưa có bản nào · there are none"
