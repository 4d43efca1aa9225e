"""A sealed statement of the gateway, opened under keys that its reader pinned: it holds, or what is wrong is said."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from gateway.clock import for_people
from gateway.erasure import Tombstone
from gateway.log_opening import OriginSaid
from gateway.office_statement import Reported
from gateway.receipt import (
    ERASURE_TYPE,
    HANDOVER_TYPE,
    JUDGEMENT_TYPE,
    NOTICE_TYPE,
    ORIGIN_TYPE,
    RECEIPT_TYPE,
    REPORT_TYPE,
    Handover,
    Judgement,
    Notice,
    Receipt,
)
from signing.jwks import Doubt, PublishedKey
from signing.seal import SealBroken, kid_of, open_jws
from signing.signer import from_base64url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Where a bundle holds the scans that a paper dossier was filed with.
SCANS_FILE = "paper/scans-001.pdf"
Statement = Receipt | Notice | Judgement | Handover | Reported | Tombstone | OriginSaid
KINDS: dict[str, type[Statement]] = {
    RECEIPT_TYPE: Receipt,
    NOTICE_TYPE: Notice,
    JUDGEMENT_TYPE: Judgement,
    HANDOVER_TYPE: Handover,
    REPORT_TYPE: Reported,
    ERASURE_TYPE: Tombstone,
    ORIGIN_TYPE: OriginSaid,
}


class Untrue(Exception):
    """The first thing that is wrong, in Vietnamese and English; in a bundle, at which step and with which file."""

    def __init__(self, vi: str, en: str, *, step: int = 0, what: str = "") -> None:
        super().__init__(f"{vi} · {en}")
        self.vi, self.en, self.step, self.what = vi, en, step, what


def no_proof() -> datetime | None:
    """Nothing from elsewhere shows when a statement was there."""
    return None


def open_statement(
    jws: str, keys: Mapping[str, PublishedKey], existed: Callable[[], datetime | None] = no_proof
) -> tuple[Statement, PublishedKey]:
    """What a compact JWS says, and the key that sealed it, one of `keys` in its sealing period. Raises `Untrue`.

    `existed` is asked only where the key is known to be compromised: when the statement was there at the latest, by a
    proof that the key's holder could not make.
    """
    # The key is the reader's choice: the header's name for it only picks among those that were pinned.
    named = kid_of(jws)
    key = keys.get(named)
    if key is None:
        raise Untrue(
            f"Niêm phong bằng khóa khác: {named[:60]!r}, không phải khóa đã ghim. Nếu cổng đã đổi khóa, hãy tải lại "
            "/v1/keys qua đường tin cậy.",
            f"Sealed by another key, {named[:60]!r}, not by {', '.join(keys)}. If the gateway has a new key since, "
            "fetch /v1/keys again in a way that you trust.",
        )
    typ = _type_of(jws)
    kind = KINDS.get(typ)
    if kind is None:
        raise Untrue(f"Loại văn bản {typ!r} không phải của cổng.", f"Its type {typ!r} is none of ours.")
    try:
        payload = open_jws(jws, key.jwk, typ=typ)
    except SealBroken as error:
        raise Untrue(f"Niêm phong đã vỡ: nội dung đã bị sửa ({error}).", f"The seal is broken: {error}.") from error
    try:
        said = msgspec.json.decode(payload, type=kind)
        sealed_at = sealed_at_of(said)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Untrue(f"Nội dung không đúng dạng: {error}.", f"It says not what such a one says: {error}.") from error
    check_period(key, sealed_at, existed)
    return said, key


def check_period(key: PublishedKey, sealed_at: datetime, existed: Callable[[], datetime | None] = no_proof) -> None:
    """Return when the gateway, and nobody else, had that key then. Raises `Untrue`."""
    doubt = key.doubt(sealed_at)
    if doubt is Doubt.COMPROMISED:
        doubt = key.doubt(sealed_at, existed())
    if doubt is not None:
        raise _doubted(doubt, key, sealed_at)


def sealed_at_of(said: Statement) -> datetime:
    """The instant whose key must have sealed this: a later statement is sealed when it is made. Raises ValueError."""
    match said:
        case Judgement():
            text = said.judged_at
        case Handover():
            text = said.taken_at
        case Reported():
            text = said.reported_at
        case Tombstone():
            text = said.erased_at
        case OriginSaid():
            text = said.opened_at
        case Receipt() | Notice():
            text = said.received_at
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("its time has no zone")
    return instant


def check_scans(said: Receipt, files: Mapping[str, bytes], step: int) -> None:
    """Return when the scans of a paper dossier (their digests, by name) are those that its receipt names. Raises
    `Untrue`.
    """
    wanted = said.paper.scans_sha256 if said.paper is not UNSET else ""
    if wanted and files.get(SCANS_FILE, b"").hex() != wanted:
        raise Untrue("Không phải bản quét của biên nhận.", "It is not what was scanned.", step=step, what=SCANS_FILE)


def fact_of(said: Statement) -> tuple[str, str] | None:
    """The event, by its type and time, that a statement confirms."""
    match said:
        case Judgement():
            return said.state, said.judged_at
        case Handover():
            return "acknowledged", said.taken_at
        case Reported():
            return said.fact, said.reported_at
        case Tombstone():
            return "erased", said.erased_at
        case _:
            return None


def _type_of(jws: str) -> str:
    try:
        header = msgspec.json.decode(from_base64url(jws.partition(".")[0]), type=dict[str, str])
    except (SealBroken, ValueError, msgspec.MsgspecError):
        raise Untrue("Không đọc được phần đầu của JWS.", "The header of the JWS cannot be read.") from None
    return header.get("typ", "")


def _doubted(doubt: Doubt, key: PublishedKey, sealed_at: datetime) -> Untrue:
    """Why a seal that holds as a signature proves nothing all the same."""
    at, kid = for_people(sealed_at), key.kid[:12]
    match doubt:
        case Doubt.AFTER_ITS_PERIOD:
            end = for_people(key.seals_until or sealed_at)
            return Untrue(
                f"Văn bản ghi lúc {at}, nhưng khóa {kid} chỉ niêm phong đến trước {end}: không phải do cổng cấp.",
                f"It says {at}, but the key {kid} sealed only before {end}: the gateway did not issue it.",
            )
        case Doubt.BEFORE_ITS_PERIOD:
            start = for_people(key.seals_from or sealed_at)
            return Untrue(
                f"Văn bản ghi lúc {at}, nhưng khóa {kid} chỉ niêm phong từ {start}: không phải do cổng cấp.",
                f"It says {at}, but the key {kid} sealed only from {start} on: the gateway did not issue it.",
            )
        case Doubt.COMPROMISED:
            since = for_people(key.compromised_at or sealed_at)
            return Untrue(
                f"Khóa {kid} đã lộ từ {since}: ngày trong văn bản không còn chứng minh được gì. Cần bằng chứng độc lập "
                "(dấu thời gian, nhật ký minh bạch) rằng văn bản đã có trước lúc đó, rồi ghi lúc ấy vào --existed-at.",
                f"The key {kid} is compromised since {since}: the date in the statement proves nothing. It needs a "
                "proof from elsewhere (a time-stamp, the log) that it was there before; tell when by --existed-at.",
            )
