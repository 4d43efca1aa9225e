"""A real OpenStack Swift with its S3 door, on loopback only: three storage nodes, one proxy, a memcached.

It is the adversary of the suite: its conditional puts are won by several writers, its listings lag, and it says yes to
locks that it does not keep. Its wheels are pinned in `swift.lock` and live in an environment of their own.
"""

import os
import pwd
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from tests.debian import debian_tool
from tests.servers import S3Server, ServerFailed, _await, _end, _free_ports, _s3_takes_objects, _spawn

NODES = 3
KINDS = ("account", "container", "object")
INSTALL_TIMEOUT_S = 600
# An S3 access key is account:user; both, and the secret, are set in the proxy's configuration.
ACCESS_KEY, SECRET_KEY = "test:tester", "testsecret12345"
_LOCK = Path(__file__).with_name("swift.lock")


class Swift:
    """A running Swift, of which nodes can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs = folder, _programs()
        self._memcached = str(debian_tool(["memcached"], "/usr/bin/memcached").path)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        ports = _free_ports(NODES * len(KINDS) + 2)
        self._proxy_port, self._cache_port = ports[-2:]
        self._ports = {
            (kind, node): ports[index * NODES + node] for index, kind in enumerate(KINDS) for node in range(NODES)
        }
        self.url = f"http://127.0.0.1:{self._proxy_port}"

    @property
    def server(self) -> S3Server:
        return S3Server(self.url, ACCESS_KEY, SECRET_KEY, self._processes["proxy"].pid)

    def start(self) -> None:
        (self.folder / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n"
            "[storage-policy:0]\nname = gold\ndefault = yes\n"
        )
        for kind in KINDS:
            self._make_ring(kind)
        (self.folder / "proxy.conf").write_text(_proxy(self.folder, self._proxy_port, self._cache_port))
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._start("memcached", [self._memcached, *user, "-l", "127.0.0.1", "-p", str(self._cache_port), "-m", "16"])
        for node in range(NODES):
            self.start_node(node)
        self._start("proxy", [str(self.programs / "swift-proxy-server"), "proxy.conf"])
        if not _await(lambda: _s3_takes_objects(self.url, ACCESS_KEY, SECRET_KEY)):
            words = "".join(f"\n{one.name}: {one.read_text()[-600:]}" for one in sorted(self.folder.glob("*.out")))
            raise ServerFailed(f"Swift takes no object{words}")

    def start_node(self, node: int) -> None:
        for kind in KINDS:
            self._start(f"{kind}{node}", [str(self.programs / f"swift-{kind}-server"), f"{kind}{node}.conf"])

    def kill_node(self, node: int) -> None:
        for kind in KINDS:
            process = self._processes.pop(f"{kind}{node}")
            process.kill()
            process.wait()

    def stop(self) -> None:
        for name in list(self._processes):
            _end(self._processes.pop(name), signal.SIGKILL)

    @cached_property
    def version(self) -> str:
        said = subprocess.run(
            [self.programs / "python", "-c", "import importlib.metadata as m; print(m.version('swift'))"],
            capture_output=True,
            text=True,
            check=True,
        )
        return f"Swift {said.stdout.strip()}"

    def _make_ring(self, kind: str) -> None:
        builder = [str(self.programs / "swift-ring-builder"), f"{kind}.builder"]
        self._run([*builder, "create", "6", str(NODES), "0"])
        for node in range(NODES):
            device = self.folder / f"node{node}" / f"d{node}"
            device.mkdir(parents=True, exist_ok=True)
            port = self._ports[kind, node]
            self._run([*builder, "add", f"r1z{node + 1}-127.0.0.1:{port}/d{node}", "1"])
            (self.folder / f"{kind}{node}.conf").write_text(_storage(self.folder, kind, node, port))
        self._run([*builder, "rebalance"])

    def _start(self, name: str, command: list[str]) -> None:
        environment = {**os.environ, "SWIFT_CONF_DIR": str(self.folder)}
        self._processes[name] = _spawn(command, log=self.folder / f"{name}.out", user=None, environment=environment)

    def _run(self, command: list[str]) -> None:
        environment = {**os.environ, "SWIFT_CONF_DIR": str(self.folder)}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerFailed(f"{' '.join(command)}: {done.stdout[-1000:]}{done.stderr[-1000:]}")


@contextmanager
def swift(folder: Path) -> Iterator[Swift]:
    """Serve from `folder` (see `short_folder`); the first time its environment is made, which takes a minute."""
    store = Swift(folder)
    with ExitStack() as stack:
        stack.callback(store.stop)
        store.start()
        yield store


def _programs() -> Path:
    """The folder of Swift's programs, in an environment that is made where it is missing or has other versions."""
    home = Path(sys.prefix) / "swift"
    stamp = home / "swift.lock"
    if not stamp.exists() or stamp.read_bytes() != _LOCK.read_bytes():
        venv.create(home, with_pip=True, clear=True)
        install = ["pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes", "-r", str(_LOCK)]
        command = [str(home / "bin" / "python"), "-m", *install]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
        if done.returncode != 0:
            raise ServerFailed(f"Swift cannot be installed: {done.stderr[-2000:]}")
        stamp.write_bytes(_LOCK.read_bytes())
    return home / "bin"


def _storage(folder: Path, kind: str, node: int, port: int) -> str:
    return f"""
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
devices = {folder}/node{node}
mount_check = false
workers = 0
user = {_user()}
swift_dir = {folder}
recon_cache_path = {folder}/node{node}
log_name = {kind}{node}
disable_fallocate = true
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""


def _proxy(folder: Path, port: int, cache_port: int) -> str:
    filters = "".join(
        f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in ("catch_errors", "copy", "slo", "symlink", "dlo")
    )
    return f"""
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {_user()}
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors cache s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_interval = 3
error_suppression_limit = 10
node_timeout = 3
[filter:tempauth]
use = egg:swift#tempauth
user_{ACCESS_KEY.replace(":", "_")} = {SECRET_KEY} .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{cache_port}
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
{filters}"""


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
