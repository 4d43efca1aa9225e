"""A large content is kept in pieces that cannot be cut off, swapped, repeated, added or taken from elsewhere."""

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import pieces
from storage.cipher import Cipher, FileKeyWrapper, PieceKey, is_in_pieces
from storage.migrations import migrate
from storage.vault import ContentCorrupt, Entry, Place, Vault, VaultAway
from storage.vault_disk import DiskVault
from storage.vaults import open_vault
from tests.databases import database_url, open_database

__all__ = ["database_url"]

CIPHER = Cipher(FileKeyWrapper(bytes(range(32))))
NAME = hashlib.sha256(b"whole").digest()


@pytest.fixture(params=["disk", "s3"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    url = f"file:{tmp_path / 'vault'}" if request.param == "disk" else request.getfixturevalue("s3_vault_url")
    opened = open_vault(str(url))
    opened.probe()
    yield opened
    opened.close()


def locked(contents: list[bytes], key: PieceKey) -> list[bytes]:
    return [key.lock(number, one, last=number == len(contents) - 1) for number, one in enumerate(contents)]


def opened(bodies: list[bytes], key: PieceKey) -> list[bytes]:
    """As a reader does, who knows no more than how many pieces there are."""
    return [key.open(number, body, last=number == len(bodies) - 1) for number, body in enumerate(bodies)]


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=6))
def test_pieces_open_in_their_order(contents: list[bytes]) -> None:
    key = CIPHER.lock_pieces(NAME)
    again = CIPHER.open_pieces(key.wrapped_key, NAME)
    assert opened(locked(contents, key), again) == contents
    assert is_in_pieces(key.wrapped_key)


@given(st.lists(st.integers(0, 4), max_size=8))
def test_any_other_row_of_pieces_is_refused(order: list[int]) -> None:
    """Cut, swapped, repeated, extended: whatever is not the row that was locked."""
    contents = [bytes([number]) * 20 for number in range(5)]
    key = CIPHER.lock_pieces(NAME)
    bodies = locked(contents, key)
    if order == list(range(5)):
        assert opened(bodies, key) == contents
    elif order:
        with pytest.raises(ContentCorrupt):
            opened([bodies[number] for number in order], key)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_not_one_changed_byte_of_a_piece_is_overlooked(at: int, change: int) -> None:
    key = CIPHER.lock_pieces(NAME)
    body = bytearray(key.lock(3, b"piece" * 9, last=False))
    body[at % len(body)] ^= change
    with pytest.raises(ContentCorrupt):
        key.open(3, bytes(body), last=False)


def test_a_piece_opens_under_no_other_key_name_or_kind() -> None:
    mine, other = CIPHER.lock_pieces(NAME), CIPHER.lock_pieces(hashlib.sha256(b"other").digest())
    with pytest.raises(ContentCorrupt):
        mine.open(0, other.lock(0, b"theirs", last=True), last=True)
    with pytest.raises(ContentCorrupt):
        CIPHER.open_pieces(mine.wrapped_key, hashlib.sha256(b"other").digest())
    whole = CIPHER.lock(b"whole", NAME)
    with pytest.raises(ContentCorrupt):
        CIPHER.open_pieces(whole.wrapped_key, NAME)
    # The kind of key is under its tag as well.
    relabelled = b"\x02" + whole.wrapped_key[1:]
    with pytest.raises(ContentCorrupt):
        CIPHER.open_pieces(relabelled, NAME)
    with pytest.raises(ContentCorrupt):
        CIPHER.open(mine.lock(0, b"whole", last=True), mine.wrapped_key, NAME)


@pytest.mark.parametrize("size_bytes", [1, 999, 1000, 1001, 5000, 5001])
def test_what_is_kept_in_pieces_comes_back_in_any_later_process(vault: Vault, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    sha256 = hashlib.sha256(content).digest()
    kept = pieces.keep(io.BytesIO(content), size_bytes, sha256, vault, CIPHER, piece_bytes=1000)
    assert [size for size, _ in kept.pieces] == [1000] * (size_bytes // 1000) + [size_bytes % 1000] * (
        size_bytes % 1000 > 0
    )
    key = CIPHER.open_pieces(kept.wrapped_key, sha256)
    assert b"".join(opened([vault.read(place) for _, place in kept.pieces], key)) == content


@pytest.mark.parametrize(("content", "size_bytes"), [(b"ab", 3), (b"abcd", 3), (b"abd", 3), (b"", 3)])
def test_a_file_that_is_not_what_was_named_is_not_kept(tmp_path: Path, content: bytes, size_bytes: int) -> None:
    vault, sha256 = DiskVault(tmp_path / "vault"), hashlib.sha256(b"abc").digest()
    with pytest.raises(pieces.ContentChanged):
        pieces.keep(io.BytesIO(content), size_bytes, sha256, vault, CIPHER, piece_bytes=2)
    vault.close()


class Trickle(io.RawIOBase):
    """A raw file, which gives less than it is asked for."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._rest.seek(offset, whence)

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        found = self._rest.read(min(len(buffer), 7))
        buffer[: len(found)] = found
        return len(found)


def test_a_file_that_gives_little_at_a_time_is_cut_alike(tmp_path: Path) -> None:
    vault, content = DiskVault(tmp_path / "vault"), os.urandom(250)
    sha256 = hashlib.sha256(content).digest()
    kept = pieces.keep(Trickle(content), 250, sha256, vault, CIPHER, piece_bytes=100)  # type: ignore[arg-type]
    assert [size for size, _ in kept.pieces] == [100, 100, 50]
    vault.close()


class FullAfter(DiskVault):
    """A disk on which there is room for so many rounds."""

    rounds_left = 1

    def put_many(self, entries: "list[Entry]") -> list[Place]:  # type: ignore[override]
        if not self.rounds_left:
            raise VaultAway("full")
        self.rounds_left -= 1
        return super().put_many(entries)


def test_a_store_that_goes_away_between_pieces_is_told(tmp_path: Path) -> None:
    vault, content = FullAfter(tmp_path / "vault"), os.urandom(500)
    with pytest.raises(VaultAway):
        pieces.keep(io.BytesIO(content), 500, hashlib.sha256(content).digest(), vault, CIPHER, piece_bytes=100)
    vault.close()


def test_the_journal_lists_pieces_in_their_order(database_url: str) -> None:
    database = open_database(database_url)
    migrate(database)
    kept = pieces.Kept(b"\x02key", tuple((10, Place("p", number * 10, 60)) for number in range(12)))
    with database.begin() as tx:
        pieces.enter(tx, list(reversed(kept.rows("d-1"))))
        pieces.enter(tx, kept.rows("d-2")[:1])
        assert [(row.number, row.place) for row in pieces.of(tx, "d-1")] == [
            (number, place) for number, (_, place) in enumerate(kept.pieces)
        ]
        assert pieces.of(tx, "d-3") == []
        assert pieces.count(tx) == 11
    database.close()
