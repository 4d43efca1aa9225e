"""Programs and libraries that come as Debian packages only (SoftHSM, ClamAV), as root or not.

What is installed is used. Otherwise root installs it; everybody else has apt fetch it from the places this machine is
set up with, with a private state, and unpacks it beside the virtual environment: nothing of the machine changes.
A tool that cannot be had raises `DebianToolMissing`: it is never a reason to skip a test.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

APT_TIMEOUT_S = 300.0
DPKG_STATUS = Path("/var/lib/dpkg/status")


class DebianToolMissing(Exception):
    """The tool is not installed, and could neither be installed nor unpacked; the end of apt's words says why."""


class DebianTool(msgspec.Struct, frozen=True):
    """A file of a package, and what the environment of a process must hold to run it or to load it.

    `root` is "/" when it is installed, else the folder that stands for it: a configuration that a package would have
    put into /etc is under `root / "etc"`.
    """

    path: Path
    root: Path
    environment: dict[str, str]


def debian_tool(packages: Sequence[str], file: str) -> DebianTool:
    """Find `file` (an absolute path as the packages install it), or get `packages` and find it then."""
    if Path(file).exists():
        return DebianTool(Path(file), Path("/"), {})
    said = _install(packages) if os.geteuid() == 0 else ""
    if Path(file).exists():
        return DebianTool(Path(file), Path("/"), {})
    try:
        return unpacked_tool(packages, file, folder=_cache())
    except DebianToolMissing as error:
        raise DebianToolMissing(f"{error} {said}") from error


def unpacked_tool(packages: Sequence[str], file: str, *, folder: Path, status: Path = DPKG_STATUS) -> DebianTool:
    """Find `file` among packages unpacked in `folder`, by anybody, whatever is installed.

    `status` is dpkg's list of what counts as installed: only what it lacks is fetched, and `packages` themselves.
    """
    at, words = Path(file), ""
    root = folder / "+".join(packages)
    # Two runs at a time, of which one waits and finds what the other brought.
    with _alone(root.with_name(f".{root.name}.lock")):
        if not (root / at.relative_to("/")).exists():
            words = _unpack(packages, root, status)
    if not (root / at.relative_to("/")).exists():
        raise DebianToolMissing(f"{file} of the Debian packages {', '.join(packages)} cannot be had. {words[-2000:]}")
    return DebianTool(root / at.relative_to("/"), root, _environment(root))


def _install(packages: Sequence[str]) -> str:
    """Have root's apt install the packages; what it said when it could not."""
    command = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", "--no-install-recommends", "install", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # The lists of a new machine or of an image are missing or old; those of the others are good enough.
    if failed := _run(command, environment):
        failed = _run(["apt-get", "-q", "update"], environment) or _run(command, environment)
    return failed


def _unpack(packages: Sequence[str], root: Path, status: Path) -> str:
    """Fetch the packages and what they need that is not installed, and lay them out under `root` all at once.

    Their scripts are not run: no user is made, no daemon started, no library path registered.
    """
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            return f"There is no {program}: this is no Debian."
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=root.parent) as scratch:
        state, cache, laid_out = Path(scratch) / "state", Path(scratch) / "cache", Path(scratch) / "root"
        for folder in (state / "lists" / "partial", cache / "archives" / "partial", laid_out):
            folder.mkdir(parents=True)
        apt = [
            *("apt-get", "-q", "-y", "-o", f"Dir::State={state}", "-o", f"Dir::Cache={cache}"),
            # What is installed counts as had; it is read, never written.
            *("-o", f"Dir::State::status={status}", "-o", "Debug::NoLocking=1"),
            # Images clean up behind apt; here the packages have to stay for a moment.
            *("-o", "Dir::Cache::archives=archives/", "-o", "APT::Keep-Downloaded-Packages=1"),
            *("-o", "APT::Sandbox::User="),
        ]
        fetch = [*apt, "--no-install-recommends", "--download-only", "--reinstall", "install", *packages]
        if failed := _run([*apt, "update"]) or _run(fetch):
            return failed
        archives = sorted((cache / "archives").glob("*.deb"))
        for archive in archives:
            if failed := _run(["dpkg-deb", "-x", str(archive), str(laid_out)]):
                return failed
        shutil.rmtree(root, ignore_errors=True)
        laid_out.rename(root)
    return f"Unpacked {len(archives)} packages."


def _environment(root: Path) -> dict[str, str]:
    programs = [str(root / each) for each in ("usr/sbin", "usr/bin", "sbin", "bin") if (root / each).is_dir()]
    libraries = [str(each) for usr in ("usr/lib", "lib") for each in sorted((root / usr).glob("*-linux-gnu*"))]
    before = os.environ.get("LD_LIBRARY_PATH", "")
    return {
        "PATH": os.pathsep.join([*programs, os.environ.get("PATH", os.defpath)]),
        "LD_LIBRARY_PATH": os.pathsep.join([*libraries, *([before] if before else [])]),
    }


def _cache() -> Path:
    """A folder that outlives the run: in the virtual environment, or in the user's cache when that is not writable."""
    for folder in (Path(sys.prefix), Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "motcua"):
        try:
            (folder / "debian").mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder / "debian", os.W_OK):
            return folder / "debian"
    raise DebianToolMissing("Neither the virtual environment nor the user's cache folder can be written to.")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    """Run it; "" when it succeeded, else what it said."""
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=APT_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    said = (done.stdout[-1000:] + done.stderr[-1000:]).decode(errors="replace")
    return "" if done.returncode == 0 else f"{' '.join(command[:1])} ended with {done.returncode}: {said}\n"
