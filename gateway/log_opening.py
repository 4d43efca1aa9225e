"""The log is opened: its key and its name, whether the database still agrees with what was published, a new origin."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from gateway import ids
from gateway.clock import VIETNAM, from_us, rfc3339, to_us
from gateway.log_published import Published, PublishedBroken
from gateway.receipt import ORIGIN_TYPE
from signing.note import Vkey, vkey_of
from signing.pkcs11_uri import is_pkcs11
from signing.seal import load_seal_key, seal_jws
from storage import alarms, journal, log, log_rows, statements

if TYPE_CHECKING:
    from datetime import date, datetime

    from gateway.config import Settings
    from signing.keyring import Keyring
    from signing.note import Checkpoint
    from signing.signer import Signer
    from storage.database import Database
    from storage.log_rows import Origin

ROLLED_BACK_RULE: Final = "log-rolled-back"
# What a witness says is not signed: it stops the log until an operator has looked, and nothing else.
DISPUTED_RULE: Final = "log-disputed"
# Numbers are given anew from the next full million on, a million above what the database knows.
LEAP: Final = 1_000_000
_KEY_CHARACTERS: Final = 8
_NUMBERED: Final = re.compile(r".*/(\d{1,9})-[0-9a-f]{6}", re.DOTALL)
_SERIES: Final = re.compile(r"([a-z-]+):([^:]+):(\d{8})", re.ASCII)
_REMEDY = (
    "hãy khôi phục cơ sở dữ liệu mới hơn, hoặc mở nhật ký mới bằng `motcua log reopen --because …` · the database was "
    "restored or rolled back: bring back the newer one, or run `motcua log reopen --because …`"
)


class LogRolledBack(Exception):
    """The database lacks what the log has published: it was restored, or rolled back. Nothing is signed on top of it.

    Trying again changes nothing: an operator must bring back the newer database, or open a new origin.
    """


class LogKeyDiffers(Exception):
    """The log's key is gone, or is not the one that its origin was announced with. An operator must mend it."""


class PreviousNamed(Struct, frozen=True):
    """The last checkpoint that was known of the origin before."""

    origin: str
    size: int
    root: str


class OriginSaid(Struct, frozen=True, kw_only=True):
    """What the statement of an origin says: from now on this key signs the log, under this name.

    It is sealed by the seal key, so that one pinned key leads to the log's. `root` is in hex.
    """

    origin: str
    vkey: str
    number: int
    opened_at: str
    previous: PreviousNamed | None
    reason: str


def open_key(settings: Settings) -> Signer:
    """The key that signs checkpoints. Raises `SealKeyUnusable`, `SealAway`."""
    source = settings.log_key if is_pkcs11(settings.log_key) else settings.path("log_key", "log.pem")
    return load_seal_key(source)


def has_key(settings: Settings) -> bool:
    """Whether there is a key for a log at all."""
    return is_pkcs11(settings.log_key) or bool(settings.log_key) or settings.path("log_key", "log.pem").exists()


def published_file(settings: Settings) -> Published:
    """The file of the last published checkpoint."""
    return Published(settings.path("log_published", "log-published"))


def first_name(settings: Settings, signer: Signer) -> str:
    """The first origin's name; raises `SealKeyUnusable` when the key is not Ed25519."""
    if settings.log_origin:
        return settings.log_origin
    place = urlsplit(settings.public_url).netloc.rpartition("@")[2] or f"{settings.host}:{settings.port}"
    public = vkey_of("-", signer).public
    return f"{place}/{settings.gateway_unit}/{hashlib.sha256(public).hexdigest()[:_KEY_CHARACTERS]}"


def number_in(name: str) -> int:
    """Which of its gateway's origins a name says it is."""
    found = _NUMBERED.fullmatch(name)
    return int(found[1]) if found else 1


def check_key(origin: Origin, signer: Signer) -> Vkey:
    """The vkey of the origin in force, which must be this key's. Raises `LogKeyDiffers`, `SealKeyUnusable`."""
    vkey = vkey_of(origin.origin, signer)
    if str(vkey) != origin.vkey:
        raise LogKeyDiffers(
            f"{origin.origin}: khóa nhật ký không phải khóa đã công bố: hãy khôi phục khóa cũ, hoặc chạy `motcua log "
            "reopen --because …` · the log's key is not the one announced: bring it back, or reopen"
        )
    return vkey


class LogDisputed(Exception):
    """A witness says that it saw more of the log than there is, or another tree. Nothing is signed on top of it.

    Trying again changes nothing: an operator must find out which of the two is right, and open a new origin.
    """


def check_undisputed(tx: sa.Connection, origin: Origin) -> None:
    """Raise `LogDisputed` while no operator has settled what a witness said of this origin."""
    if log_rows.alarm_since_us(tx, DISPUTED_RULE, origin.origin) is not None:
        raise LogDisputed(f"{origin.origin}: nhân chứng nói khác với cơ sở dữ liệu: {_REMEDY}")


def check_published(tx: sa.Connection, origins: list[Origin], published: Checkpoint | None) -> None:
    """Hold the database against the last published checkpoint, and against what was noticed before.

    Raises `LogRolledBack`, `LogCorrupt`.
    """
    if origins and _is_shut(tx, origins[-1]):
        raise LogRolledBack(f"{origins[-1].origin}: đã phát hiện cơ sở dữ liệu bị lùi lại: {_REMEDY}")
    _compare(tx, origins, published)


def _is_shut(tx: sa.Connection, origin: Origin) -> bool:
    """Whether somebody noticed already that the database went back: another worker, a restore."""
    return log_rows.alarm_since_us(tx, ROLLED_BACK_RULE, origin.origin) is not None


def _compare(tx: sa.Connection, origins: list[Origin], published: Checkpoint | None) -> None:
    if published is None:
        return
    now_in_force = origins[-1] if origins else None
    told = f"{published.origin}, {published.size}"
    # What a later origin names as its past is settled: nothing more may have been published of that.
    if published.size <= _settled(origins, published.origin):
        return
    known = next((one for one in origins if one.origin == published.origin), None)
    if known is None or known is not now_in_force:
        raise LogRolledBack(f"cơ sở dữ liệu không biết nhật ký đã công bố ({told}): {_REMEDY}")
    if published.size > known.size:
        raise LogRolledBack(
            f"nhật ký đã công bố {published.size} lá, cơ sở dữ liệu có {known.size} ({told}): {_REMEDY}"
        )
    if log.root_of(published.size, log_rows.reader(tx, known.number)) != published.root:
        raise LogRolledBack(f"cây trong cơ sở dữ liệu khác cây đã công bố ({told}): {_REMEDY}")


def _settled(origins: list[Origin], name: str) -> int:
    """How large the tree of that name was when a later origin named it as its past; -1 where none did."""
    return max((one.previous_size for one in origins if one.previous_origin == name), default=-1)


def open_first(settings: Settings, database: Database, seal: Keyring, signer: Signer, now: datetime) -> Origin:
    """Open the first origin, unless another worker was quicker; returns the origin in force.

    Raises `LogRolledBack` when something was published already: then the database is not the one it was.
    """
    published = published_file(settings).read()
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        if found := log_rows.current(tx):
            return found
        check_published(tx, [], published)
        name = first_name(settings, signer)
        origin = log_rows.Origin(
            number=1,
            origin=name,
            vkey=str(vkey_of(name, signer)),
            opened_at_us=to_us(now),
            # What was committed before there was a log is logged, too.
            after_seq=0,
            upto_seq=0,
        )
        _announce(tx, turn, origin, seal, now, "")
        journal.end_turn(tx, turn)
    return origin


def reopen(settings: Settings, database: Database, seal: Keyring, now: datetime, because: str) -> Origin:
    """Open a new origin that names the one before and the last that was published of it, and let every series of
    numbers leap beyond whatever a lost database may have given. No gateway may run on this database meanwhile.

    Where the database agrees with what was published from here, the new tree goes on behind the signed one; else it
    holds every leaf of the database anew, so that each can be proved whatever became of the old tree. Raises
    `SealKeyUnusable`, `SealAway`, `DatabaseAway`: then nothing changed, and trying again is safe.
    """
    signer = open_key(settings)
    published = _readable(published_file(settings))
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        origins = log_rows.origins(tx)
        known = origins[-1] if origins else None
        signed = log_rows.newest(tx, known.number) if known else None
        agrees = bool(origins) and _agrees(tx, origins, published)
        named = _last_signed(known, signed)
        # What was published last may not have come into the database, though all its leaves did.
        is_behind = published is not None and agrees and published.size <= named[1]
        if published and not is_behind and published.size > _settled(origins, published.origin):
            named = (published.origin, published.size, published.root)
        number = max([known.number if known else 0, *(number_in(one) for one in [named[0]] if one)]) + 1
        name = f"{first_name(settings, signer)}/{number}-{secrets.token_hex(3)}"
        after_seq = known.after_seq if known else 0
        is_disputed = known and log_rows.alarm_since_us(tx, DISPUTED_RULE, known.origin) is not None
        if known and signed and agrees and not is_disputed and not _is_shut(tx, known):
            after_seq = signed.upto_seq
        origin = log_rows.Origin(
            number=number,
            origin=name,
            vkey=str(vkey_of(name, signer)),
            opened_at_us=to_us(now),
            after_seq=after_seq,
            upto_seq=after_seq,
            previous_origin=named[0],
            previous_size=named[1],
            previous_root=named[2],
        )
        _announce(tx, turn, origin, seal, now, because)
        leap(tx, settings.gateway_unit, now, number - (known.number if known else 0))
        for one in origins:
            for rule in (ROLLED_BACK_RULE, DISPUTED_RULE):
                alarms.close(tx, rule, one.origin, "motcua log reopen", to_us(now))
        journal.end_turn(tx, turn)
    return origin


def _agrees(tx: sa.Connection, origins: list[Origin], published: Checkpoint | None) -> bool:
    """Whether a checkpoint of the tree in force was published from here, and the database holds all of it."""
    if published is None or published.origin != origins[-1].origin:
        return False
    try:
        _compare(tx, origins, published)
    except (LogRolledBack, log.LogCorrupt):
        return False
    return True


def _last_signed(known: Origin | None, signed: log_rows.SignedHead | None) -> tuple[str, int, bytes]:
    if known is None:
        return "", 0, b""
    return known.origin, signed.size if signed else 0, signed.root if signed else log.EMPTY_ROOT


def _readable(published: Published) -> Checkpoint | None:
    try:
        return published.read()
    except PublishedBroken:
        return None


def _announce(
    tx: sa.Connection, turn: journal.Turn, origin: Origin, seal: Keyring, now: datetime, because: str
) -> None:
    """Write the origin and the sealed statement of it, which is a leaf of the new tree."""
    previous = None
    if origin.previous_origin:
        previous = PreviousNamed(origin.previous_origin, origin.previous_size, origin.previous_root.hex())
    said = OriginSaid(
        origin=origin.origin,
        vkey=origin.vkey,
        number=origin.number,
        opened_at=rfc3339(now),
        previous=previous,
        reason=because,
    )
    jws = seal_jws(seal.signer_at(now), msgspec.json.encode(said), ORIGIN_TYPE)
    log_rows.open_origin(tx, origin)
    stated = statements.Stated(seq=turn.next(), type=ORIGIN_TYPE, subject="", number=origin.origin, jws=jws)
    statements.state(tx, stated)


def leap(tx: sa.Connection, unit: str, now: datetime, origins_unknown: int) -> None:
    """Raise every series of numbers from the last fact's day to tomorrow.

    The next number is that of a full million, and between half a million and one and a half million ahead: no day of
    one unit has as many. Each origin that this database does not know may have given a million of its own: it is leapt
    over as well. Nine times a day there is room for this (`ids.NumbersExhausted`).
    """
    held = log_rows.series(tx)
    last_us = log_rows.last_fact_at_us(tx)
    today = now.astimezone(VIETNAM).date()
    first = min(from_us(last_us).date() if last_us is not None else today, today)
    kinds = {"statement"} | {found[1] for name in held if (found := _SERIES.fullmatch(name)) and found[2] == unit}
    days = _days(first, today + timedelta(days=1))
    names = [ids.series(kind, unit, day) for kind in sorted(kinds) for day in days]
    over = max(1, origins_unknown) - 1
    log_rows.raise_series(tx, {name: ((held.get(name, 0) + LEAP + LEAP // 2) // LEAP + over) * LEAP for name in names})


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]
