"""A PgBouncer that gives every transaction another session, in front of a PostgreSQL."""

import os
import pwd
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests.debian import debian_tool
from tests.servers import _running, _unprivileged_user

SESSIONS = 4


@contextmanager
def pgbouncer(folder: Path, server_url: str) -> Iterator[str]:
    """Pool the transactions of a server; yields the URL of its first database behind the pool."""
    tool = debian_tool(["pgbouncer"], "/usr/sbin/pgbouncer")
    server, user = make_url(server_url), _unprivileged_user()
    config = folder / "pgbouncer.ini"
    if user is not None:
        os.chown(folder, user, pwd.getpwuid(user).pw_gid)

    def url(port: int) -> str:
        return f"postgresql+psycopg://motcua@127.0.0.1:{port}/postgres"

    def command(ports: list[int]) -> list[str]:
        config.write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={server.port} user=motcua password={server.password}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {ports[0]}\nauth_type = any\npool_mode = transaction\n"
            f"max_client_conn = 200\ndefault_pool_size = {SESSIONS}\nunix_socket_dir =\n"
        )
        return [str(tool.path), str(config)]

    def ready(ports: list[int]) -> bool:
        try:
            psycopg.connect(url(ports[0]).replace("+psycopg", ""), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    environment = {**os.environ, **tool.environment}
    with _running(
        command, ready, ports=1, log=folder / "pgbouncer.log", ending=signal.SIGINT, user=user, environment=environment
    ) as (_, ports):
        yield url(ports[0])
