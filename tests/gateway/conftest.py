"""Homes for the command `motcua`: with nothing there, and as a first start with `--demo` leaves one."""

import os
import shutil
from pathlib import Path

import pytest

from tests.gateway.cli_run import Terminal, prepared


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("demo") / "home")


@pytest.fixture
def motcua(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """With nothing there yet."""
    for name in [name for name in os.environ if name.startswith("MOTCUA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MOTCUA_HOME", str(tmp_path / "home"))
    return Terminal(tmp_path / "home", capfd)


@pytest.fixture
def begun(motcua: Terminal, demo_home: Path) -> Terminal:
    """After a first start with the demo PKI, units and clients."""
    shutil.copytree(demo_home, motcua.home)
    return motcua
