"""The shape of a carrier's pick-up order, as data: its members, the header of its token, what its answers mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Meta, Struct

_OURS: Final = Path(__file__).with_name("orders")
_NAME: Final = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_FACT: Final = re.compile(r"\{([a-z_.]+)\}", re.ASCII)
_OF_A_PARTY: Final = ("name", "address", "province", "phone", "email")
FACTS: Final = frozenset(
    (
        "customer",
        "item",
        "order",
        "note",
        "made_on",
        *(f"{one}.{of}" for one in ("sender", "receiver") for of in _OF_A_PARTY),
    )
)
ANSWER_CHARACTERS_MAX: Final = 200
_GOOD: Final = range(200, 300)
_CLIENT: Final = range(400, 500)
# About the token, the load or the time: the order itself may be right.
_NOT_THE_ORDER: Final = frozenset({401, 403, 404, 405, 407, 408, 425, 429})


class PickupShapeUnreadable(Exception):
    """The file of an order's shape cannot be read, or says what cannot be. The message names it."""


class PickupParty(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an item is fetched, or taken to."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    address: Annotated[str, Meta(min_length=1, max_length=300)]
    province: Annotated[str, Meta(max_length=100)] = ""
    phone: Annotated[str, Meta(min_length=1, max_length=30)]
    email: Annotated[str, Meta(max_length=254)] = ""


class PickupWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client asked: who gives the item, who gets it, and a note for the postman."""

    sender: PickupParty
    receiver: PickupParty
    note: Annotated[str, Meta(max_length=300)] = ""


class Token(Struct, frozen=True, forbid_unknown_fields=True):
    """The header of the token, and what stands before it."""

    header: str
    before: str = ""


class Answers(Struct, frozen=True, forbid_unknown_fields=True):
    """Which members of an answer say how it went, and which of their words mean yes and no. Without a member HTTP's own
    status says it.
    """

    status: str
    message: str
    accepted: tuple[str, ...]
    refused: tuple[str, ...]


class PickupShape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One carrier's order. `unconfirmed` names what the carrier itself has not confirmed."""

    order: str
    carrier: str
    source: str
    unconfirmed: tuple[str, ...] = ()
    body: Literal["json", "form"]
    token: Token
    members: dict[str, str | int]
    answers: Answers

    def written(self, facts: dict[str, str]) -> tuple[bytes, str]:
        """The body of an order with these facts, and its media type."""
        members = {name: _filled(value, facts) for name, value in self.members.items()}
        if self.body == "json":
            return msgspec.json.encode(members), "application/json"
        return urlencode(members).encode(), "application/x-www-form-urlencoded"

    def judged(self, http_status: int, body: bytes) -> tuple[Literal["accepted", "refused", "again"], str]:
        """What an answer means, and its words to be kept."""
        status, message = self._said(body)
        said = " ".join(f"{status or f'http {http_status}'} {message}".split())[:ANSWER_CHARACTERS_MAX]
        if not self.answers.status:
            if http_status in _GOOD:
                return "accepted", said
            is_no = http_status in _CLIENT and http_status not in _NOT_THE_ORDER
            return ("refused" if is_no else "again"), said
        if http_status in _NOT_THE_ORDER:
            return "again", said
        if status in self.answers.accepted:
            return "accepted", said
        return ("refused" if status in self.answers.refused else "again"), said

    def _said(self, body: bytes) -> tuple[str, str]:
        try:
            told = msgspec.json.decode(body)
        except msgspec.MsgspecError:
            return "", ""
        if not isinstance(told, dict):
            return "", ""
        return _word(told.get(self.answers.status)), _word(told.get(self.answers.message))


def pickup_shape(named: str) -> PickupShape:
    """The shape of that name, or in the operator's file. Raises `PickupShapeUnreadable`."""
    path = _OURS / f"{named}.toml" if _NAME.fullmatch(named) else Path(named)
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=PickupShape)
    except (OSError, msgspec.MsgspecError) as error:
        raise PickupShapeUnreadable(f"{path.name}: {error}") from error
    used = {fact for value in found.members.values() if isinstance(value, str) for fact in _FACT.findall(value)}
    if wrong := sorted(used - FACTS):
        raise PickupShapeUnreadable(
            f"{path.name}: no such fact: {', '.join(wrong)}; known are {', '.join(sorted(FACTS))}"
        )
    if not found.token.header.isascii() or not found.token.header:
        raise PickupShapeUnreadable(f"{path.name}: token.header")
    return found


def facts_of(asked: PickupWanted, *, customer: str, item: str, order: str, made_on: str) -> dict[str, str]:
    """What an order may say."""
    told = {"customer": customer, "item": item, "order": order, "made_on": made_on, "note": asked.note}
    for side, party in (("sender", asked.sender), ("receiver", asked.receiver)):
        told |= {f"{side}.{name}": str(getattr(party, name)) for name in _OF_A_PARTY}
    return told


def _filled(value: str | int, facts: dict[str, str]) -> str | int:
    return _FACT.sub(lambda found: facts[found[1]], value) if isinstance(value, str) else value


def _word(told: object) -> str:
    return str(told) if isinstance(told, str | int) else ""
