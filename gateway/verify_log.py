"""The log's part in an evidence bundle: origins under the gateway's seal, and proofs that lead to their checkpoints."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.clock import for_people
from gateway.log_opening import OriginSaid
from gateway.log_proofs import PROOF_FORMAT
from gateway.verify_statement import Untrue, open_statement
from signing import base64text
from signing.indication import Refusal
from signing.note import NoteBroken, open_checkpoint, read_note, read_vkey
from signing.timestamp import verify_token
from storage import log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signing.jwks import PublishedKey
    from signing.trust import TrustStore

STEP: Final = 6
HASHES_MAX: Final = 64
_INDEX: Final = re.compile(r"index (0|[1-9]\d{0,18})", re.ASCII)
_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)
_ORIGIN_FILE: Final = re.compile(r"log/origin-[1-9]\d{0,9}\.jws", re.ASCII)


class Proved(Struct, frozen=True):
    """A statement that is in the log: the log's name, the tree's size, and the checkpoint's text, which a time-stamp is
    over.
    """

    origin: str
    size: int
    body: bytes


def is_origin_file(name: str) -> bool:
    """Whether a file of the bundle announces a log."""
    return bool(_ORIGIN_FILE.fullmatch(name))


def announced(files: Mapping[str, str], keys: Mapping[str, PublishedKey]) -> dict[str, OriginSaid]:
    """The logs that the gateway announced under its seal, by their names. Raises `Untrue`.

    When it was announced proves nothing that a time-stamp does not, and the seal over the bundle vouches for it: so a
    key that was compromised since will do here.
    """
    found: dict[str, OriginSaid] = {}
    for name, jws in files.items():
        try:
            said, _ = open_statement(jws, keys, lambda: _LONG_AGO)
        except Untrue as wrong:
            raise Untrue(wrong.vi, wrong.en, step=STEP, what=name) from None
        if not isinstance(said, OriginSaid):
            raise Untrue("Không công bố nhật ký nào.", "It announces no log.", step=STEP, what=name)
        found[said.origin] = said
    return found


def prove(text: str, record: bytes, origins: Mapping[str, OriginSaid]) -> Proved:
    """That the record (32 bytes) is a leaf under a checkpoint of one of these logs, by a proof in the form of C2SP
    tlog-proof. Raises `Untrue`.
    """
    head, _, note = text.partition("\n\n")
    form, *lines = head.split("\n")
    if lines and lines[0].startswith("extra "):
        lines = lines[1:]
    index = _INDEX.fullmatch(lines[0]) if lines else None
    hashes = [base64text.decode(line) or b"" for line in lines[1:]]
    if form != PROOF_FORMAT or index is None or len(hashes) > HASHES_MAX:
        raise Untrue("Không phải bằng chứng của nhật ký.", "It is no proof of a log.")
    said = origins.get(note.partition("\n")[0])
    if said is None:
        raise Untrue(
            "Bằng chứng thuộc nhật ký mà cổng không công bố.", "It is of a log that the gateway did not announce."
        )
    try:
        checkpoint = open_checkpoint(note, read_vkey(said.vkey))
        body = read_note(note).body
    except NoteBroken as error:
        raise Untrue(
            f"Điểm kiểm không do khóa của nhật ký ký ({error}).",
            f"The checkpoint is not signed by the log's key: {error}.",
        ) from error
    leaf = log.leaf_hash(record)
    if not log.verify_inclusion(int(index[1]), checkpoint.size, leaf, hashes, checkpoint.root):
        raise Untrue(
            "Bằng chứng không dẫn từ văn bản đến gốc của nhật ký.",
            "The proof does not lead from the statement to the log's root.",
        )
    return Proved(checkpoint.origin, checkpoint.size, body)


def stamped(token: bytes, covered: bytes, tsa: TrustStore, now: datetime) -> datetime:
    """When an authority that is believed stamped these bytes (RFC 3161). Raises `Untrue`."""
    used = verify_token(token, covered, tsa, now)
    if isinstance(used, Refusal):
        raise Untrue(f"Dấu thời gian không đúng ({used.code}).", f"The time-stamp does not hold: {used.code}.")
    return used.generated_at


def stamped_words(at: datetime | None, *, has_any: bool) -> tuple[str, str]:
    """What time-stamps say, or that they were not checked, or that there are none."""
    if at is not None:
        when = for_people(at)
        return f"có dấu thời gian: đã có trước {when}", f"time-stamped: it was there before {when}"
    if has_any:
        return (
            "có dấu thời gian, CHƯA kiểm (cần --tsa: chứng thư gốc của tổ chức cấp dấu)",
            "there are time-stamps, NOT checked (--tsa is needed: the authority's root)",
        )
    return "không có dấu thời gian", "there is no time-stamp"
