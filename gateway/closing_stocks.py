"""The stocks of the ledger: in which of them a dossier counts, and by which facts it moves from one to another.

Where a dossier stands is told twice, by its facts (`after`) and by its rows (`standing_of`), and `cells` counts both
alike. `office` is the competent office of an accepted dossier; what is refused, or not judged yet, is no office's
business. A transfer moves a dossier out of one office's stocks and into another's; no other fact may change the office.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway import states

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.ledger import Counted, Fact

REFUSED: Final = "refused"
PENDING: Final = "pending"
WITHDRAWN: Final = "withdrawn"
ACCEPTED: Final = "accepted"
FACTS: Final = "facts"
# Where accepted dossiers stand: `state:in-work`.
STATE: Final = "state:"

# What each stock is, for people, in the order in which it is told.
STOCKS: Final[dict[str, tuple[str, str]]] = {
    FACTS: ("sự kiện đã ghi", "facts committed"),
    "received": ("đã nhận", "received"),
    REFUSED: ("không tiếp nhận", "refused"),
    "refused-later": ("  trong đó kết luận sau", "  of which judged later"),
    PENDING: ("chờ kết luận", "pending"),
    "waiting": ("  trong danh sách chờ", "  in the waiting list"),
    WITHDRAWN: ("rút trước khi kết luận", "withdrawn unjudged"),
    ACCEPTED: ("tiếp nhận", "accepted"),
    "stored": ("nội dung đang lưu", "contents stored"),
    "erased": ("nội dung đã xóa", "contents erased"),
    "offered": ("đã chuyển cơ quan", "offered to offices"),
    "open": ("  chờ nhận việc", "  open"),
    "leased": ("  đang giữ việc", "  leased"),
    "acknowledged": ("  đã giao nhận", "  acknowledged"),
    "dead": ("  giao không được", "  dead"),
}
# What holds at every closing, office by office, of what the tables say: the sum of the left is the sum of the right.
IDENTITIES: Final = (
    (("received",), (REFUSED, PENDING, WITHDRAWN, ACCEPTED)),
    (("stored", "erased"), ("refused-later", PENDING, WITHDRAWN, ACCEPTED)),
    ((PENDING,), ("waiting",)),
    ((ACCEPTED,), ("offered",)),
    (("offered",), ("open", "leased", "acknowledged", "dead")),
)

# Where a fact leaves a dossier's work. Whoever ends a dossier, or goes on with it, ends its work in the same
# transaction.
_WORK: Final = {
    "accepted": "open",
    "offered": "open",
    "leased": "leased",
    "lease-released": "open",
    "lease-expired": "open",
    "dead-listed": "dead",
    "revived": "open",
    "acknowledged": "acknowledged",
    "work-started": "acknowledged",
    "supplement-requested": "acknowledged",
    "stopped": "acknowledged",
    "withdrawn": "acknowledged",
    "declined": "acknowledged",
    "finished": "acknowledged",
    "returned": "acknowledged",
    "supplement-received": "acknowledged",
    "reopened": "acknowledged",
    "transferred": "open",
}
_WORK_STATES: Final = {"offered": "open", "leased": "leased", "done": "acknowledged", "dead": "dead"}
_TRANSFERRED: Final = "transferred"
_ERASED: Final = "erased"

Cell = tuple[str, str]
"""A stock and an office."""


class Standing(Struct, frozen=True, kw_only=True):
    """Where a dossier stands. `work` is '' when it is nobody's, `work_office` the office that has it."""

    judged: str
    state: str
    office: str = ""
    work: str = ""
    work_office: str = ""
    is_kept: bool = False
    is_erased: bool = False
    waits: bool = False


def after(before: Standing | None, fact: Fact) -> Standing:
    """Where a dossier stands after a fact. Raises `states.IllegalTransition` when the fact cannot follow."""
    state = states.after(states.State(before.state) if before else None, fact.type)
    if before is None:
        waits = state is states.State.PENDING
        now = Standing(judged=_judged(state), state=state.value, is_kept=state is not states.State.REFUSED, waits=waits)
    else:
        now = msgspec.structs.replace(before, state=state.value)
        if before.judged == PENDING and state is not states.State.PENDING:
            judged = WITHDRAWN if state is states.State.WITHDRAWN else _judged(state)
            now = msgspec.structs.replace(now, judged=judged, waits=False)
    if now.judged == ACCEPTED:
        now = _worked_on(now, fact)
    if fact.type == _ERASED and now.is_kept:
        now = msgspec.structs.replace(now, is_erased=True)
    return now


def _judged(state: states.State) -> str:
    return state.value if state in (states.State.PENDING, states.State.REFUSED) else ACCEPTED


def _worked_on(now: Standing, fact: Fact) -> Standing:
    work, office = _WORK.get(fact.type, now.work), now.office
    if fact.type in (ACCEPTED, _TRANSFERRED):
        office = fact.office
    return msgspec.structs.replace(now, work=work, office=office, work_office=office)


def standing_of(row: Counted) -> Standing:
    """Where dossiers stand whose rows are like this one. Whatever stands in a row is taken as it is."""
    if row.state == states.State.WITHDRAWN.value and row.work is None:
        judged = WITHDRAWN
    else:
        judged = row.state if row.state in (REFUSED, PENDING) else ACCEPTED
    work = "" if row.work is None else _WORK_STATES.get(row.work, f"work:{row.work}")
    return Standing(
        judged=judged,
        state=row.state,
        office=row.office if judged == ACCEPTED else "",
        work=work,
        work_office=row.work_office if row.work_office is not None else row.office,
        is_kept=row.has_place,
        is_erased=row.has_place and not row.has_key,
        waits=row.waits,
    )


def cells(one: Standing | None) -> Iterator[Cell]:
    """The stocks, each with its office, in which a dossier that stands so is counted."""
    if one is None:
        return
    yield "received", one.office
    yield one.judged, one.office
    if one.is_kept:
        yield "erased" if one.is_erased else "stored", one.office
    if one.judged == REFUSED and one.is_kept:
        yield "refused-later", one.office
    if one.waits:
        yield "waiting", one.office
    if one.judged == ACCEPTED:
        yield STATE + one.state, one.office
    if one.work:
        yield "offered", one.work_office
        yield one.work, one.work_office
