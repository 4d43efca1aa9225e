"""The campaign's side of `shim.c`: compile it, put it in front of a gateway, and turn its faults on and off."""

import errno
import hashlib
import mmap
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
# As in shim.c.
CLOCK_NS, SYNC_PERMILLE, WRITE_PERMILLE, SHORT_PERMILLE, ERROR, SWALLOW, TARGET, INJECTED, DRAWN, SEED = range(10)
VAULT, SQLITE, FOLDER, OTHER = 1, 2, 4, 8
_NUMBERS = struct.Struct("=10q")


class ToolMissing(Exception):
    """A tool that a scenario needs is not on this machine; the scenario could not be run."""


def compiled() -> Path:
    """The shim as a library, compiled once for each version of its source. Raises `ToolMissing`."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise ToolMissing("a C compiler (gcc) is needed")
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    library = Path(tempfile.gettempdir()) / f"motcua-fault-shim-{digest}.so"
    if not library.exists():
        made = library.with_suffix(f".{id(library)}")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(made), str(SOURCE), "-ldl"], check=True)
        made.replace(library)
    return library


class Shim:
    """The shim in front of the processes of one gateway: what is written is put on `tape`, if there is one."""

    def __init__(self, root: Path, work: Path, *, seed: int = 0, tape: bool = False) -> None:
        self.library = compiled()
        self.root = root.resolve()
        self.tape = work / "tape" if tape else None
        control = work / "control"
        control.write_bytes(bytes(mmap.PAGESIZE))
        with control.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self._path = control
        self.set(SEED, seed)
        self.set(ERROR, errno.EIO)

    def environment(self) -> dict[str, str]:
        """What a gateway process must be started with."""
        named = {"LD_PRELOAD": str(self.library), "FAULT_ROOT": str(self.root), "FAULT_CONTROL": str(self._path)}
        return named | ({"FAULT_TAPE": str(self.tape)} if self.tape else {})

    def set(self, which: int, value: int) -> None:
        """Change one number; every process of the gateway sees it at once."""
        self._shared[8 * which : 8 * which + 8] = struct.pack("=q", value)

    def fail(self, *, target: int, sync: int = 0, write: int = 0, short: int = 0, error: int = errno.EIO) -> None:
        """From now on let so many of a thousand calls fail on files of those classes."""
        self.set(ERROR, error)
        self.set(TARGET, target)
        for which, permille in ((SYNC_PERMILLE, sync), (WRITE_PERMILLE, write), (SHORT_PERMILLE, short)):
            self.set(which, permille)

    def heal(self) -> None:
        """Let no further call fail."""
        self.fail(target=0)

    @property
    def injected(self) -> int:
        """How many faults were injected so far."""
        found: int = _NUMBERS.unpack_from(self._shared)[INJECTED]
        return found
