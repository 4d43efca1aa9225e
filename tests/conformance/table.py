"""The conformance table: the vault's contract, sentence by sentence, by store, as real runs saw it.

`python -m tests.conformance.table --write` holds the stores of `make test` to the contract and writes the table into
storage/README.md; the columns of Ceph and Swift come from the last `make test-ceph` and `make test-swift`.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from storage.vault import Vault
from tests.conformance.faults import MET
from tests.conformance.record import RESULTS, Result, read

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "storage" / "README.md"
BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"
COMMAND = "python -m tests.conformance.table --write"
COLUMNS = {
    "disk": "disk",
    "seaweedfs": "SeaweedFS",
    "seaweedfs-https": "SeaweedFS https",
    "ceph": "Ceph",
    "ceph-https": "Ceph https",
    "swift": "Swift",
    "swift-https": "Swift https",
    "cheating": "a store that cheats",
}


def sentences() -> dict[int, str]:
    """The contract's own words, by number."""
    found = re.findall(r"^ +(\d+)\. (.+?)(?=\n +\d+\. |\n\n|\Z)", Vault.__doc__ or "", re.MULTILINE | re.DOTALL)
    return {int(number): " ".join(text.split()) for number, text in found}


def render(results: dict[str, Result]) -> str:
    """Both tables, and where each column comes from."""
    columns = [name for name in COLUMNS if name in results]
    rows = ["| | sentence | " + " | ".join(COLUMNS[name] for name in columns) + " |"]
    rows.append("| --- | --- |" + " --- |" * len(columns))
    for number, text in sentences().items():
        cells = " | ".join(_cell(results[name], number) for name in columns)
        rows.append(f"| {number} | {text} | {cells} |")
    rows += [
        f"| | {what} | " + " | ".join(results[name].said.get(what, "–") for name in columns) + " |"
        for what in dict.fromkeys(what for name in columns for what in results[name].said)
    ]
    runs = dict.fromkeys(
        f"{(result.version or COLUMNS[name]).removesuffix(' https')}: `{result.by}`, {result.on}"
        for name, result in results.items()
        if name in COLUMNS
    )
    faults = ["| what real stores were seen to do | seen in | met | because |", "| --- | --- | --- | --- |"]
    for met in MET:
        how = f"marked `{met.says}`" if met.how == "marked" else met.how
        if met.lock:
            how += ", where a lock is asked for"
        faults.append(f"| {met.wrong} | {met.seen_in} | {how} | {met.why} |")
    return "\n".join(
        [
            "How many runs of tests held, by sentence and store (`✗` shows how many did not), and what the probe said.",
            "That a round survives a power cut (1) is shown here by the sudden death of its process only.",
            "",
            *rows,
            "",
            "Seen by: " + "; ".join(runs) + ".",
            "",
            *faults,
        ]
    )


def placed(readme: str, table: str) -> str:
    """The README with the table between its marks."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README} has no place for the table: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _cell(result: Result, number: int) -> str:
    seen = result.sentences.get(str(number))
    if seen is None:
        return "–"
    held, failed = sum(seen.passed.values()), sum(seen.failed.values())
    return f"✗ {failed} of {held + failed}" if failed else f"✓ {held}"


def _run() -> int:
    command = [sys.executable, "-m", "pytest", "tests/conformance/test_vault.py"]
    environment = {**os.environ, "MOTCUA_CONFORMANCE_RECORD": str(RESULTS), "MOTCUA_CONFORMANCE_BY": COMMAND}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.conformance.table", description=__doc__)
    asked.add_argument("--write", action="store_true", help="run the suite and write the table into storage/README.md")
    asked.add_argument("--no-run", action="store_true", help="use the last runs")
    told = asked.parse_args()
    code = 0 if told.no_run else _run()
    table = render(read())
    if told.write:
        README.write_text(placed(README.read_text(encoding="utf-8"), table), encoding="utf-8")
    print(table)
    return code


if __name__ == "__main__":
    sys.exit(main())
