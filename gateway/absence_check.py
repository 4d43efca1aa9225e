"""Whether a proof of non-receipt holds: numbered steps, offline, with pinned seal keys and nothing else.

1. Each closing is sealed by a pinned key, within that key's period.
2. The closings follow one another: numbers, spans, instants, and each names the digest of the one before.
3. The value belongs to the item under the key that the closings name.
4. In each closing's tree the neighbours leave no room for the value.
5. What is said to be in the log is there, under a checkpoint of a log that the pinned keys announced.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway import ids
from gateway.absence import FORMAT, read_proof
from gateway.closing import ClosingSaid
from gateway.log_opening import OriginSaid
from gateway.log_proofs import PROOF_FORMAT
from gateway.receipt import CLOSING_TYPE, ORIGIN_TYPE
from signing.note import NoteBroken, open_checkpoint, read_vkey
from signing.seal import SealBroken, kid_of, open_jws
from signing.signer import from_base64url
from signing.unique import ProofBroken, check
from storage import absence, log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.absence import AbsenceProof, ClosingShown, NeighbourShown
    from signing.jwks import PublishedKey
    from signing.note import Vkey


class AbsenceBroken(Exception):
    """The proof does not hold; the message names the first thing that is wrong. Trying again changes nothing."""


class AbsenceShown(Struct, frozen=True):
    """A proof that holds: the item that is missing, in which closings, and from when to when they cover."""

    item: str
    asked_by: str
    first: ClosingSaid
    last: ClosingSaid
    closings: int
    logged: int


def check_absence(content: bytes, pinned: Mapping[str, PublishedKey]) -> AbsenceShown:
    """Check a proof. Raises `AbsenceBroken`."""
    try:
        proof = read_proof(content)
    except msgspec.MsgspecError as error:
        raise AbsenceBroken(f"không phải bằng chứng không tiếp nhận · no proof of non-receipt ({error})") from error
    if proof.format != FORMAT or not proof.closings:
        raise AbsenceBroken(f"không phải {FORMAT} · not {FORMAT}, or without closings")
    said = [_opened(one.statement, pinned) for one in proof.closings]
    _follow_one_another(said, proof.closings)
    value = _value(proof, said)
    for one, shown in zip(said, proof.closings, strict=True):
        _leaves_no_room(one, shown, value)
    logs = _logs(proof, pinned)
    logged = sum(_is_logged(one, shown, logs) for one, shown in zip(said, proof.closings, strict=True))
    first, last = said[0], said[-1]
    told = (proof.covers.since, proof.covers.until, proof.covers.from_seq, proof.covers.upto_seq)
    if told != (first.opened_at, last.closed_at, first.from_seq, last.upto_seq):
        raise AbsenceBroken("khoảng thời gian nêu không phải của các kỳ · the span told is not the closings'")
    return AbsenceShown(proof.item, proof.asked_by, first, last, len(said), logged)


def _opened(jws: str, pinned: Mapping[str, PublishedKey]) -> ClosingSaid:
    """(1) Sealed by a pinned key, while that key sealed."""
    key = pinned.get(kid_of(jws))
    if key is None:
        raise AbsenceBroken(f"kỳ đối chiếu do khóa lạ ký · a closing sealed by an unknown key ({kid_of(jws)[:60]})")
    try:
        said = msgspec.json.decode(open_jws(jws, key.jwk, typ=CLOSING_TYPE), type=ClosingSaid)
        closed_at = datetime.fromisoformat(said.closed_at)
    except (SealBroken, msgspec.MsgspecError, ValueError) as error:
        raise AbsenceBroken(f"chữ ký kỳ đối chiếu không đúng · a closing's seal does not hold ({error})") from error
    if doubt := key.doubt(closed_at):
        raise AbsenceBroken(f"kỳ {said.closing}: khóa không còn đáng tin · closing {said.closing}: the key is {doubt}")
    return said


def _follow_one_another(said: Sequence[ClosingSaid], shown: Sequence[ClosingShown]) -> None:
    """(2) No closing between two of them was left out."""
    for earlier, later, before in zip(said, said[1:], shown, strict=False):
        if (
            later.closing != earlier.closing + 1
            or later.from_seq != earlier.upto_seq
            or later.opened_at != earlier.closed_at
            or later.previous != ids.leaf(before.statement).hex()
        ):
            raise AbsenceBroken(
                f"kỳ {later.closing} không nối tiếp kỳ {earlier.closing} · closing {later.closing} does not follow "
                f"closing {earlier.closing}"
            )


def _value(proof: AbsenceProof, said: Sequence[ClosingSaid]) -> bytes:
    """(3) Under one key for all closings: an item has another value under another."""
    keys = [one.absence.key if one.absence else None for one in said]
    if keys[0] is None or any(key != keys[0] for key in keys):
        raise AbsenceBroken("một kỳ không có cây chứng minh, hoặc của khóa khác · a closing without a tree of this key")
    try:
        value = check(keys[0], proof.item.encode(), from_base64url(proof.proof))
    except (ProofBroken, SealBroken) as error:
        raise AbsenceBroken(f"giá trị không thuộc nội dung nêu · the value is not the item's ({error})") from error
    if value.hex() != proof.value:
        raise AbsenceBroken("giá trị không thuộc nội dung nêu · the value is not the item's")
    return value


def _leaves_no_room(said: ClosingSaid, shown: ClosingShown, value: bytes) -> None:
    """(4) The neighbours are in the tree, side by side, and the value would stand between them."""
    named = said.absence
    try:
        found = absence.Between(_read(shown.left), _read(shown.right))
        root = bytes.fromhex(named.root) if named else b""
    except ValueError as error:
        raise AbsenceBroken(f"kỳ {said.closing}: không phải mã hex · closing {said.closing}: not hex") from error
    if wrong := absence.shows_absence(found, value, named.count if named else -1, root):
        raise AbsenceBroken(f"kỳ {said.closing} không chứng minh · closing {said.closing} does not show it: {wrong}")


def _logs(proof: AbsenceProof, pinned: Mapping[str, PublishedKey]) -> dict[str, Vkey]:
    """The keys of the logs that a pinned key announced, by the logs' names."""
    found = {}
    for jws in proof.origins:
        key = pinned.get(kid_of(jws))
        try:
            if key is not None:
                said = msgspec.json.decode(open_jws(jws, key.jwk, typ=ORIGIN_TYPE), type=OriginSaid)
                found[said.origin] = read_vkey(said.vkey)
        except (SealBroken, msgspec.MsgspecError, NoteBroken) as error:
            raise AbsenceBroken(
                f"văn bản mở nhật ký không đúng · an origin of the log does not hold ({error})"
            ) from error
    return found


def _is_logged(said: ClosingSaid, shown: ClosingShown, logs: Mapping[str, Vkey]) -> bool:
    """(5) Whether the closing's statement is in the log; False when nothing is said of it (C2SP tlog-proof)."""
    if shown.log_proof is None:
        return False
    head, _, note = shown.log_proof.partition("\n\n")
    form, *lines = head.split("\n")
    try:
        vkey = logs[note.partition("\n")[0]]
        checkpoint = open_checkpoint(note, vkey)
        index = int(lines[0].removeprefix("index "))
        hashes = [base64.b64decode(line, validate=True) for line in lines[1:]]
        leaf = log.leaf_hash(ids.leaf(shown.statement))
        holds = form == PROOF_FORMAT and log.verify_inclusion(index, checkpoint.size, leaf, hashes, checkpoint.root)
    except (KeyError, IndexError, ValueError, NoteBroken):
        holds = False
    if not holds:
        raise AbsenceBroken(
            f"kỳ {said.closing}: bằng chứng nhật ký sai · closing {said.closing}: its log proof is wrong"
        )
    return True


def _read(one: NeighbourShown | None) -> absence.Neighbour | None:
    if one is None:
        return None
    return absence.Neighbour(one.index, bytes.fromhex(one.value), tuple(map(bytes.fromhex, one.hashes)))
