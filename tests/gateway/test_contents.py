"""What a dossier holds is read whole, by ranges or as a file, and every byte given out is one that was received."""

import hashlib
import io
import os
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from gateway.api.content import RangeNotSatisfiable, Span, asked_span
from gateway.contents import Content, ContentErased, open_content
from storage import journal, pieces
from storage.cipher import Cipher, FileKeyWrapper
from storage.database import Database, open_database
from storage.migrations import migrate
from storage.vault import ContentCorrupt, ContentMissing, Entry
from storage.vault_disk import DiskVault
from tests.databases import a_dossier

PIECE = 1000
CONTENT = os.urandom(4 * PIECE + 321)
SHA256 = hashlib.sha256(CONTENT).digest()


class Shelf(Struct, frozen=True):
    """Where the contents of a test are."""

    database: Database
    vault: DiskVault
    cipher: Cipher


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("contents")
    database = open_database(f"sqlite:///{folder / 'journal.sqlite'}")
    migrate(database)
    made = Shelf(database, DiskVault(folder / "vault"), Cipher(FileKeyWrapper(bytes(32))))
    yield made
    made.vault.close()
    database.close()


def kept(shelf: Shelf, content: bytes = CONTENT, sha256: bytes = SHA256) -> journal.Dossier:
    """A dossier whose content is kept in pieces, entered as the line does it; each under an id of its own."""
    held = pieces.keep(io.BytesIO(content), len(content), sha256, shelf.vault, shelf.cipher, piece_bytes=PIECE)
    name = os.urandom(8).hex()
    with shelf.database.begin() as tx:
        pieces.enter(tx, held.rows(f"d-{name}"))
    return a_dossier(
        name, 1, sha256=sha256, size_bytes=len(content), pack=held.place.pack, pack_offset=held.place.offset,
        pack_length=held.place.length, wrapped_key=held.wrapped_key,
    )  # fmt: skip


@pytest.fixture(scope="module")
def content(shelf: Shelf) -> Content:
    return open_content(shelf, kept(shelf))


def test_all_of_it_comes_back(content: Content) -> None:
    assert content.read() == CONTENT
    assert content.size_bytes == len(CONTENT)
    assert max(map(len, content.chunks())) == PIECE


@settings(max_examples=200)
@given(st.integers(0, len(CONTENT) + 50), st.integers(0, len(CONTENT) + 50))
def test_a_range_is_the_slice(content: Content, start: int, end: int) -> None:
    assert b"".join(content.chunks(start, end)) == CONTENT[start:end]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, len(CONTENT) + 50), st.integers(0, 2500)), max_size=8))
def test_as_a_file_it_reads_like_one(content: Content, reads: list[tuple[int, int]]) -> None:
    ours, theirs = io.BufferedReader(content.file()), io.BytesIO(CONTENT)  # type: ignore[type-var]
    for at, size in reads:
        assert (ours.seek(at), theirs.seek(at)) == (at, at)
        assert ours.read(size) == theirs.read(size)
    assert ours.seek(0, io.SEEK_END) == len(CONTENT)
    assert ours.seek(-5, io.SEEK_CUR) == len(CONTENT) - 5
    assert ours.read() == CONTENT[-5:]


def test_a_dossier_kept_whole_is_read_the_same_way(shelf: Shelf) -> None:
    locked = shelf.cipher.lock(CONTENT, SHA256)
    (at,) = shelf.vault.put_many([Entry(SHA256, locked.body)])
    dossier = a_dossier(
        "d-whole", 1, sha256=SHA256, size_bytes=len(CONTENT), pack=at.pack, pack_offset=at.offset,
        pack_length=at.length, wrapped_key=locked.wrapped_key,
    )  # fmt: skip
    content = open_content(shelf, dossier)
    assert content.read() == CONTENT
    assert b"".join(content.chunks(7, 1234)) == CONTENT[7:1234]
    assert content.file().read() == CONTENT


def test_a_content_under_a_false_name_is_not_given_whole(shelf: Shelf) -> None:
    """Only the digest of the whole says that the name was true, and it says so before the last chunk leaves."""
    key = shelf.cipher.lock_pieces(SHA256)
    rows = pieces.keep(io.BytesIO(CONTENT), len(CONTENT), SHA256, shelf.vault, shelf.cipher, piece_bytes=PIECE)
    forged = [*CONTENT[:PIECE]]
    forged[5] ^= 1
    contents = [bytes(forged), *(CONTENT[at : at + PIECE] for at in range(PIECE, len(CONTENT), PIECE))]
    bodies = [key.lock(number, one, last=number == len(contents) - 1) for number, one in enumerate(contents)]
    content = Content(
        SHA256,
        [size for size, _ in rows.pieces],
        lambda number: key.open(number, bodies[number], last=number == len(contents) - 1),
    )
    given_out = b""
    with pytest.raises(ContentCorrupt):
        for chunk in content.chunks():
            given_out += chunk
    assert len(given_out) == 4 * PIECE


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM piece WHERE dossier = :dossier AND number = 4",
        "DELETE FROM piece WHERE dossier = :dossier AND number = 1",
        "DELETE FROM piece WHERE dossier = :dossier",
        "UPDATE piece SET size_bytes = 322 WHERE dossier = :dossier AND number = 4",
        "UPDATE piece SET number = number + 1 WHERE dossier = :dossier AND number = 4",
    ],
)
def test_a_list_of_pieces_that_is_not_whole_is_told_at_once(shelf: Shelf, change: str) -> None:
    dossier = kept(shelf)
    with shelf.database.begin() as tx:
        tx.execute(sa.text(change), {"dossier": dossier.id})
    with pytest.raises(ContentCorrupt):
        open_content(shelf, dossier)


def test_pieces_that_changed_places_are_told(shelf: Shelf) -> None:
    dossier = kept(shelf)
    with shelf.database.begin() as tx:
        first, second = pieces.of(tx, dossier.id)[:2]
        for one, other in ((first, second), (second, first)):
            tx.execute(
                sa.text(
                    "UPDATE piece SET pack = :pack, pack_offset = :pack_offset, pack_length = :pack_length"
                    " WHERE dossier = :dossier AND number = :number"
                ),
                structs.asdict(other) | {"number": one.number},
            )
    content = open_content(shelf, dossier)
    with pytest.raises(ContentCorrupt):
        next(content.chunks())
    assert b"".join(content.chunks(2 * PIECE)) == CONTENT[2 * PIECE :]


def test_what_was_erased_or_never_kept_is_told_apart(shelf: Shelf) -> None:
    dossier = kept(shelf)
    with pytest.raises(ContentErased):
        open_content(shelf, structs.replace(dossier, wrapped_key=None))
    with pytest.raises(ContentErased):
        open_content(shelf, structs.replace(dossier, erased_at_us=1))
    with pytest.raises(ContentMissing):
        open_content(shelf, structs.replace(dossier, pack=None, wrapped_key=None))


@pytest.mark.parametrize(
    ("said", "span"),
    [
        (None, None),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-99", Span(0, 100)),
        ("bytes=90-", Span(90, 100)),
        ("bytes=90-1000", Span(90, 100)),
        ("bytes=-10", Span(90, 100)),
        ("bytes=-1000", Span(0, 100)),
        ("BYTES = 1-2", Span(1, 3)),
        # Not understood, or more than one: all is given (RFC 9110 §14.2).
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=+1-2", None),
        ("bytes=1-99999999999999999", None),
    ],
)
def test_a_range_is_read_as_http_writes_it(said: str | None, span: Span | None) -> None:
    assert asked_span(said, 100) == span


@pytest.mark.parametrize("said", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999-"])
def test_a_range_beyond_the_end_cannot_be_satisfied(said: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        asked_span(said, 100)
