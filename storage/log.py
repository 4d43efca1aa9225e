"""The Merkle tree of the transparency log: its hashes, tiles and proofs (RFC 6962 §2.1, C2SP tlog-tiles).

Nothing here reads or writes: a tree is its size and a way to its tiles. A record is the 32 bytes of a leaf's row.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    # The hashes of tile `n` at a level, side by side, at least as many as the tree's size asks for.
    ReadTile = Callable[[int, int], bytes]

HASH_BYTES: Final = 32
TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
LEVEL_MAX: Final = 63
TILE_PATH_CHARACTERS_MAX: Final = 60
# The root of a tree without leaves (RFC 6962 §2.1).
EMPTY_ROOT: Final = hashlib.sha256().digest()

_TILE: Final = re.compile(r"(entries|0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


class LogCorrupt(Exception):
    """The kept tiles do not give the root that was committed to. Trying again changes nothing; `motcua log verify`."""


class Tile(Struct, frozen=True):
    """One tile as it is asked for: the level (None: the entries themselves), its number there, how many hashes."""

    level: int | None
    n: int
    width: int

    @property
    def is_full(self) -> bool:
        """Whether it never changes again."""
        return self.width == TILE_WIDTH

    @property
    def path(self) -> str:
        """Its path below `tile/` (C2SP tlog-tiles): 1234067 is written x001/x234/067."""
        groups = [f"{self.n % 1000:03d}"]
        rest = self.n // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        head = "entries" if self.level is None else str(self.level)
        return f"{head}/{'/'.join(groups)}" + ("" if self.is_full else f".p/{self.width}")


def leaf_hash(record: bytes) -> bytes:
    """The hash of a leaf: SHA-256 of 0x00 and the record (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 of 0x01 and its two children (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tile_at(path: str) -> Tile | None:
    """The tile that a path below `tile/` names; None when it names none. One tile has one path."""
    found = _TILE.fullmatch(path) if len(path) <= TILE_PATH_CHARACTERS_MAX else None
    if found is None:
        return None
    head, groups, width = found.groups()
    n = int(groups.replace("x", "").replace("/", ""))
    tile = Tile(None if head == "entries" else int(head), n, int(width) if width else TILE_WIDTH)
    is_known = (tile.level or 0) <= LEVEL_MAX and (width is None or tile.width < TILE_WIDTH)
    return tile if is_known and tile.path == path else None


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile that a tree of that size has, the entries' bundles first, each level from left to right."""
    levels: list[int | None] = [None, *(level for level in range(LEVEL_MAX + 1) if size >> (TILE_HEIGHT * level))]
    for level in levels:
        full, rest = divmod(size >> (TILE_HEIGHT * (level or 0)), TILE_WIDTH)
        yield from (Tile(level, n, TILE_WIDTH) for n in range(full))
        if rest:
            yield Tile(level, full, rest)


def edge_of(size: int) -> list[Tile]:
    """The partial tiles of a tree of that size: all that is needed to work out its root, and to grow it."""
    widths = [(level, size >> (TILE_HEIGHT * level)) for level in range(LEVEL_MAX + 1)]
    return [Tile(level, count // TILE_WIDTH, count % TILE_WIDTH) for level, count in widths if count % TILE_WIDTH]


def root_of(size: int, tile: ReadTile) -> bytes:
    """The root of the tree of the first `size` leaves. Raises `LogCorrupt` when a tile is too narrow."""
    return _range_hash(0, size, tile)


def extended(
    size: int, records: Sequence[bytes], edge: dict[tuple[int, int], bytes]
) -> tuple[int, bytes, dict[tuple[int, int], bytes]]:
    """The tree of `size` leaves and these besides: its size, its root, and every tile that is new or wider, by level
    and number. `edge` holds the tiles of `edge_of(size)`. Raises `LogCorrupt`.
    """
    made: dict[tuple[int, int], bytes] = {}
    added, level = [leaf_hash(record) for record in records], 0
    while added:
        first = size >> (TILE_HEIGHT * level)
        n, width = divmod(first, TILE_WIDTH)
        kept = _prefix(edge.get((level, n), b""), width)
        hashes = [kept[at : at + HASH_BYTES] for at in range(0, len(kept), HASH_BYTES)] + added
        added = []
        for start in range(0, len(hashes), TILE_WIDTH):
            tile = hashes[start : start + TILE_WIDTH]
            made[level, n + start // TILE_WIDTH] = b"".join(tile)
            if len(tile) == TILE_WIDTH:
                added.append(_folded(tile))
        level += 1
    grown = size + len(records)
    return grown, root_of(grown, lambda level, n: made.get((level, n)) or edge.get((level, n), b"")), made


def inclusion(index: int, size: int, tile: ReadTile) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves, from the leaf's sibling up (RFC 6962 §2.1.1).

    Raises ValueError when there is no such leaf, `LogCorrupt`.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    low, high, siblings = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            siblings.append((middle, high))
            high = middle
        else:
            siblings.append((low, middle))
            low = middle
    return [_range_hash(low, high, tile) for low, high in reversed(siblings)]


def consistency(earlier: int, later: int, tile: ReadTile) -> list[bytes]:
    """The proof that the tree of `earlier` leaves is where that of `later` began (RFC 6962 §2.1.2).

    Raises ValueError unless 0 < earlier <= later; `LogCorrupt`.
    """
    if not 0 < earlier <= later:
        raise ValueError(f"no proof from {earlier} to {later}")
    low, high, spans, is_whole = 0, later, [], True
    while earlier != high:
        middle = low + _split(high - low)
        if earlier <= middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low, is_whole = middle, False
    if not is_whole:
        spans.append((low, high))
    return [_range_hash(low, high, tile) for low, high in reversed(spans)]


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from that leaf to that root (RFC 9162 §2.1.3.2). Never raises."""
    if not 0 <= index < size or any(len(one) != HASH_BYTES for one in (leaf_hash, root, *proof)):
        return False
    node, last, found = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of `size1` is where that of `size2` began (RFC 9162 §2.1.4.2).

    A tree without leaves began every tree, and nothing is proved by that: then the answer is False, but for two empty
    trees. Never raises.
    """
    if size1 == size2:
        return not proof and root1 == root2 and (size1 > 0 or root1 == EMPTY_ROOT)
    if not 0 < size1 < size2 or not proof or any(len(one) != HASH_BYTES for one in proof):
        return False
    # (2) A whole tree of two to some power is its own first node.
    path = list(proof) if size1 & (size1 - 1) else [root1, *proof]
    node, last = size1 - 1, size2 - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == root1 and new == root2


def _split(count: int) -> int:
    """The largest power of two below `count` (RFC 6962 §2.1)."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_hash(low: int, high: int, tile: ReadTile) -> bytes:
    """MTH(D[low:high]), for a range that a tree is split into: whole subtrees, the largest first."""
    if low == high:
        return EMPTY_ROOT
    nodes = []
    while low < high:
        height = (high - low).bit_length() - 1
        nodes.append(_node(height, low >> height, tile))
        low += 1 << height
    found = nodes.pop()
    while nodes:
        found = node_hash(nodes.pop(), found)
    return found


def _node(height: int, index: int, tile: ReadTile) -> bytes:
    """The root of whole subtree `index` of 2^height leaves: folded from what its tile holds of it."""
    level, inside = divmod(height, TILE_HEIGHT)
    n, start = divmod(index << inside, TILE_WIDTH)
    held = _prefix(tile(level, n), start + (1 << inside))
    return _folded(
        [held[at : at + HASH_BYTES] for at in range(start * HASH_BYTES, len(held), HASH_BYTES)],
    )


def _folded(hashes: Sequence[bytes]) -> bytes:
    """The root over a number of hashes that is a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def _prefix(tile: bytes, width: int) -> bytes:
    if len(tile) < width * HASH_BYTES:
        raise LogCorrupt(f"a tile holds {len(tile) // HASH_BYTES} hashes, {width} are needed")
    return tile[: width * HASH_BYTES]
