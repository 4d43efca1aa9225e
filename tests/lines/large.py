"""A large dossier through a real gateway: uploaded in parts, submitted, fetched again, and what memory that took."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx

from gateway.clock import VIETNAM
from schemas.catalogue import Catalogue
from tests.large_containers import naming, papers, write_container
from tests.lines.gateways import Home, Serving, bearer, unsigned

MIB = 1024 * 1024
TUS = {"tus-resumable": "1.0.0"}
PART_BYTES = 32 * MIB
_READ_BYTES = MIB
# A gateway that judges two gigabytes answers when it is done.
PATIENT = httpx.Timeout(600.0)


def large_dossier(home: Home, path: Path, *, count: int, size_bytes: int, seed: int = 0) -> bytes:
    """Write a signed container with so many papers of that size, which the gateway accepts; returns its SHA-256."""
    entries = papers(count, size_bytes)
    envelope = naming(unsigned(seed, attachments=0), list(entries))
    today: date = datetime.now(VIETNAM).date()
    paths = {form.root: form.signature_path for form in Catalogue.load().forms(today)}
    return write_container(path, envelope, entries, home.pki.employers["employer"], datetime.now(UTC), paths)


def begin(gateway: Serving, size_bytes: int) -> str:
    """Begin an upload; its path."""
    headers = bearer(gateway.home.employer) | TUS | {"upload-length": str(size_bytes)}
    answer = gateway.http.post("/v1/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def durable_bytes(gateway: Serving, upload: str) -> int:
    """What HEAD says is there."""
    answer = gateway.http.head(upload, headers=bearer(gateway.home.employer) | TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def send_part(gateway: Serving, upload: str, at: int, part: Iterator[bytes]) -> httpx.Response:
    """Send a part; whoever makes `part` says when it breaks off."""
    headers = bearer(gateway.home.employer) | TUS
    headers |= {"upload-offset": str(at), "content-type": "application/offset+octet-stream"}
    return gateway.http.patch(upload, headers=headers, content=part, timeout=PATIENT)


def upload_rest(gateway: Serving, upload: str, path: Path, part_bytes: int = PART_BYTES) -> None:
    """Upload what is missing, a part at a time."""
    size, at = path.stat().st_size, durable_bytes(gateway, upload)
    while at < size:
        answer = send_part(gateway, upload, at, slice_of(path, at, min(size, at + part_bytes)))
        assert answer.status_code == 204, answer.text
        at = int(answer.headers["upload-offset"])


def slice_of(path: Path, at: int, end: int) -> Iterator[bytes]:
    """The bytes of a file from `at` up to `end`."""
    with path.open("rb") as file:
        file.seek(at)
        while at < end and (chunk := file.read(min(_READ_BYTES, end - at))):
            at += len(chunk)
            yield chunk


def submit_upload(gateway: Serving, upload: str) -> httpx.Response:
    """Submit by reference."""
    named: dict[str, Any] = {"upload": upload.rpartition("/")[2]}
    return gateway.http.post("/v1/dossiers", json=named, headers=bearer(gateway.home.employer), timeout=PATIENT)


def submit_whole(gateway: Serving, path: Path) -> httpx.Response:
    """Submit the file as one body."""
    headers = bearer(gateway.home.employer) | {
        "content-type": "application/vnd.etsi.asic-e+zip",
        "content-length": str(path.stat().st_size),
    }
    content = slice_of(path, 0, path.stat().st_size)
    return gateway.http.post("/v1/dossiers", content=content, headers=headers, timeout=PATIENT)


def fetch(gateway: Serving, dossier: str, **headers: str) -> tuple[int, bytes, int]:
    """The status, the SHA-256 and the size of what a dossier's content is."""
    digest, size = hashlib.sha256(), 0
    asked = bearer(gateway.home.employer) | headers
    with gateway.http.stream("GET", f"/v1/dossiers/{dossier}/content", headers=asked, timeout=PATIENT) as answer:
        for chunk in answer.iter_bytes():
            digest.update(chunk)
            size += len(chunk)
    return answer.status_code, digest.digest(), size


class Weight:
    """The largest proportional set size of a process, looked at often."""

    def __init__(self) -> None:
        self.bytes_max = 0


@contextmanager
def weighing(pid: Callable[[], int]) -> Iterator[Weight]:
    """Weigh a process while the context lasts; `pid` says which it is now."""
    weight, over = Weight(), threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            try:
                rollup = Path(f"/proc/{pid()}/smaps_rollup").read_text()
            except (OSError, ProcessLookupError):
                continue
            pss = next((line for line in rollup.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
            weight.bytes_max = max(weight.bytes_max, int(pss.split()[1]) * 1024)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield weight
    finally:
        over.set()
        thread.join()


class Lap:
    """How long each step took."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def __call__(self) -> float:
        now = time.monotonic()
        took, self._at = now - self._at, now
        return took
