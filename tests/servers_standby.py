"""A PostgreSQL that is copied to a standby before it acknowledges, and the standby that can be promoted."""

import os
import pwd
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.servers import (
    START_TIMEOUT_S,
    ServerFailed,
    _await,
    _end,
    _free_ports,
    _make_cluster,
    _reachable_install,
    _spawn,
    _unprivileged_user,
)


class Pair:
    """A primary and its synchronous standby: what the primary acknowledged, the standby has on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = _unprivileged_user()
        self.binaries = _reachable_install(folder, self.user)
        self.password = secrets.token_hex(16)
        self.ports = _free_ports(2)
        self.primary = self._start_primary()
        self.standby = self._start_standby()

    @property
    def url(self) -> str:
        """Both, and whichever of them takes writes."""
        hosts = "&".join(f"host=127.0.0.1:{port}" for port in self.ports)
        return f"postgresql+psycopg://motcua:{self.password}@/postgres?{hosts}&target_session_attrs=read-write"

    def kill_primary(self) -> None:
        """As if its machine were gone: every process of it, at once."""
        group = os.getpgid(self.primary.pid)
        os.killpg(group, signal.SIGKILL)
        self.primary.wait()

    def promote(self) -> None:
        """Make the standby take writes."""
        with self._admin(self.ports[1]) as connection:
            if connection.execute("SELECT pg_promote(true, 30)").fetchone() != (True,):
                raise ServerFailed("the standby was not promoted")

    def close(self) -> None:
        """End both."""
        for process in (self.primary, self.standby):
            if process.poll() is None:
                _end(process, signal.SIGINT)

    def _admin(self, port: int) -> psycopg.Connection:
        return psycopg.connect(
            f"postgresql://motcua:{self.password}@127.0.0.1:{port}/postgres", autocommit=True, connect_timeout=5
        )

    def _start_primary(self) -> subprocess.Popen[bytes]:
        cluster, password_file = self.folder / "primary", self.folder / "password"
        password_file.write_text(self.password)
        _make_cluster(self.binaries, cluster, password_file, self.user)
        process = self._serve(cluster, self.ports[0])
        with self._admin(self.ports[0]) as connection:
            connection.execute("SELECT pg_create_physical_replication_slot('standby')")
        return process

    def _start_standby(self) -> subprocess.Popen[bytes]:
        cluster = self.folder / "standby"
        cluster.mkdir(mode=0o700)
        if self.user is not None:
            os.chown(cluster, self.user, pwd.getpwuid(self.user).pw_gid)
        primary = f"host=127.0.0.1 port={self.ports[0]} user=motcua password={self.password} application_name=standby"
        copying = _spawn(
            [
                *(str(self.binaries / "pg_basebackup"), "-d", primary, "-D", str(cluster)),
                *("-R", "-X", "stream", "-S", "standby", "-c", "fast", "--no-sync"),
            ],
            log=self.folder / "basebackup.log",
            user=self.user,
            environment=None,
        )
        if copying.wait(START_TIMEOUT_S) != 0:
            raise ServerFailed((self.folder / "basebackup.log").read_text(errors="replace")[-2000:])
        process = self._serve(cluster, self.ports[1])
        with self._admin(self.ports[0]) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            connection.execute("SELECT pg_reload_conf()")
            if not _await(lambda: _is_synchronous(connection)):
                raise ServerFailed("the standby does not keep up")
        return process

    def _serve(self, cluster: Path, port: int) -> subprocess.Popen[bytes]:
        settings = ["listen_addresses=127.0.0.1", "shared_buffers=32MB", f"unix_socket_directories={cluster}"]
        settings += ["wal_retrieve_retry_interval=200ms", "hot_standby=on"]
        process = _spawn(
            [str(self.binaries / "postgres"), "-D", str(cluster), "-p", str(port)]
            + [word for setting in settings for word in ("-c", setting)],
            log=self.folder / f"{cluster.name}.log",
            user=self.user,
            environment=None,
        )
        if not _await(lambda: process.poll() is not None or self._answers(port)) or process.poll() is not None:
            raise ServerFailed((self.folder / f"{cluster.name}.log").read_text(errors="replace")[-2000:])
        return process

    def _answers(self, port: int) -> bool:
        try:
            self._admin(port).close()
        except psycopg.OperationalError:
            return False
        return True


def _is_synchronous(connection: psycopg.Connection) -> bool:
    rows = connection.execute(
        "SELECT sync_state FROM pg_stat_replication WHERE application_name = 'standby'"
    ).fetchall()
    return rows == [("sync",)]


@contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    """A primary and its standby while the context lasts; see `servers.short_folder` for the folder."""
    both = Pair(folder)
    try:
        yield both
    finally:
        both.close()
