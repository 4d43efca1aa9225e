"""Hand-over between the post and an office: both sides' lists, merged in any order, and where they differ.

1. What was sent is read; its own signature, if there is one, is checked with the sender's registered key.
2. The turn is taken. The same said again is given the same answer; something else under the same id is refused.
3. Our statement of it is sealed; what was said, the lines as both sides make them and the statement are committed.

A list may be written where there is no network, and come days later, before or after the other side's: the times in it
are those at which it was written.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from gateway.clock import rfc3339, to_us
from gateway.postal.carrier_tables import carriers_of
from gateway.postal.manifest_said import (
    UUID_PATTERN,
    ManifestSaid,
    ManifestUnfit,
    ReceiptSaid,
    Signed,
    canonical,
    check_signature,
    compared,
    read_manifest,
    read_receipt,
)
from gateway.postal.manifest_stated import read_stated, state_it, stated_of
from signing.signer import thumbprint
from storage import clients, journal, manifests
from storage.manifests import Line, Manifest, Side

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller, Role
    from gateway.postal.manifest_said import Compared, Said
    from gateway.settle import Stores
    from storage.manifests import Which

# Clocks at a counter differ; what lies further ahead was written by one that is wrong.
AHEAD_MAX: Final = timedelta(hours=24)
# Who hands over, and who takes, by direction.
GIVER: Final[dict[str, Role]] = {"in": "post", "out": "office"}
TAKER: Final[dict[str, Role]] = {"in": "office", "out": "post"}


class ManifestNotThere(Exception):
    """There is no such manifest, or none that the caller may see. It may still come: trying again later is safe."""


class ManifestForbidden(Exception):
    """The caller is not of the side that says this. Trying again is of no use."""


class ManifestDiffers(Exception):
    """Something else was said under this id before: `kept` is that (JSON; '' for who may not see it), `sent` the new.
    Nothing was written; the first stands. Trying again is of no use.
    """

    def __init__(self, manifest: str, kept: str, sent: str) -> None:
        super().__init__(manifest)
        self.kept, self.sent = kept, sent


class AlreadySettled(Exception):
    """A person has closed the differences with other words. Trying again is of no use."""


class Told(Struct, frozen=True, kw_only=True):
    """What was written of one side, and the signed statement of it. `signed_by` as in the statement."""

    manifest: str
    side: str
    sha256: str
    entered_at: str
    entered_by: str
    signed_by: str
    statement: str
    fresh: bool = True


class Whole(Struct, frozen=True, kw_only=True):
    """A manifest with all that was said of it; `statements` are the JWS by side and, `settled`, of the settlement."""

    manifest: Manifest
    sides: Mapping[Which, Side]
    handed: ManifestSaid | None
    taken: ReceiptSaid | None
    lines: tuple[Compared, ...]
    listed_on: Mapping[str, list[str]]
    statements: Mapping[str, str]


class _Telling(Struct, frozen=True, kw_only=True):
    """One side's words, ready to be written."""

    header: Manifest
    side: Which
    said: Said
    body: bytes

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.body).digest()


def hand_over(stores: Stores, body: bytes, caller: Caller, now: datetime) -> Told:
    """Write what one side handed over. Safe to repeat: the id in it names it.

    Raises `ManifestUnfit`, `ManifestForbidden`, `SignatureForged`, `ManifestDiffers`: then nothing was written; and
    `SealAway`, `DatabaseAway`: then trying again is safe.
    """
    said = read_manifest(body)
    header = Manifest(
        id=said.id, carrier=said.carrier, office=said.office, direction=said.direction, number=said.number
    )
    _check_side(caller, GIVER[said.direction], header)
    return _tell(stores, _Telling(header=header, side="handed", said=said, body=canonical(body)), caller, now)


def receive(stores: Stores, manifest: str, body: bytes, caller: Caller, now: datetime) -> Told:
    """Write what the other side took; it may come before the manifest, if it names its paper. Safe to repeat.

    Raises as `hand_over` does, and `ManifestNotThere`.
    """
    said = read_receipt(body)
    with stores.database.read() as tx:
        kept = manifests.find(tx, manifest)
    # The rest of what makes a manifest never changes, so that it may be read before the turn.
    header = kept or _named(manifest, said)
    _check_side(caller, TAKER[header.direction], header)
    for name in ("number", "carrier", "office", "direction"):
        if (told := getattr(said, name)) and told != getattr(header, name):
            raise ManifestDiffers(manifest, _header_told(header), canonical(body).decode())
    telling = _Telling(header=header, side="taken", said=said, body=canonical(body))
    return _tell(stores, telling, caller, now)


def settle(stores: Stores, manifest: str, note: str, caller: Caller, now: datetime) -> Told:
    """Close the differences, or a manifest of one side alone, with a person's note; the office's to do. The same note
    again is given the same answer.

    Raises `ManifestNotThere`, `ManifestForbidden`, `AlreadySettled`, `SealAway`, `DatabaseAway`.
    """
    if caller.role not in ("office", "operator"):
        raise ManifestForbidden(f"role {caller.role}")
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        found = visible(tx, manifest, caller)
        if found.settled_at_us is not None:
            if found.settlement != note:
                raise AlreadySettled(found.settlement)
            return _settled(tx, found, fresh=False)
        seq = turn.next()
        settled = structs.replace(
            found, settlement=note, settled_by=caller.client, settled_at_us=to_us(now), settled_seq=seq
        )
        manifests.settle(tx, manifest, note, caller.client, to_us(now), seq)
        digest = hashlib.sha256(f"{manifest}\0{note}".encode()).hexdigest()
        stated = stated_of(stores, settled, "settled", digest, now, caller.client)
        state_it(tx, stores, stated, seq, now)
        told = _settled(tx, settled, fresh=True)
        journal.end_turn(tx, turn)
    return told


def show(tx: sa.Connection, manifest: str, caller: Caller) -> Whole:
    """All that was said of a manifest. Raises `ManifestNotThere`."""
    found = visible(tx, manifest, caller)
    said = manifests.sides(tx, manifest)
    handed, taken = _read(said)
    lines = tuple(compared(handed, taken))
    seqs: dict[str, int] = {which: one.seq for which, one in said.items()}
    if found.settled_seq is not None:
        seqs["settled"] = found.settled_seq
    stated = manifests.stated(tx, list(seqs.values()))
    return Whole(
        manifest=found,
        sides=said,
        handed=handed,
        taken=taken,
        lines=lines,
        listed_on=manifests.elsewhere(tx, manifest, [one.number for one in lines if one.difference == "unlisted"]),
        statements={which: stated[seq] for which, seq in seqs.items()},
    )


def visible(tx: sa.Connection, manifest: str, caller: Caller) -> Manifest:
    """The manifest, if the caller may see it. Raises `ManifestNotThere`."""
    found = manifests.find(tx, manifest)
    if found is None or not may_see(caller, found):
        raise ManifestNotThere(manifest)
    return found


def may_see(caller: Caller, manifest: Manifest) -> bool:
    """The carrier and the office that it is between may, and an operator."""
    return (
        caller.role == "operator"
        or manifest.carrier in carriers_of(caller)
        or (caller.role == "office" and manifest.office in caller.offices)
    )


def _check_side(caller: Caller, role: Role, header: Manifest) -> None:
    if caller.role != role:
        raise ManifestForbidden(f"role {caller.role} ≠ {role}")
    if role == "office" and header.office not in caller.offices:
        raise ManifestForbidden(f"office {header.office}")
    if role == "post" and header.carrier not in carriers_of(caller):
        raise ManifestForbidden(f"carrier {header.carrier}")


def _named(manifest: str, said: ReceiptSaid) -> Manifest:
    """The manifest that a receipt names which came before it. Raises `ManifestNotThere`."""
    named = said.number and said.carrier and said.office and said.direction
    if not named or not re.fullmatch(UUID_PATTERN, manifest):
        raise ManifestNotThere(manifest)
    return Manifest(id=manifest, carrier=said.carrier, office=said.office, direction=said.direction, number=said.number)


def _tell(stores: Stores, telling: _Telling, caller: Caller, now: datetime) -> Told:
    if telling.said.made_at > now + AHEAD_MAX:
        raise ManifestUnfit(f"made_at {rfc3339(telling.said.made_at)} > {rfc3339(now)}.")
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        kept, said = manifests.find(tx, telling.header.id), manifests.sides(tx, telling.header.id)
        if telling.side in said:
            return _again(tx, kept, said[telling.side], telling, caller)
        _check_header(kept, telling, caller)
        signed_by = _signed_by(tx, telling, caller)
        if kept is None:
            manifests.enter(tx, telling.header)
        seq = turn.next()
        side = Side(
            manifest=telling.header.id,
            side=telling.side,
            made_at_us=to_us(telling.said.made_at),
            made_by=telling.said.officer,
            entered_at_us=to_us(now),
            entered_by=caller.client,
            sha256=telling.sha256,
            signature=telling.said.signature,
            body=telling.body.decode(),
            seq=seq,
        )
        manifests.say(tx, side)
        differences = _merge(tx, telling.header.id, {**said, telling.side: side})
        header = structs.replace(telling.header, differences=differences)
        stated = stated_of(stores, header, telling.side, side.sha256.hex(), now, caller.client)
        stated = structs.replace(
            stated,
            made_at=rfc3339(telling.said.made_at),
            items=len(telling.said.lines),
            pieces=sum(piece.count for one in telling.said.lines for piece in one.pieces or ()),
            signed_by=signed_by,
            signature_sha256=hashlib.sha256(side.signature.encode()).hexdigest() if signed_by else "",
        )
        jws = state_it(tx, stores, stated, seq, now)
        journal.end_turn(tx, turn)
    return _told(jws)


def _check_header(kept: Manifest | None, telling: _Telling, caller: Caller) -> None:
    """Whether it is of the manifest that the other side told of. Raises `ManifestDiffers`."""
    if kept is None:
        return
    header = telling.header
    if (kept.number, kept.carrier, kept.office, kept.direction) != (
        header.number, header.carrier, header.office, header.direction,
    ):  # fmt: skip
        raise ManifestDiffers(kept.id, _header_told(kept) if may_see(caller, kept) else "", telling.body.decode())


def _header_told(kept: Manifest) -> str:
    told = {name: getattr(kept, name) for name in ("id", "number", "carrier", "office", "direction")}
    return msgspec.json.encode(told).decode()


def _again(tx: sa.Connection, kept: Manifest | None, side: Side, telling: _Telling, caller: Caller) -> Told:
    """What was answered when the same was told before. Raises `ManifestDiffers`."""
    if kept is None or side.sha256 != telling.sha256:
        seen = side.body if kept is not None and may_see(caller, kept) else ""
        raise ManifestDiffers(telling.header.id, seen, telling.body.decode())
    return structs.replace(_told(manifests.stated(tx, [side.seq])[side.seq]), fresh=False)


def _signed_by(tx: sa.Connection, telling: _Telling, caller: Caller) -> str:
    """The thumbprint of the key that signed it; '' for what is not signed. Raises `SignatureForged`."""
    if not telling.said.signature:
        return ""
    found = clients.client(tx, caller.client)
    jwk = found.jwk if found else None
    expected = Signed(manifest=telling.header.id, side=telling.side, sha256=telling.sha256.hex())
    check_signature(telling.said.signature, jwk, expected)
    return thumbprint(msgspec.json.decode(jwk or "{}", type=dict[str, str]))


def _merge(tx: sa.Connection, manifest: str, sides: Mapping[Which, Side]) -> int:
    """Write every line as both sides make it; returns how many do not meet."""
    lines = [
        Line(
            manifest=manifest,
            item=one.number,
            handed=msgspec.json.encode(one.handed).decode() if one.handed else None,
            taken=msgspec.json.encode(one.taken).decode() if one.taken else None,
            difference=one.difference,
        )
        for one in compared(*_read(sides))
    ]
    count = sum(one.difference not in ("", "ok") for one in lines)
    manifests.put_lines(tx, manifest, lines, sides=len(sides), differences=count)
    return count


def _read(sides: Mapping[Which, Side]) -> tuple[ManifestSaid | None, ReceiptSaid | None]:
    return (
        msgspec.json.decode(sides["handed"].body, type=ManifestSaid) if "handed" in sides else None,
        msgspec.json.decode(sides["taken"].body, type=ReceiptSaid) if "taken" in sides else None,
    )


def _settled(tx: sa.Connection, found: Manifest, *, fresh: bool) -> Told:
    told = _told(manifests.stated(tx, [found.settled_seq or 0])[found.settled_seq or 0])
    return structs.replace(told, fresh=fresh)


def _told(jws: str) -> Told:
    said = read_stated(jws)
    return Told(
        manifest=said.manifest,
        side=said.side,
        sha256=said.sha256,
        entered_at=said.entered_at,
        entered_by=said.entered_by,
        signed_by=said.signed_by,
        statement=jws,
    )
