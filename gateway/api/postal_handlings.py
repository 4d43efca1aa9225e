"""The doors by which carriers tell of items: in our words, in their own; and which of these nobody knows yet."""

from typing import Annotated, Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from gateway.api.caller import doors_for, require
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import from_us, rfc3339
from gateway.house import House
from gateway.postal import handlings as line
from gateway.postal.carrier_tables import carriers_of
from gateway.postal.told import AnswerUnreadable, Row, rows_in
from gateway.report import Language
from storage import handlings

BODY_BYTES_MAX: Final = 2 * 1024 * 1024
_TAKES: Final[dict[str, Any]] = {"status_code": 200, "request_max_body_size": BODY_BYTES_MAX}
_Text = Annotated[str, Meta(max_length=400)]


class HandlingSaid(Struct, frozen=True, forbid_unknown_fields=True):
    """One event of an item: its EMSEVT code, or the carrier's own word for it, or both; when and where it was. `at` is
    RFC 3339; without an offset it is Vietnam's time.
    """

    item: _Text
    at: _Text
    code: _Text = ""
    word: _Text = ""
    office: _Text = ""
    place: _Text = ""


class HandlingsSaid(Struct, frozen=True, forbid_unknown_fields=True):
    """Events of any items, in any order, told as often as one likes. `carrier` is needed only of who speaks for
    several.
    """

    handlings: Annotated[list[HandlingSaid], Meta(min_length=1, max_length=line.BATCH_MAX)]
    carrier: _Text = ""


class BadHandling(Struct, frozen=True):
    """An event that was not kept: its place in what was sent (from 1), what is wrong with which field, the remedy."""

    number: int
    field: str
    value: str
    message: str


class HandlingsHeard(Struct, frozen=True, kw_only=True):
    """What became of what was sent. `bad` kept no other event from being kept; send these again once they are right.
    `unknown_words` are kept too, and count once somebody has said what they stand for.
    """

    kept: int
    known_before: int
    unknown_words: list[str]
    items: int
    bad: list[BadHandling]


class CarrierWordShown(Struct, frozen=True, kw_only=True):
    """A carrier's word and the code that it stands for, "" while nobody knows; how often it was told, when first and
    last, of which item last.
    """

    carrier: str
    word: str
    code: str
    times: int
    first_at: str
    last_at: str
    item: str


@post("/v1/postal/handlings", summary="Tell what happened to items", **_TAKES, **doors_for("post"))
async def tell_handlings(
    data: JSONBody[HandlingsSaid],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> HandlingsHeard:
    """Each event is kept once by item, code, word, time and office, and the item stands by all that was ever told of
    it: neither the order nor a repetition nor what a later batch leaves out changes that. Safe to repeat.
    """
    theirs = carriers_of(caller)
    carrier = data.carrier or (next(iter(theirs)) if len(theirs) == 1 else "")
    if not carrier and theirs:
        raise Refused("bad-request", "carrier: " + ", ".join(sorted(theirs)) + "?")
    if carrier not in theirs:
        raise Refused("forbidden", f"carrier {carrier}".strip())
    rows = [
        Row(item=one.item, code=one.code, word=one.word, at=one.at, office=one.office, place=one.place)
        for one in data.handlings
    ]
    return await _hear(house, caller, carrier, rows, "api", language)


@post("/v1/postal/carriers/{carrier:str}/handlings", summary="The same, in the carrier's words", **_TAKES,
      **doors_for("post"))  # fmt: skip
async def tell_in_own_words(
    carrier: FromPath[str],
    data: JSONBody[Any],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> HandlingsHeard:
    """The body is what the carrier's own system sends: items with their events, in the names that its file declares
    (`ID`, `Events`, `EventCd`, `EventNm`, `EventDT`). Safe to repeat.
    """
    if carrier not in carriers_of(caller):
        raise Refused("not-found")
    if (declared := house.carriers.all.get(carrier)) is None:
        raise Refused("not-found", f"carrier {carrier}")
    try:
        rows = rows_in(data, declared.told)
    except AnswerUnreadable as error:
        raise Refused("bad-request", f"{error}.") from None
    return await _hear(house, caller, carrier, rows, "webhook", language)


@get("/v1/postal/words", summary="What carriers' words stand for")
async def list_words(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    every: Annotated[bool, QueryParameter(name="all", description="cả lời đã rõ nghĩa · also what is known")] = False,  # noqa: FBT002 - it is asked for by name
) -> list[CarrierWordShown]:
    """The words that nobody knows, the most frequent first; with `all=true` also those that are known. A carrier sees
    its own.
    """
    require(caller, "post", "operator")
    theirs = sorted(carriers_of(caller)) if caller.role == "post" else None

    def look() -> list[CarrierWordShown]:
        with house.database.read() as tx:
            return [_shown(one) for one in handlings.words(tx, theirs) if every or not one.code]

    return await house.run(look)


async def _hear(
    house: House, caller: Caller, carrier: str, rows: list[Row], source: line.Source, language: Language
) -> HandlingsHeard:
    heard = await house.run_apart(
        line.hear,
        house.database,
        house.carriers,
        carrier,
        rows,
        source=source,
        heard_from=caller.client,
        now=house.clock.now(),
    )
    return HandlingsHeard(
        kept=heard.kept,
        known_before=heard.known_before,
        unknown_words=heard.unknown_words,
        items=heard.items,
        bad=[
            BadHandling(one.number, one.field, one.value, one.vi if language == "vi" else one.en) for one in heard.bad
        ],
    )


def _shown(one: handlings.Word) -> CarrierWordShown:
    return CarrierWordShown(
        carrier=one.carrier,
        word=one.word,
        code=one.code,
        times=one.times,
        first_at=rfc3339(from_us(one.first_at_us)),
        last_at=rfc3339(from_us(one.last_at_us)),
        item=one.item,
    )


HANDLERS = [tell_handlings, tell_in_own_words, list_words]
