"""ZIP containers put together record by record, right ones and forged ones."""

import struct
import zlib
from dataclasses import dataclass, field

from signing.indication import Refusal
from signing.reasons_asic import REASONS

LOCAL_FIELDS = ("mark", "version", "flags", "method", "time", "day", "crc32", "compressed", "size", "name", "extra")
CENTRAL_FIELDS = ("mark", "made_by", "version", "flags", "method", "time", "day", "crc32", "compressed", "size")
CENTRAL_REST = ("name", "extra", "comment", "disk", "internal", "attributes", "offset")
END_FIELDS = ("mark", "disk", "directory_disk", "count_here", "count", "directory_bytes", "offset", "comment")
UTF8 = 0x0800
DESCRIPTOR = 0x0008


@dataclass(frozen=True)
class Member:
    """One entry; `local` and `central` put other numbers into one of its two headers."""

    name: str | bytes = "tep.txt"
    content: bytes = b"Noi dung cua tep."
    method: int = 0
    flags: int | None = None
    data: bytes | None = None  # as it lies in the file, if not as the method makes it
    local: dict[str, int] = field(default_factory=dict)
    central: dict[str, int] = field(default_factory=dict)
    local_name: bytes | None = None
    local_extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    descriptor: bytes = b""
    before: bytes = b""

    @property
    def written(self) -> bytes:
        return self.name if isinstance(self.name, bytes) else self.name.encode()

    @property
    def packed(self) -> bytes:
        if self.data is not None:
            return self.data
        return deflate(self.content) if self.method == 8 else self.content

    def numbers(self) -> dict[str, int]:
        flags = (0 if self.written.isascii() else UTF8) if self.flags is None else self.flags
        return {
            "version": 20,
            "flags": flags,
            "method": self.method,
            "time": 0,
            "day": 33,
            "crc32": zlib.crc32(self.content),
            "compressed": len(self.packed),
            "size": len(self.content),
        }

    def local_record(self) -> bytes:
        name = self.written if self.local_name is None else self.local_name
        numbers = self.numbers() | {"name": len(name), "extra": len(self.local_extra)} | self.local
        head = struct.pack("<4s5H3L2H", b"PK\x03\x04", *(numbers[one] for one in LOCAL_FIELDS[1:]))
        return head + name + self.local_extra

    def central_record(self, offset: int) -> bytes:
        numbers = self.numbers() | dict.fromkeys(("made_by", "disk", "internal", "attributes"), 0)
        numbers |= {"name": len(self.written), "extra": len(self.central_extra), "comment": len(self.comment)}
        numbers |= {"offset": offset} | self.central
        fields = (CENTRAL_FIELDS + CENTRAL_REST)[1:]
        head = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *(numbers[one] for one in fields))
        return head + self.written + self.central_extra + self.comment


def build(
    *members: Member,
    prefix: bytes = b"",
    between: bytes = b"",
    after_directory: bytes = b"",
    suffix: bytes = b"",
    comment: bytes = b"",
    end: dict[str, int] | None = None,
) -> bytes:
    """Put members, directory and end record together; offsets are right unless told."""
    content, directory = prefix, b""
    for member in members:
        content += member.before
        directory += member.central_record(len(content))
        content += member.local_record() + member.packed + member.descriptor
    content += between
    numbers = {"disk": 0, "directory_disk": 0, "count_here": len(members), "count": len(members)}
    numbers |= {"directory_bytes": len(directory), "offset": len(content), "comment": len(comment)} | (end or {})
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", *(numbers[one] for one in END_FIELDS[1:]))
    return content + directory + after_directory + record + comment + suffix


def deflate(content: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(content) + deflater.flush()


def descriptor(content: bytes, *, mark: bool = True, method: int = 8, crc32: int | None = None) -> bytes:
    packed = deflate(content) if method == 8 else content
    crc = zlib.crc32(content) if crc32 is None else crc32
    return (b"PK\x07\x08" if mark else b"") + struct.pack("<3L", crc, len(packed), len(content))


def extra_field(kind: int, content: bytes) -> bytes:
    return struct.pack("<2H", kind, len(content)) + content


def is_explained(refusal: Refusal) -> None:
    """The refusal's sentences are there in both languages, with nothing left blank."""
    reason = REASONS[refusal.code]
    for sentence in (reason.vi, reason.en):
        said = sentence.format(**refusal.fields)
        assert said
        assert said.isprintable()
