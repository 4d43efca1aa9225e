"""What is known of trusted certificates beside what they say themselves: the list `trust.toml` of a trust folder."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from typing import Final, Literal

import msgspec
from msgspec import Struct, field, structs

from signing.trust import TrustUnusable

FACTS_FILE: Final = "trust.toml"
FACTS_BYTES_MAX: Final = 1024 * 1024
TEXT_CHARACTERS_MAX: Final = 1000
# A day outside of these is a slip of the pen, and a slip there would trust for ever or never.
DAY_LEAST: Final = date(1990, 1, 1)
DAY_MOST: Final = date(2200, 12, 31)

# A certificate that ends paths, one that links them, and one that ends the paths of time-stamp authorities.
Role = Literal["anchor", "intermediate", "tsa-anchor"]
Standing = Literal["trusted", "not-yet", "ended", "withdrawn"]

_VIETNAM: Final = timezone(timedelta(hours=7))
_SHA256: Final = re.compile(r"[0-9a-f]{64}|(?:[0-9a-f]{2}:){31}[0-9a-f]{2}")
_SHA256_LINE: Final = re.compile(
    r"""^[ \t]*sha256[ \t]*=[ \t]*["']([0-9A-Fa-f:]+)["'][ \t]*(?:\#.*)?\r?$""", re.MULTILINE
)
_TEXTS: Final = ("source", "added_by", "note", "why")
_DAYS: Final = ("obtained_on", "trusted_from", "trusted_until", "withdrawn_on")
_HEAD: Final = """\
# Danh sách chứng thư số trong thư mục này: lấy ở đâu, được tin trong thời gian nào. Ngày theo giờ Việt Nam.
# The certificates of this folder: where they were obtained, and while we trust them. Days are Vietnam's.
# Sửa tay được; chỗ nào không hiểu thì cổng không nhận cả tệp và giữ niềm tin đang dùng.
# May be edited; whatever is not understood makes the whole file unusable, and the trust in force stays.
"""


class Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One certificate, known by its SHA-256 (lower-case hex), and while *we* trust it, beside its own validity.

    Trusted from the beginning of `trusted_from` to the end of `trusted_until`, in Vietnam; without them, always.
    `withdrawn_on` ends it at the beginning of that day, for good, and leaves the record. `role` overrides what would
    follow from the certificate: a self-signed one is an anchor (RFC 5280 §6.1.1 (d)).
    """

    sha256: str
    role: Role | None = None
    source: str = ""
    obtained_on: date | None = None
    added_by: str = ""
    trusted_from: date | None = None
    trusted_until: date | None = None
    note: str = ""
    withdrawn_on: date | None = None
    why: str = ""

    def standing(self, now: datetime) -> Standing:
        """Whether it is trusted at `now`, and if not, why."""
        if self.withdrawn_on is not None and begin_of(self.withdrawn_on) <= now:
            return "withdrawn"
        if self.trusted_from is not None and now < begin_of(self.trusted_from):
            return "not-yet"
        if self.trusted_until is not None and end_of(self.trusted_until) <= now:
            return "ended"
        return "trusted"

    def turns(self) -> Iterator[datetime]:
        """The instants at which its standing may change."""
        if self.trusted_from is not None:
            yield begin_of(self.trusted_from)
        if self.trusted_until is not None:
            yield end_of(self.trusted_until)
        if self.withdrawn_on is not None:
            yield begin_of(self.withdrawn_on)


class _File(Struct, forbid_unknown_fields=True):
    """`trust.toml`, as it is written."""

    certificates: list[Facts] = field(name="certificate", default_factory=list)


def begin_of(day: date) -> datetime:
    """The first instant of a day in Vietnam."""
    return datetime.combine(day, time.min, _VIETNAM)


def end_of(day: date) -> datetime:
    """The first instant after a day in Vietnam."""
    return begin_of(day) + timedelta(days=1)


def plain_sha256(text: str) -> str:
    """A SHA-256 in lower-case hex, from how people write it (colons, blanks, capitals); "" when it is none."""
    lower = "".join(text.split()).lower()
    return lower.replace(":", "") if _SHA256.fullmatch(lower) else ""


def read_facts(content: bytes, where: str) -> dict[str, Facts]:
    """Read the bytes of a `trust.toml`: facts by SHA-256; `where` is named in what goes wrong.

    Raises TrustUnusable for whatever is not understood: an unknown word might be the one that ends trust.
    """
    if len(content) > FACTS_BYTES_MAX:
        raise TrustUnusable(f"trust list {where}: longer than {FACTS_BYTES_MAX} bytes")
    try:
        # Line ends are the same to tomllib; a byte order mark, as some editors write it, is not.
        table = tomllib.loads(content.removeprefix(b"\xef\xbb\xbf").decode())
        listed = msgspec.convert(table, _File).certificates
    except (ValueError, RecursionError) as error:  # tomllib's and msgspec's own errors are ValueErrors
        raise TrustUnusable(f"trust list {where}: {' '.join(str(error).split())[:300]}") from error
    found: dict[str, Facts] = {}
    for number, one in enumerate(listed, 1):
        sha256 = plain_sha256(one.sha256)
        wrong = _fault(one) if sha256 else "sha256 is not 64 hexadecimal digits"
        if not wrong and sha256 in found:
            wrong = f"{sha256} stands twice"
        if wrong:
            raise TrustUnusable(f"trust list {where}: certificate {number}: {wrong}")
        found[sha256] = structs.replace(one, sha256=sha256)
    return found


def _fault(facts: Facts) -> str:
    """What one entry says that cannot be meant, or ""."""
    for name in _DAYS:
        day: date | None = getattr(facts, name)
        if day is not None and not DAY_LEAST <= day <= DAY_MOST:
            return f"{name} is not between {DAY_LEAST} and {DAY_MOST}"
    for name in _TEXTS:
        text: str = getattr(facts, name)
        if len(text) > TEXT_CHARACTERS_MAX or not text.isprintable():
            return f"{name} is not one line of at most {TEXT_CHARACTERS_MAX} printable characters"
    if facts.trusted_from and facts.trusted_until and facts.trusted_until < facts.trusted_from:
        return "trusted_until is before trusted_from"
    # Whoever wrote why it is withdrawn, and not when, believes that it is withdrawn.
    return "why without withdrawn_on" if facts.why and facts.withdrawn_on is None else ""


def with_facts(content: bytes, facts: Facts) -> bytes:
    """The bytes of a `trust.toml` with one certificate more; what stands there stays as it is, comments too.

    Raises TrustUnusable when the result would not be one (the certificate stands there already).
    """
    before = read_facts(content, FACTS_FILE)
    if wrong := _fault(facts):
        raise TrustUnusable(f"trust list {FACTS_FILE}: {wrong}")
    begin = content.decode() if content.strip() else _HEAD
    lines = ["[[certificate]]"]
    for name in Facts.__struct_fields__:
        value: str | date | None = getattr(facts, name)
        if value:
            lines.append(f"{name} = {value.isoformat() if isinstance(value, date) else _quoted(value)}")
    made = (begin.rstrip() + "\n\n" + "\n".join(lines) + "\n").encode()
    if read_facts(made, FACTS_FILE) != before | {facts.sha256: facts}:
        raise TrustUnusable(f"trust list {FACTS_FILE}: cannot be added to; edit it by hand")
    return made


def with_withdrawal(content: bytes, sha256: str, on: date, why: str) -> bytes:
    """The bytes of a `trust.toml` with a certificate that stands there withdrawn; all else stays as it is.

    Raises TrustUnusable when the entry is written in a way that cannot be added to: then a person must.
    """
    before = read_facts(content, FACTS_FILE)
    text = content.decode()
    wanted = before | {sha256: structs.replace(before[sha256], withdrawn_on=on, why=why)}
    if wrong := _fault(wanted[sha256]):
        raise TrustUnusable(f"trust list {FACTS_FILE}: {wrong}")
    more = f"\nwithdrawn_on = {on.isoformat()}\nwhy = {_quoted(why)}"
    for line in _SHA256_LINE.finditer(text):
        if plain_sha256(line[1]) == sha256:
            end = line.end()
            made = (text[:end].rstrip("\r") + more + text[end:]).encode()
            try:
                if read_facts(made, FACTS_FILE) == wanted:
                    return made
            except TrustUnusable:  # that line was no entry's
                continue
    raise TrustUnusable(f"trust list {FACTS_FILE}: the entry {sha256} cannot be added to; edit it by hand")


def _quoted(text: str) -> str:
    """A TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
