"""What did not arrive: for each closing a sorted Merkle tree of 32-byte values, and proofs that one is not in it.

The hashing is RFC 6962's (§2.1): a leaf is SHA-256(0x00 || value), a node SHA-256(0x01 || left || right). The values
are sorted and each is there once, so that two neighbours with nothing between them prove that nothing is between them.
Values are kept 256 to a row, whose subtree is a node of the whole tree: a proof costs two rows and the roots.

Every function with `tx` takes the open transaction and never commits.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from msgspec import Struct

from storage.log import leaf_hash, node_hash, verify_inclusion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VALUE_BYTES: Final = 32
# 2^8: a row's subtree is complete, but for the last one.
CHUNK_VALUES: Final = 256
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

_ADD = sa.text(
    "INSERT INTO absence_chunk (closing, n, first_value, content, root)"
    " VALUES (:closing, :n, :first_value, :content, :root)"
)
_ROOTS = sa.text("SELECT root FROM absence_chunk WHERE closing = :closing ORDER BY n")
_CHUNK = sa.text("SELECT content FROM absence_chunk WHERE closing = :closing AND n = :n")
_BEFORE = sa.text(
    "SELECT n, content FROM absence_chunk WHERE closing = :closing AND first_value <= :value"
    " ORDER BY first_value DESC LIMIT 1"
)
_COUNT = sa.text("SELECT content FROM absence_chunk WHERE closing = :closing ORDER BY n")


class Tree(Struct, frozen=True):
    """The sorted values, and the root over them."""

    values: tuple[bytes, ...]
    root: bytes


class Neighbour(Struct, frozen=True):
    """A value that is in the tree, at `index`, and its inclusion proof (RFC 6962 §2.1.1), from the leaf upwards."""

    index: int
    value: bytes
    hashes: tuple[bytes, ...]


class Between(Struct, frozen=True):
    """Between which neighbours a value would stand: None on the left before the first, on the right after the last."""

    left: Neighbour | None
    right: Neighbour | None


class ValueThere(Exception):
    """The value is in the tree: its absence cannot be proved. Trying again changes nothing."""


def _root(level: Sequence[bytes]) -> bytes:
    """The root over nodes that stand side by side, each complete but the last.

    Taken level by level, with an odd last node carried up, this is RFC 6962's tree.
    """
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        above = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = [*above, level[-1]] if len(level) % 2 else above
    return level[0]


def _path(level: Sequence[bytes], index: int) -> list[bytes]:
    """What is hashed with the node at `index`, from below upwards."""
    found = []
    while len(level) > 1:
        if index ^ 1 < len(level):
            found.append(level[index ^ 1])
        above = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = [*above, level[-1]] if len(level) % 2 else above
        index //= 2
    return found


def _chunks(values: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [values[at : at + CHUNK_VALUES] for at in range(0, len(values), CHUNK_VALUES)]


def tree_of(values: Iterable[bytes]) -> Tree:
    """The tree of these values, each taken once."""
    held = tuple(sorted(set(values)))
    return Tree(held, _root([_root([*map(leaf_hash, chunk)]) for chunk in _chunks(held)]))


def add(tx: sa.Connection, closing: int, tree: Tree) -> None:
    """Keep the tree of a closing."""
    rows = [
        {
            "closing": closing,
            "n": n,
            "first_value": chunk[0],
            "content": b"".join(chunk),
            "root": _root([*map(leaf_hash, chunk)]),
        }
        for n, chunk in enumerate(_chunks(tree.values))
    ]
    if rows:
        tx.execute(_ADD, rows)


def between(tx: sa.Connection, closing: int, value: bytes) -> Between:
    """The neighbours between which the value is missing in a closing's tree. Raises `ValueThere`."""
    roots = [bytes(row[0]) for row in tx.execute(_ROOTS, {"closing": closing})]
    if not roots:
        return Between(None, None)
    found = tx.execute(_BEFORE, {"closing": closing, "value": value}).first()
    n, held = (int(found[0]), _split(found[1])) if found else (0, _chunk(tx, closing, 0))
    if value in held:
        raise ValueThere(value.hex())
    at = sum(one < value for one in held)
    left = _neighbour(roots, n, held, at - 1) if at else None
    if at < len(held):
        return Between(left, _neighbour(roots, n, held, at))
    if n + 1 == len(roots):
        return Between(left, None)
    return Between(left, _neighbour(roots, n + 1, _chunk(tx, closing, n + 1), 0))


def kept(tx: sa.Connection, closing: int) -> Tree:
    """The tree of a closing as it is kept: its root is worked out from the values."""
    values = tuple(value for row in tx.execute(_COUNT, {"closing": closing}) for value in _split(row[0]))
    return Tree(values, _root([_root([*map(leaf_hash, chunk)]) for chunk in _chunks(values)]))


def _chunk(tx: sa.Connection, closing: int, n: int) -> list[bytes]:
    return _split(tx.execute(_CHUNK, {"closing": closing, "n": n}).scalar_one())


def _split(content: bytes) -> list[bytes]:
    return [bytes(content[at : at + VALUE_BYTES]) for at in range(0, len(content), VALUE_BYTES)]


def _neighbour(roots: Sequence[bytes], n: int, held: Sequence[bytes], at: int) -> Neighbour:
    hashes = _path([*map(leaf_hash, held)], at) + _path(roots, n)
    return Neighbour(n * CHUNK_VALUES + at, held[at], tuple(hashes))


def shows_absence(found: Between, value: bytes, size: int, root: bytes) -> str:
    """'' when the neighbours prove that the value is not among the `size` sorted values under the root; else what is
    wrong with them.
    """
    left, right = found.left, found.right
    for one in (left, right):
        if one is not None and not _is_there(one, size, root):
            return f"the value at {one.index} is not in the tree"
    if left is None and right is None:
        return "" if size == 0 and root == EMPTY_ROOT else "the tree is not empty, and no neighbour is shown"
    if left is not None and not left.value < value:
        return "the left neighbour does not stand before it"
    if right is not None and not value < right.value:
        return "the right neighbour does not stand after it"
    if left is None and right is not None and right.index != 0:
        return "something stands before the right neighbour"
    if right is None and left is not None and left.index != size - 1:
        return "something stands after the left neighbour"
    if left is not None and right is not None and right.index != left.index + 1:
        return "something stands between the neighbours"
    return ""


def _is_there(one: Neighbour, size: int, root: bytes) -> bool:
    is_value = len(one.value) == VALUE_BYTES
    return is_value and verify_inclusion(one.index, size, leaf_hash(one.value), one.hashes, root)
