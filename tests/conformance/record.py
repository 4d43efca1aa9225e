"""What a run of the conformance suite saw, store by store, as files that a table is made of."""

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

RESULTS = Path(__file__).parent / "results"


class Seen(msgspec.Struct):
    """The tests of one sentence of the contract, by name: how many runs of each passed and failed."""

    passed: dict[str, int] = {}
    failed: dict[str, int] = {}


class Result(msgspec.Struct):
    """One store in one run: on which day, by which command.

    `sentences` are by number (JSON knows only text as keys); `said` is what the probe said of the store.
    """

    store: str
    version: str
    on: str
    by: str
    sentences: dict[str, Seen] = {}
    said: dict[str, str] = {}


class Record:
    """Takes in outcomes while the suite runs, and writes one file a store."""

    def __init__(self) -> None:
        self._results: dict[str, Result] = {}

    def begin(self, store: str, version: str) -> None:
        by = os.environ.get("MOTCUA_CONFORMANCE_BY", "")
        self._results.setdefault(store, Result(store, version, _today(), by))

    def add(self, store: str, sentence: int, test: str, *, passed: bool, said: Mapping[str, str] | None = None) -> None:
        result = self._results[store]
        result.said |= said or {}
        seen = result.sentences.setdefault(str(sentence), Seen())
        outcomes = seen.passed if passed else seen.failed
        outcomes[test] = outcomes.get(test, 0) + 1

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for store, result in self._results.items():
            text = msgspec.json.format(msgspec.json.encode(result, order="deterministic"), indent=1)
            (folder / f"{store}.json").write_bytes(text + b"\n")


def read(folder: Path = RESULTS) -> dict[str, Result]:
    """The last recorded run of every store."""
    return {path.stem: msgspec.json.decode(path.read_bytes(), type=Result) for path in sorted(folder.glob("*.json"))}


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()
