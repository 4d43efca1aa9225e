"""The terms on which every command works: its arguments, its settings, its exit status, its words for people."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from gateway.clock import VIETNAM
from gateway.config import PREFIX, Settings, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DONE, JUDGED_BAD, COULD_NOT = 0, 1, 2
WIDTH = 100

Run = Callable[[argparse.Namespace], int]
Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it
Language = Literal["vi", "en", "both"]


class CannotWork(Exception):
    """A command was called wrong or could not do its work; the message is one clear line. Exit status 2."""


class Parser(argparse.ArgumentParser):
    """Answers a wrong call in one line."""

    def error(self, message: str) -> NoReturn:
        """End with exit status 2."""
        self.exit(COULD_NOT, f"{self.prog}: {message} (xem · see: {self.prog} --help)\n")


def command(commands: Commands[Parser], name: str, run: Run, *, says: str, tells: str, example: str) -> Parser:
    """Declare a command: what it does in Vietnamese and English, and an example of its use."""
    parser = commands.add_parser(
        name,
        help=says,
        description=f"{says}\n{tells}",
        epilog="ví dụ · example:\n" + textwrap.indent(textwrap.dedent(example).strip(), "  "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def group(commands: Commands[Parser], name: str, *, says: str, tells: str) -> Commands[Parser]:
    """Declare a command that has commands of its own."""
    parser = commands.add_parser(
        name, help=says, description=f"{says}\n{tells}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser.add_subparsers(title="lệnh · commands", metavar="COMMAND", required=True, parser_class=Parser)


def settings() -> Settings:
    """The settings in force for this command. Raises `Misconfigured`."""
    return load(os.environ)


def add_json(parser: Parser) -> None:
    """Let a program read what the command says."""
    parser.add_argument("--json", action="store_true", help="in JSON cho chương trình đọc · print JSON for programs")


def add_language(parser: Parser) -> None:
    """Let people choose the language of findings."""
    parser.add_argument(
        "--lang",
        choices=("vi", "en", "both"),
        default="vi",
        help="ngôn ngữ của kết quả (mặc định: vi) · language of the report",
    )


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `least` to `most`."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text[:12]) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return read


def a_day(text: str) -> date:
    """The type of an argument that is a day: 2026-03-31 or 31/03/2026."""
    try:
        return date.fromisoformat(text) if "-" in text else datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day like 2026-03-31 or 31/03/2026") from None


def an_instant(text: str) -> datetime:
    """The type of an argument that is an instant: RFC 3339, or dd/MM/yyyy HH:mm in Vietnam's time."""
    for read in (datetime.fromisoformat, lambda told: datetime.strptime(told, "%d/%m/%Y %H:%M")):  # noqa: DTZ007
        try:
            found = read(text)
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=VIETNAM)
    raise argparse.ArgumentTypeError(f"{text!r} is not a time like 2026-03-31T16:30+07:00 or '31/03/2026 16:30'")


def read_file(path: str) -> bytes:
    """The bytes of a file, or of standard input for `-`. Raises `CannotWork`."""
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CannotWork(f"{path}: {error.strerror}") from error


def write_file(path: str | None, content: bytes) -> None:
    """Write bytes to a file, or to standard output when there is no path or it is `-`. Raises `CannotWork`."""
    if path is None or path == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise CannotWork(f"{path}: {error.strerror}") from error


def aside(text: str) -> None:
    """Say something to the person at the terminal that is not the command's result."""
    print(text, file=sys.stderr, flush=True)


def wrapped(head: str, text: str, indent: int) -> list[str]:
    """A labelled paragraph, broken at `WIDTH`, its later lines set under the first word."""
    first = " " * indent + head
    clean = " ".join(unicodedata.normalize("NFC", text).split())
    return textwrap.wrap(
        clean, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    ) or [first]


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows set in columns, two blanks apart."""
    held = [tuple(row) for row in rows]
    if not held:
        return []
    widths = [max(len(row[at]) for row in held) for at in range(len(held[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in held]


def thousands(number: int) -> str:
    """A number as it is written in Vietnam: 600.000."""
    return f"{number:,}".replace(",", ".")


def environment_with(**values: str) -> dict[str, str]:
    """This process's environment for a gateway of its own: without our settings, with those `MOTCUA_…` values."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return others | {f"{PREFIX}{name.upper()}": value for name, value in values.items()}
