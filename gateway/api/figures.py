"""The doors to the figures: for those who direct, and the public statistics, which anyone may see."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from gateway import figures_follow, figures_public
from gateway.api.anyone import fresh
from gateway.api.caller import require
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import VIETNAM
from gateway.figures import DAYS_MAX, FiguresAnswer, Wish, reckon, rules_in_force
from gateway.figures_csv import CSV, figures_csv, statistics_csv
from gateway.figures_page import statistics_page
from gateway.figures_public import Statistics
from gateway.house import House
from storage.figure_counts import BYS, GROUPS_MAX, By, TooManyGroups
from storage.tables import snapshot

CODES_MAX: Final = 200
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_CODE: Final = re.compile(r"[0-9A-Za-z.-]{1,40}", re.ASCII)
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)
First = Annotated[
    str | None,
    QueryParameter(
        name="from",
        description="từ ngày, yyyy-MM-dd; mặc định: đầu tháng này · the first day, yyyy-MM-dd; else this month's first",
    ),
]
Last = Annotated[
    str | None,
    QueryParameter(
        name="to",
        description="đến hết ngày, yyyy-MM-dd; mặc định: hôm nay · the last day, yyyy-MM-dd; today if none is named",
    ),
]
Apart = Annotated[
    str,
    QueryParameter(
        name="by",
        description="chia theo office, procedure, month, cách nhau bằng dấu phẩy; để trống: không chia · "
        "told apart by office, procedure, month, with commas between; empty: not told apart",
    ),
]
Offices = Annotated[
    str | None,
    QueryParameter(
        name="office",
        description="chỉ các cơ quan này, cách nhau bằng dấu phẩy · only these offices, with commas between",
    ),
]
Procedures = Annotated[
    str | None,
    QueryParameter(
        name="procedure",
        description="chỉ các thủ tục này, cách nhau bằng dấu phẩy · only these procedures, with commas between",
    ),
]
Month = Annotated[
    str | None,
    QueryParameter(
        name="month",
        description="tháng, yyyy-MM; mặc định: tháng mới nhất · the month, yyyy-MM; the latest if none is named",
    ),
]


@get("/v1/figures", summary="The figures for those who direct")
async def show_figures(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    request: Request[Any, Any, Any],
    first: First = None,
    last: Last = None,
    by: Apart = "office",
    offices: Offices = None,
    procedures: Procedures = None,
) -> Response[FiguresAnswer]:
    """What came, was taken, ended, was on time and lies open, by the national index's rules; an office sees its own.
    CSV by `Accept: text/csv` or at `/v1/figures.csv`. `definitions` says what each figure counts.
    """
    answer = await _figures(house, caller, first, last, by, offices, procedures)
    if _wants_csv(request):
        return _csv(figures_csv(answer), "figures")
    return Response(answer, headers=_HEADERS)


@get("/v1/figures.csv", summary="The figures as CSV", media_type=CSV)
async def show_figures_csv(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    first: First = None,
    last: Last = None,
    by: Apart = "office",
    offices: Offices = None,
    procedures: Procedures = None,
) -> Response[Any]:
    """The same rows, one line a group (RFC 4180)."""
    return _csv(figures_csv(await _figures(house, caller, first, last, by, offices, procedures)), "figures")


@get("/v1/statistics", summary="The public statistics")
async def show_statistics(house: NamedDependency[House], request: Request[Any, Any, Any]) -> Response[Statistics]:
    """Received, share on time and median time, by month, office and procedure; made once an hour, without personal
    data, and served as made. Groups of few employers are merged or left out.
    """
    made = await _made(house)
    if _wants_csv(request):
        answer = fresh(request, statistics_csv(made), CSV)
    else:
        answer = fresh(request, msgspec.json.encode(made), MediaType.JSON)
    # Whoever keeps it for others must not give the one form to those who ask for the other.
    answer.headers["vary"] = "accept"
    return answer


@get("/v1/statistics.csv", summary="The public statistics as CSV", media_type=CSV)
async def show_statistics_csv(house: NamedDependency[House], request: Request[Any, Any, Any]) -> Response[Any]:
    """The same rows, one line a group (RFC 4180)."""
    return fresh(request, statistics_csv(await _made(house)), CSV)


@get("/statistics", summary="The public statistics as a page")
async def show_statistics_page(
    house: NamedDependency[House], request: Request[Any, Any, Any], month: Month = None
) -> Response[Any]:
    """For eyes and paper: every month, and one month's offices and procedures."""
    made = await _made(house)
    if month is not None and not _MONTH.fullmatch(month):
        raise Refused("bad-request", "month: yyyy-MM.")
    chosen = month or (made.months[0].month if made.months else "")
    return fresh(request, statistics_page(made, chosen).encode(), MediaType.HTML)


async def _figures(
    house: House,
    caller: Caller,
    first: str | None,
    last: str | None,
    by: str,
    offices: str | None,
    procedures: str | None,
) -> FiguresAnswer:
    require(caller, "operator", "office")
    now = house.clock.now()
    wish = Wish(
        first=_day(first, now.astimezone(VIETNAM).date().replace(day=1)),
        last=_day(last, now.astimezone(VIETNAM).date()),
        by=_by(by),
        offices=_offices(caller, offices),
        procedures=_codes(procedures, "procedure"),
    )
    if not 0 <= (wish.last - wish.first).days < DAYS_MAX or wish.last == date.max:
        raise Refused("bad-request", f"from, to: 1–{DAYS_MAX} ngày · days.")
    return await house.run_apart(_reckon, house, wish, now)


def _reckon(house: House, wish: Wish, now: datetime) -> FiguresAnswer:
    rules, calendar = rules_in_force(), house.tables.calendar
    figures_follow.follow(house.database, calendar, rules.channels)
    with snapshot(house.database) as tx:
        try:
            return reckon(tx, wish, rules, calendar, now)
        except TooManyGroups as error:
            raise Refused("bad-request", f"> {GROUPS_MAX} nhóm · groups.") from error


def _day(text: str | None, default: date) -> date:
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused("bad-request", "from, to: yyyy-MM-dd.") from error


def _by(text: str) -> tuple[By, ...]:
    asked = {one.strip() for one in text.split(",") if one.strip()}
    if strange := asked - set(BYS):
        raise Refused("bad-request", f"by: {', '.join(BYS)}; {len(strange)} ?")
    return tuple(one for one in BYS if one in asked)


def _codes(text: str | None, name: str) -> tuple[str, ...] | None:
    if text is None:
        return None
    codes = tuple(dict.fromkeys(one.strip() for one in text.split(",")))
    if len(codes) > CODES_MAX or not all(_CODE.fullmatch(one) for one in codes):
        raise Refused("bad-request", f"{name}.")
    return codes


def _offices(caller: Caller, text: str | None) -> tuple[str, ...] | None:
    """Whose figures are asked for; an office has its own alone."""
    asked = _codes(text, "office")
    if caller.role == "operator":
        return asked
    if asked is None:
        return tuple(sorted(caller.offices))
    if not caller.offices.issuperset(asked):
        raise Refused("forbidden", "office.")
    return asked


async def _made(house: House) -> Statistics:
    made = await house.run(figures_public.published, house.database)
    if made is None:
        raise Refused("not-made-yet")
    return figures_public.read_statistics(made.content)


def _wants_csv(request: Request[Any, Any, Any]) -> bool:
    return request.accept.best_match([MediaType.JSON, CSV], MediaType.JSON) == CSV


def _csv(content: bytes, name: str) -> Response[Any]:
    headers = _HEADERS | {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(content, media_type=CSV, headers=headers)


HANDLERS = [show_figures, show_figures_csv]
OPEN_HANDLERS = [show_statistics, show_statistics_csv, show_statistics_page]
