"""The register of units from a CSV file: read in a stream, compared with what is registered, written in small steps."""

from __future__ import annotations

import csv
import re
import unicodedata
from datetime import date
from typing import TYPE_CHECKING, TextIO

from msgspec import Struct

from schemas.checkdigits import tax_code_canonical, tax_code_holds
from schemas.written import parse_date
from storage import register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy as sa

    from gateway.routing import OfficeTable
    from storage.database import Database

COLUMNS = ("code", "tax_code", "office", "name", "valid_from", "valid_to")
# Columns that may be left out; where they are, or a cell is empty, what is registered stays.
SIGNING_COLUMNS = ("signing", "signed_by_parent")
NAME_CHARACTERS_MAX = 300
FAULTS_TOLD_MAX = 50
# Each step is a short transaction, so that a gateway that is at work meanwhile hardly notices.
ROWS_A_STEP = 2000
_CODE = re.compile(r"[0-9A-Z]{7}", re.ASCII)
_TAX_CODE = re.compile(r"[0-9]{10}(-[0-9]{3})?|[0-9]{12}", re.ASCII)
_OFFICE = re.compile(r"[0-9]{5}", re.ASCII)
_MODES: dict[str, register.Signing | None] = {"": None, "tax-code": "tax-code", "registered": "registered"}
_TRUTHS = {"": None, "yes": True, "có": True, "1": True, "no": False, "không": False, "0": False}


class FileUnreadable(Exception):
    """The file is not such a CSV file at all. Nothing was written."""


class Fault(Struct, frozen=True):
    """One row that cannot be taken, and why."""

    line: int
    vi: str
    en: str


class Difference(Struct):
    """What an import changes: rows by their code and first day."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    ended: int = 0
    unchanged: int = 0
    bad: int = 0
    offices_unknown: int = 0
    tax_codes_doubtful: int = 0
    faults: list[Fault] = []


class Registered:
    """What is registered already: for each code and first day, what stands there, as small as it goes."""

    def __init__(self, tx: sa.Connection) -> None:
        self._held: dict[str, tuple[int, str]] = {}
        # Only what is not the default: few units are signed for in another way.
        self._signing: dict[str, tuple[str, bool]] = {}
        for unit in register.units(tx):
            self._held[_key(unit)] = _content(unit)
            if (signing := (unit.signing, unit.signed_by_parent)) != _BY_DEFAULT:
                self._signing[_key(unit)] = signing

    def compare(self, unit: register.Told) -> str:
        """Whether the row would be `added`, `changed`, `ended` (only its last day is new) or is `unchanged`."""
        held = self._held.get(_key(unit))
        if held is None:
            return "added"
        signing, by_parent = self._signing.get(_key(unit), _BY_DEFAULT)
        if unit.signing not in (None, signing) or unit.signed_by_parent not in (None, by_parent):
            return "changed"
        told = _content(unit)
        if held == told:
            return "unchanged"
        return "ended" if held[0] == told[0] and held[1] == "" and told[1] else "changed"


_BY_DEFAULT = (str(register.BY_TAX_CODE), False)


def _key(unit: register.Unit | register.Told) -> str:
    return f"{unit.code} {unit.valid_from}"


def _content(unit: register.Unit | register.Told) -> tuple[int, str]:
    """A 64-bit mark of what the row says, and its last day. Two rows that differ share a mark once in 10^19 times."""
    return hash((unit.tax_code, unit.office, unit.name)), unit.valid_to or ""


def rows_of(file: TextIO) -> Iterator[tuple[int, register.Told | Fault]]:
    """The rows of a CSV file with their line numbers, each a unit or a fault. Raises `FileUnreadable`.

    The first line names the columns, in any order. `name` and `valid_to` may be empty; a day is yyyy-mm-dd or
    dd/MM/yyyy. `signing` (tax-code, registered) and `signed_by_parent` (yes, no) may be there too.
    """
    reader = csv.DictReader(file, strict=True)
    try:
        if missing := sorted(set(COLUMNS) - set(reader.fieldnames or ())):
            raise FileUnreadable(f"thiếu cột · missing columns: {', '.join(missing)} ({','.join(COLUMNS)})")
        seen: dict[str, int] = {}
        for row in reader:
            line = reader.line_num
            unit = _unit(row, line)
            if isinstance(unit, register.Told) and (earlier := seen.setdefault(_key(unit), line)) != line:
                vi = f"đơn vị {unit.code} từ {unit.valid_from} đã có ở dòng {earlier}"
                yield line, Fault(line, vi, f"unit {unit.code} from {unit.valid_from} is in line {earlier} already")
            else:
                yield line, unit
    except (csv.Error, UnicodeDecodeError) as error:
        raise FileUnreadable(f"dòng · line {reader.line_num + 1}: {error}") from error


def compare(file: TextIO, database: Database, offices: OfficeTable, progress: Callable[[int], None]) -> Difference:
    """Read the file and say what it would change; nothing is written. Raises `FileUnreadable`, `DatabaseAway`."""
    with database.read() as tx:
        registered = Registered(tx)
    found = Difference()
    known = {office.code for office in offices.offices}
    for _, unit in rows_of(file):
        found.rows += 1
        if isinstance(unit, Fault):
            found.bad += 1
            if len(found.faults) < FAULTS_TOLD_MAX:
                found.faults.append(unit)
        else:
            found.offices_unknown += unit.office not in known
            found.tax_codes_doubtful += not tax_code_holds(unit.tax_code)
            kind = registered.compare(unit)
            setattr(found, kind, getattr(found, kind) + 1)
        if found.rows % ROWS_A_STEP == 0:
            progress(found.rows)
    return found


def write(file: TextIO, database: Database, progress: Callable[[int], None]) -> int:
    """Write the file's good rows that differ from the register; returns how many.

    Every step is a transaction of its own: after a crash the earlier steps are there, and running it again writes the
    rest. Raises `FileUnreadable`, `DatabaseAway`.
    """
    with database.read() as tx:
        registered = Registered(tx)
    written, waiting = 0, list[register.Told]()
    for _, unit in rows_of(file):
        if isinstance(unit, Fault) or registered.compare(unit) == "unchanged":
            continue
        waiting.append(unit)
        if len(waiting) >= ROWS_A_STEP:
            written += _step(database, waiting)
            progress(written)
    return written + _step(database, waiting)


def _step(database: Database, waiting: list[register.Told]) -> int:
    with database.begin() as tx:
        register.put(tx, waiting)
    count = len(waiting)
    waiting.clear()
    return count


def _unit(row: dict[str, str], line: int) -> register.Told | Fault:
    """A row as a unit, or the first thing that is wrong with it."""
    if None in row or None in row.values():
        return Fault(line, "thừa hoặc thiếu cột", "too many or too few columns")
    mode, truth = (row.get(name, "").strip().lower() for name in SIGNING_COLUMNS)
    if mode not in _MODES:
        return Fault(line, f"signing “{mode}” không phải tax-code hay registered", "signing: tax-code or registered")
    if truth not in _TRUTHS:
        return Fault(line, f"signed_by_parent “{truth}” không phải yes hay no", "signed_by_parent: yes or no")
    unit = register.Told(
        code=row["code"].strip(),
        tax_code=tax_code_canonical(row["tax_code"].strip()),
        office=row["office"].strip(),
        name=unicodedata.normalize("NFC", " ".join(row["name"].split())),
        valid_from=_day(row["valid_from"]),
        valid_to=_day(row["valid_to"]) if row["valid_to"].strip() else None,
        signing=_MODES[mode],
        signed_by_parent=_TRUTHS[truth],
    )
    wrong = fault_of(unit)
    return Fault(line, *wrong) if wrong else unit


def fault_of(unit: register.Unit | register.Told) -> tuple[str, str] | None:
    """The first thing that is wrong with a unit, in Vietnamese and English."""
    if not _CODE.fullmatch(unit.code):
        return f"mã đơn vị “{unit.code}” không phải 7 ký tự 0-9 A-Z", f"unit code “{unit.code}” is not 7 of 0-9 A-Z"
    if not _TAX_CODE.fullmatch(unit.tax_code):
        return f"mã số thuế “{unit.tax_code}” viết không đúng", f"tax code “{unit.tax_code}” is not written as one"
    if not _OFFICE.fullmatch(unit.office):
        return f"mã cơ quan “{unit.office}” không phải 5 chữ số", f"office “{unit.office}” is not 5 digits"
    if len(unit.name) > NAME_CHARACTERS_MAX:
        return f"tên dài hơn {NAME_CHARACTERS_MAX} ký tự", f"the name is longer than {NAME_CHARACTERS_MAX} characters"
    if not unit.valid_from or unit.valid_to == "":
        return "ngày không đúng (yyyy-mm-dd hoặc dd/MM/yyyy)", "a day is not yyyy-mm-dd or dd/MM/yyyy"
    if unit.valid_to is not None and unit.valid_to < unit.valid_from:
        return "valid_to trước valid_from", "valid_to is before valid_from"
    return None


def _day(text: str) -> str:
    """A day in ISO 8601, or nothing when it is none."""
    text = text.strip()
    if (read := parse_date(text)) is not None:
        return read.isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""
