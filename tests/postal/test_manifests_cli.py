"""A counter's manifests: written without a network, closed, signed, sent late, sent again."""

import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from msgspec import structs

from gateway.postal import manifest_file
from gateway.postal.manifest_file import ManifestFile, Paper
from gateway.postal.manifest_said import Count, ItemSaid, Signed, check_signature, read_manifest, read_receipt
from signing.seal import create_seal_key
from tests.clocks import HandClock
from tests.gateway.cli_run import Terminal
from tests.gateway.inhouse import OFFICE, Inhouse, inhouse
from tests.postal.manifests_made import Counter

RR, RS, BAD = "RR473124829VN", "RR123456785VN", "RR473124828VN"
PAPER = Paper(number="BK-05/01", carrier="vnpost", office=OFFICE, direction="in")


@pytest.fixture
def motcua(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Terminal:
    monkeypatch.setenv("MOTCUA_HOME", str(tmp_path / "home"))
    return Terminal(tmp_path / "home", capfd)


def new(motcua: Terminal, file: Path, *more: object) -> None:
    words = ["--number", "BK-05/01", "--carrier", "vnpost", "--office", OFFICE, "--direction", "in", *more]
    told = motcua("post", "manifest", "new", file, *words)
    assert told.status == 0, told.err


def test_a_manifest_is_written_closed_and_signed_without_a_network(motcua: Terminal, tmp_path: Path) -> None:
    file, key = tmp_path / "bk.json", create_seal_key(tmp_path / "quay.pem")
    new(motcua, file, "--officer", "Bưu tá Đệ")
    added = motcua(
        "post", "manifest", "add", file, "rr 473124829 vn", "--piece", "book=2", "--piece", "decision=1:QĐ hưu trí"
    )
    assert (added.status, "1 bưu gửi" in added.out) == (0, True)
    closed = motcua("post", "manifest", "close", file, "--key", tmp_path / "quay.pem", "--at", "02/03/2026 07:40")
    assert (closed.status, "có chữ ký" in closed.out) == (0, True)
    held = manifest_file.read(file)
    path, body = manifest_file.to_send(held)
    assert (path, json.loads(body)["made_at"]) == ("/v1/postal/manifests", "2026-03-02T07:40:00.000+07:00")
    said = read_manifest(body)
    assert said.items[0].pieces == (Count(kind="book", count=2), Count(kind="decision", count=1, name="QĐ hưu trí"))
    jwk = json.dumps(key.public_jwk())
    check_signature(said.signature, jwk, Signed(manifest=said.id, side="handed", sha256=held.sha256))
    again = motcua("post", "manifest", "close", file)
    assert (again.status, held.sha256 in again.out, manifest_file.read(file)) == (0, True, held)


def test_the_receipt_is_begun_from_the_givers_file_and_names_its_paper(motcua: Terminal, tmp_path: Path) -> None:
    given, taken = tmp_path / "bk.json", tmp_path / "nhan.json"
    new(motcua, given)
    told = motcua("post", "manifest", "new", taken, "--receipt-of", given, "--officer", "Lê Thị Ước")
    assert told.status == 0, told.err
    motcua("post", "manifest", "add", taken, RR, "--condition", "damaged", "--note", "rách")
    assert motcua("post", "manifest", "close", taken).status == 0
    path, body = manifest_file.to_send(manifest_file.read(taken))
    assert path == f"/v1/postal/manifests/{manifest_file.read(given).manifest}/received"
    said = read_receipt(body)
    assert (said.number, said.officer, said.lines[0].condition) == ("BK-05/01", "Lê Thị Ước", "damaged")


def test_scanned_numbers_are_kept_one_by_one_and_a_bad_label_stops_nothing(
    motcua: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bk.json"
    new(motcua, file)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{RR}\n{BAD}\n\n{RS}\n"))
    told = motcua("post", "manifest", "add", file, "-")
    assert (told.status, BAD in told.err, "2 bưu gửi" in told.out) == (1, True, True)
    typed = motcua("post", "manifest", "add", file, BAD)
    assert (typed.status, "Số kiểm tra" in typed.err, "3 bưu gửi" in typed.out) == (0, True, True)
    assert motcua("post", "manifest", "add", file, BAD, "--remove").status == 0
    assert [one.number for one in manifest_file.read(file).items] == [RR, RS]


@pytest.mark.parametrize(
    "words",
    [
        ("new", "{file}", "--number", "1"),
        ("new", "{file}", "--receipt-of", "no-uuid", "--officer", "x"),
        ("new", "{file}", "--receipt-of", "00000000-0000-4000-8000-000000000000"),
        ("add", "{missing}", RR),
        ("add", "{closed}", RR),
        ("add", "{made}", "x!"),
        ("add", "{made}", RR, "--piece", "book=2", "--empty"),
        ("add", "{made}", RR, "--piece", "car=2"),
        ("add", "{made}", RS, "--remove"),
        ("close", "{made}"),
        ("close", "{key}"),
        ("send", "{made}", "--client", "post-x", "--key", "{key}"),
        ("send", "{changed}", "--client", "post-x", "--key", "{key}"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_one_clear_line(motcua: Terminal, tmp_path: Path, words: tuple[str, ...]) -> None:
    made = manifest_file.begin(PAPER, "")
    full = manifest_file.add(made, ItemSaid(number=RR), scanned=True).file
    closed = manifest_file.close(full, HandClock().now(), None)
    files = {name: tmp_path / f"{name}.json" for name in ("file", "missing", "made", "closed", "changed")}
    files["key"] = tmp_path / "key.pem"
    create_seal_key(files["key"])
    manifest_file.write(files["made"], made)
    manifest_file.write(files["closed"], closed)
    manifest_file.write(
        files["changed"],
        structs.replace(closed, officer="khác"),
    )
    told = motcua("post", "manifest", *(word.format(**files) for word in words))
    assert (told.status, len(told.err.strip().splitlines())) == (2, 1), told.err


def test_a_file_is_never_overwritten_by_a_new_one(motcua: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "bk.json"
    new(motcua, file)
    before = file.read_bytes()
    words = ["--number", "BK-2", "--carrier", "vnpost", "--office", OFFICE, "--direction", "in"]
    assert motcua("post", "manifest", "new", file, *words).status == 2
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["bk.json"]


@contextmanager
def heard_on(gateway: Inhouse) -> Iterator[str]:
    """The gateway at an address of this machine, for as long as it is wanted."""
    config = uvicorn.Config(gateway.door, host="127.0.0.1", port=0, lifespan="off", log_config=None, loop="asyncio")
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


def test_files_of_both_sides_are_sent_days_later_in_any_order_and_again(motcua: Terminal, tmp_path: Path) -> None:
    with inhouse(tmp_path / "gateway", token_life_s=30 * 86_400) as gateway:
        post, office = Counter(gateway, "post", tmp_path), Counter(gateway, "office", tmp_path, offices=[OFFICE])
        secrets = {}
        for who in (post, office):
            secrets[who.client] = tmp_path / f"{who.client}.secret"
            secrets[who.client].write_text(who.secret)
        given, taken, other = (tmp_path / name for name in ("bk.json", "nhan.json", "khac.json"))
        new(motcua, given)
        motcua("post", "manifest", "add", given, RR, "--piece", "book=2")
        motcua("post", "manifest", "new", taken, "--receipt-of", given, "--officer", "Lê Thị Ước")
        motcua("post", "manifest", "add", taken, RR, "--piece", "book=1")
        other.write_bytes(taken.read_bytes())
        motcua("post", "manifest", "add", other, RR, "--piece", "book=2")
        for file in (given, taken, other):
            assert motcua("post", "manifest", "close", file, "--at", "28/02/2026 07:40").status == 0
        signed = manifest_file.read(given)
        manifest_file.write(given, sign(signed, post))
        with heard_on(gateway) as url:

            def send(who: Counter, *files: Path) -> Any:
                words = ["--client", who.client, "--secret-file", secrets[who.client], "--url", url, "--patience", "1"]
                told = motcua("post", "manifest", "send", *files, *words, "--json")
                return told.status, [json.loads(line) for line in told.out.splitlines()]

            # The receiver has a network first.
            status, (received,) = send(office, taken)
            assert (status, received["outcome"], received.get("signed_by", "")) == (0, "written", "")
            status, (handed,) = send(post, given)
            assert (status, handed["outcome"], handed["signed_by"]) == (0, "written", post.key.kid)
            status, again = send(post, given, given)
            assert (status, [one["outcome"] for one in again]) == (0, ["known", "known"])
            status, lines = send(office, taken, other)
            assert (status, [one["outcome"] for one in lines]) == (1, ["known", "refused"])
            assert (lines[1]["problem"]["code"], "kept" in lines[1]["problem"]) == ("manifest-differs", True)
            assert send(office, given)[0] == 2
        assert send(post, given) == (2, [])
        whole = gateway("GET", f"/v1/postal/manifests/{signed.manifest}", office.token).json()
        assert [line["difference"] for line in whole["lines"]] == ["short"]
        assert whole["handed"]["made_at"] == whole["taken"]["made_at"] == "2026-02-28T07:40:00.000+07:00"
        assert manifest_file.read(given).statement == whole["handed"]["statement"]


def sign(file: ManifestFile, who: Counter) -> ManifestFile:
    """The same closed file, as if it had been closed with that key."""
    is_open = structs.replace(file, sha256="", made_at="")
    return manifest_file.close(is_open, datetime.fromisoformat(file.made_at), who.key)
