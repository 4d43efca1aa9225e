"""Packages for the suite can be had without being root, and say so when they cannot."""

import ctypes
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.debian import DPKG_STATUS, DebianTool, DebianToolMissing, debian_tool, unpacked_tool

# What the suite's tools bring with them: a machine that never had the tool has none of it.
_OF_THE_TOOLS = re.compile(r"^Package: (lib)?(softhsm|clam)", re.MULTILINE)


@pytest.fixture(scope="module")
def status(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What dpkg would list as installed if the suite's tools were not."""
    kept = [one for one in DPKG_STATUS.read_text().split("\n\n") if not _OF_THE_TOOLS.search(one)]
    path = tmp_path_factory.mktemp("dpkg") / "status"
    path.write_text("\n\n".join(kept))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("debian")


def test_a_library_of_a_package_is_unpacked_with_what_it_needs_and_can_be_loaded(folder: Path, status: Path) -> None:
    library = unpacked_tool(["softhsm2"], "/usr/lib/softhsm/libsofthsm2.so", folder=folder, status=status)
    assert library.path.is_relative_to(folder)
    assert ctypes.CDLL(str(library.path)).C_GetFunctionList
    program = unpacked_tool(["softhsm2"], "/usr/bin/softhsm2-util", folder=folder, status=status)
    assert _said(program, "--version")[0].isdigit()


@pytest.mark.slow
def test_a_program_of_a_package_is_unpacked_with_its_libraries_and_runs(folder: Path, status: Path) -> None:
    daemon = unpacked_tool(["clamav-daemon"], "/usr/sbin/clamd", folder=folder, status=status)
    assert daemon.path.is_relative_to(folder)
    assert "Clam AntiVirus: Daemon" in _said(daemon, "--help")
    used = subprocess.run(
        ["ldd", daemon.path], env={**os.environ, **daemon.environment}, capture_output=True, text=True, check=True
    )
    assert str(daemon.root) in used.stdout
    assert "not found" not in used.stdout


def test_what_was_unpacked_once_is_not_fetched_again(folder: Path, status: Path) -> None:
    first = unpacked_tool(["softhsm2"], "/usr/bin/softhsm2-util", folder=folder, status=status)
    again = unpacked_tool(["softhsm2"], "/usr/bin/softhsm2-util", folder=folder, status=Path("/no/such/list"))
    assert again == first


def test_a_package_that_cannot_be_had_is_a_failure_with_the_words_of_apt(folder: Path, status: Path) -> None:
    with pytest.raises(DebianToolMissing, match=r"(?s)no-such-package-here cannot be had.*Unable to locate package"):
        unpacked_tool(["no-such-package-here"], "/usr/bin/nothing", folder=folder, status=status)
    assert not (folder / "no-such-package-here").exists()


def test_a_file_that_is_installed_is_taken_as_it_is() -> None:
    assert debian_tool(["dpkg"], "/usr/bin/dpkg") == DebianTool(Path("/usr/bin/dpkg"), Path("/"), {})


def _said(tool: DebianTool, argument: str) -> str:
    environment = {**os.environ, **tool.environment}
    return subprocess.run([tool.path, argument], env=environment, capture_output=True, text=True, check=True).stdout
