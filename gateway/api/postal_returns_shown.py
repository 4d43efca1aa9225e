"""Outbound items and originals as they are shown, and whose of them a caller may see."""

from datetime import datetime
from typing import Any, Final

from litestar import Response
from msgspec import Struct

from gateway.api.caller import require
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import from_us, rfc3339
from gateway.postal import custody, returns
from gateway.postal.announced_input import ReturnTo
from gateway.postal.returns import Content, Sent
from storage.originals import Kept, Original

_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class ReturnShown(Struct, frozen=True, kw_only=True):
    """An outbound item: what is in it, where it stands with us (`state`) and with its carrier (`item_state`)."""

    item: str
    carrier: str
    office: str
    unit: str
    dossiers: list[str]
    contents: tuple[Content, ...]
    address: ReturnTo | None
    manifest_number: str
    made_at: str
    made_by: str
    state: str
    state_at: str
    item_state: str
    item_state_at: str
    delivered_at: str | None
    form_05: str
    form_05_at: str | None
    form_05_note: str
    decided_by: str
    decision_note: str
    next_item: str | None


class CustodyShown(Struct, frozen=True, kw_only=True):
    """Who had the original from when."""

    at: str
    holder: str
    fact: str
    told_by: str
    note: str


class OriginalTold(Struct, frozen=True, kw_only=True):
    """An original, and who has it. `days` is how long the office has kept it, or did."""

    original: str
    dossier: str
    kind: str
    name: str
    count: int
    office: str
    unit: str
    arrived_at: str
    arrived_in: str
    state: str
    state_at: str
    sent_in: str | None
    holder: str
    days: int


class OriginalTraced(OriginalTold, frozen=True, kw_only=True):
    """An original and all of its custody."""

    custody: list[CustodyShown]


class OriginalKept(OriginalTold, frozen=True, kw_only=True):
    """An original that is not back with its owner, and where its dossier stands."""

    receipt_number: str
    dossier_state: str
    dossier_ended_at: str | None


class OriginalsTraced(Struct, frozen=True):
    """The originals of a dossier, the oldest first."""

    originals: list[OriginalTraced]


class OriginalsKept(Struct, frozen=True):
    """The originals that are not back, the oldest first."""

    originals: list[OriginalKept]


def offices_of(caller: Caller, office: str) -> list[str] | None:
    """The offices whose paper is looked at; None: all of them, for an operator."""
    require(caller, "office", "operator")
    if caller.role == "operator":
        return [office] if office else None
    if office and office not in caller.offices:
        raise Refused("forbidden", f"office {office}")
    return [office] if office else sorted(caller.offices)


def file_of(content: bytes, media_type: str, name: str, disposition: str = "inline") -> Response[bytes]:
    """A file that was made afresh: it stays nowhere."""
    headers = _HEADERS | {"content-disposition": f'{disposition}; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


def _at(at_us: int | None) -> str | None:
    return rfc3339(from_us(at_us)) if at_us is not None else None


def return_shown(sent: Sent) -> ReturnShown:
    """An outbound item."""
    one, made = sent.carried, sent.carried.outbound
    return ReturnShown(
        item=made.item,
        carrier=one.carrier,
        office=one.office,
        unit=one.unit,
        dossiers=list(sent.dossiers),
        contents=returns.contents_of(made),
        address=returns.address_of(made),
        manifest_number=made.manifest_number,
        made_at=rfc3339(from_us(made.made_at_us)),
        made_by=made.made_by,
        state=made.state,
        state_at=rfc3339(from_us(made.state_at_us)),
        item_state=one.item_state,
        item_state_at=rfc3339(from_us(one.item_state_at_us)),
        delivered_at=_at(made.confirmed_at_us),
        form_05=made.form_05,
        form_05_at=_at(made.form_05_at_us),
        form_05_note=made.form_05_note,
        decided_by=made.decided_by,
        decision_note=made.decision_note,
        next_item=made.next_item,
    )


def kept_shown(one: Kept, now: datetime) -> OriginalKept:
    """An original that is not back; its custody is asked for by its dossier."""
    return OriginalKept(
        **_told(one.original, one.holder, now),
        receipt_number=one.receipt_number,
        dossier_state=one.dossier_state,
        dossier_ended_at=_at(one.ended_at_us),
    )


def traced_shown(traced: custody.Traced, now: datetime) -> OriginalTraced:
    """An original and all of its custody."""
    trace = [
        CustodyShown(
            at=rfc3339(from_us(one.at_us)), holder=one.holder, fact=one.fact, told_by=one.told_by, note=one.note
        )
        for one in traced.trace
    ]
    holder = trace[-1].holder if trace else ""
    return OriginalTraced(**_told(traced.original, holder, now), custody=trace)


def _told(one: Original, holder: str, now: datetime) -> dict[str, Any]:
    told = {name: getattr(one, name) for name in OriginalTold.__struct_fields__ if name in Original.__struct_fields__}
    return told | {
        "original": one.id,
        "arrived_at": rfc3339(from_us(one.arrived_at_us)),
        "state_at": rfc3339(from_us(one.state_at_us)),
        "holder": holder,
        "days": custody.days_kept(one, now),
    }
