"""The doors to the account of paper: what was announced, posted, delivered, opened, filed; and what does not meet."""

from datetime import date
from typing import Annotated, Any, Final, Literal

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from gateway.api.caller import require
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.house import House
from gateway.postal import account
from gateway.postal.account import Account
from gateway.postal.account_csv import CSV, account_csv, differences_csv
from gateway.postal.carrier_tables import carriers_of

_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
Day = Annotated[
    date | None,
    QueryParameter(
        name="day",
        description="ngày đã đối chiếu, yyyy-MM-dd; không ghi: đếm ngay bây giờ · a day that was counted; absent: now",
    ),
]
Part = Annotated[
    Literal["lines", "differences"],
    QueryParameter(name="part", description="các dòng, hoặc những chỗ không khớp · the lines, or what does not meet"),
]


@get("/v1/postal/account", summary="The account of paper")
async def show_post_account(
    request: Request[Any, Any, Any],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    day: Day = None,
) -> Response[Account]:
    """As it was counted at the end of a day, or, without one, as it stands now: by flow, office and carrier, what was
    announced, posted, delivered, opened and filed; every identity that is broken, with the items. CSV by `Accept:
    text/csv`.
    """
    found = await _account(house, caller, day)
    if request.accept.best_match(["application/json", CSV], "application/json") == CSV:
        return _csv(account_csv(found), found)
    return Response(found, headers=_HEADERS)


@get("/v1/postal/account.csv", summary="The account of paper as CSV", media_type=CSV)
async def show_post_account_csv(
    house: NamedDependency[House], caller: NamedDependency[Caller], day: Day = None, part: Part = "lines"
) -> Response[Any]:
    """The same lines, or with `part=differences` what does not meet, one a line (RFC 4180)."""
    found = await _account(house, caller, day)
    return _csv(account_csv(found) if part == "lines" else differences_csv(found), found)


async def _account(house: House, caller: Caller, day: date | None) -> Account:
    require(caller, "operator", "post")
    # Counting all paper takes seconds of a core: one at a time, whoever asks.
    async with house.counting:
        return await _counted(house, caller, day)


async def _counted(house: House, caller: Caller, day: date | None) -> Account:
    found: Account | None
    if day is None:
        found = await house.run_apart(account.count, house.database, house.clock.now())
    else:
        found = await house.run(_kept, house, day)
    if found is None:
        raise Refused("not-found")
    return account.of_carriers(found, carriers_of(caller)) if caller.role == "post" else found


def _kept(house: House, day: date) -> Account | None:
    with house.database.read() as tx:
        return account.kept(tx, day)


def _csv(content: bytes, found: Account) -> Response[Any]:
    name = f"post-account-{found.day or 'now'}.csv"
    return Response(
        content, media_type=CSV, headers=_HEADERS | {"content-disposition": f'attachment; filename="{name}"'}
    )


HANDLERS = [show_post_account, show_post_account_csv]
