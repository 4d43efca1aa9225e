"""What stands in a manifest and in the receipt of one: how it is written, signed, compared line by line."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import datetime
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.postal.pieces import COUNT_MAX, Kind
from signing.seal import SealBroken, open_jws

SIGNED_TYPE: Final = "motcua-manifest+jws"
LINES_MAX: Final = 500
COUNTS_MAX: Final = 50
WORDS_CHARACTERS_MAX: Final = 500
JWS_CHARACTERS_MAX: Final = 4096
UUID_PATTERN: Final = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

Which = Literal["handed", "taken"]
Direction = Literal["in", "out"]
Condition = Literal["intact", "damaged", "opened", "missing"]
Difference = Literal["", "ok", "short", "surplus", "damaged", "not-handed", "unlisted"]
Code = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z._-]+$")]
Number = Annotated[str, Meta(min_length=1, max_length=100)]
# As items are kept: capitals and digits, nothing between their groups.
ItemNumber = Annotated[str, Meta(min_length=6, max_length=35, pattern=r"^[0-9A-Z]+$")]
Person = Annotated[str, Meta(max_length=200)]
Note = Annotated[str, Meta(max_length=WORDS_CHARACTERS_MAX)]
Instant = Annotated[datetime, Meta(tz=True)]
Signature = Annotated[str, Meta(max_length=JWS_CHARACTERS_MAX)]


class ManifestUnfit(Exception):
    """What was sent is no manifest, or no receipt of one. Trying the same again is of no use; the message says why."""


class SignatureForged(Exception):
    """The signature is not by the client's registered key, or of something else. Nothing was written."""


class Count(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """So many pieces of a kind; decisions are told apart by `name`."""

    kind: Kind
    count: Annotated[int, Meta(ge=0, le=COUNT_MAX)]
    name: Annotated[str, Meta(max_length=100)] = ""


Counts = Annotated[tuple[Count, ...], Meta(max_length=COUNTS_MAX)]


class ItemSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One item, as one side saw it. `pieces` null: nobody looked inside; an empty list: there is nothing in it."""

    number: ItemNumber
    pieces: Counts | None = None
    condition: Condition = "intact"
    note: Note = ""


class ManifestSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was handed over: `id` a UUID made where it was written, `number` what stands on the paper, `made_at` the
    time at which it was written there. `signature` is a JWS by the sender's registered key, over {manifest, side,
    sha256}.
    """

    id: Annotated[str, Meta(pattern=UUID_PATTERN)]
    number: Number
    carrier: Code
    office: Code
    direction: Direction
    made_at: Instant
    officer: Person = ""
    items: Annotated[tuple[ItemSaid, ...], Meta(min_length=1, max_length=LINES_MAX)]
    signature: Signature = ""

    @property
    def lines(self) -> tuple[ItemSaid, ...]:
        """Its items."""
        return self.items


class ReceiptSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was taken, by the person `officer`. The first four name the manifest's paper: they are needed where the
    receipt comes before the manifest itself.
    """

    number: Annotated[str, Meta(max_length=100)] = ""
    carrier: Annotated[str, Meta(max_length=40)] = ""
    office: Annotated[str, Meta(max_length=40)] = ""
    direction: Literal["", "in", "out"] = ""
    made_at: Instant
    officer: Annotated[str, Meta(min_length=1, max_length=200)]
    lines: Annotated[tuple[ItemSaid, ...], Meta(max_length=LINES_MAX)]
    signature: Signature = ""


class Signed(Struct, frozen=True, forbid_unknown_fields=True):
    """What a side's own key signs: which side of which manifest, and the SHA-256 (hex) of what it says."""

    manifest: str
    side: Which
    sha256: str


Said = ManifestSaid | ReceiptSaid


class Compared(Struct, frozen=True):
    """One item as both sides saw it, and where they differ."""

    number: str
    handed: ItemSaid | None
    taken: ItemSaid | None
    difference: Difference


def canonical(body: bytes) -> bytes:
    """What was said without its signature: JSON with sorted members and no blanks (RFC 8785, as far as whole numbers
    and text go). Its SHA-256 is what is signed, and what tells the same from another.

    Raises `ManifestUnfit`.
    """
    try:
        said = msgspec.json.decode(body)
    except msgspec.MsgspecError as error:
        raise ManifestUnfit(f"{error}.") from error
    if not isinstance(said, dict):
        raise ManifestUnfit("JSON object.")
    said.pop("signature", None)
    return msgspec.json.encode(said, order="sorted")


def read_manifest(body: bytes) -> ManifestSaid:
    """Raises `ManifestUnfit`."""
    return _checked(_read(body, ManifestSaid), side="handed")


def read_receipt(body: bytes) -> ReceiptSaid:
    """Raises `ManifestUnfit`."""
    return _checked(_read(body, ReceiptSaid), side="taken")


def digest(body: bytes) -> bytes:
    """The SHA-256 of what was said. Raises `ManifestUnfit`."""
    return hashlib.sha256(canonical(body)).digest()


def check_signature(jws: str, jwk: str | None, expected: Signed) -> None:
    """Whether the client's own registered key signed just this. Raises `SignatureForged`."""
    if jwk is None:
        raise SignatureForged("the client has no registered key")
    try:
        said = msgspec.json.decode(open_jws(jws, msgspec.json.decode(jwk), typ=SIGNED_TYPE), type=Signed)
    except (SealBroken, msgspec.MsgspecError) as error:
        raise SignatureForged(str(error)) from error
    if said != expected:
        raise SignatureForged("it is of another manifest, side or content")


def compared(handed: ManifestSaid | None, taken: ReceiptSaid | None) -> list[Compared]:
    """Every item that either side names, by its number."""
    given = {one.number: one for one in handed.lines} if handed else {}
    got = {one.number: one for one in taken.lines} if taken else {}
    told = handed is not None and taken is not None
    return [
        Compared(
            number, given.get(number), got.get(number), difference(given.get(number), got.get(number)) if told else ""
        )
        for number in sorted(given.keys() | got.keys())
    ]


def difference(handed: ItemSaid | None, taken: ItemSaid | None) -> Difference:
    """Where the two differ, once both sides have spoken. What is on the list and was not received is `not-handed`; of
    several things, what is missing goes before what is too much, and that before damage.
    """
    if taken is None or taken.condition == "missing":
        return "not-handed"
    if handed is None:
        return "unlisted"
    short, surplus = _against(handed.pieces, taken.pieces)
    if short:
        return "short"
    if surplus:
        return "surplus"
    return "damaged" if taken.condition not in ("intact", handed.condition) else "ok"


def _against(handed: Counts | None, taken: Counts | None) -> tuple[bool, bool]:
    """Whether something is missing, and whether something is too much; only what both have counted can be compared."""
    if handed is None or taken is None:
        return False, False
    short = surplus = False
    for kind in {one.kind for one in (*handed, *taken)}:
        given, got = (_named(pieces, kind) for pieces in (handed, taken))
        if "" in given or "" in got:
            # Who does not tell them apart by name has counted the kind alone.
            given, got = {"": sum(given.values())}, {"": sum(got.values())}
        for name in given.keys() | got.keys():
            short |= got.get(name, 0) < given.get(name, 0)
            surplus |= got.get(name, 0) > given.get(name, 0)
    return short, surplus


def _named(pieces: Counts, kind: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in pieces:
        if one.kind == kind and one.count:
            name = " ".join(unicodedata.normalize("NFC", one.name).casefold().split())
            found[name] = found.get(name, 0) + one.count
    return found


_SaidT = TypeVar("_SaidT", ManifestSaid, ReceiptSaid)


def _read(body: bytes, kind: type[_SaidT]) -> _SaidT:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise ManifestUnfit(f"{error}.") from error


def _checked(said: _SaidT, *, side: Which) -> _SaidT:
    numbers = [one.number for one in said.lines]
    if twice := sorted({one for one in numbers if numbers.count(one) > 1}):
        raise ManifestUnfit(f"bưu gửi ghi hai lần · items named twice: {', '.join(twice[:5])}.")
    if side == "handed" and any(one.condition == "missing" for one in said.lines):
        raise ManifestUnfit("vật không có thì không giao được · what is missing cannot be handed over.")
    return said
