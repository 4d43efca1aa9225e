"""A carrier's events from a CSV file or a workbook: its columns found by their names, its rows read one by one."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.postal.carrier_tables import tidy_word
from gateway.postal.handlings import BATCH_MAX, hear
from gateway.postal.told import Row
from schemas.sheet_grid import read_grids
from schemas.sheet_package import FILE_BYTES_MAX, SheetUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.postal.carrier_tables import Carriers
    from storage.database import Database

FAULTS_TOLD_MAX: Final = 50
_DELIMITERS: Final = ("\t", ";", ",")
_ZIP: Final = b"PK"
# How each column may be called; capitals do not count.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "item": ("item", "số hiệu", "số hiệu bưu gửi", "mã bưu gửi", "mã vận đơn", "id", "itemcode"),
    "code": ("code", "mã sự kiện", "eventcd"),
    "word": ("word", "trạng thái", "sự kiện", "nội dung", "eventnm"),
    "at": ("at", "thời điểm", "thời gian", "ngày giờ", "eventdt"),
    "office": ("office", "bưu cục", "mã bưu cục"),
    "place": ("place", "nơi", "địa điểm"),
}


class FileUnreadable(Exception):
    """The file is not such a list at all; the message says what is missing. Nothing more was kept."""


class Fault(Struct, frozen=True, kw_only=True):
    """A row that was not kept: where, what stood there, and the remedy."""

    row: int
    column: str
    value: str
    vi: str
    en: str


class Read(Struct, kw_only=True):
    """What became of a file."""

    rows: int = 0
    kept: int = 0
    known_before: int = 0
    bad: int = 0
    unknown_words: set[str] = set()
    faults: list[Fault] = []


class _Header(Struct, frozen=True):
    """Where each field stands (from 0), and what its column is called in the file."""

    places: Mapping[str, int]
    called: Mapping[str, str]


def bring(
    path: Path,
    database: Database,
    carriers: Carriers,
    carrier: str,
    *,
    heard_from: str,
    now: datetime,
    progress: Callable[[int], None],
) -> Read:
    """Keep the file's events, a batch at a time; bad rows keep no other from being kept. Safe to do again.

    Raises `FileUnreadable`, `DatabaseAway`, `OSError`.
    """
    found = Read()
    numbered = _rows(path)
    header = _header(path, next(numbered, (0, ())))
    batch: list[tuple[int, Row]] = []
    for number, cells in chain(numbered, [(0, ())]):
        if number and any(cells):
            batch.append((number, _row(cells, header)))
        if batch and (not number or len(batch) == BATCH_MAX):
            rows = [row for _, row in batch]
            heard = hear(database, carriers, carrier, rows, source="file", heard_from=heard_from, now=now)
            found.rows += len(batch)
            found.kept += heard.kept
            found.known_before += heard.known_before
            found.bad += len(heard.bad)
            found.unknown_words |= set(heard.unknown_words)
            found.faults += [
                Fault(
                    row=batch[one.number - 1][0],
                    column=header.called.get(one.field, one.field),
                    value=one.value,
                    vi=one.vi,
                    en=one.en,
                )
                for one in heard.bad[: max(0, FAULTS_TOLD_MAX - len(found.faults))]
            ]
            batch.clear()
            progress(found.rows)
    return found


def _header(path: Path, first: tuple[int, Sequence[str]]) -> _Header:
    known = {name: field for field, names in NAMES.items() for name in names}
    places: dict[str, int] = {}
    called: dict[str, str] = {}
    for place, cell in enumerate(first[1]):
        field = known.get(tidy_word(cell).casefold())
        if field is not None and field not in places:
            places[field], called[field] = place, tidy_word(cell)
    missing = [field for field in ("item", "at") if field not in places]
    if "code" not in places and "word" not in places:
        missing.append("code")
    if missing:
        wanted = "; ".join(f"{field}: {' | '.join(NAMES[field])}" for field in missing)
        raise FileUnreadable(f"{path.name}: dòng đầu thiếu cột · the first row has no column: {wanted}")
    return _Header(places, called)


def _row(cells: Sequence[str], header: _Header) -> Row:
    def at(field: str) -> str:
        place = header.places.get(field)
        return cells[place].strip() if place is not None and place < len(cells) else ""

    return Row(
        item=at("item"), code=at("code"), word=at("word"), at=at("at"), office=at("office"), place=at("place")
    )  # fmt: skip


def _rows(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows that hold something, with their numbers in the file."""
    with path.open("rb") as file:
        is_workbook = file.read(len(_ZIP)) == _ZIP
    return _of_workbook(path) if is_workbook else _of_csv(path)


def _of_csv(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            first = file.readline()
            delimiter = max(_DELIMITERS, key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for cells in reader:
                if any(cells):
                    yield reader.line_num, cells
        except (csv.Error, UnicodeDecodeError) as error:
            raise FileUnreadable(f"{path.name}: CSV, UTF-8? {error}") from error


def _of_workbook(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    if path.stat().st_size > FILE_BYTES_MAX:
        raise FileUnreadable(f"{path.name}: > {FILE_BYTES_MAX} byte; lưu thành CSV · save it as CSV")
    try:
        grids = [grid for grid in read_grids(path.read_bytes()) if grid.rows and not grid.is_hidden]
    except SheetUnreadable as error:
        raise FileUnreadable(f"{path.name}: {error}") from error
    if len(grids) != 1:
        raise FileUnreadable(f"{path.name}: cần đúng một trang có dữ liệu · exactly one sheet with rows is needed")
    if grids[0].beyond:
        raise FileUnreadable(f"{path.name}: {grids[0].beyond}; lưu thành CSV · save it as CSV")
    for number, cells in grids[0].rows.items():
        yield number, [_shown(cells[at].value) if at in cells else "" for at in range(1, max(cells) + 1)]


def _shown(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
