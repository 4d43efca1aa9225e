"""The checker's own reading of the transparency log: RFC 6962 trees and signed notes, written down a second time."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct

KEY_HASH_BYTES = 4
ORIGINS = "SELECT number, origin, after_seq, size, root FROM log_origin ORDER BY number"


class Head(Struct, frozen=True):
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes


def key_of(folder: Path) -> ed25519.Ed25519PublicKey | None:
    """The log's key, where a home has one."""
    path = folder / "log.pem"
    if not path.exists():
        return None
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return key.public_key()


def head_of(note: str) -> Head:
    """What a note says, whoever signed it. Raises `ValueError`."""
    origin, size, root, *_ = note.split("\n")
    return Head(origin, int(size), base64.b64decode(root, validate=True))


def is_signed(note: str, key: ed25519.Ed25519PublicKey) -> bool:
    """Whether the log's key signed this note (C2SP signed-note)."""
    text, _, lines = note.partition("\n\n")
    name = text.split("\n")[0]
    for line in lines.splitlines():
        _, who, coded = line.split(" ")
        if who == name:
            try:
                key.verify(base64.b64decode(coded)[KEY_HASH_BYTES:], text.encode() + b"\n")
            except InvalidSignature:
                continue
            return True
    return False


def roots(leaves: list[bytes], sizes: Iterable[int]) -> dict[int, bytes]:
    """The roots of the trees of the first so many records (RFC 6962 §2.1); a size that there is not gives none."""
    wanted, found = set(sizes), {}
    peaks: list[tuple[int, bytes]] = []
    if 0 in wanted:
        found[0] = hashlib.sha256(b"").digest()
    for size, record in enumerate(leaves, 1):
        peaks.append((1, hashlib.sha256(b"\0" + record).digest()))
        while len(peaks) > 1 and peaks[-1][0] == peaks[-2][0]:
            (width, right), (_, left) = peaks.pop(), peaks.pop()
            peaks.append((2 * width, hashlib.sha256(b"\1" + left + right).digest()))
        if size in wanted:
            root = peaks[-1][1]
            for _, left in reversed(peaks[:-1]):
                root = hashlib.sha256(b"\1" + left + root).digest()
            found[size] = root
    return found


def judge(
    rows: list[tuple[int, str, int, int, bytes]],
    leaves: Mapping[int, bytes],
    told: list[str],
    key: ed25519.Ed25519PublicKey | None,
    *,
    settled: bool,
) -> list[tuple[str, str]]:
    """Compare checkpoints that were told, and the tree as it stands, with the leaves; kind and text of what is wrong.

    `rows` are those of `ORIGINS`. Whoever holds a checkpoint must find every leaf of it in its place for ever.
    """
    wrong: list[tuple[str, str]] = []
    heads: dict[str, dict[int, set[bytes]]] = {}
    for note in set(told):
        try:
            head = head_of(note)
        except ValueError:
            wrong.append(("altered", "a checkpoint that is none was told"))
            continue
        if key is not None and not is_signed(note, key):
            wrong.append(("altered", f"{head.origin} {head.size}: the checkpoint's signature does not hold"))
        heads.setdefault(head.origin, {}).setdefault(head.size, set()).add(head.root)
    after = {origin: seq for _, origin, seq, _, _ in rows}
    for origin, sizes in heads.items():
        if origin not in after:
            wrong.append(("lost", f"{origin}: checkpoints of it were told, and the log does not know it"))
            continue
        records = [leaf for seq, leaf in sorted(leaves.items()) if seq > after[origin]]
        rebuilt = roots(records, sizes)
        for size, said in sizes.items():
            if len(said) > 1:
                wrong.append(("differing", f"{origin}: {len(said)} roots were told for {size} leaves"))
            if size not in rebuilt:
                wrong.append(("lost", f"{origin}: a checkpoint of {size} leaves was told, there are {len(records)}"))
            elif rebuilt[size] not in said:
                wrong.append(("altered", f"{origin}: the first {size} leaves are not those that were told"))
    for _, origin, seq, size, root in rows[-1:]:
        records = [leaf for number, leaf in sorted(leaves.items()) if number > seq]
        if roots(records, [size]).get(size) != bytes(root):
            wrong.append(("altered", f"{origin}: the tree of {size} leaves is not that of the leaves"))
        if settled and size != len(records):
            wrong.append(("lost", f"{origin}: {len(records) - size} leaves are in no tree when all is quiet"))
    return wrong
