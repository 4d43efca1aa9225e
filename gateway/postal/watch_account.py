"""The look at the last account of paper: what did not meet in it is told to the operator, item by item."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from gateway.alarm_watch import Wanted
from gateway.clock import for_people
from gateway.postal import account
from gateway.postal.wanted import Rule

if TYPE_CHECKING:
    import sqlalchemy as sa

    from gateway.judge import Tables
    from gateway.postal.account import Account, Difference

DIFFERS_RULE: Final = "post-account-differs"
OPERATOR: Final = "operator"
# One is open at a time, for the last account.
SUBJECT: Final = "post-account"
# So many are named; all that were found are in the account.
TOLD_MAX: Final = 5


def wanted(tx: sa.Connection, tables: Tables, now: datetime) -> list[Wanted]:
    """The alarm about the last account, if something did not meet in it."""
    del tables, now
    last = account.last(tx)
    return [_differs(last)] if last is not None and last.differences_count else []


def _differs(last: Account) -> Wanted:
    at = for_people(datetime.fromisoformat(last.counted_at))
    told = last.differences[:TOLD_MAX]
    vi, en = "; ".join(map(_vi, told)), "; ".join(map(_en, told))
    more = last.differences_count - len(told)
    if more > 0:
        vi, en = f"{vi}; và {more} chỗ nữa", f"{en}; and {more} more"
    return Wanted(
        rule=DIFFERS_RULE,
        subject=SUBJECT,
        owner=OPERATOR,
        vi=f"Đối chiếu bưu gửi ngày {last.day}, đếm lúc {at}, có {last.differences_count} chỗ không khớp: {vi}. Xem đủ "
        f"bằng `motcua post account --day {last.day}`, hỏi bưu chính và cơ quan ấy, rồi đếm lại.",
        en=f"The account of paper of {last.day}, counted at {at}: {last.differences_count} things do not meet: {en}. "
        f"See all with `motcua post account --day {last.day}`, ask the post and the office, then count again.",
    )


def _vi(one: Difference) -> str:
    return " ".join(filter(None, (_where(one), one.vi)))


def _en(one: Difference) -> str:
    return " ".join(filter(None, (_where(one), one.en)))


def _where(one: Difference) -> str:
    named = one.item or one.dossier
    return f"{named} ({one.office}):" if named else f"{one.office}:" if one.office else ""


ACCOUNT_RULE: Final = Rule((DIFFERS_RULE,), wanted)
