"""A real Ceph 16 with its S3 gateway, on loopback only: one monitor, one manager, three OSDs on files, one radosgw.

Debian's packages, as root (`apt-get` installs them where they are missing). It replicates three times, acknowledges
with two copies committed, and syncs. Every process runs in the foreground and dies with the test run.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from tests.debian import debian_tool
from tests.servers import START_TIMEOUT_S, S3Server, ServerFailed, _await, _end, _free_ports, _s3_takes_objects, _spawn

PACKAGES = ["ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "ceph-common"]
OSDS = 3
OSD_BYTES = 4 * 1024**3  # a sparse file
# Two of three copies must be committed before an object is acknowledged.
COPIES, COPIES_MIN = 3, 2


class Ceph:
    """A running cluster, the processes of which can be killed and started one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.access_key, self.secret_key = secrets.token_hex(8), secrets.token_hex(20)
        self._config = folder / "ceph.conf"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports: Sequence[int] = _free_ports(3)
        self.url = f"http://127.0.0.1:{self._ports[2]}"

    @property
    def server(self) -> S3Server:
        return S3Server(self.url, self.access_key, self.secret_key, self._processes["rgw"].pid)

    def start(self) -> None:
        for name in ("run", "log", "mon.a", "mgr.x", "rgw"):
            (self.folder / name).mkdir()
        fsid = str(uuid.uuid4())
        self._config.write_text(_config(self.folder, fsid, self._ports))
        mon, mon_old, _ = self._ports
        addresses, monmap = f"[v2:127.0.0.1:{mon},v1:127.0.0.1:{mon_old}]", str(self.folder / "monmap")
        self._run("monmaptool", "--create", "--addv", "a", addresses, "--fsid", fsid, monmap)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--mon-data", str(self.folder / "mon.a"))
        self._start("mon", "ceph-mon", "-i", "a")
        self._start("mgr", "ceph-mgr", "-i", "x")
        for number in range(OSDS):
            self._make_osd(number)
        for number in range(OSDS):
            self.start_osd(number)
        self._until(lambda: self.osds_up() == OSDS, "not all OSDs came up")
        self._start("rgw", "radosgw", "-n", "client.rgw")
        user = ["--uid=test", "--display-name=test", f"--access-key={self.access_key}"]
        self._run("radosgw-admin", "user", "create", *user, f"--secret-key={self.secret_key}")
        self._until(lambda: _s3_takes_objects(self.url, self.access_key, self.secret_key), "radosgw takes no object")

    def start_osd(self, number: int) -> None:
        self._start(f"osd.{number}", "ceph-osd", "-i", str(number))

    def kill_osd(self, number: int) -> None:
        """End it as a power cut would end a process: without a word."""
        process = self._processes.pop(f"osd.{number}")
        process.kill()
        process.wait()

    def osds_up(self) -> int:
        said = self._run("ceph", "--connect-timeout", "10", "osd", "stat", "-f", "json")
        return int(said.partition('"num_up_osds":')[2].partition(",")[0])

    def wait_for_osds(self, count: int) -> None:
        """Wait until the monitor knows that so many are up."""
        self._until(lambda: self.osds_up() == count, f"not {count} OSDs are up")

    def stop(self) -> None:
        for name in reversed(list(self._processes)):
            _end(self._processes.pop(name), signal.SIGTERM if name.startswith("mon") else signal.SIGKILL)

    @cached_property
    def version(self) -> str:
        return "Ceph " + self._run("ceph", "--version").split()[2]

    def _make_osd(self, number: int) -> None:
        (self.folder / f"osd.{number}").mkdir()
        identity = str(uuid.uuid4())
        self._run("ceph", "osd", "new", identity, str(number))
        self._run("ceph-osd", "-i", str(number), "--mkfs", "--osd-uuid", identity, "--no-mon-config")
        self._run("ceph", "osd", "crush", "add", f"osd.{number}", "1.0", f"host=h{number}", "root=default")

    def _start(self, name: str, program: str, *arguments: str) -> None:
        command = [program, "-f", "-c", str(self._config), *arguments]
        self._processes[name] = _spawn(command, log=self.folder / f"{name}.out", user=None, environment=None)

    def _run(self, program: str, *arguments: str) -> str:
        config = [] if program == "monmaptool" else ["-c", str(self._config)]
        done = subprocess.run(
            [program, *config, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
            env={**os.environ, "CEPH_CONF": str(self._config)},
        )
        if done.returncode != 0:
            raise ServerFailed(f"{program} {' '.join(arguments)}: {done.stderr[-2000:]}")
        return done.stdout

    def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        if not _await(condition):
            words = "".join(
                f"\n{path.name}: {path.read_text(errors='replace')[-600:]}" for path in self.folder.glob("*.out")
            )
            raise ServerFailed(f"{otherwise}{words}")


@contextmanager
def ceph(folder: Path) -> Iterator[Ceph]:
    """Serve from `folder` (see `short_folder`; a socket's path is short)."""
    debian_tool(PACKAGES, "/usr/bin/radosgw")
    cluster = Ceph(folder)
    with contextlib.ExitStack() as stack:
        stack.callback(cluster.stop)
        cluster.start()
        yield cluster


def _config(folder: Path, fsid: str, ports: Sequence[int]) -> str:
    mon, mon_old, rgw = ports
    return f"""
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon}/0,v1:127.0.0.1:{mon_old}/0]
mon initial members = a
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
crash dir = {folder}/log
osd pool default size = {COPIES}
osd pool default min size = {COPIES_MIN}
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
rgw rados pool pg num min = 4
osd crush chooseleaf type = 0
mon warn on insecure global id reclaim allowed = false
mon osd min down reporters = 1
mon osd down out interval = 3600
[mon]
mon data = {folder}/mon.a
mon data avail crit = 1
mon data avail warn = 2
[mgr]
mgr data = {folder}/mgr.x
mgr initial modules =
[osd]
osd data = {folder}/osd.$id
osd objectstore = bluestore
bluestore block size = {OSD_BYTES}
bluestore block create = true
bluestore cache autotune = false
bluestore cache size = 67108864
osd memory target = 939524096
osd heartbeat grace = 6
osd heartbeat interval = 2
osd op num shards = 2
osd scrub begin hour = 0
osd scrub end hour = 1
[client.rgw]
# Without this a radosgw that needs no authentication waits for its monitor for ever.
ms mon client mode = crc secure
rgw frontends = beast endpoint=127.0.0.1:{rgw}
rgw data = {folder}/rgw
rgw thread pool size = 64
rgw enable usage log = false
rgw enable ops log = false
rgw dns name = localhost
"""
