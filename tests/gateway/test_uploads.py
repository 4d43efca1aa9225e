"""Resumable uploads (tus 1.0.0): whatever breaks off, what is acknowledged is there, and what is there is right."""

import asyncio
import base64
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import uploads
from gateway.uploads import (
    UploadBusy,
    UploadElsewhere,
    UploadGone,
    UploadIncomplete,
    UploadOffsetDiffers,
    Uploads,
    UploadTooLarge,
)
from storage.database import Database, open_database
from storage.migrations import migrate
from tests.clocks import HandClock
from tests.databases import database_url
from tests.gateway.inhouse import OTHER_UNIT, UNIT, Inhouse, a_dossier, inhouse

__all__ = ["database_url"]

TUS = {"tus-resumable": "1.0.0"}
PART = TUS | {"content-type": "application/offset+octet-stream"}
JSON = {"content-type": "application/json"}
NOW = HandClock().now()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    """One for all; every test has clients of its own."""
    with inhouse(tmp_path_factory.mktemp("uploads") / "home", upload_bytes_max=70_000_000) as made:
        yield made


@pytest.fixture
def own(tmp_path: Path, database_url: str) -> Iterator[Inhouse]:
    """One that a test has for itself, on each database."""
    with inhouse(tmp_path / "home", database_url=database_url) as made:
        yield made


@pytest.fixture
def employer(gateway: Inhouse) -> str:
    return gateway.bearer("employer", units=[UNIT])


def begun(gateway: Inhouse, token: str, size_bytes: int, **headers: str) -> str:
    sent = TUS | {"upload-length": str(size_bytes)} | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = gateway("POST", "/v1/uploads", token, headers=sent)
    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-offset"] == "0"
    path: str = answer.headers["location"]
    return path


def patched(gateway: Inhouse, token: str, path: str, at: int, part: bytes, **headers: str) -> httpx.Response:
    sent = PART | {"upload-offset": str(at)} | {name.replace("_", "-"): value for name, value in headers.items()}
    return gateway("PATCH", path, token, headers=sent, content=part)


def offset(gateway: Inhouse, token: str, path: str) -> int:
    answer = gateway("HEAD", path, token, headers=TUS)
    assert answer.status_code == 200
    assert answer.content == b""
    return int(answer.headers["upload-offset"])


def submitted(gateway: Inhouse, token: str, path: str, **more: Any) -> httpx.Response:
    return gateway("POST", "/v1/dossiers", token, json={"upload": path.rpartition("/")[2], **more}, headers=JSON)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def file_of(gateway: Inhouse, path: str) -> Path:
    return gateway.house.spool / "uploads" / path.rpartition("/")[2]


def test_a_dossier_in_parts_becomes_one_dossier_with_one_receipt(own: Inhouse) -> None:
    gateway, employer = own, own.bearer("employer", units=[UNIT])
    content = a_dossier()
    path = begun(gateway, employer, len(content), upload_metadata="filename aG8tc28=,is_final")
    assert re.fullmatch(r"/v1/uploads/u-[a-z2-7]{32}", path)
    for at in range(0, len(content), 5000):
        assert problem(submitted(gateway, employer, path)) == (409, "upload-incomplete")
        answer = patched(gateway, employer, path, at, content[at : at + 5000])
        assert (answer.status_code, answer.content) == (204, b"")
        assert int(answer.headers["upload-offset"]) == min(at + 5000, len(content)) == offset(gateway, employer, path)
        assert answer.headers["tus-resumable"] == "1.0.0"
    head = gateway("HEAD", path, employer, headers=TUS)
    assert head.headers["upload-metadata"] == "filename aG8tc28=,is_final"
    assert head.headers["upload-length"] == str(len(content))
    assert head.headers["cache-control"] == "no-store"

    first = submitted(gateway, employer, path, batch=7)
    assert first.status_code == 201, first.text
    told = first.json()
    assert (told["sha256"], told["batch"]) == (hashlib.sha256(content).hexdigest(), 7)
    assert not file_of(gateway, path).exists()
    # The answer was lost: the same question has the same answer, and so have the same bytes by any other way.
    assert [submitted(gateway, employer, path).status_code for _ in range(2)] == [200, 200]
    assert submitted(gateway, employer, path).content == first.content
    assert gateway("POST", "/v1/dossiers", employer, content=content).content == first.content
    assert problem(gateway("GET", path, employer, headers=TUS)) == (410, "upload-received")
    assert problem(patched(gateway, employer, path, len(content), b"")) == (410, "upload-received")
    again = begun(gateway, employer, len(content))
    assert patched(gateway, employer, again, 0, content).status_code == 204
    assert submitted(gateway, employer, again).content == first.content
    assert gateway("GET", f"/v1/dossiers/{told['dossier']}/content", employer).content == content


def test_a_refused_upload_stays_until_it_is_given_up(gateway: Inhouse, employer: str) -> None:
    content = a_dossier().replace(b"<MaThuTuc>600", b"<MaThuTuc>699")
    path = begun(gateway, employer, len(content))
    patched(gateway, employer, path, 0, content)
    answers = [submitted(gateway, employer, path) for _ in range(2)]
    assert [one.status_code for one in answers] == [422, 422]
    assert answers[0].json()["notice"] != answers[1].json()["notice"]
    assert file_of(gateway, path).read_bytes() == content
    assert gateway("DELETE", path, employer, headers=TUS).status_code == 204
    assert not file_of(gateway, path).exists()
    assert problem(gateway("GET", path, employer, headers=TUS)) == (404, "not-found")
    assert problem(submitted(gateway, employer, path)) == (404, "not-found")


def test_an_upload_is_its_clients_alone(gateway: Inhouse, employer: str) -> None:
    unit_mate, other = gateway.bearer("ivan", units=[UNIT]), gateway.bearer("employer", units=[OTHER_UNIT])
    path = begun(gateway, employer, 10)
    for stranger in (unit_mate, other):
        for answer in (
            gateway("GET", path, stranger, headers=TUS),
            patched(gateway, stranger, path, 0, b"x"),
            gateway("DELETE", path, stranger, headers=TUS),
            submitted(gateway, stranger, path),
        ):
            assert problem(answer) == (404, "not-found")
    assert offset(gateway, employer, path) == 0


def test_anyone_may_ask_what_is_spoken(gateway: Inhouse) -> None:
    for path in ("/v1/uploads", "/v1/uploads/u-x"):
        answer = gateway("OPTIONS", path)
        assert answer.status_code == 200
        assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["tus-extension"] == "creation,creation-with-upload,checksum,expiration,termination"
        assert answer.headers["tus-checksum-algorithm"] == "sha256,sha1"
        assert answer.headers["tus-max-size"] == "70000000"
    assert gateway("OPTIONS", "/v1/uploadsx").status_code == 404


def test_another_version_is_not_spoken(gateway: Inhouse, employer: str) -> None:
    path = begun(gateway, employer, 10)
    for version in ({}, {"tus-resumable": "0.2.2"}):
        for method, at in (("POST", "/v1/uploads"), ("HEAD", path), ("PATCH", path), ("DELETE", path)):
            answer = gateway(method, at, employer, headers=version | {"upload-length": "1", "upload-offset": "0"})
            assert answer.status_code == 412
            assert answer.headers["tus-version"] == "1.0.0"


def test_a_part_must_begin_where_the_upload_ends(gateway: Inhouse, employer: str) -> None:
    path = begun(gateway, employer, 10)
    assert patched(gateway, employer, path, 0, b"abc").status_code == 204
    for at in (0, 2, 4, 10):
        assert problem(patched(gateway, employer, path, at, b"x")) == (409, "upload-offset-differs")
    assert problem(patched(gateway, employer, path, 3, b"x" * 8)) == (413, "body-too-large")
    wrong = gateway("PATCH", path, employer, headers=TUS | {"upload-offset": "3"}, content=b"x")
    assert problem(wrong) == (415, "media-type")
    for said in ("-1", "3.0", "", "1" * 16):
        assert problem(gateway("PATCH", path, employer, headers=PART | {"upload-offset": said}, content=b"x")) == (
            400, "bad-request",
        )  # fmt: skip
    assert offset(gateway, employer, path) == 3
    assert patched(gateway, employer, path, 3, b"").headers["upload-offset"] == "3"


def checksum(name: str, part: bytes) -> str:
    return f"{name} {base64.b64encode(hashlib.new(name, part, usedforsecurity=False).digest()).decode()}"


@pytest.mark.parametrize("name", ["sha256", "sha1"])
def test_a_part_with_a_checksum_is_kept_whole_or_not_at_all(gateway: Inhouse, employer: str, name: str) -> None:
    path = begun(gateway, employer, 10)
    wrong = patched(gateway, employer, path, 0, b"abc", upload_checksum=checksum(name, b"abd"))
    assert problem(wrong) == (460, "upload-checksum-differs")
    assert offset(gateway, employer, path) == 0
    assert patched(gateway, employer, path, 0, b"abc", upload_checksum=checksum(name, b"abc")).status_code == 204
    assert offset(gateway, employer, path) == 3
    for said in ("md5 AAAA", "sha256", "sha256 !", f"{name} AAA"):
        assert problem(patched(gateway, employer, path, 3, b"x", upload_checksum=said)) == (400, "bad-request")
    assert file_of(gateway, path).read_bytes() == b"abc"


def test_an_upload_may_begin_with_its_first_part(gateway: Inhouse, employer: str) -> None:
    headers = PART | {"upload-length": "5", "upload-checksum": checksum("sha256", b"abc")}
    answer = gateway("POST", "/v1/uploads", employer, headers=headers, content=b"abc")
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "3")
    assert answer.json()["durable_bytes"] == 3
    too_much = gateway("POST", "/v1/uploads", employer, headers=PART | {"upload-length": "2"}, content=b"abc")
    assert problem(too_much) == (413, "body-too-large")


def test_an_upload_whose_name_nobody_was_told_takes_no_place(
    gateway: Inhouse, employer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = PART | {"upload-length": "3", "upload-checksum": checksum("sha256", b"abd")}
    folder = gateway.house.spool / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    for _ in range(uploads.UPLOADS_OPEN_MAX):
        assert gateway("POST", "/v1/uploads", employer, headers=headers, content=b"abc").status_code == 460
    with monkeypatch.context() as patch:

        def full(_: Path) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(uploads, "_sync_folder", full)
        for _ in range(uploads.UPLOADS_OPEN_MAX):
            answer = gateway("POST", "/v1/uploads", employer, headers=TUS | {"upload-length": "3"})
            assert problem(answer)[0] in (503, 507)
    assert set(folder.iterdir()) == before
    for _ in range(uploads.UPLOADS_OPEN_MAX):
        begun(gateway, employer, 3)


def test_what_is_asked_for_wrongly_is_told(gateway: Inhouse, employer: str) -> None:
    for headers, expected in (
        ({}, (400, "bad-request")),
        ({"upload-length": "x"}, (400, "bad-request")),
        ({"upload-defer-length": "1"}, (400, "bad-request")),
        ({"upload-length": "70000001"}, (413, "body-too-large")),
        ({"upload-length": "1", "upload-metadata": "a b c"}, (400, "bad-request")),
        ({"upload-length": "1", "upload-metadata": "a " + "QUFB" * 300}, (400, "bad-request")),
    ):
        assert problem(gateway("POST", "/v1/uploads", employer, headers=TUS | headers)) == expected, headers
    for body in (
        b"{",
        b"[]",
        b"\xff",
        b'{"upload":"\xed\xa0\x80"}',
        b'{"upload":1}',
        b'{"upload":"u-x","more":1}',
        b'{"upload":"u-x","batch":0}',
    ):
        assert problem(gateway("POST", "/v1/dossiers", employer, content=body, headers=JSON)) == (400, "bad-request")
    for name in ("u-x", "../../seal.pem", "u-" + "a" * 32):
        assert problem(submitted(gateway, employer, name)) == (404, "not-found")


def test_whoever_gets_only_post_through_says_what_is_meant(gateway: Inhouse, employer: str) -> None:
    path = begun(gateway, employer, 10)
    meant = PART | {"upload-offset": "0", "x-http-method-override": "PATCH"}
    assert gateway("POST", path, employer, headers=meant, content=b"abc").headers["upload-offset"] == "3"
    assert problem(gateway("POST", path, employer, headers=PART)) == (405, "method-not-allowed")
    gone = gateway("POST", path, employer, headers=TUS | {"x-http-method-override": "DELETE"})
    assert gone.status_code == 204
    assert not file_of(gateway, path).exists()


def test_a_client_holds_so_many_uploads_and_no_more(gateway: Inhouse, employer: str) -> None:
    paths = [begun(gateway, employer, 10) for _ in range(uploads.UPLOADS_OPEN_MAX)]
    full = gateway("POST", "/v1/uploads", employer, headers=TUS | {"upload-length": "1"})
    assert problem(full) == (409, "uploads-too-many")
    other = gateway.bearer("employer", units=[UNIT])
    begun(gateway, other, 10)
    gateway("DELETE", paths[0], employer, headers=TUS)
    begun(gateway, employer, 10)


def test_an_upload_that_is_not_submitted_ends(own: Inhouse) -> None:
    gateway, employer = own, own.bearer("employer", units=[UNIT])
    path = begun(gateway, employer, 10)
    answer = patched(gateway, employer, path, 0, b"abc")
    ends_at = parsedate_to_datetime(answer.headers["upload-expires"])
    assert (ends_at - gateway.clock.now()).total_seconds() == gateway.house.settings.upload_life_s
    gateway.clock.advance(gateway.house.settings.upload_life_s - 1)
    gateway.house.uploads.sweep(gateway.clock.now())
    assert file_of(gateway, path).exists()
    gateway.clock.advance(1)
    employer = gateway.bearer("employer", units=[UNIT])
    assert problem(gateway("GET", path, employer, headers=TUS)) == (404, "not-found")
    gateway.house.uploads.sweep(gateway.clock.now())
    assert not file_of(gateway, path).exists()
    with gateway.house.database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM upload").scalar() == 0


def test_the_sweep_removes_files_that_no_upload_wants_and_no_others(gateway: Inhouse, employer: str) -> None:
    path = begun(gateway, employer, 10)
    folder = gateway.house.spool / "uploads"
    (folder / ("u-" + "a" * 32)).write_bytes(b"left behind")
    (folder / "notes.txt").write_bytes(b"an operator's")
    gateway.house.uploads.sweep(gateway.clock.now())
    assert file_of(gateway, path).exists()
    assert (folder / "notes.txt").exists()
    assert not (folder / ("u-" + "a" * 32)).exists()


def test_an_upload_whose_bytes_are_on_another_machine_says_so(gateway: Inhouse, employer: str) -> None:
    path = begun(gateway, employer, 3)
    patched(gateway, employer, path, 0, b"abc")
    file = file_of(gateway, path)
    os.truncate(file, 2)
    assert problem(patched(gateway, employer, path, 3, b"")) == (404, "upload-elsewhere")
    assert problem(submitted(gateway, employer, path)) == (404, "upload-elsewhere")
    file.unlink()
    for answer in (gateway("GET", path, employer, headers=TUS), submitted(gateway, employer, path)):
        assert problem(answer) == (404, "upload-elsewhere")


def test_two_at_a_time_are_one_too_many(gateway: Inhouse, employer: str) -> None:
    path = begun(gateway, employer, 10)
    house, client = gateway.house, _client_of(gateway, employer)
    taken = house.uploads.take(path.rpartition("/")[2], client, gateway.clock.now())
    for answer in (
        patched(gateway, employer, path, 0, b"x"),
        gateway("DELETE", path, employer, headers=TUS),
        submitted(gateway, employer, path),
    ):
        assert problem(answer) == (423, "upload-busy")
        assert answer.headers["retry-after"]
    taken.close()
    assert patched(gateway, employer, path, 0, b"x").status_code == 204


def _client_of(gateway: Inhouse, token: str) -> str:
    return gateway.house.callers.by_token(token, gateway.clock.now()).client


def broken_off(gateway: Inhouse, token: str, path: str, at: int, part: bytes, **headers: str) -> None:
    """A part whose sender goes away after so many bytes."""
    arriving = [part[i : i + 700_000] for i in range(0, len(part), 700_000)]

    async def receive() -> dict[str, Any]:
        if arriving:
            return {"type": "http.request", "body": arriving.pop(0), "more_body": True}
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        """Nobody hears the answer."""

    said = PART | {"authorization": f"Bearer {token}", "upload-offset": str(at), **headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "PATCH", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": None, "server": None,
        "headers": [(name.encode(), value.encode()) for name, value in said.items()], "state": {},
    }  # fmt: skip
    asyncio.run(gateway.door(scope, receive, send))  # type: ignore[arg-type]


def test_a_part_that_breaks_off_is_kept_as_far_as_it_came(gateway: Inhouse, employer: str) -> None:
    part = os.urandom(3_000_000)
    path = begun(gateway, employer, 4_000_000)
    broken_off(gateway, employer, path, 0, part[:1_500_000])
    assert offset(gateway, employer, path) == 1_500_000
    broken_off(gateway, employer, path, 1_500_000, part[1_500_000:], **{"upload-checksum": checksum("sha256", part)})
    assert offset(gateway, employer, path) == 1_500_000
    assert patched(gateway, employer, path, 1_500_000, part[1_500_000:]).status_code == 204
    assert file_of(gateway, path).read_bytes() == part


def test_a_disk_that_cannot_sync_promises_nothing(
    gateway: Inhouse, employer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begun(gateway, employer, 9)
    patched(gateway, employer, path, 0, b"abc")
    synced: list[int] = []

    def refuse(descriptor: int) -> None:
        synced.append(descriptor)
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "fdatasync", refuse)
    assert problem(patched(gateway, employer, path, 3, b"def")) == (503, "store-full")
    # Never tried again: the next one would promise pages that the kernel has dropped.
    assert len(synced) == 1
    monkeypatch.undo()
    assert offset(gateway, employer, path) == 3
    assert patched(gateway, employer, path, 3, b"DEF").status_code == 204
    assert file_of(gateway, path).read_bytes() == b"abcDEF"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path_factory.mktemp('uploads') / 'journal.sqlite'}")
    migrate(opened)
    yield opened
    opened.close()


# What a client may do with a part: how many bytes, at which distance from the right offset, and how it ends.
_PARTS = st.tuples(
    st.binary(max_size=40),
    st.sampled_from([0, 0, 0, 0, -1, 1, 5]),
    st.sampled_from(["told", "told", "taken back", "dies unsynced", "dies untold"]),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(_PARTS, max_size=12), st.integers(1, 200))
def test_whatever_parts_come_and_break_off_the_durable_bytes_are_right(
    database: Database, tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[bytes, int, str]], size: int
) -> None:
    """A model of what was acknowledged; a process that dies leaves its bytes in the file and says nothing."""
    folder = tmp_path_factory.getbasetemp() / "folder"
    at_work = Uploads(folder, database, size_bytes_max=1000, life_s=3600)
    name = at_work.make(os.urandom(8).hex(), size, "", NOW)
    durable = b""
    for part, distance, ending in parts:
        taken = at_work.take(name.id, name.client, NOW)
        try:
            taken.begin(len(durable) + distance)
        except UploadOffsetDiffers:
            assert distance
            continue
        else:
            assert not distance
            try:
                taken.write([part[:9], part[9:]])
            except UploadTooLarge:
                assert len(durable) + len(part) > size
                continue
            if ending == "told":
                taken.sync()
                taken.tell()
                durable += part
            elif ending == "taken back":
                taken.take_back()
            elif ending == "dies untold":
                taken.sync()
        finally:
            taken.close()
        assert at_work.find(name.id, name.client, NOW).durable_bytes == len(durable)
    taken = at_work.take(name.id, name.client, NOW)
    assert (folder / name.id).read_bytes()[: len(durable)] == durable
    taken.begin(len(durable))
    taken.write([bytes(size - len(durable))])
    taken.sync()
    taken.tell()
    assert taken.sha256() == hashlib.sha256(durable + bytes(size - len(durable))).digest()
    at_work.give_up(taken)
    taken.close()
    with pytest.raises(UploadGone):
        at_work.take(name.id, name.client, NOW)


def test_a_taken_upload_is_nobody_elses(database: Database, tmp_path: Path) -> None:
    at_work = Uploads(tmp_path / "u", database, size_bytes_max=100, life_s=60)
    other_process = Uploads(tmp_path / "u", database, size_bytes_max=100, life_s=60)
    upload = at_work.make("c", 2, "", NOW)
    taken = at_work.take(upload.id, "c", NOW)
    with pytest.raises(UploadBusy):
        other_process.take(upload.id, "c", NOW)
    with pytest.raises(UploadIncomplete):
        taken.whole()
    taken.close()
    with pytest.raises(UploadElsewhere):
        Uploads(tmp_path / "v", database, size_bytes_max=100, life_s=60).take(upload.id, "c", NOW)
    other_process.take(upload.id, "c", NOW).close()
