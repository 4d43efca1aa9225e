"""A real clamd for the suite, on loopback only, as root or not, whose one signature is the EICAR test file's."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.debian import debian_tool
from tests.servers import _running

# The test file (68 bytes) is written in hexadecimal and put together in memory: scanners delete files that hold it.
EICAR_HEX = (
    "58354f2150254041505b345c505a58353428505e2937434329377d24"
    "45494341522d5354414e444152442d414e544956495255532d544553542d46494c452124482b482a"
)
STREAM_BYTES_MAX = 4 * 1024 * 1024


class ClamdServer(msgspec.Struct, frozen=True):
    """Where it listens, and its process."""

    socket: Path
    port: int
    pid: int


@contextmanager
def clamd(folder: Path) -> Iterator[ClamdServer]:
    """Serve from `folder` (see `short_folder`); takes in at most STREAM_BYTES_MAX, asks nobody for signatures."""
    tool = debian_tool(["clamav-daemon"], "/usr/sbin/clamd")
    database, at = folder / "db", folder / "clamd.sock"
    database.mkdir(exist_ok=True)
    (database / "test.ndb").write_text(f"Test.Eicar:0:*:{EICAR_HEX}\n")

    def command(ports: Sequence[int]) -> list[str]:
        config = folder / "clamd.conf"
        lines = [
            *(f"DatabaseDirectory {database}", f"TemporaryDirectory {folder}", f"LocalSocket {at}"),
            *("TCPAddr 127.0.0.1", f"TCPSocket {ports[0]}", "Foreground yes", "MaxThreads 4", "SelfCheck 0"),
            *(f"StreamMaxLength {STREAM_BYTES_MAX}", "MaxFileSize 2M", "AlertExceedsMax yes"),
            *(["User root"] if os.geteuid() == 0 else []),
        ]
        config.write_text("\n".join(lines) + "\n")
        return [str(tool.path), f"--config-file={config}"]

    def ready(ports: Sequence[int]) -> bool:
        return at.exists() and _answers(ports[0])

    environment = {**os.environ, **tool.environment}
    with _running(command, ready, ports=1, log=folder / "clamd.log", environment=environment) as (process, ports):
        yield ClamdServer(at, ports[0], process.pid)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"zPING\0")
            return connection.recv(16) == b"PONG\0"
    except OSError:
        return False
