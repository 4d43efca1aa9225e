"""Two PostgreSQL nodes under Patroni and etcd: whichever leads takes writes, and another leads when it dies."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil

from tests.debian import debian_tool
from tests.servers import ServerFailed, _end, _free_ports, _reachable_install, _spawn, _unprivileged_user

START_S = 90.0
NODES = ("n1", "n2")


class Cluster:
    """The nodes, and how they are told apart."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.user = folder, _unprivileged_user()
        self.binaries = _reachable_install(folder, self.user)
        self.patroni = debian_tool(["patroni", "python3-etcd"], "/usr/bin/patroni")
        self.etcd = debian_tool(["etcd-server"], "/usr/bin/etcd")
        ports = _free_ports(6)
        self.etcd_ports = ports[:2]
        self.rest = dict(zip(NODES, ports[2:4], strict=True))
        self.sql = dict(zip(NODES, ports[4:6], strict=True))
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """All nodes, and whichever of them takes writes."""
        hosts = "&".join(f"host=127.0.0.1:{port}" for port in self.sql.values())
        return f"postgresql+psycopg://motcua:motcua@/postgres?{hosts}&target_session_attrs=read-write"

    def start(self, stack: ExitStack) -> None:
        """Start etcd and the nodes, and wait until one leads and the other follows before it is acknowledged."""
        client, peer = (f"http://127.0.0.1:{port}" for port in self.etcd_ports)
        etcd = _spawn(
            [
                *(str(self.etcd.path), "--name", "e", "--data-dir", str(self.folder / "etcd")),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", f"e={peer}", "--log-level", "error"),
            ],
            log=self.folder / "etcd.log",
            user=None,
            environment={**os.environ, **self.etcd.environment},
        )
        stack.callback(_end, etcd, signal.SIGKILL)
        for name in NODES:
            self._start(name)
        stack.callback(self._end_nodes)
        self.wait_for_roles({"leader": 1, "sync_standby": 1})

    def _start(self, name: str) -> None:
        home = self.folder / name
        home.mkdir(mode=0o700, exist_ok=True)
        if self.user is not None:
            os.chown(home, self.user, pwd.getpwuid(self.user).pw_gid)
        config = self.folder / f"{name}.yml"
        config.write_text(self._config(name, home))
        python = "/usr/bin/python3"
        self.nodes[name] = _spawn(
            [python, str(self.patroni.path), str(config)],
            log=self.folder / f"{name}.log",
            user=self.user,
            environment={**os.environ, **self.patroni.environment, "HOME": str(home), "PYTHONPATH": ""},
        )

    def _config(self, name: str, home: Path) -> str:
        return f"""
scope: motcua
name: {name}
restapi: {{listen: '127.0.0.1:{self.rest[name]}', connect_address: '127.0.0.1:{self.rest[name]}'}}
etcd3: {{hosts: '127.0.0.1:{self.etcd_ports[0]}'}}
bootstrap:
  dcs:
    ttl: 10
    loop_wait: 2
    retry_timeout: 3
    synchronous_mode: true
    postgresql: {{use_pg_rewind: true, parameters: {{max_connections: 60, wal_retrieve_retry_interval: 500ms}}}}
  initdb: [{{encoding: UTF8}}, {{locale: C.UTF-8}}, no-sync]
  pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust']
postgresql:
  listen: 127.0.0.1:{self.sql[name]}
  connect_address: 127.0.0.1:{self.sql[name]}
  data_dir: {home}/data
  bin_dir: {self.binaries}
  pgpass: {home}/pgpass
  authentication:
    superuser: {{username: motcua, password: motcua}}
    replication: {{username: rep, password: rep}}
    rewind: {{username: rew, password: rew}}
  parameters: {{unix_socket_directories: {home}, shared_buffers: 32MB}}
"""

    def roles(self) -> dict[str, str]:
        """What each node says that every node is."""
        for port in self.rest.values():
            try:
                members = httpx.get(f"http://127.0.0.1:{port}/cluster", timeout=3, trust_env=False).json()["members"]
            except (httpx.TransportError, ValueError, KeyError):
                continue
            running = ("running", "streaming")
            return {one["name"]: one["role"] for one in members if one.get("state") in running}
        return {}

    def wait_for_roles(self, wanted: dict[str, int]) -> None:
        """Until so many nodes have these roles."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            roles = list(self.roles().values())
            if all(roles.count(role) == count for role, count in wanted.items()):
                return
            time.sleep(0.2)
        logs = [(self.folder / f"{name}.log").read_text(errors="replace")[-1500:] for name in NODES]
        raise ServerFailed(f"{self.roles()} instead of {wanted}: {logs}")

    def kill_leader(self) -> str:
        """Kill the leader's Patroni and all of its PostgreSQL at once, as if its machine were gone."""
        (leader,) = (name for name, role in self.roles().items() if role == "leader")
        self._kill(leader)
        return leader

    def _kill(self, name: str) -> None:
        family = []
        if self.nodes[name].poll() is None:
            process = psutil.Process(self.nodes[name].pid)
            family = [process, *process.children(recursive=True)]
        data = str(self.folder / name / "data")
        # The postmaster is nobody's child once Patroni has let it go.
        family += [one for one in psutil.process_iter(["cmdline"]) if data in (one.info["cmdline"] or [])]
        for one in family:
            for each in [one, *(one.children(recursive=True) if one.is_running() else [])]:
                try:
                    each.kill()
                except psutil.NoSuchProcess:
                    continue
        self.nodes[name].wait()

    def _end_nodes(self) -> None:
        for name in NODES:
            self._kill(name)


@contextmanager
def patroni(folder: Path) -> Iterator[Cluster]:
    """Two nodes while the context lasts; see `servers.short_folder` for the folder."""
    with ExitStack() as stack:
        cluster = Cluster(folder)
        cluster.start(stack)
        yield cluster
