"""The conformance table: every suite, how many cases, how often we agree, and why not (`python -m …conformance`)."""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.signing.suites import Row, wycheproof_rows, xmlsec_rows

README = Path(__file__).parents[2] / "signing" / "README.md"
COMMAND = "python -m tests.signing.conformance"
HEAD = ("Suite", "Origin, licence", "Cases", "Agree", "Differ", "Why")
SECTION = "## Conformance"


def kept_rows() -> list[Row]:
    """Vectors that come with the project, and public ones where they are: no other program is needed."""
    from tests.lines.kept_dossiers import dossier_rows
    from tests.signing import live_suites

    return [*xmlsec_rows(), *wycheproof_rows(), *live_suites.kept_rows(), *dossier_rows()]


def live_rows() -> list[Row]:
    """What other programs on this machine sign and verify now."""
    from tests.signing import live_suites

    return live_suites.live_rows()


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table; a live peer is marked with its version."""
    origin = f"{row.origin}; live, {row.version}" if row.version else row.origin
    why = [f"{count} {text}" for text, count in sorted(row.why.items(), key=lambda pair: (-pair[1], pair[0]))]
    notes = [f"{count} {text}" for text, count in sorted(row.notes.items(), key=lambda pair: (-pair[1], pair[0]))]
    said = "; ".join(why) + (f" ({', '.join(notes)})" if notes else "")
    return row.suite, origin, str(row.cases), str(row.agree), str(row.differ), said.strip().replace("|", "‖")


def table(rows: Iterable[Row]) -> str:
    lines = [HEAD, ("---", "---", "--:", "--:", "--:", "---"), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def in_readme() -> dict[str, tuple[str, ...]]:
    """The README's table, by suite."""
    section = README.read_text(encoding="utf-8").partition(SECTION)[2].partition("\n## ")[0]
    rows = [line.strip("| ").split("|") for line in section.splitlines() if line.startswith("|")]
    read = [tuple(cell.strip() for cell in row) for row in rows]
    return {row[0]: (*row, *[""] * (len(HEAD) - len(row))) for row in read if row[0] not in (HEAD[0], "---")}


def without_version(row: Sequence[str]) -> tuple[str, ...]:
    """A row as it must stand whatever version of a live peer is installed."""
    return tuple(re.sub(r"; live, .*", "; live", cell) for cell in row)


def main() -> None:
    from tests.signing import live_suites

    print(table([*kept_rows(), *live_rows()]))
    for each in live_suites.absent():
        print(f"not run: {each}", file=sys.stderr)


if __name__ == "__main__":
    main()
