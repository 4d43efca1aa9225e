"""What the kernel tells about processes: CPU, memory, fsyncs; and what machine this is."""

import os
import platform
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import psutil

PACKAGES = (
    "lxml", "cryptography", "msgspec", "litestar", "fastapi", "uvicorn", "uvloop", "sqlalchemy", "signxml", "xmlschema",
)  # fmt: skip
_FSYNC = re.compile(rb"\b(fsync|fdatasync)\(")


def tree(pid: int) -> list[psutil.Process]:
    """A process and everything below it."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_s(pid: int) -> float:
    """User and system seconds of a process tree, as the scheduler counted them."""
    return sum(times.user + times.system for process in tree(pid) for times in [process.cpu_times()])


def pss_mib(pid: int) -> float:
    """Proportional set size of a process tree (proc(5), smaps_rollup): shared pages are counted once."""
    total_kib = 0
    for process in tree(pid):
        try:
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total_kib += int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])
    return total_kib / 1024


def strace_command(log: Path) -> list[str] | None:
    """What to put before a command so that every fsync and fdatasync of its tree is written to `log`; None: no strace.

    With a seccomp filter only these two system calls stop the process, so that its timing hardly changes.
    """
    if (strace := shutil.which("strace")) is None:
        return None
    return [strace, "-f", "--seccomp-bpf", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", str(log)]


def fsyncs(log: Path) -> int:
    """How many were written to the log by now."""
    return len(_FSYNC.findall(log.read_bytes()))


def load_of_others() -> float:
    """The one-minute load average."""
    return os.getloadavg()[0]


def describe() -> dict[str, str]:
    """The machine and the versions that count."""
    cpuinfo = Path("/proc/cpuinfo").read_text(errors="replace")
    model = re.search(r"model name\s*:\s*(.+)", cpuinfo)
    from lxml import etree

    libxml2 = ".".join(map(str, etree.LIBXML_VERSION))
    return {
        "CPU": model[1] if model else platform.processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "libraries": ", ".join([*(f"{name} {version(name)}" for name in PACKAGES), f"libxml2 {libxml2}"]),
    }
