"""The table of routing cases: read for the test, and printed for people by `python -m tests.gateway.routing_cases`."""

import csv
import hashlib
import sys
from datetime import date
from functools import cache
from pathlib import Path

from msgspec import Struct

from gateway.cli_terms import table
from gateway.routing import Ambiguous, OfficeTable, Route, route

HERE = Path(__file__).parent
CASES_FILE, OPERATOR_FILE = HERE / "routing_cases.csv", HERE / "routing_operator.toml"
NOBODY = "?"


class Case(Struct, frozen=True):
    case: str
    table: str
    day: date
    procedure: str
    unit_office: str
    written: str
    place: str
    dossier: str
    office: str
    rule: str
    shown: tuple[str, ...]
    says: str

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.dossier.encode()).digest() if self.dossier else b""

    def routed(self) -> Route | Ambiguous:
        return route(
            self.procedure, self.unit_office, self.unit_office if self.written == "=" else self.written, self.day,
            a_table(self.table), place=self.place, sha256=self.sha256,
        )  # fmt: skip


@cache
def a_table(name: str) -> OfficeTable:
    return OfficeTable.load(OPERATOR_FILE if name == "operator" else None)


def read_cases() -> list[Case]:
    lines = [line for line in CASES_FILE.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [
        Case(**row | {"day": date.fromisoformat(row["day"]), "shown": tuple(row["shown"].split())})
        for row in csv.DictReader(lines, strict=True)
    ]


def office_of(answer: Route | Ambiguous) -> str:
    return answer.competent_office if isinstance(answer, Route) else NOBODY


def main() -> int:
    """Print each case with what is expected and what comes out; 1 when one comes out otherwise."""
    rows = [("", "NGÀY", "THỦ TỤC", "ĐƠN VỊ THUỘC", "HỒ SƠ GHI", "NƠI", "CƠ QUAN", "QUY TẮC", "CA · CASE")]
    wrong = 0
    for number, one in enumerate(read_cases(), 1):
        answer = one.routed()
        came = office_of(answer)
        wrong += came != one.office
        shown = came if came != NOBODY else "? " + " ".join(each.code for each in answer.candidates)
        rows.append((
            f"{number:2} {'✓' if came == one.office else '✗ ' + one.office}", f"{one.day:%d/%m/%Y}", one.procedure,
            one.unit_office, one.written[:16], one.place, shown, answer.rule, one.case,
        ))  # fmt: skip
    print("\n".join(table(rows)))
    print(f"{len(rows) - 1} ca · cases, {wrong} sai · wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
