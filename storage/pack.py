"""The pack: entries framed one after another, so that a pack explains itself without the journal.

    pack   = magic (16 bytes) version (4) entry*
    entry  = mark (4) length of body (8) sha256 of the plain content (32) body crc32 (4)

Numbers are unsigned and big-endian. The CRC-32 (ITU-T V.42) covers everything before it in the entry; it is there for
torn tails and failing disks, not for attackers: the body carries its own AES-GCM tag. Keys are never in a pack.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from zlib import crc32

from msgspec import Struct

from storage.vault import ContentCorrupt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.vault import Entry

# Like PNG's: a first byte that is no text, and line ends that show whether somebody moved the file as text.
MAGIC = b"\x89motcua pack\r\n\x1a\n"
VERSION = 1
HEADER = MAGIC + VERSION.to_bytes(4, "big")

_MARK = b"\x8fent"
_HEAD = struct.Struct(">4sQ32s")
_TAIL = struct.Struct(">I")
FRAME_BYTES = _HEAD.size + _TAIL.size


class PackUnknown(Exception):
    """The pack has a version this program does not know. Trying again does not help: a newer program reads it."""


class Found(Struct, frozen=True):
    """A sound entry: the name of its plain content, and the frame's place in the pack."""

    sha256: bytes
    offset: int
    length: int


class Gap(Struct, frozen=True):
    """Bytes of a pack that belong to no sound entry: a torn tail when it reaches the end, damage otherwise."""

    offset: int
    length: int


class Scan(Struct, frozen=True):
    """What a pack holds: together, header, entries and gaps cover every byte of it.

    A name may be found twice (the same content was put twice): the locked bodies then differ, and each opens only with
    its own key.
    """

    found: tuple[Found, ...]
    gaps: tuple[Gap, ...]


def lay(entries: Sequence[Entry]) -> tuple[list[bytes], list[int]]:
    """Frame `entries`: the chunks to write in order (bodies are not copied), and the length of each entry's frame."""
    chunks: list[bytes] = []
    lengths: list[int] = []
    for entry in entries:
        body = entry.body
        if len(entry.sha256) != 32:  # noqa: PLR2004 - struct would pad or cut it in silence
            raise ValueError("a name is a SHA-256: 32 bytes")
        head = _HEAD.pack(_MARK, len(body), entry.sha256)
        chunks += (head, body, _TAIL.pack(crc32(body, crc32(head))))
        lengths.append(FRAME_BYTES + len(body))
    return chunks, lengths


def unframe(framed: bytes) -> bytes:
    """Return the body of exactly one framed entry. Raises `ContentCorrupt`."""
    length = _frame_length(memoryview(framed))
    if length is None or length != len(framed):
        raise ContentCorrupt("these bytes are not one whole entry of a pack")
    return framed[_HEAD.size : -_TAIL.size]


def scan(pack: bytes) -> Scan:
    """Find every sound entry of a pack, without keys and without the journal.

    Damage costs the entries it touches and no others: the search goes on at the next sound entry. What is left over is
    reported as gaps, so that nobody takes a torn pack for a whole one. The time grows with the size of the pack, save
    when somebody plants marks in it on purpose. Raises `PackUnknown`.
    """
    view = memoryview(pack)
    found: list[Found] = []
    gaps: list[Gap] = []
    position = 0
    if pack.startswith(HEADER):
        position = len(HEADER)
    elif pack.startswith(MAGIC) and len(pack) >= len(HEADER):
        raise PackUnknown(f"pack version {int.from_bytes(pack[len(MAGIC) : len(HEADER)], 'big')}")
    elif not pack:
        gaps.append(Gap(0, 0))  # even an empty pack has a header
    while position < len(pack):
        length = _frame_length(view[position:])
        if length is None:
            following = _next_sound(pack, view, position + 1)
            gaps.append(Gap(position, following - position))
            position = following
        else:
            _, _, sha256 = _HEAD.unpack_from(view, position)
            found.append(Found(sha256, position, length))
            position += length
    return Scan(tuple(found), tuple(gaps))


def _next_sound(pack: bytes, view: memoryview, position: int) -> int:
    """Offset of the next sound entry at or after `position`, or the end of the pack."""
    while (position := pack.find(_MARK, position)) >= 0:
        if _frame_length(view[position:]) is not None:
            return position
        position += 1
    return len(pack)


def _frame_length(view: memoryview) -> int | None:
    """Length of the sound frame with which `view` begins, or None when it begins with none."""
    if len(view) < FRAME_BYTES:
        return None
    mark, body_length, _ = _HEAD.unpack_from(view)
    end = _HEAD.size + body_length
    if mark != _MARK or end + _TAIL.size > len(view):
        return None
    (told,) = _TAIL.unpack_from(view, end)
    return end + _TAIL.size if told == crc32(view[:end]) else None
