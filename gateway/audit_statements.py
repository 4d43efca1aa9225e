"""The audit's look at statements: that each seal holds, and that what was said is what the rows say."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from gateway import states
from gateway.about import HALF
from gateway.clock import from_us, rfc3339
from gateway.office_statement import Reported, digest_of_words
from gateway.receipt import (
    HANDOVER_TYPE,
    JUDGEMENT_TYPE,
    NOTICE_TYPE,
    RECEIPT_TYPE,
    REPORT_TYPE,
    Handover,
    Judgement,
    Notice,
    Receipt,
)
from gateway.report import read_report
from signing.seal import SealBroken, kid_of, open_jws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from storage.journal import Dossier
    from storage.statements import Stated

Keys = dict[str, dict[str, str]]

_STATED: Final[dict[str, type[Handover | Reported]]] = {HANDOVER_TYPE: Handover, REPORT_TYPE: Reported}


def open_sealed(statement: str, keys: Mapping[str, Mapping[str, str]], typ: str) -> bytes:
    """Under whichever of our own keys: the present one, and those that were retired. Raises `SealBroken`."""
    jwk = keys.get(kid_of(statement))
    if jwk is None:
        raise SealBroken("sealed by another key" if keys else "no key")
    return open_jws(statement, jwk, typ=typ)


def statement_faults(dossier: Dossier, keys: Mapping[str, Mapping[str, str]], office: str) -> list[str]:
    """What a receipt or notice says that its row does not say; or that its seal does not hold. `office` is the one that
    was competent at the receipt.
    """
    refused = dossier.pack is None
    try:
        payload = open_sealed(dossier.statement, keys, NOTICE_TYPE if refused else RECEIPT_TYPE)
        kind: type[Receipt | Notice] = Notice if refused else Receipt
        said = msgspec.json.decode(payload, type=kind)
    except (SealBroken, msgspec.MsgspecError) as error:
        return [str(error)]
    is_half = dossier.purpose == HALF
    row: dict[str, object] = {
        "dossier": dossier.about if is_half else dossier.id,
        "received_at": rfc3339(from_us(dossier.received_at_us)),
        "sha256": dossier.sha256.hex(),
        "size_bytes": dossier.size_bytes,
        "submitter": dossier.submitter,
        "procedure": dossier.procedure,
    }
    if isinstance(said, Notice):
        row |= {"notice": dossier.statement_number}
    else:
        row |= {
            "receipt": dossier.statement_number,
            "channel": dossier.channel,
            "procedure_version": dossier.procedure_version,
            "unit": dossier.unit,
            "tax_code": dossier.tax_code,
            "period": dossier.period,
            "batch": dossier.batch,
            "follows": dossier.follows,
            "competent_office": office,
            "due_at": _instant(dossier.due_at_us),
            "record": dossier.id if is_half else msgspec.UNSET,
        }
    return _differences(said, row)


def judgement_faults(
    dossier: Dossier, keys: Mapping[str, Mapping[str, str]], receipt_sha256: str, office: str
) -> list[str]:
    """What a judgement says that the row, or the receipt, does not; or that its seal does not hold."""
    try:
        said = msgspec.json.decode(open_sealed(str(dossier.judgement), keys, JUDGEMENT_TYPE), type=Judgement)
    except (SealBroken, msgspec.MsgspecError) as error:
        return [str(error)]
    refused = dossier.state == states.State.REFUSED.value
    row: dict[str, object] = {
        "judgement": dossier.judgement_number,
        "receipt": dossier.statement_number,
        "receipt_sha256": receipt_sha256,
        "dossier": dossier.id,
        "sha256": dossier.sha256.hex(),
        "received_at": rfc3339(from_us(dossier.received_at_us)),
        "competent_office": office,
        "due_at": _instant(dossier.due_at_us),
        "judged_at": _instant(dossier.judged_at_us),
        # What became of an accepted dossier afterwards is its later facts' matter.
        "state": "refused" if refused else "accepted",
        "code": read_report(dossier.report).refused,
    }
    return _differences(said, row)


class Fact(Protocol):
    """The fact that a statement states."""

    @property
    def type(self) -> str:
        """What happened."""
        ...

    @property
    def detail(self) -> str:
        """The rest of it, as JSON."""
        ...


def stated_faults(
    stated: Stated, dossier: Dossier | None, keys: Mapping[str, Mapping[str, str]], fact: Fact | None = None
) -> list[str]:
    """What is wrong with a further statement: its seal, and, of a hand-over or a report, what it says of its dossier
    and of its fact.
    """
    try:
        payload = open_sealed(stated.jws, keys, stated.type)
        kind = _STATED.get(stated.type)
        if kind is None or dossier is None:
            return []
        said = msgspec.json.decode(payload, type=kind)
    except (SealBroken, msgspec.MsgspecError) as error:
        return [str(error)]
    row: dict[str, object] = {
        "report" if isinstance(said, Reported) else "handover": stated.number,
        "receipt": dossier.statement_number,
        "dossier": dossier.id,
        "sha256": dossier.sha256.hex(),
    }
    if dossier.statement:
        row["receipt_sha256"] = hashlib.sha256(dossier.statement.encode()).hexdigest()
    if isinstance(said, Reported) and fact is not None:
        row["fact"] = fact.type
        if dossier.erased_at_us is None:
            row["words_sha256"] = digest_of_words(msgspec.json.decode(fact.detail))
    return _differences(said, row)


def _instant(at_us: int | None) -> str | None:
    return rfc3339(from_us(at_us)) if at_us is not None else None


def _differences(said: object, row: Mapping[str, object]) -> list[str]:
    return [f"{name}: {getattr(said, name)!r} ≠ {held!r}" for name, held in row.items() if getattr(said, name) != held]
