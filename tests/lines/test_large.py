"""A dossier of hundreds of megabytes goes through a gateway that dies on the way, and never into its memory."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.api.uploads import DURABLE_BYTES, LOT_BYTES
from tests.lines.gateways import Home, serving
from tests.lines.large import (
    MIB,
    begin,
    durable_bytes,
    fetch,
    large_dossier,
    send_part,
    slice_of,
    submit_upload,
    submit_whole,
    upload_rest,
    weighing,
)

# Below what it would take to hold it.
PSS_BYTES_MAX = 220 * MIB
PAPERS, PAPER_BYTES = 12, 19 * MIB


@pytest.mark.slow
def test_a_large_dossier_passes_through_without_being_held(fresh_home: Home, tmp_path: Path) -> None:
    home, path = fresh_home.copy(tmp_path / "home"), tmp_path / "large.asice"
    sha256 = large_dossier(home, path, count=PAPERS, size_bytes=PAPER_BYTES)
    size = path.stat().st_size
    with serving(home) as gateway:
        upload = begin(gateway, size)
        killed_at = 100 * MIB

        def breaking_off() -> Iterator[bytes]:
            yield from slice_of(path, 0, killed_at)
            gateway.process.kill()
            gateway.process.wait()
            yield from slice_of(path, killed_at, size)

        with pytest.raises(httpx.TransportError):
            send_part(gateway, upload, 0, breaking_off())
    with serving(home) as gateway, weighing(lambda: gateway.pid) as weight:
        there = durable_bytes(gateway, upload)
        # What was told is there, and it is not much less than what had come.
        assert killed_at - 2 * DURABLE_BYTES - 2 * LOT_BYTES <= there <= killed_at
        with (home.folder / "spool" / "uploads" / upload.rpartition("/")[2]).open("rb") as file:
            ours = hashlib.sha256(file.read(there))
        assert ours.digest() == _digest(slice_of(path, 0, there))
        upload_rest(gateway, upload, path, part_bytes=100 * MIB)
        answer = submit_upload(gateway, upload)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        assert (told["sha256"], told["size_bytes"]) == (sha256.hex(), size)
        assert fetch(gateway, told["dossier"]) == (200, sha256, size)
        at = size // 2
        part = _digest(slice_of(path, at, at + 9 * MIB))
        assert fetch(gateway, told["dossier"], range=f"bytes={at}-{at + 9 * MIB - 1}") == (206, part, 9 * MIB)
        # The same bytes in one body, and the upload again: the identical receipt.
        assert submit_whole(gateway, path).content == submit_upload(gateway, upload).content == answer.content
        assert not list((home.folder / "spool" / "uploads").iterdir())
        # A piece that was damaged where it lies ends the answer: fewer bytes come than were announced.
        damage_last_piece(home)
        with pytest.raises(httpx.RemoteProtocolError):
            fetch(gateway, told["dossier"])
        assert fetch(gateway, told["dossier"], range=f"bytes={at}-{at + 9 * MIB - 1}") == (206, part, 9 * MIB)
    print(f"{size / MIB:.0f} MiB through the gateway, its memory at most {weight.bytes_max / MIB:.0f} MiB (PSS)")
    assert weight.bytes_max <= PSS_BYTES_MAX


def damage_last_piece(home: Home) -> None:
    ((pack, offset, length),) = home.rows(
        "SELECT pack, pack_offset, pack_length FROM piece ORDER BY number DESC LIMIT 1"
    )
    with (home.folder / "vault" / pack).open("r+b") as file:
        file.seek(offset + length // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))


def _digest(chunks: Iterator[bytes]) -> bytes:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.digest()
