"""Trust without a restart: the folder is looked at every second, and what it says is taken into force while we run.

What is in force is what the folder says, so that all workers trust the same, however long each has run. A folder that
cannot be used says nothing: the trust in force stays, but for what a list withdraws, and an alarm is sounded.
"""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import timedelta
from stat import S_ISDIR
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from gateway import ids
from gateway.clock import to_us
from gateway.faults import log_fault
from signing.trust import TSA_FOLDER
from signing.trust_list import FolderUnusable, Trusted, load_trust, trusted_at, without_withdrawn
from storage import alarms, pending

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import sqlalchemy as sa

    from gateway.house import House
    from gateway.judge import Tables

LOOK_EVERY_S: Final = 1.0
# A folder that is being written to is read when two looks saw the same, or after so many that did not.
UNSETTLED_LOOKS_MAX: Final = 5
# An unusable folder is read again after so long, though it looks the same: reading may have failed for another reason.
READ_AGAIN_AFTER: Final = timedelta(seconds=30)
UNUSABLE_RULE: Final = "trust-unusable"
NONE_RULE: Final = "trust-none"
_SUBJECT: Final = "trust"
_OWNER: Final = "operator"
_LOG = logging.getLogger("motcua.trust")

_Stat = tuple[str, int, int, int, int]


class Alarm(Struct, frozen=True):
    """What a person must know about trust, and do; `rule` is UNUSABLE_RULE or NONE_RULE."""

    rule: str
    vi: str
    en: str


class Look(Struct, frozen=True):
    """What a look brought: `trusted` to be taken into force (None: what is stays), and the alarm that stands now."""

    trusted: Trusted | None
    alarm: Alarm | None


class TrustWatch:
    """Watches one trust folder for one process. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trusted: Trusted | None = None
        self.alarm: Alarm | None = None
        self._read_at: frozenset[_Stat] | None = None
        self._seen: frozenset[_Stat] | None = None
        self._unsettled = 0
        self._again_at: datetime | None = None

    def read(self, now: datetime) -> Trusted:
        """Read the folder, whatever was read before, and take it as what is in force.

        A folder that is absent or empty is no mistake on a first start: then nobody is trusted yet. Once there was
        trust, it is one. Raises TrustUnusable: then what was in force is so still. Trying again is safe.
        """
        found = _stats(self.folder)
        self.trusted = self._load(now)
        self.alarm = _alarm_without_anchors(self.trusted)
        self._read_at, self._again_at = found, None
        return self.trusted

    def changed(self, now: datetime) -> bool:
        """Whether the folder is not as it was when it was read, or a date has passed that changes what is trusted.

        Costs one listing of the folder and one `stat` a file.
        """
        return self._is_due(now) or _stats(self.folder) != self._read_at

    def look(self, now: datetime) -> Look | None:
        """Look at the folder, and read it if it changed; None when there is nothing new to be done or told.

        Never raises for what is in the folder.
        """
        found = _stats(self.folder)
        if found != self._read_at:
            # A file that is still being written differs from look to look. Dates do not wait for it.
            if found != self._seen and self._unsettled < UNSETTLED_LOOKS_MAX:
                self._seen = found
                self._unsettled += 1
                return self._by_date(now)
        elif not self._is_due(now):
            self._seen, self._unsettled = None, 0
            return None
        self._seen, self._unsettled = None, 0
        return self._take(found, now)

    def _is_due(self, now: datetime) -> bool:
        again = self._again_at is not None and now >= self._again_at
        return again or (self.trusted is not None and not self.trusted.holds_at(now))

    def _by_date(self, now: datetime) -> Look | None:
        if self.trusted is None or self.trusted.holds_at(now):
            return None
        trusted = trusted_at(self.trusted.entries, self.trusted.crls, now)
        return self._now_in_force(trusted, self.alarm or _alarm_without_anchors(trusted))

    def _take(self, found: frozenset[_Stat], now: datetime) -> Look | None:
        try:
            trusted = self._load(now)
            alarm = _alarm_without_anchors(trusted)
            self._again_at = None
        except FolderUnusable as error:
            before = self.trusted or trusted_at((), (), now)
            trusted = without_withdrawn(before, self.folder, now)
            alarm = _alarm_of(error)
            self._again_at = now + READ_AGAIN_AFTER
        self._read_at = found
        return self._now_in_force(trusted, alarm)

    def _load(self, now: datetime) -> Trusted:
        before = self.trusted.entries if self.trusted else ()
        if not before and _is_bare(self.folder):
            return trusted_at((), (), now)
        trusted = load_trust(self.folder, now)
        if any(one.for_stamps for one in before) and not any(one.for_stamps for one in trusted.entries):
            place = self.folder / TSA_FOLDER
            raise FolderUnusable(
                f"thư mục {place} trống hoặc đã mất; muốn bỏ CA cấp dấu thời gian: motcua trust withdraw",
                f"the folder {place} is empty or gone; to end trust in time-stamp authorities: motcua trust withdraw",
            )
        return trusted

    def _now_in_force(self, trusted: Trusted, alarm: Alarm | None) -> Look | None:
        before = self.trusted
        is_new = before is None or before.digest != trusted.digest
        is_told = alarm != self.alarm
        if before is not None and not is_new:
            # The stores have chains to remember; they are as good as new ones.
            trusted = structs.replace(trusted, store=before.store, tsa=before.tsa)
        self.trusted, self.alarm = trusted, alarm
        if is_new:
            _log_new(before, trusted)
        if is_told:
            _LOG.warning("trust: %s", alarm.en if alarm else "the folder is usable again")
        return Look(trusted if is_new else None, alarm) if is_new or is_told else None


def tables_trusting(tables: Tables, trusted: Trusted) -> Tables:
    """These tables with what is trusted now: new stores, so that no chain of before is remembered."""
    return structs.replace(tables, trust=trusted.store, tsa=trusted.tsa)


async def follow(house: House, watch: TrustWatch) -> None:
    """Take into force what the folder says, within about two seconds, until cancelled; `watch` was read at the start.

    Every worker does this for itself. A dossier under judgement is judged by what was in force when it began.
    """
    # What an earlier run left open is closed, or stays if it still stands.
    due: Look | None = Look(None, watch.alarm)
    while True:
        try:
            if due is not None:
                await _use(house, due)
                due = None
            await asyncio.sleep(LOOK_EVERY_S)
            due = await asyncio.to_thread(watch.look, house.clock.now())
        except Exception as fault:
            # The look, if there was one, is used again: the tables are set already, the alarm is sounded once.
            log_fault(_LOG, "the trust folder", fault)
            await asyncio.sleep(LOOK_EVERY_S)


async def _use(house: House, look: Look) -> None:
    """Take a look into force. Doing it again changes nothing."""
    now = house.clock.now()
    if look.trusted is not None:
        # First of all and in one step: who is trusted.
        house.intake.tables = tables_trusting(house.tables, look.trusted)
        house.tables.revocation.learn(look.trusted.authorities)
        await house.run_apart(house.revocations.learn, look.trusted.crls, now)
        house.revocations.look_again()
    await house.run(_note, house, look, now)


def _note(house: House, look: Look, now: datetime) -> None:
    with house.database.read() as tx:
        if look.trusted is None and _is_told(tx, look.alarm):
            return
    with house.database.begin() as tx:
        _sound(tx, look.alarm, now)
        if look.trusted is not None:
            # A CRL that was laid there may be what a dossier waits for.
            pending.try_all(tx, to_us(now))


def _is_told(tx: sa.Connection, alarm: Alarm | None) -> bool:
    """Whether exactly this alarm is open, or none."""
    opened = [
        (one.rule, one.next_step_en) for one in alarms.alarms(tx, [_OWNER]) if one.rule in (UNUSABLE_RULE, NONE_RULE)
    ]
    return opened == ([(alarm.rule, alarm.en)] if alarm is not None else [])


def _sound(tx: sa.Connection, alarm: Alarm | None, now: datetime) -> None:
    """Have exactly this alarm open, or none. Several workers do this with the same outcome."""
    stands = False
    for one in alarms.alarms(tx, [_OWNER]):
        if one.rule in (UNUSABLE_RULE, NONE_RULE):
            if alarm is not None and (one.rule, one.next_step_en) == (alarm.rule, alarm.en):
                stands = True
            else:
                alarms.close(tx, one.rule, one.subject, "gateway", to_us(now))
    if alarm is not None and not stands:
        alarms.sound(
            tx,
            alarms.Alarm(
                id=ids.alarm_id(),
                rule=alarm.rule,
                subject=_SUBJECT,
                owner=_OWNER,
                since_us=to_us(now),
                next_step_vi=alarm.vi,
                next_step_en=alarm.en,
            ),
        )


def _alarm_of(error: FolderUnusable) -> Alarm:
    return Alarm(
        UNUSABLE_RULE,
        f"Cổng giữ niềm tin đang dùng vì {error.vietnamese}. Xem và sửa: motcua trust check.",
        f"The trust in force stays, for the folder cannot be used: {error}. See and mend it: motcua trust check.",
    )


def _alarm_without_anchors(trusted: Trusted) -> Alarm | None:
    """The alarm for a folder that holds anchors none of which is trusted now: withdrawn, or outside their days."""
    if trusted.store.anchors or not trusted.entries:
        return None
    return Alarm(
        NONE_RULE,
        "Không còn chứng thư số gốc nào được tin (đã rút, hoặc ngoài thời gian được tin): mọi chữ ký bị từ chối. "
        "Thêm gốc bằng motcua trust add.",
        "No anchor is trusted any more (withdrawn, or outside the days of trust): every signature is refused. "
        "Add one with motcua trust add.",
    )


def _log_new(before: Trusted | None, trusted: Trusted) -> None:
    """One line about what is in force now: digests, for names of authorities do not belong into logs either."""
    old, new = _in_force(before), _in_force(trusted)
    _LOG.warning(
        "trust in force: anchors=%d certificates=%d crls=%d came=%s left=%s digest=%s",
        len(trusted.store.anchors),
        len(new),
        len(trusted.crls),
        ",".join(sorted(new - old)) or "-",
        ",".join(sorted(old - new)) or "-",
        trusted.digest[:16],
    )


def _in_force(trusted: Trusted | None) -> frozenset[str]:
    entries = trusted.entries if trusted else ()
    return frozenset(one.sha256[:16] for one in entries if one.standing == "trusted")


def _is_bare(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _stats(folder: Path) -> frozenset[_Stat]:
    """What tells one state of the folder and of its subfolder `tsa` from another, without reading a file."""
    found: set[_Stat] = set()
    for prefix in ("", f"{TSA_FOLDER}/"):
        try:
            with os.scandir(folder / prefix) as listed:
                for one in listed:
                    found.add(_stat(prefix, one))
        except OSError as error:
            found.add((prefix, error.errno or -1, 0, 0, 0))
    return frozenset(found)


def _stat(prefix: str, one: os.DirEntry[str]) -> _Stat:
    try:
        # What a link leads to: that is what would be read.
        stat = one.stat()
    except OSError as error:
        return (prefix + one.name, error.errno or -1, 0, 0, 0)
    if S_ISDIR(stat.st_mode):
        return (prefix + one.name, 0, 0, stat.st_ino, 0)
    return (prefix + one.name, stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns)
