"""Tables of offices as files: TOML with everything, CSV with the offices alone; and the text that a digest is of."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.office_rows import Office, OfficesMistaken, Rows, Rule
from schemas.written import parse_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHIPPED: Final = Path(__file__).parent / "offices"
FILE_BYTES_MAX: Final = 16 * 1024 * 1024
COLUMNS: Final = (
    "code", "kind", "name", "parent", "valid_from", "valid_to", "successors", "predecessors", "handles", "places",
    "certainty", "note",
)  # fmt: skip
_NEEDED: Final = ("code", "name")
_LISTS: Final = frozenset({"successors", "predecessors", "handles", "places"})
_DAYS: Final = frozenset({"valid_from", "valid_to"})


class _OfficeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    offices: tuple[Office, ...]
    rules_version: str = ""
    rules: tuple[Rule, ...] = ()


class _RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    rules: tuple[Rule, ...]


def load_rows(path: Path | None = None) -> Rows:
    """Read a folder with offices.toml and rules.toml, or a file of offices with or without rules; what is absent is
    ours. Raises `OfficesMistaken`.
    """
    offices_at, rules_at = SHIPPED / "offices.toml", SHIPPED / "rules.toml"
    if path is not None:
        offices_at = path / "offices.toml" if path.is_dir() else path
        if path.is_dir() and (path / "rules.toml").exists():
            rules_at = path / "rules.toml"
    try:
        rules = msgspec.toml.decode(rules_at.read_bytes(), type=_RuleFile)
        # The invented rules are for the invented offices, which another's table does not have.
        ours_for_others = path is not None and rules_at.parent == SHIPPED
        held = tuple(each for each in rules.rules if not ours_for_others or each.certainty != "demo")
        return read_toml(offices_at.read_bytes(), rules.version, held)
    except (OSError, ValueError, OfficesMistaken) as fault:
        raise OfficesMistaken(f"{offices_at.name}, {rules_at.name}: {fault}") from fault


def read_toml(content: bytes, rules_version: str, rules: tuple[Rule, ...]) -> Rows:
    """A table from TOML; where it has no rules, these stay in force. Raises `OfficesMistaken`."""
    if len(content) > FILE_BYTES_MAX:
        raise OfficesMistaken(f"larger than {FILE_BYTES_MAX} bytes")
    try:
        told = msgspec.toml.decode(content, type=_OfficeFile)
    except ValueError as fault:
        raise OfficesMistaken(str(fault)) from fault
    if told.rules:
        rules_version, rules = told.rules_version or told.version, told.rules
    return Rows(told.version, rules_version, told.offices, rules)


def read_csv(text: str, since: date) -> tuple[Office, ...]:
    """Offices from CSV. The first line names the columns, in any order; only `code` and `name` must be there.

    A list has blanks or semicolons between its members; a day is yyyy-mm-dd or dd/MM/yyyy, and an empty `valid_from`
    is `since`. Raises `OfficesMistaken`, which names the line.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        heads = tuple(reader.fieldnames or ())
        if (missing := sorted(set(_NEEDED) - set(heads))) or (strange := sorted(set(heads) - set(COLUMNS))):
            raise OfficesMistaken(
                f"thiếu cột · missing columns: {', '.join(missing)}" if missing
                else f"cột lạ · unknown columns: {', '.join(strange)} ({','.join(COLUMNS)})"
            )  # fmt: skip
        return tuple(_offices_of(reader, since))
    except csv.Error as fault:
        raise OfficesMistaken(f"dòng · line {reader.line_num + 1}: {fault}") from fault


def _offices_of(reader: csv.DictReader[str], since: date) -> Iterator[Office]:
    for row in reader:
        if None in row or None in row.values():
            raise OfficesMistaken(f"dòng · line {reader.line_num}: thừa hoặc thiếu cột · too many or too few columns")
        try:
            yield _office(row, since)
        except ValueError as fault:
            raise OfficesMistaken(f"dòng · line {reader.line_num}: {fault}") from fault


def _office(row: dict[str, str], since: date) -> Office:
    told: dict[str, object] = {"parent": "", "valid_from": since, "certainty": "unconfirmed"}
    for column, cell in row.items():
        text = unicodedata.normalize("NFC", " ".join(cell.split()))
        if column in _LISTS:
            told[column] = text.replace(";", " ").split()
        elif text and column in _DAYS:
            told[column] = parse_date(text) or date.fromisoformat(text)
        elif text:
            told[column] = text
    return msgspec.convert(told, Office)


def write_csv(offices: Iterable[Office]) -> str:
    """Offices as CSV that `read_csv` reads again."""
    written = io.StringIO()
    sheet = csv.writer(written, lineterminator="\n")
    sheet.writerow(COLUMNS)
    for office in offices:
        cells = (getattr(office, column) for column in COLUMNS)
        sheet.writerow("" if cell is None else " ".join(cell) if isinstance(cell, tuple) else cell for cell in cells)
    return written.getvalue()


def write_toml(rows: Rows) -> bytes:
    """The table as TOML, in one way only: the order of the rows and of their members is kept, defaults are left out.

    This text is what is kept, what the seal's digest is of, and what the version in receipts names.
    """
    lines = [f"version = {_text(rows.version)}", f"rules_version = {_text(rows.rules_version)}"]
    for name, some in (("offices", rows.offices), ("rules", rows.rules)):
        for one in some:
            lines += ["", f"[[{name}]]"]
            # The members in their order, without those that are as by default.
            told = msgspec.to_builtins(one, builtin_types=(date,))
            lines += [
                f"{member} = {_value(told[member])}" for member in one.__struct_fields__ if told.get(member) is not None
            ]
    return ("\n".join(lines) + "\n").encode()


def _value(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)} = {each}" for key, each in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_text(each) for each in value) + "]"
    return value.isoformat() if isinstance(value, date) else str(value)


def _text(text: str) -> str:
    """A basic string: JSON's escapes are among TOML's, but for the one character that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
