"""The command as a person runs it, in the test's own process: its words, its exit status, what it printed."""

from pathlib import Path

import pytest
from msgspec import Struct

from gateway.cli import main
from gateway.config import Settings
from gateway.start import prepare
from schemas import sample


class Ran(Struct, frozen=True):
    status: int
    out: str
    err: str


class Terminal:
    """Runs commands with `MOTCUA_HOME` in the test's own folder."""

    def __init__(self, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.home, self._captured = home, capfd

    def __call__(self, *words: object) -> Ran:
        self._captured.readouterr()
        status = main([str(word) for word in words])
        captured = self._captured.readouterr()
        assert "Traceback" not in captured.err
        return Ran(status, captured.out, captured.err)


def prepared(home: Path) -> Path:
    """A home as the first start with `--demo` leaves it."""
    list(prepare(Settings(home=str(home)), demo=True))
    return home


def unsigned(path: Path, *, number: int = 0, seed: int = 0) -> Path:
    """A sample of the demonstration's unit `number`, written to `path`."""
    words = ["sample", "600", "--seed", seed, "--employees", 3, "--attachments", 0, "-o", path]
    words += ["--unit", sample.unit_code(number), "--tax-code", sample.tax_code(number)]
    words += ["--office", ("09993", "09995")[number % 2]]
    assert main([str(word) for word in words]) == 0
    return path


def signed(path: Path, home: Path, *, number: int = 0, seed: int = 0) -> Path:
    """The same, signed by its unit's key."""
    raw = unsigned(path.with_suffix(".raw"), number=number, seed=seed)
    holder = home / "demo" / f"unit-{number + 1}"
    words = ["sign", raw, "--key", f"{holder}.key.pem", "--cert", f"{holder}.pem", "-o", path]
    assert main([str(word) for word in words]) == 0
    return path
