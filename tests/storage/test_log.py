"""The log's tree: against the public vectors, and against RFC 6962 written down once more as it stands there."""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import log
from storage.log import LogCorrupt, Tile

REPOSITORY = Path(__file__).parents[2]
VECTORS = Path(os.environ.get("MOTCUA_VECTORS", REPOSITORY.parent / "shared" / "vectors")) / "merkle" / "testdata"
SIZE_MAX = 600
RECORDS = tuple(hashlib.sha256(b"record %d" % number).digest() for number in range(SIZE_MAX))


@cache
def naive_root(low: int, high: int) -> bytes:
    """MTH (RFC 6962 §2.1), word for word."""
    if low == high:
        return hashlib.sha256(b"").digest()
    if high - low == 1:
        return hashlib.sha256(b"\x00" + RECORDS[low]).digest()
    middle = low + largest_power_below(high - low)
    return hashlib.sha256(b"\x01" + naive_root(low, middle) + naive_root(middle, high)).digest()


def largest_power_below(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def naive_path(m: int, low: int, high: int) -> list[bytes]:
    """PATH(m, D[low:high]) (§2.1.1)."""
    if high - low == 1:
        return []
    k = largest_power_below(high - low)
    if m < k:
        return [*naive_path(m, low, low + k), naive_root(low + k, high)]
    return [*naive_path(m - k, low + k, high), naive_root(low, low + k)]


def naive_subproof(m: int, low: int, high: int, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[low:high], b) (§2.1.2)."""
    if m == high - low:
        return [] if whole else [naive_root(low, high)]
    k = largest_power_below(high - low)
    if m <= k:
        return [*naive_subproof(m, low, low + k, whole), naive_root(low + k, high)]
    return [*naive_subproof(m - k, low + k, high, False), naive_root(low, low + k)]


class Tree:
    """A tree that is grown as the log grows it, its tiles kept."""

    def __init__(self) -> None:
        self.size, self.root = 0, log.EMPTY_ROOT
        self.tiles: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, n: int) -> bytes:
        return self.tiles.get((level, n), b"")

    def grow(self, records: Sequence[bytes]) -> None:
        edge = {(one.level or 0, one.n): self.tile(one.level or 0, one.n) for one in log.edge_of(self.size)}
        self.size, self.root, made = log.extended(self.size, records, edge)
        self.tiles |= made


@pytest.fixture(scope="module")
def whole() -> Tree:
    tree = Tree()
    tree.grow(RECORDS)
    return tree


def vectors(kind: str) -> list[tuple[str, dict[str, Any]]]:
    if not VECTORS.is_dir():
        pytest.skip("not run: the public vectors merkle are not here (MOTCUA_VECTORS)")
    return [(str(path), json.loads(path.read_text())) for path in sorted((VECTORS / kind).rglob("*.json"))]


def decoded(text: str) -> bytes:
    return base64.b64decode(text or "")


def test_inclusion_is_judged_as_the_public_vectors_say() -> None:
    told = vectors("inclusion")
    assert len(told) >= 98
    for path, one in told:
        proof = [decoded(each) for each in one["proof"] or []]
        holds = log.verify_inclusion(
            one["leafIdx"], one["treeSize"], decoded(one["leafHash"]), proof, decoded(one["root"])
        )
        assert holds != one["wantErr"], path


def test_consistency_is_judged_as_the_public_vectors_say() -> None:
    told = vectors("consistency")
    assert len(told) >= 98
    for path, one in told:
        proof = [decoded(each) for each in one["proof"] or []]
        roots = decoded(one["root1"]), decoded(one["root2"])
        assert log.verify_consistency(one["size1"], one["size2"], *roots, proof) != one["wantErr"], path


def test_the_root_of_every_size_is_what_the_standard_defines(whole: Tree) -> None:
    for size in range(SIZE_MAX + 1):
        assert log.root_of(size, whole.tile) == naive_root(0, size), size


@given(st.data())
def test_every_proof_is_what_the_standard_defines_and_holds(data: st.DataObject) -> None:
    tree = Tree()
    tree.grow(RECORDS)
    size = data.draw(st.integers(1, SIZE_MAX))
    index, earlier = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    path = log.inclusion(index, size, tree.tile)
    assert path == naive_path(index, 0, size)
    assert log.verify_inclusion(index, size, log.leaf_hash(RECORDS[index]), path, naive_root(0, size))
    proof = log.consistency(earlier, size, tree.tile)
    assert proof == naive_subproof(earlier, 0, size, True)
    assert log.verify_consistency(earlier, size, naive_root(0, earlier), naive_root(0, size), proof)


@given(st.data())
def test_a_proof_that_was_changed_in_any_way_does_not_hold(data: st.DataObject) -> None:
    tree = Tree()
    tree.grow(RECORDS[:300])
    size = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, size - 1))
    path, root, leaf = log.inclusion(index, size, tree.tile), naive_root(0, size), log.leaf_hash(RECORDS[index])
    at, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
    turned = bytearray(path[at])
    turned[bit // 8] ^= 1 << (bit % 8)
    for forged in ([*path[:at], bytes(turned), *path[at + 1 :]], path[:at] + path[at + 1 :], [*path, root], path[::-1]):
        assert forged == path or not log.verify_inclusion(index, size, leaf, forged, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index))
    assert not log.verify_inclusion(other, size, leaf, path, root)
    assert not log.verify_inclusion(index, size, RECORDS[index], path, root)
    earlier = data.draw(st.integers(1, size - 1))
    proof, before = log.consistency(earlier, size, tree.tile), naive_root(0, earlier)
    assert not log.verify_consistency(earlier, size, before, root, proof[:-1])
    assert not log.verify_consistency(earlier, size, root, before, proof)
    assert not log.verify_consistency(earlier, size, naive_root(0, earlier - 1), root, proof)


@given(st.lists(st.integers(1, 150), min_size=1, max_size=8))
def test_a_tree_that_grew_in_slices_is_the_same_as_one_that_grew_at_once(slices: list[int]) -> None:
    tree, at = Tree(), 0
    for count in slices:
        tree.grow(RECORDS[at : at + count])
        at = min(at + count, SIZE_MAX)
        assert (tree.size, tree.root) == (at, naive_root(0, at))
    once = Tree()
    once.grow(RECORDS[:at])
    assert tree.tiles == once.tiles


def test_every_narrower_tile_is_a_prefix_of_the_one_that_is_kept(whole: Tree) -> None:
    for size in (1, 255, 256, 257, 511, 512, 599):
        then = Tree()
        then.grow(RECORDS[:size])
        for (level, n), hashes in then.tiles.items():
            assert whole.tile(level, n).startswith(hashes)


def test_a_tile_too_narrow_for_its_tree_is_noticed(whole: Tree) -> None:
    with pytest.raises(LogCorrupt):
        log.root_of(SIZE_MAX, lambda level, n: whole.tile(level, n)[:-32])
    with pytest.raises(LogCorrupt):
        log.extended(300, RECORDS[:1], {})


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(whole: Tree, index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        log.inclusion(index, size, whole.tile)


@pytest.mark.parametrize(("earlier", "later"), [(0, 5), (6, 5), (-1, 5)])
def test_there_is_no_proof_from_nothing_or_backwards(whole: Tree, earlier: int, later: int) -> None:
    with pytest.raises(ValueError, match="no proof"):
        log.consistency(earlier, later, whole.tile)


def test_the_tiles_of_seventy_thousand_leaves_are_those_of_the_specification() -> None:
    tiles = list(log.tiles_of(70_000))
    counted = {level: [one for one in tiles if one.level == level] for level in (None, 0, 1, 2, 3)}
    assert [len(counted[level]) for level in (None, 0, 1, 2, 3)] == [274, 274, 2, 1, 0]
    assert (counted[0][-1].width, counted[1][-1].width, counted[2][-1].width) == (112, 17, 1)
    assert [one.path for one in log.tiles_of(256)] == ["entries/000", "0/000", "1/000.p/1"]
    assert log.edge_of(256) == [Tile(1, 0, 1)]


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("0/x001/x234/067", Tile(0, 1_234_067, 256)),
        ("entries/000", Tile(None, 0, 256)),
        ("63/999.p/255", Tile(63, 999, 255)),
        ("1/x001/000.p/1", Tile(1, 1000, 1)),
    ],
)
def test_a_tile_has_one_path(path: str, tile: Tile) -> None:
    assert log.tile_at(path) == tile
    assert tile.path == path


@pytest.mark.parametrize(
    "path",
    [
        "", "0", "0/", "0/0", "0/00", "0/0000", "00/000", "64/000", "-1/000", "0/x000/001", "0/001/002", "0/x001",
        "0/000.p/0", "0/000.p/256", "0/000.p/01", "0/000.p/", "data/000", "0/000/", "/0/000", "0/٠٠١", "0/..",
        "0/" + "x001/" * 30 + "000", "0/000.p/255/1",
    ],
)  # fmt: skip
def test_anything_else_is_no_path_of_a_tile(path: str) -> None:
    assert log.tile_at(path) is None


@given(st.text(alphabet="0123456789x/.pentris-", max_size=30))
def test_whatever_is_read_as_a_path_is_written_the_same(path: str) -> None:
    tile = log.tile_at(path)
    assert tile is None or tile.path == path
