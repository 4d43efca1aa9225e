"""Senders that lie about lengths, are slow, hang up or send too much: nothing stays behind, and others do not wait."""

import itertools
import time

import pytest

from tests.lines.gateways import (
    BODY_BYTES_MAX,
    BYTES_PER_S_MIN,
    HURRIED_A_MINUTE,
    IDLE_S,
    NONE_OF_ANY,
    ONE_OF_EACH,
    Gateway,
    Home,
    Wire,
    content_digest,
    dossier,
    serving,
)
from tests.lines.problems import problem

_seeds = itertools.count(3000)


def test_a_body_beyond_the_limit_is_refused_before_a_byte_is_read(gateway: Gateway) -> None:
    with Wire(gateway) as wire:
        wire.head(f"Content-Length: {BODY_BYTES_MAX + 1}", "Accept-Language: en")
        answer = wire.answer()
    assert answer
    problem(answer, 413, "body-too-large", "en")
    assert answer.headers["connection"] == "close"


def test_a_chunked_body_is_cut_off_at_the_limit(gateway: Gateway) -> None:
    chunk = b"%x\r\n%s\r\n" % (65536, b" " * 65536)
    with Wire(gateway) as wire:
        wire.head("Transfer-Encoding: chunked")
        sent = 0
        # One chunk beyond the limit and then silence: what is still unread when it closes could eat the answer.
        while sent <= BODY_BYTES_MAX:
            wire.send(chunk)
            sent += 65536
        answer = wire.answer()
    assert answer
    problem(answer, 413, "body-too-large")


def test_a_body_of_exactly_the_limit_is_read(gateway: Gateway) -> None:
    problem(gateway.submit(b" " * BODY_BYTES_MAX), 422, "malformed")


def test_a_content_length_that_promises_too_much_ends_as_a_slow_sender(gateway: Gateway) -> None:
    content = dossier(gateway.home, next(_seeds))
    with Wire(gateway) as wire:
        wire.head(f"Content-Length: {len(content) + 10}", "Accept-Language: en")
        wire.send(content)
        answer = wire.answer()
    assert answer
    told = problem(answer, 408, "sender-too-slow", "en")
    assert told["retry"] == "same-request"
    assert gateway.home.kept(content) == NONE_OF_ANY


def test_a_content_length_that_promises_too_much_and_then_the_end_is_nothing(gateway: Gateway) -> None:
    content = dossier(gateway.home, next(_seeds))
    with Wire(gateway) as wire:
        wire.head(f"Content-Length: {len(content) + 10}")
        wire.send(content)
        wire.socket.shutdown(1)
        answer = wire.answer()
    if answer is not None:
        problem(answer, 400, "body-incomplete")
    assert gateway.home.kept(content) == NONE_OF_ANY


def test_a_content_length_that_promises_too_little_is_a_cut_off_dossier(gateway: Gateway) -> None:
    content = dossier(gateway.home, next(_seeds))
    with Wire(gateway) as wire:
        wire.head(f"Content-Length: {len(content) - 10}")
        wire.send(content[:-10])
        answer = wire.answer()
        assert answer
        problem(answer, 422, "malformed")
        # The rest is no request.
        wire.send(content[-10:] + b"\r\n\r\n")
        rest = wire.answer()
        assert rest is None or rest.status == 400
    assert gateway.home.kept(content) == NONE_OF_ANY


def test_a_content_length_that_promises_too_little_differs_from_its_digest(gateway: Gateway) -> None:
    content = dossier(gateway.home, next(_seeds))
    with Wire(gateway) as wire:
        wire.head(f"Content-Length: {len(content) - 10}", f"Content-Digest: {content_digest(content)}")
        wire.send(content[:-10])
        answer = wire.answer()
    assert answer
    problem(answer, 400, "digest-differs")


def test_more_than_the_content_length_at_once_is_refused(gateway: Gateway) -> None:
    content = dossier(gateway.home, next(_seeds))
    with Wire(gateway) as wire:
        wire.head(f"Content-Length: {len(content) - 10}")
        wire.send(content)
        answer = wire.answer()
    # By the HTTP parser, which sees that what follows is no request, or by us, whoever is quicker.
    assert answer is None or answer.status in (400, 422)
    assert gateway.home.kept(content) == NONE_OF_ANY


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 10", "Content-Length: 20"),
        ("Content-Length: 10", "Transfer-Encoding: chunked"),
        ("Content-Length: ten",),
        ("Content-Length: -5",),
        ("Transfer-Encoding: nonsense",),
        ("Not a header",),
    ],
    ids=str,
)
def test_headers_that_could_be_read_in_two_ways_are_refused(gateway: Gateway, lines: tuple[str, ...]) -> None:
    content = dossier(gateway.home, next(_seeds))
    with Wire(gateway) as wire:
        wire.head(*lines)
        wire.send(content)
        answer = wire.answer()
    # Refused below us, by the HTTP parser, in its own words.
    assert answer is None or answer.status == 400
    assert gateway.home.kept(content) == NONE_OF_ANY


def test_what_is_not_http_is_refused(gateway: Gateway) -> None:
    with Wire(gateway) as wire:
        wire.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello TLS\r\n\r\n")
        answer = wire.answer()
    assert answer is None or answer.status == 400


def test_a_silent_sender_is_told_after_a_while(gateway: Gateway) -> None:
    with Wire(gateway) as wire:
        began = time.monotonic()
        wire.head("Content-Length: 1000", "Accept-Language: en")
        wire.send(b"<Hoso>")
        answer = wire.answer()
    assert answer
    told = problem(answer, 408, "sender-too-slow", "en")
    assert told["retry"] == "same-request"
    assert "6 bytes" in str(told["detail"])
    assert IDLE_S * 0.9 < time.monotonic() - began < IDLE_S + 5
    assert answer.headers["connection"] == "close"


def test_a_trickle_is_not_borne_for_ever(gateway: Gateway) -> None:
    with Wire(gateway) as wire:
        wire.head("Content-Length: 100000")
        wire.socket.settimeout(IDLE_S / 6)
        began = time.monotonic()
        answered = b""
        while not answered and time.monotonic() - began < 20 * IDLE_S:
            wire.send(b"x")
            try:
                answered = wire.socket.recv(4096)
            except TimeoutError:
                continue
    assert b" 408 " in answered.split(b"\r\n")[0]
    assert time.monotonic() - began < 10 * IDLE_S


def test_a_slow_sender_that_keeps_to_the_rate_is_received(home: Home) -> None:
    content = dossier(home, 1, attachment_bytes=40_000)
    with serving(home, body_idle_s=IDLE_S, body_bytes_per_s_min=BYTES_PER_S_MIN) as gateway, Wire(gateway) as wire:
        wire.head(f"Content-Length: {len(content)}")
        pieces = [content[at : at + 5000] for at in range(0, len(content), 5000)]
        began = time.monotonic()
        for piece in pieces:
            wire.send(piece)
            time.sleep(0.1)
        answer = wire.answer()
        assert time.monotonic() - began > IDLE_S
        assert answer
        assert answer.status == 201


@pytest.mark.parametrize("rudely", [False, True])
def test_a_client_that_hangs_up_midway_leaves_nothing(gateway: Gateway, rudely: bool) -> None:
    content = dossier(gateway.home, next(_seeds), attachment_bytes=800_000)
    assert len(content) > 1024 * 1024, "large enough to be spooled"
    with Wire(gateway) as wire:
        wire.head(f"Content-Length: {len(content)}")
        wire.send(content[:-1])
        wire.hang_up(rudely=rudely)
    assert gateway.home.kept(content) == NONE_OF_ANY
    assert gateway.receipt_of(content).status_code == 404


@pytest.mark.parametrize("rudely", [False, True])
def test_a_client_that_hangs_up_before_the_answer_finds_its_receipt(home: Home, rudely: bool) -> None:
    content = dossier(home, 1)
    # Somebody else is on the way and does not come: the round waits for that one, as long as its window is.
    with serving(home, round_window_s=0.6) as gateway, Wire(gateway) as other:
        other.head("Content-Length: 1000")
        with Wire(gateway) as wire:
            wire.head(f"Content-Length: {len(content)}")
            wire.send(content)
            # It has been read and waits for its round.
            time.sleep(0.3)
            assert gateway.receipt_of(content).status_code == 404
            wire.hang_up(rudely=rudely)
        deadline = time.monotonic() + 10
        while (found := gateway.receipt_of(content)).status_code == 404 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert found.status_code == 200
        gateway.check_receipt(found.json(), content)
        again = gateway.submit(content)
        assert (again.status_code, again.content) == (200, found.content)
        assert home.kept(content) == ONE_OF_EACH


def test_the_budget_holds_across_two_workers_and_says_when_to_come_back(home: Home) -> None:
    if time.time() % 60 > 50:
        time.sleep(60 - time.time() % 60)
    with serving(home) as one, serving(home) as other:
        doors = [one, other] * HURRIED_A_MINUTE
        answers = [door.submit(b"<Hoso/>", home.hurried, accept_language="en") for door in doors]
        spent = [answer for answer in answers if answer.status_code == 429]
        served = [answer for answer in answers if answer.status_code != 429]
        assert len(served) == HURRIED_A_MINUTE
        for answer in spent:
            told = problem(answer, 429, "too-many-requests", "en")
            assert told["retry"] == "after"
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert answer.headers["ratelimit-remaining"] == "0"
        for answer in answers:
            assert answer.headers["ratelimit-limit"] == str(HURRIED_A_MINUTE)
            assert 1 <= int(answer.headers["ratelimit-reset"]) <= 60
        left = [int(answer.headers["ratelimit-remaining"]) for answer in served]
        assert left[-1] == 0
        assert left == sorted(left, reverse=True)
        # Asking for a receipt has a budget of its own; other clients have theirs.
        assert one.receipt_of(b"", home.hurried).status_code == 404
        assert one.submit(dossier(home, 1)).status_code == 201


def test_a_hundred_bad_senders_at_once_do_not_keep_a_good_one_waiting(gateway: Gateway) -> None:
    wires = [Wire(gateway) for _ in range(100)]
    try:
        for wire in wires:
            wire.head("Content-Length: 1000000")
            wire.send(b"<Hoso>")
        began = time.monotonic()
        problem(gateway.submit(b"<Hoso", accept_language="vi"), 422, "malformed")
        assert time.monotonic() - began < IDLE_S
    finally:
        for wire in wires:
            wire.hang_up(rudely=True)
