"""The scanner says what a real clamd says, and never calls clean what was not scanned."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Misconfigured
from gateway.scanner import Clamd, NoScanner, Scan, ScannerAway, scanner_of
from tests.servers import short_folder
from tests.servers_clamd import EICAR_HEX, STREAM_BYTES_MAX, ClamdServer, clamd

EICAR = bytes.fromhex(EICAR_HEX)


@pytest.fixture(scope="module")
def server() -> Iterator[ClamdServer]:
    with short_folder() as folder, clamd(folder) as running:
        yield running


@pytest.fixture
def mortal() -> Iterator[ClamdServer]:
    """One that a test may stop or kill."""
    with short_folder() as folder, clamd(folder) as running:
        yield running
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGCONT)


@pytest.fixture(params=["unix", "tcp"])
def setting(request: pytest.FixtureRequest, server: ClamdServer) -> str:
    return f"unix:{server.socket}" if request.param == "unix" else f"tcp:127.0.0.1:{server.port}"


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    """The gateway's event loop, and the one that comes with Python."""
    with asyncio.Runner(loop_factory=request.param) as running:
        yield running


def scan(setting: str, content: bytes) -> Scan:
    return asyncio.run(scanner_of(setting).scan(content))


@pytest.mark.parametrize("around", [b"", b"x" * 1_000_000])
def test_an_infected_content_is_found_and_named_with_the_engine(setting: str, around: bytes) -> None:
    found = scan(setting, around + EICAR + around)
    assert found.state == "infected"
    assert found.signature.startswith("Test.Eicar")
    assert found.engine.startswith("ClamAV ")
    assert found.why == ""


@pytest.mark.parametrize("content", [b"", b"x", b"%PDF-1.7\n" + bytes(1_500_000)])
def test_a_clean_content_passes(setting: str, content: bytes) -> None:
    found = scan(setting, content)
    assert (found.state, found.signature, found.why) == ("clean", "", "")
    assert found.engine.startswith("ClamAV ")


def test_a_content_larger_than_the_scanner_takes_in_is_not_scanned_and_says_so(
    setting: str, runner: asyncio.Runner
) -> None:
    found = runner.run(scanner_of(setting).scan(bytes(4 * STREAM_BYTES_MAX)))
    assert (found.state, found.why) == ("not-scanned", "too-large")


def test_a_content_at_which_the_scanner_gave_up_is_not_called_clean(setting: str) -> None:
    found = scan(setting, bytes(3 * 1024 * 1024))
    assert (found.state, found.why) == ("not-scanned", "limits")


def in_chunks(content: bytes, size: int) -> Iterator[bytes]:
    """A content that nobody holds whole, with a chunk that is empty."""
    yield b""
    for at in range(0, len(content), size):
        yield content[at : at + size]


@pytest.mark.parametrize("size", [7, 1000, 10**9])
def test_a_content_that_comes_in_chunks_is_scanned_as_a_whole(setting: str, size: int) -> None:
    around = b"x" * 2000
    assert asyncio.run(scanner_of(setting).scan(in_chunks(around + EICAR + around, size))).state == "infected"
    assert asyncio.run(scanner_of(setting).scan(in_chunks(around, size))).state == "clean"
    too_large = in_chunks(bytes(STREAM_BYTES_MAX + 1), 100_000)
    assert asyncio.run(scanner_of(setting).scan(too_large)).why == "too-large"


def test_many_contents_at_once_get_their_own_answers(setting: str, runner: asyncio.Runner) -> None:
    async def all_of_them() -> list[Scan]:
        scanner = scanner_of(setting)
        return await asyncio.gather(*(scanner.scan(EICAR if n % 3 == 0 else b"good" * n) for n in range(60)))

    answers = runner.run(all_of_them())
    assert [one.state for one in answers] == ["infected" if n % 3 == 0 else "clean" for n in range(60)]


def test_a_scanner_killed_in_mid_stream_is_away(mortal: ClamdServer, runner: asyncio.Runner) -> None:
    async def killed() -> None:
        os.kill(mortal.pid, signal.SIGSTOP)
        # Connected, and its socket full: the answer to VERSION is what it waits for, and then for the stream.
        asked = asyncio.create_task(Clamd(mortal.socket)._ask(b"INSTREAM", memoryview(bytes(3_000_000))))
        await asyncio.sleep(0.2)
        assert not asked.done()
        os.kill(mortal.pid, signal.SIGKILL)
        await asked

    with pytest.raises(ScannerAway):
        runner.run(killed())


def test_a_scanner_that_is_killed_while_others_wait_for_it_leaves_nobody_waiting(
    mortal: ClamdServer, runner: asyncio.Runner
) -> None:
    async def killed() -> list[Scan | BaseException]:
        scanner = Clamd(mortal.socket)
        os.kill(mortal.pid, signal.SIGSTOP)
        asked = [asyncio.create_task(scanner.scan(b"x" * 1000)) for _ in range(12)]
        await asyncio.sleep(0.2)
        os.kill(mortal.pid, signal.SIGKILL)
        return await asyncio.gather(*asked, return_exceptions=True)

    assert {type(one) for one in runner.run(killed())} == {ScannerAway}


def test_a_scanner_that_is_too_slow_is_away_and_scans_again_when_it_goes_on(
    mortal: ClamdServer, runner: asyncio.Runner
) -> None:
    scanner = Clamd(mortal.socket, time_limit_s=0.3)
    os.kill(mortal.pid, signal.SIGSTOP)
    with pytest.raises(ScannerAway, match="no answer"):
        runner.run(scanner.scan(EICAR))
    os.kill(mortal.pid, signal.SIGCONT)
    assert runner.run(Clamd(mortal.socket).scan(EICAR)).state == "infected"


def test_a_scan_that_is_given_up_leaves_no_connection_behind(mortal: ClamdServer, runner: asyncio.Runner) -> None:
    os.kill(mortal.pid, signal.SIGSTOP)

    async def given_up() -> None:
        before = psutil.Process().num_fds()
        with pytest.raises(ScannerAway):
            await Clamd(mortal.socket, time_limit_s=0.1).scan(b"x")
        assert psutil.Process().num_fds() == before

    runner.run(given_up())


def test_a_scanner_that_is_not_there_is_away(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for setting in (f"unix:{tmp_path}/none", f"tcp:127.0.0.1:{port}", f"tcp:[::1]:{port}"):
        with pytest.raises(ScannerAway):
            scan(setting, b"x")


@pytest.mark.parametrize(
    "said", [b"", b"stream: OK", b"stream: OK\nstream: X FOUND\0", b"\xff\x00", b"x" * 10_000, b"\0"]
)
def test_an_answer_that_is_none_is_never_clean(said: bytes) -> None:
    async def asked() -> Scan:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"Some 1.0\0" if await reader.readuntil(b"\0") == b"zVERSION\0" else said)
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            return await Clamd(server.sockets[0].getsockname()).scan(b"x")

    with pytest.raises(ScannerAway):
        asyncio.run(asked())


def test_a_scanner_that_is_switched_off_says_so() -> None:
    assert isinstance(scanner_of(""), NoScanner)
    assert scan("", EICAR) == Scan("not-scanned", why="switched-off")


@pytest.mark.parametrize(
    "setting",
    ["clamd", "unix:relative", "unix:", "unix:/" + "a" * 200, "tcp:host", "tcp:host:0", "tcp:host:65536", "tcp::1"],
)
def test_a_setting_that_names_no_scanner_stops_the_start(setting: str) -> None:
    with pytest.raises(Misconfigured, match="scanner"):
        scanner_of(setting)


@given(st.text(max_size=40))
def test_no_setting_does_more_than_be_taken_or_refused(setting: str) -> None:
    with contextlib.suppress(Misconfigured):
        assert scanner_of(setting)
