"""The look over manifests: differences that nobody settled, and lists of which only one side has told for days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.alarm_watch import Wanted
from gateway.clock import for_people, from_us
from gateway.postal.wanted import Rule, has_passed
from storage import manifests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.judge import Tables
    from storage.manifests import Waiting

DIFFERENCE_RULE: Final = "post-manifest-difference"
# So many lines are named; all of them are at the manifest.
LINES_TOLD_MAX: Final = 5
DIFFERENCES: Final[dict[str, tuple[str, str]]] = {
    "ok": ("khớp", "ok"),
    "short": ("thiếu", "short"),
    "surplus": ("thừa", "surplus"),
    "damaged": ("hư hỏng hoặc đã mở", "damaged or opened"),
    "not-handed": ("có trong bản kê mà không nhận được", "on the list, not received"),
    "unlisted": ("nhận được mà không có trong bản kê", "received, not on the list"),
}
_SIDES: Final[dict[str, tuple[str, str]]] = {
    "handed": ("bên nhận chưa xác nhận", "the taker has not confirmed it"),
    "taken": ("bên giao chưa gửi bản kê", "the giver has not sent the list"),
}


def wanted(tx: sa.Connection, tables: Tables, now: datetime) -> list[Wanted]:
    """The alarms about manifests as things stand now."""
    return list(_wanted(tx, tables, now))


def _wanted(tx: sa.Connection, tables: Tables, now: datetime) -> Iterator[Wanted]:
    for one in manifests.waiting(tx):
        if not one.side:
            yield _differs(tx, one)
        elif has_passed(tables.calendar, one.since_us, tables.post.waits.late_days_max, now):
            yield _one_sided(one)


def _differs(tx: sa.Connection, one: Waiting) -> Wanted:
    apart = [line for line in manifests.lines(tx, one.id) if line.difference not in ("", "ok")]
    told_vi, told_en = (
        ", ".join(f"{line.item} ({DIFFERENCES[line.difference][at]})" for line in apart[:LINES_TOLD_MAX])
        for at in (0, 1)
    )
    more = len(apart) - LINES_TOLD_MAX
    if more > 0:
        told_vi, told_en = f"{told_vi}, và {more} bưu gửi nữa", f"{told_en}, and {more} more"
    return _alarm(
        one,
        f"Bản kê {one.number} ({one.carrier}, cơ quan {one.office}) có {one.differences} bưu gửi không khớp: {told_vi}."
        f" Đối chiếu với bưu cục, rồi ghi kết luận ở /v1/postal/manifests/{one.id}/settlement.",
        f"Manifest {one.number} ({one.carrier}, office {one.office}): {one.differences} items do not meet: {told_en}. "
        f"Clear it up with the post, then note the outcome at /v1/postal/manifests/{one.id}/settlement.",
    )


def _one_sided(one: Waiting) -> Wanted:
    vi, en = _SIDES[one.side]
    since = for_people(from_us(one.since_us))
    return _alarm(
        one,
        f"Bản kê {one.number} ({one.carrier}, cơ quan {one.office}) lập {since}: {vi}. Hỏi bên ấy và gửi phần còn lại,"
        f" hoặc ghi kết luận ở /v1/postal/manifests/{one.id}/settlement.",
        f"Manifest {one.number} ({one.carrier}, office {one.office}), written {since}: {en}. Ask them and have it sent,"
        f" or note the outcome at /v1/postal/manifests/{one.id}/settlement.",
    )


def _alarm(one: Waiting, vi: str, en: str) -> Wanted:
    return Wanted(rule=DIFFERENCE_RULE, subject=one.id, owner=one.office, vi=vi, en=en)


MANIFEST_RULE: Final = Rule((DIFFERENCE_RULE,), wanted)
