"""The sorted trees: every absence is proved by its neighbours, and no other proof is believed."""

import hashlib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from storage import absence, ledger
from storage.absence import Between, Neighbour, Tree
from storage.database import Database, open_database
from storage.migrations import migrate
from tests.databases import database, database_url

__all__ = ["database", "database_url"]

SIZES = (0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 700, 1025)


def value(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def naive_root(values: list[bytes]) -> bytes:
    """RFC 6962 §2.1, as it is written there."""
    if not values:
        return hashlib.sha256(b"").digest()
    if len(values) == 1:
        return hashlib.sha256(b"\0" + values[0]).digest()
    split = 1
    while split * 2 < len(values):
        split *= 2
    return hashlib.sha256(b"\1" + naive_root(values[:split]) + naive_root(values[split:])).digest()


def put(opened: Database, number: int, tree: Tree) -> None:
    with opened.begin() as tx:
        ledger.add(
            tx,
            ledger.Closing(
                number=number, seq=number, from_seq=0, upto_seq=0, opened_at_us=0, closed_at_us=0, lines="[]", gaps=0,
                absence_root=tree.root, absence_count=len(tree.values), absence_kid="k",
            ),
        )  # fmt: skip
        absence.add(tx, number, tree)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A tree of each size, in a closing of that number and one."""
    opened = open_database(f"sqlite:///{tmp_path_factory.mktemp('absence') / 'journal.sqlite'}")
    migrate(opened)
    for size in SIZES:
        put(opened, size + 1, absence.tree_of(map(value, range(size))))
    yield opened
    opened.close()


@pytest.mark.parametrize("size", [*range(10), *SIZES])
def test_the_root_is_rfc_6962s(size: int):
    tree = absence.tree_of(map(value, range(size)))
    assert tree.root == naive_root(sorted(map(value, range(size))))
    assert list(tree.values) == sorted(map(value, range(size)))


def test_a_value_that_came_twice_is_there_once():
    assert absence.tree_of([value(1), value(1), value(2)]) == absence.tree_of([value(2), value(1)])


@given(size=st.sampled_from(SIZES), missing=st.integers(2000, 2400))
@settings(deadline=None)
def test_every_missing_value_is_proved_missing(kept: Database, size: int, missing: int):
    tree = absence.tree_of(map(value, range(size)))
    with kept.read() as tx:
        found = absence.between(tx, size + 1, value(missing))
        assert absence.kept(tx, size + 1) == tree
    assert absence.shows_absence(found, value(missing), size, tree.root) == ""
    before = [one for one in tree.values if one < value(missing)]
    assert (found.left.value if found.left else None) == (before[-1] if before else None)
    for least, most in ((b"\0" * 32, b"\xff" * 32),):
        with kept.read() as tx:
            ends = [absence.between(tx, size + 1, end) for end in (least, most)]
        assert [
            absence.shows_absence(end, one, size, tree.root) for end, one in zip(ends, (least, most), strict=True)
        ] == ["", ""]


@given(size=st.sampled_from(SIZES[1:]), number=st.integers(0, 1024))
@settings(deadline=None)
def test_what_is_there_is_never_proved_missing(kept: Database, size: int, number: int):
    there = value(number % size)
    tree = absence.tree_of(map(value, range(size)))
    with kept.read() as tx:
        with pytest.raises(absence.ValueThere):
            absence.between(tx, size + 1, there)
        others = [absence.between(tx, size + 1, value(2000 + at)) for at in range(5)]
    assert all(absence.shows_absence(other, there, size, tree.root) for other in others if other != Between(None, None))


def shifted(one: Neighbour | None, **changes: object) -> Neighbour:
    assert one is not None
    return structs.replace(one, **changes)


def test_every_forged_proof_is_refused(kept: Database):
    size, asked = 513, value(2001)
    root = absence.tree_of(map(value, range(size))).root
    with kept.read() as tx:
        good = absence.between(tx, size + 1, asked)
        far = absence.between(tx, size + 1, b"\xff" * 32)
        first = absence.between(tx, size + 1, b"\0" * 32)
    assert absence.shows_absence(good, asked, size, root) == ""
    left, right = good.left, good.right
    assert left
    assert right
    forged = {
        "nothing": Between(None, None),
        "no left": Between(None, right),
        "no right": Between(left, None),
        "not side by side": Between(first.right, right),
        "the last one": far,
        "exchanged": Between(right, left),
        "another value": Between(shifted(left, value=value(3)), right),
        "another index": Between(shifted(left, index=left.index - 1), right),
        "an index outside": Between(left, shifted(right, index=size)),
        "below zero": Between(shifted(left, index=-1), right),
        "a hash less": Between(shifted(left, hashes=left.hashes[:-1]), right),
        "a hash more": Between(left, shifted(right, hashes=(*right.hashes, bytes(32)))),
        "another hash": Between(left, shifted(right, hashes=(bytes(32), *right.hashes[1:]))),
        "a short value": Between(shifted(left, value=b""), right),
    }
    for name, found in forged.items():
        assert absence.shows_absence(found, asked, size, root), name
    assert absence.shows_absence(far, b"\xff" * 32, size, root) == ""
    assert absence.shows_absence(far, b"\xff" * 32, size + 1, root)
    assert absence.shows_absence(good, asked, size, bytes(32))
    assert absence.shows_absence(good, left.value, size, root)
    assert absence.shows_absence(good, right.value, size, root)
    assert absence.shows_absence(Between(None, None), asked, 0, root)
    assert absence.shows_absence(Between(None, None), asked, 0, absence.EMPTY_ROOT) == ""


def test_a_tree_is_kept_alike_on_both_engines(database: Database):
    tree = absence.tree_of(map(value, range(600)))
    put(database, 1, tree)
    with database.read() as tx:
        assert absence.kept(tx, 1) == tree
        for number in range(2000, 2020):
            found = absence.between(tx, 1, value(number))
            assert absence.shows_absence(found, value(number), 600, tree.root) == ""


def test_a_value_that_was_changed_in_its_row_gives_another_root(database: Database):
    tree = absence.tree_of(map(value, range(600)))
    put(database, 1, tree)
    with database.begin() as tx:
        changed = b"".join([bytes(32), *tree.values[513:]])
        tx.execute(sa.text("UPDATE absence_chunk SET content = :changed WHERE n = 2"), {"changed": changed})
    with database.read() as tx:
        assert absence.kept(tx, 1).root != tree.root
        found = absence.between(tx, 1, b"\xff" * 32)
    assert absence.shows_absence(found, b"\xff" * 32, 600, tree.root)
