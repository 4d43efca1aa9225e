"""While a store is away or full nothing is accepted, the sender is told to come back, and then all works again."""

import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from gateway.api.body import MEMORY_BYTES_MAX
from signing.demo_pki import DemoPki
from tests import servers
from tests.lines.gateways import NONE_OF_ANY, ONE_OF_EACH, Gateway, Home, dossier, prepare, serving

Serve = Callable[..., Gateway]
BACK_WITHIN_S = 60.0


class Killed:
    """A server that was killed, and can be started again as it was: same folder, same ports, same user."""

    def __init__(self, pid: int, ending: signal.Signals) -> None:
        self._ending = ending
        process = psutil.Process(pid)
        self._command, self._folder, self._environment = process.cmdline(), process.cwd(), process.environ()
        self._user, self._group = process.uids().real, process.gids().real
        self._again: subprocess.Popen[bytes] | None = None
        children = process.children(recursive=True)
        os.kill(pid, signal.SIGKILL)
        # It is a child of ours: until it is waited for, its pid looks alive to whoever finds it in a lock file.
        os.waitpid(pid, 0)
        psutil.wait_procs(children, timeout=BACK_WITHIN_S)

    def start(self) -> None:
        root = os.geteuid() == 0
        self._again = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env=self._environment,
            user=self._user if root else None,
            group=self._group if root else None,
            extra_groups=[] if root else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end(self) -> None:
        if self._again is not None:
            self._again.send_signal(self._ending)
            self._again.wait(BACK_WITHIN_S)


@contextmanager
def killed(pid: int, *, ending: signal.Signals = signal.SIGKILL) -> Iterator[Killed]:
    """Kill a server; what was started instead is ended with the context, by the signal that it ends by quickly."""
    server = Killed(pid, ending)
    try:
        yield server
    finally:
        server.end()


def come_back(answer: httpx.Response, code: str) -> None:
    """Told to come back later, in words and in headers."""
    assert answer.status_code == 503, answer.text
    problem = answer.json()
    assert (problem["code"], problem["retry"]) == (code, "after")
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert problem["correlation_id"] == answer.headers["x-correlation-id"]


def accepted_at_last(gateway: Gateway, content: bytes) -> httpx.Response:
    """Submit as an honest client does: the same bytes again, as long as it is told to come back."""
    deadline = time.monotonic() + BACK_WITHIN_S
    while (answer := gateway.submit(content)).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert answer.status_code in (200, 201), answer.text
    assert gateway.home.kept(content) == ONE_OF_EACH
    assert gateway.get(f"/v1/dossiers/{answer.json()['dossier']}/content").content == content
    return answer


def limit_files(gateway: Gateway, size_bytes: int) -> None:
    """From now on the gateway can write no file beyond this size (`EFBIG`), as on a full disk; needs no privilege."""
    _, hard = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def no_limit(gateway: Gateway) -> None:
    limit_files(gateway, resource.RLIM_INFINITY)


def test_a_full_vault_accepts_nothing_and_then_works_again(home: Home, serve: Serve) -> None:
    gateway = serve(home)
    before, large, small = dossier(home, 1), dossier(home, 2, attachment_bytes=660_000), dossier(home, 3)
    first = gateway.submit(before)
    # The segment that it would go to holds one as large already.
    earlier = dossier(home, 4, attachment_bytes=660_000)
    assert gateway.submit(earlier).status_code == 201
    # Held in memory while it arrives; and the database's own files are below the limit, to go on.
    assert len(large) < MEMORY_BYTES_MAX
    limit_files(gateway, 1_600_000)
    assert len(earlier) + len(large) > 1_600_000 > (home.folder / "motcua.sqlite").stat().st_size + len(small)
    come_back(gateway.submit(large), "store-full")
    assert home.kept(large) == NONE_OF_ANY
    # There is room enough for a small one: a new segment takes it, and the torn one is never touched again.
    assert gateway.submit(small).status_code == 201
    no_limit(gateway)
    accepted_at_last(gateway, large)
    assert gateway.submit(before).content == first.content
    assert gateway.get(f"/v1/dossiers/{first.json()['dossier']}/content").content == before


def test_a_disk_without_any_room_accepts_nothing_and_then_works_again(home: Home, serve: Serve) -> None:
    gateway, content = serve(home), dossier(home, 1)
    limit_files(gateway, 0)
    answer = gateway.submit(content)
    assert answer.status_code == 503
    assert answer.json()["code"] in ("store-full", "database-away")
    assert "retry-after" in answer.headers
    assert home.kept(content) == NONE_OF_ANY
    no_limit(gateway)
    accepted_at_last(gateway, content)


def test_a_database_without_room_accepts_nothing_and_then_works_again(home: Home, serve: Serve) -> None:
    gateway = serve(home)
    # Its write-ahead log grows faster than the vault: it meets the limit first.
    for seed in range(6):
        assert gateway.submit(dossier(home, seed, attachments=0)).status_code == 201
    log_bytes = (home.folder / "motcua.sqlite-wal").stat().st_size
    segments = [pack.stat().st_size for pack in (home.folder / "vault").iterdir()]
    content = dossier(home, 9, attachments=0)
    assert sum(segments) + 2 * len(content) < log_bytes
    limit_files(gateway, log_bytes)
    come_back(gateway.submit(content), "database-away")
    assert home.kept(content) == NONE_OF_ANY
    no_limit(gateway)
    accepted_at_last(gateway, content)


def test_a_large_body_that_finds_no_room_while_it_arrives_is_told_to_come_back(home: Home, serve: Serve) -> None:
    gateway, content = serve(home), dossier(home, 1, attachment_bytes=3_000_000)
    limit_files(gateway, 1_500_000)
    come_back(gateway.submit(content), "store-full")
    assert list((home.folder / "spool").iterdir()) == []
    assert home.kept(content) == NONE_OF_ANY
    no_limit(gateway)
    accepted_at_last(gateway, content)


def test_a_vault_that_may_not_be_written_accepts_nothing_and_then_works_again(home: Home, serve: Serve) -> None:
    gateway, content = serve(home), dossier(home, 1)
    vault = home.folder / "vault"
    vault.chmod(0o500)
    come_back(gateway.submit(content), "store-away")
    assert home.kept(content) == NONE_OF_ANY
    vault.chmod(0o700)
    accepted_at_last(gateway, content)


@pytest.mark.parametrize("in_use", [False, True], ids=["before the first round", "after the first round"])
def test_a_vault_that_was_removed_accepts_nothing_and_works_again_after_a_restart(
    home: Home, serve: Serve, in_use: bool
) -> None:
    gateway, content = serve(home), dossier(home, 1)
    if in_use:
        assert gateway.submit(dossier(home, 2)).status_code == 201
    shutil.rmtree(home.folder / "vault")
    come_back(gateway.submit(content), "store-away")
    assert home.kept(content) == NONE_OF_ANY
    gateway.stop()
    accepted_at_last(serve(home), content)


def test_postgresql_that_dies_accepts_nothing_and_then_every_dossier_is_there_once(
    pki: DemoPki, tmp_path: Path
) -> None:
    with servers.short_folder() as folder, servers.postgres(folder) as url:
        home = prepare(tmp_path / "home", pki, database_url=url)
        contents = [dossier(home, seed, attachments=0) for seed in range(30)]
        with serving(home) as gateway:
            accepted_at_last(gateway, contents[0])
            pid = int((folder / "cluster" / "postmaster.pid").read_text().split()[0])
            spoken: dict[int, httpx.Response] = {}
            dead = threading.Event()

            def stream() -> None:
                for number, content in enumerate(contents[1:], 1):
                    spoken[number] = gateway.submit(content)
                    if dead.is_set() and spoken[number].status_code == 503:
                        break

            submitting = threading.Thread(target=stream)
            submitting.start()
            while len(spoken) < 3:
                time.sleep(0.001)
            with killed(pid, ending=signal.SIGINT) as server:
                dead.set()
                submitting.join()
                last = max(spoken)
                come_back(spoken[last], "database-away")
                come_back(gateway.submit(contents[-1]), "database-away")
                come_back(gateway.get("/v1/events"), "database-away")
                assert gateway.http.get("/ready").status_code == 503
                assert gateway.http.get("/health").status_code == 200
                server.start()
                wait_for_postgresql(home)
                for number, content in enumerate(contents):
                    answer = accepted_at_last(gateway, content)
                    if number in spoken and spoken[number].status_code == 201:
                        assert answer.content == spoken[number].content
                assert gateway.http.get("/ready").status_code == 200
                assert home.rows("SELECT count(*) FROM dossier")[0][0] == len(contents)


def wait_for_postgresql(home: Home) -> None:
    deadline = time.monotonic() + BACK_WITHIN_S
    while True:
        try:
            home.rows("SELECT 1")
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_an_s3_store_that_dies_accepts_nothing_and_then_works_again(pki: DemoPki, tmp_path: Path) -> None:
    with servers.short_folder() as folder, servers.seaweedfs(folder) as store:
        credentials = tmp_path / "credentials"
        credentials.touch(mode=0o600)
        credentials.write_text(f"{store.access_key}\n{store.secret_key}\n")
        # The bucket that the server's own readiness was proved with.
        vault_url = f"s3://ready?endpoint={store.url}&region=us-east-1&credentials={credentials}"
        home = prepare(tmp_path / "home", pki, vault_url=vault_url)
        before, content = dossier(home, 1), dossier(home, 2)
        with serving(home) as gateway:
            first = accepted_at_last(gateway, before)
            with killed(store.pid) as server:
                come_back(gateway.submit(content), "store-away")
                assert home.kept(content) == NONE_OF_ANY
                # What is in the journal is answered without the store; the bytes are not there for now.
                assert gateway.submit(before).content == first.content
                come_back(gateway.get(f"/v1/dossiers/{first.json()['dossier']}/content"), "store-away")
                server.start()
                accepted_at_last(gateway, content)
                assert gateway.get(f"/v1/dossiers/{first.json()['dossier']}/content").content == before
