"""`motcua serve` and `motcua submit`: the real gateway as a process, and an employer that may be interrupted."""

import asyncio
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from gateway.cli import main
from gateway.client import Accepted, BySecret, ContentDiffers, Gateway, GatewayAway, NotAllowed, Work
from gateway.first_start import read_secrets
from schemas import sample
from tests.clocks import HandClock
from tests.gateway.cli_run import Terminal, signed

ROOT = Path(__file__).parents[2]
START_S = 60


@contextmanager
def serving(home: Path, *, workers: int = 1) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`motcua serve --demo --quiet` on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}
    environment |= {"MOTCUA_HOME": str(home), "MOTCUA_PORT": str(port), "MOTCUA_WORKERS": str(workers)}
    command = [sys.executable, "-m", "gateway.cli", "serve", "--demo", "--quiet"]
    with (home.parent / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=5) as http:
            for _ in range(START_S * 20):
                assert process.poll() is None, (home.parent / "serve.log").read_text()
                try:
                    if http.get("/ready").status_code == 200:
                        break
                except httpx.TransportError:
                    threading.Event().wait(0.05)
        yield f"http://127.0.0.1:{port}", process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("served") / "home"
    home.mkdir()
    with serving(home) as (url, _):
        yield url, home


@pytest.fixture
def employer(begun: Terminal, served: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """`motcua submit` with the demo employer's credentials."""
    url, home = served
    monkeypatch.setenv("MOTCUA_HOME", str(home))
    _, client, secret = read_secrets(home / "demo")[0]
    path = begun.home.parent / "secret"
    path.write_text(secret)
    return lambda *words: begun("submit", *words, "--url", url, "--client", client, "--secret-file", path)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_gateway_that_is_asked_to_stop_ends_well(tmp_path: Path, workers: int):
    (tmp_path / "home").mkdir()
    with serving(tmp_path / "home", workers=workers) as (_, process):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_port_that_is_taken_is_told_in_one_line(served: tuple[str, Path]):
    url, home = served
    environment = os.environ | {"MOTCUA_HOME": str(home), "MOTCUA_PORT": url.rpartition(":")[2]}
    command = [sys.executable, "-m", "gateway.cli", "serve"]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert len(ran.stderr.strip().splitlines()) == 1


def test_many_files_are_submitted_and_again_without_harm(employer, served: tuple[str, Path], tmp_path: Path):
    folder = tmp_path / "month"
    folder.mkdir()
    good = [signed(folder / f"{n}.xml", served[1], number=n, seed=100 + n) for n in range(3)]
    bad = folder / "bad.xml"
    bad.write_bytes(good[0].read_bytes().replace(b"</KyKeKhai>", b"1</KyKeKhai>"))
    first = employer(folder, "--json")
    assert first.status == 1, "one of them was refused"
    outcomes = {Path(one["file"]).name: one for one in map(json.loads, first.out.splitlines())}
    assert {one["outcome"] for name, one in outcomes.items() if name != "bad.xml"} == {"accepted"}
    assert outcomes["bad.xml"]["outcome"] == "refused"
    receipts = {path.name: path.with_name(path.name + ".receipt.jws").read_text() for path in good}
    assert (folder / "bad.xml.notice.jws").exists()
    again = employer(*good, "--json")
    assert again.status == 0
    assert {json.loads(line)["outcome"] for line in again.out.splitlines()} == {"already-accepted"}
    assert {path.name: path.with_name(path.name + ".receipt.jws").read_text() for path in good} == receipts


def test_a_supplement_and_a_withdrawal_are_sent_for_their_dossier(employer, served: tuple[str, Path], tmp_path: Path):
    first = employer(signed(tmp_path / "hoso.xml", served[1], seed=310), "--json")
    told = json.loads(first.out)

    def made(name: str, *words: object) -> Path:
        path, holder = tmp_path / name, served[1] / "demo" / "unit-1"
        said = ["sample", *words, "--unit", sample.unit_code(0), "--tax-code", sample.tax_code(0), "--office", "09993"]
        assert main([str(word) for word in [*said, "-o", path.with_suffix(".raw")]]) == 0
        keys = ["--key", f"{holder}.key.pem", "--cert", f"{holder}.pem"]
        assert main(["sign", str(path.with_suffix(".raw")), *keys, "-o", str(path)]) == 0
        return path

    supplement = made("bo-sung.xml", "600", "--supplement", "--seed", 311)
    sent = employer(supplement, "--supplement-to", told["dossier"], "--json")
    assert (sent.status, json.loads(sent.out)["outcome"]) == (0, "accepted"), sent.err
    withdrawal = made("rut.xml", "RUT", "--receipt", told["receipt_number"], "--seed", 312)
    assert employer(withdrawal, supplement, "--withdraws", told["dossier"]).status == 2
    ended = employer(withdrawal, "--withdraws", told["dossier"])
    assert ended.status == 0, ended.err
    # Other bytes than the first supplement, which would get its receipt again.
    late = employer(
        made("nua.xml", "600", "--supplement", "--attachments", 2, "--seed", 313), "--supplement-to", told["dossier"]
    )
    assert late.status == 2
    assert "409" in late.out


def test_an_office_is_played_on_what_was_submitted(employer, begun: Terminal, served: tuple[str, Path], tmp_path: Path):
    assert employer(signed(tmp_path / "hoso.xml", served[1], seed=300)).status == 0
    words = ("office", "work", "--office", "09993", "--url", served[0], "--for", 0)
    told = begun(*words)
    assert told.status == 0, told.err
    assert "returned" in told.out
    for _ in range(8):
        # Of each unit the dossier that it filed first; in the end there is nothing left to take.
        said = json.loads(begun(*words, "--json").out)
    assert said["taken"] == 0


def test_a_refusal_is_told_to_people_with_its_reasons(employer, served: tuple[str, Path], tmp_path: Path):
    raw = tmp_path / "raw.xml"
    signed(tmp_path / "x.xml", served[1], seed=200)
    raw.write_bytes((tmp_path / "x.raw").read_bytes())
    told = employer(raw)
    assert told.status == 1
    assert "FORMAT_FAILURE" in told.out


def test_a_client_with_a_key_needs_no_secret(
    begun: Terminal, served: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    url, home = served
    monkeypatch.setenv("MOTCUA_HOME", str(home))
    key = tmp_path / "client.pem"
    file = signed(tmp_path / "k.xml", home, seed=300)
    unit = json.loads(begun("check", file, "--json").out)
    assert unit["ok"]
    made = begun("client", "add", "--role", "employer", "--unit", "AK4549H", "--make-key", key, "--json")
    client = json.loads(made.out)["client_id"]
    assert begun("submit", file, "--url", url, "--client", client, "--key", key).status == 0


def test_a_wrong_secret_ends_the_run_in_one_line(
    begun: Terminal, served: tuple[str, Path], tmp_path: Path, monkeypatch
):
    url, home = served
    (tmp_path / "wrong").write_text("wrong")
    file = signed(tmp_path / "w.xml", home, seed=400)
    told = begun("submit", file, "--url", url, "--client", "employer-nobody", "--secret-file", tmp_path / "wrong")
    assert told.status == 2
    assert "không được cấp quyền" in told.err


def test_a_gateway_that_is_away_is_waited_for_only_so_long(begun: Terminal, tmp_path: Path):
    (tmp_path / "s").write_text("x")
    file = signed(tmp_path / "a.xml", begun.home, seed=500)
    words = ("--url", "http://127.0.0.1:9", "--client", "c", "--secret-file", tmp_path / "s", "--patience", "1")
    told = begun("submit", file, *words)
    assert told.status == 2
    assert "còn 1 hồ sơ chưa nộp" in told.err


@contextmanager
def standing_in(answers: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    """A gateway that behaves as gateways and networks may at their worst."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/oauth/token":
                say(self, 200, {"access_token": "t", "token_type": "Bearer", "expires_in": 600})
            else:
                answers(self, body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def say(door: BaseHTTPRequestHandler, status: int, body: object, **headers: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    door.send_response(status)
    for name, value in headers.items():
        door.send_header(name.replace("_", "-"), value)
    door.send_header("Content-Length", str(len(content)))
    door.end_headers()
    door.wfile.write(content)


def received(content: bytes) -> dict[str, object]:
    return {
        "dossier": "d-x", "receipt_number": "n", "state": "accepted", "received_at": "t", "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(), "batch": 1, "competent_office": "09993", "due_at": None,
        "receipt": "a.b.c",
    }  # fmt: skip


def submitted(url: str, content: bytes, patience_s: float = 20) -> object:
    async def run() -> object:
        async with Gateway(url, BySecret("c", "s"), HandClock(), patience_s=patience_s) as gateway:
            return await gateway.submit(content)

    return asyncio.run(run())


def test_a_lost_answer_is_asked_for_by_digest_before_the_bytes_are_sent_again():
    asked: list[str] = []

    def answers(door: BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(f"{door.command} {door.path.partition('?')[0]}")
        if door.command == "POST":
            door.close_connection = True  # the line goes dead
        else:
            say(door, 200, received(b"x"))

    with standing_in(answers) as url:
        outcome = submitted(url, b"x")
    assert isinstance(outcome, Accepted)
    assert not outcome.fresh
    assert asked == ["POST /v1/dossiers", "GET /v1/receipts"]


def test_a_request_that_was_lost_is_sent_again():
    asked: list[str] = []

    def answers(door: BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(door.command)
        if asked == ["POST"]:
            door.close_connection = True
        elif door.command == "GET":
            say(door, 404, {"code": "not-found"})
        else:
            say(door, 201, received(body))

    with standing_in(answers) as url:
        outcome = submitted(url, b"x")
    assert isinstance(outcome, Accepted)
    assert outcome.fresh
    assert asked == ["POST", "GET", "POST"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_gateway_that_asks_to_come_back_is_obeyed(status: int):
    asked: list[int] = []

    def answers(door: BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(len(body))
        if len(asked) == 1:
            say(door, status, {"code": "store-away", "retry": "after"}, Retry_After="0")
        else:
            say(door, 201, received(body))

    with standing_in(answers) as url:
        assert isinstance(submitted(url, b"xyz"), Accepted)
    assert asked == [3, 3]


def test_patience_ends():
    with (
        standing_in(lambda door, _: say(door, 503, {"code": "store-away"}, Retry_After="3600")) as url,
        pytest.raises(GatewayAway),
    ):
        submitted(url, b"x", patience_s=1)


def test_what_is_forbidden_is_not_tried_again():
    asked: list[str] = []

    def answers(door: BaseHTTPRequestHandler, _: bytes) -> None:
        asked.append(door.path)
        say(door, 403, {"code": "forbidden", "title": "no"})

    with standing_in(answers) as url, pytest.raises(NotAllowed):
        submitted(url, b"x")
    assert len(asked) == 1


def test_bytes_that_differ_from_their_digest_are_not_handed_on():
    work = Work(
        lease="l", attempt=1, dossier="d", receipt_number="n", procedure="600", sha256=hashlib.sha256(b"x").hexdigest(),
        size_bytes=1, content_url="/v1/dossiers/d/content", lease_until="t", due_at=None,
    )  # fmt: skip

    async def run(url: str) -> bytes:
        async with Gateway(url, BySecret("c", "s"), HandClock()) as gateway:
            return await gateway.content(work)

    with standing_in(lambda door, _: say(door, 200, b"y")) as url, pytest.raises(ContentDiffers):
        asyncio.run(run(url))
    with standing_in(lambda door, _: say(door, 200, b"x")) as url:
        assert asyncio.run(run(url)) == b"x"
