"""The one door to Typst: data in, PDF out; the same data and instant give the same bytes on every machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

TEMPLATES: Final = Path(__file__).parent / "paper"
SIZE_BYTES_MAX: Final = 64 * 2**20
# What a server sets: a list of some 4,500 employees, which takes half a minute and a gigabyte.
APART_SIZE_BYTES_MAX: Final = 4 * 2**20
TIME_S_MAX: Final = 60

# PDF/A-2a (ISO 19005-2) for keeping, PDF/UA-1 (ISO 14289-1) for readers who do not see; Typst refuses what breaks them.
_STANDARDS: Final = ("a-2a", "ua-1")
# What the fonts inside Typst have a glyph for, upright, bold and italic. Others are written by their number: a name
# must never be printed as an empty box.
_GLYPHS: Final = (
    (0x20, 0x7E),
    (0xA0, 0xAC),
    (0xAE, 0x24F),
    (0x2B0, 0x2FF),
    (0x3A3, 0x482),
    (0x1E00, 0x1EFF),
    (0x2010, 0x2027),
    (0x2030, 0x205E),
    (0x20A0, 0x20C0),
    (0x2190, 0x22FF),
    (0x2500, 0x25FF),
    (0x2713, 0x2714),
    (0x2717, 0x2718),
)
_HAVE: Final = frozenset(chr(code) for first, last in _GLYPHS for code in range(first, last + 1))
# Widths of letters as parts of their size: capitals, and most small letters and figures.
_WIDEST_EM: Final = 0.95
_NARROW_EM: Final = 0.56
_NARROW: Final = ".,:;/-()[]'\"!| "
# May a line break here? Drawn as nothing.
BREAK_HERE: Final = "\u200b"
_ALLOWED: Final = _HAVE | {BREAK_HERE, "\n"}


class TypesetError(Exception):
    """A document could not be set: its template is at fault, or it is far too large. Not worth a retry."""


class TooLongError(TypesetError):
    """A document is too long to be set. Not worth a retry; the same can be had as HTML."""


def pdf(template: str, content: object, made_at: datetime) -> bytes:
    """Set `content` (anything that JSON can carry) by the template `paper/<template>.typ`, dated `made_at`.

    The template gets it as JSON text and shows its strings as they are, never as markup. Needs no network and no font
    of the machine. Raises TypesetError.
    """
    return _compile(template, _told(content), int(made_at.timestamp()), picture=False)[0]


def pdf_apart(template: str, content: object, made_at: datetime) -> bytes:
    """As `pdf`, with the same bytes, in a process of its own: for servers.

    Typst keeps what it has set, some hundreds of megabytes after a few long lists; here they go with the process, and
    so does whatever takes longer than a minute. What would is refused at once, by its size, for others wait meanwhile.
    Blocks; costs about a fifth of a second more. Raises TypesetError, TooLongError.
    """
    told = _told(content, APART_SIZE_BYTES_MAX)
    asked = [sys.executable, "-m", "schemas.typeset", template, str(int(made_at.timestamp()))]
    try:
        done = subprocess.run(asked, input=told, capture_output=True, check=False, timeout=TIME_S_MAX)  # noqa: S603 - ourselves
    except subprocess.TimeoutExpired as error:
        raise TooLongError(f"{template}.typ: took longer than {TIME_S_MAX} s") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise TypesetError(lines[-1] if lines else f"{template}.typ: the process ended with {done.returncode}")
    return done.stdout


def pictures(template: str, content: object, made_at: datetime) -> list[bytes]:
    """The same sheets as PNG, one each: for looking at. Raises TypesetError."""
    return _compile(template, _told(content), int(made_at.timestamp()), picture=True)


def printable(text: str) -> str:
    """The text in letters that the fonts have; others as [U+6F22]."""
    if _ALLOWED.issuperset(text):
        return text
    return "".join(sign if sign in _ALLOWED else f"[U+{ord(sign):04X}]" for sign in text)


def breakable(text: str, width_em: float) -> str:
    """The text with places to break between all letters of each word that may be wider than that many times the size
    of its letters, so that none leaves its column.
    """
    if len(text) * _WIDEST_EM <= width_em:
        return text
    return " ".join(
        BREAK_HERE.join(word) if sum(map(_letter_em, word)) > width_em else word for word in text.split(" ")
    )


def _letter_em(letter: str) -> float:
    """At most how wide a letter is."""
    if letter.islower() or letter.isdigit() or letter in _NARROW:
        return _WIDEST_EM if letter in "mw" else _NARROW_EM
    return _WIDEST_EM


def _told(content: object, most: int = SIZE_BYTES_MAX) -> bytes:
    told = msgspec.json.encode(_letters(msgspec.to_builtins(content)))
    if len(told) > most:
        raise TooLongError(f"{len(told)} bytes of text: more than {most}")
    return told


def _compile(template: str, told: bytes, made_at_s: int, *, picture: bool) -> list[bytes]:
    # The library is large; only who prints pays for it.
    import typst  # noqa: PLC0415

    try:
        made = typst.compile(
            TEMPLATES / f"{template}.typ",
            root=TEMPLATES,
            font_paths=typst.Fonts(include_system_fonts=False),
            ignore_system_fonts=True,
            format="png" if picture else "pdf",
            sys_inputs={"data": told.decode()},
            timestamp=made_at_s,
            pdf_standards=[] if picture else list(_STANDARDS),
        )
    except (typst.TypstError, RuntimeError, OSError) as error:
        raise TypesetError(f"{template}.typ: {getattr(error, 'message', error)}") from error
    sheets = cast("bytes | list[bytes] | None", made)
    if not sheets:
        raise TypesetError(f"{template}.typ: nothing came out")
    return sheets if isinstance(sheets, list) else [sheets]


def _letters(content: object) -> object:
    """The same, every text of it printable."""
    if isinstance(content, str):
        return printable(content)
    if isinstance(content, dict):
        return {name: _letters(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_letters(value) for value in content]
    return content


def _main(template: str, made_at_s: str) -> int:
    """What the process of `pdf_apart` does: content from its standard input, the PDF to its standard output."""
    try:
        made = _compile(template, sys.stdin.buffer.read(), int(made_at_s), picture=False)[0]
    except TypesetError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
