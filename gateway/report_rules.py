"""What an office may report, as a table: which fact each national state is, and what must stand in it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway import states
from gateway.states import State

if TYPE_CHECKING:
    from storage.courses import Course
    from storage.journal import Dossier

# `NNNNN/YYYY/AAAAA`, as the agency's own software numbers what it accepted.
BHXH_NUMBER: Final = re.compile(r"[0-9]{5}/[0-9]{4}/[0-9]{5}", re.ASCII)
# Both generations of the national code, and unit identifiers of either style.
NATIONAL_CODE: Final = re.compile(r"[0-9A-Z]{1,3}(\.[0-9A-Z]{2,3}){1,3}-([0-9]{6}|[0-9]{8})-[0-9]{4,7}", re.ASCII)
# An office's clock may be ahead of ours by so much.
AHEAD_MAX: Final = timedelta(minutes=5)

# The state of the national portal (1 to 10) in which a dossier stands, by our own. What the office has not taken yet
# is newly registered to the portal, whoever holds it.
NATIONAL: Final[dict[State, int]] = {
    State.PENDING: 1,
    State.ACCEPTED: 1,
    State.REFUSED: 3,
    State.AWAITING_PAPER: 1,
    State.ACKNOWLEDGED: 2,
    State.IN_WORK: 4,
    State.SUPPLEMENT_REQUESTED: 5,
    State.STOPPED: 8,
    State.WITHDRAWN: 7,
    State.DECLINED: 3,
    State.FINISHED: 9,
    State.RETURNED: 10,
}
# The fact that a reported state is, where it moves the dossier, or where it only adds something.
_FACTS: Final[dict[int, str]] = {
    2: "numbered",
    3: "declined",
    4: "work-started",
    5: "supplement-requested",
    6: "fee-requested",
    7: "withdrawn",
    8: "stopped",
    9: "finished",
    10: "returned",
}
# What a fact is about must be told in words.
_NEED_REASON: Final = frozenset({"declined", "stopped", "withdrawn", "re-appointed", "reopened", "corrected"})
ENDING: Final = frozenset({"declined", "stopped", "withdrawn", "finished"})


class ReportUnfit(Exception):
    """A report lacks what it must hold, or says what cannot be. Nothing was written; mend it, then send it again."""

    def __init__(self, member: str, vi: str, en: str) -> None:
        super().__init__(f"{member}: {vi} · {en}")
        self.member, self.vi, self.en = member, vi, en


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a supplement request asks for, and why."""

    what: str
    why: str = ""


class ResultFile(Struct, frozen=True, kw_only=True):
    """A file of a result, as it was reported. `replaces` is the number of the file that this one corrects."""

    name: str
    media_type: str
    content: bytes
    result_number: str = ""
    electronic_code: str = ""
    replaces: int | None = None


class Report(Struct, frozen=True, kw_only=True):
    """What an office says it did. `state` is the national state (1 to 10); `at` the office's own time, ours if it says
    none. `corrects` is the number of the fact that this one corrects, `new_due_at` the date that an apology names.
    """

    state: int
    department: str = ""
    officer: str = ""
    at: datetime | None = None
    until: datetime | None = None
    reason: str = ""
    national_code: str = ""
    bhxh_number: str = ""
    supplement: tuple[Asked, ...] = ()
    results: tuple[ResultFile, ...] = ()
    returned_by: str = ""
    corrects: int | None = None
    new_due_at: datetime | None = None


def fact_of(report: Report, state: State) -> str:
    """The fact that a report is, of a dossier in that state. Raises `ReportUnfit` for a state nobody can report."""
    if report.new_due_at is not None:
        return "re-appointed"
    if report.corrects is not None:
        reopens = states.TRANSITIONS["reopened"][0]
        return "reopened" if report.state == NATIONAL[State.IN_WORK] and state in reopens else "corrected"
    if report.state == NATIONAL[State.IN_WORK] and state is State.IN_WORK:
        return "worked-on"
    if (fact := _FACTS.get(report.state)) is None:
        raise ReportUnfit(
            "state", "cơ quan báo trạng thái từ 2 đến 10", "an office reports the national states 2 to 10"
        )
    return fact


def check(report: Report, fact: str, dossier: Dossier, course: Course, results: int, now: datetime) -> None:
    """Whether the report holds what such a fact must. `results` is how many files of results there are with its own.

    Raises `ReportUnfit`, `IllegalTransition`.
    """
    if fact in _NEED_REASON and not report.reason:
        raise ReportUnfit("reason", "phải nêu lý do", "the reason must be told")
    if fact == "supplement-requested" and not report.supplement:
        raise ReportUnfit(
            "supplement",
            "phải liệt kê mọi nội dung cần bổ sung trong một lần",
            "everything that is missing must be listed, in one request",
        )
    if report.supplement and fact != "supplement-requested":
        raise ReportUnfit("supplement", "chỉ đi với trạng thái 5", "it goes with state 5 only")
    if fact == "numbered" and not (report.bhxh_number or report.national_code):
        raise ReportUnfit("bhxh_number", "phải có số hồ sơ hoặc mã hồ sơ quốc gia", "a number must be given")
    _check_numbers(report)
    if report.results and fact not in ("finished", "corrected"):
        raise ReportUnfit("results", "kết quả đi với trạng thái 9", "results go with state 9")
    if report.results and fact == "corrected" and course.finished_at_us is None:
        raise ReportUnfit("results", "hồ sơ chưa có kết quả để sửa", "there is no result yet that could be corrected")
    if fact == "returned":
        _check_return(report, results)
    elif report.returned_by:
        raise ReportUnfit("returned_by", "chỉ đi với trạng thái 10", "it goes with state 10 only")
    if fact == "re-appointed":
        _check_new_date(report, course, now)
    _check_times(report, dossier, now)


def _check_numbers(report: Report) -> None:
    if report.bhxh_number and not BHXH_NUMBER.fullmatch(report.bhxh_number):
        raise ReportUnfit("bhxh_number", "không đúng dạng NNNNN/YYYY/AAAAA", "it is not shaped like NNNNN/YYYY/AAAAA")
    if report.national_code and not NATIONAL_CODE.fullmatch(report.national_code):
        raise ReportUnfit("national_code", "không đúng dạng mã hồ sơ quốc gia", "it is not shaped like a national code")


def _check_return(report: Report, results: int) -> None:
    if report.returned_by not in ("electronic", "post", "both"):
        raise ReportUnfit("returned_by", "electronic, post hoặc both", "electronic, post or both")
    if report.returned_by != "post" and not results:
        raise ReportUnfit(
            "returned_by",
            "chưa có tệp kết quả nào để trả điện tử",
            "there is no file of a result to return electronically",
        )


def _check_new_date(report: Report, course: Course, now: datetime) -> None:
    if course.ended_at_us is not None:
        raise states.IllegalTransition("re-appointed cannot follow the end")
    if course.appointed_at_us is not None:
        raise ReportUnfit("new_due_at", "chỉ được hẹn lại một lần", "a new date is named once only")
    if report.new_due_at is None or report.new_due_at <= now:
        raise ReportUnfit("new_due_at", "phải sau thời điểm hiện tại", "it must lie ahead")


def _check_times(report: Report, dossier: Dossier, now: datetime) -> None:
    if report.at is not None:
        if report.at > now + AHEAD_MAX:
            raise ReportUnfit("at", "nằm trong tương lai", "it lies in the future")
        if int(report.at.timestamp() * 1_000_000) < dossier.received_at_us - 1:
            raise ReportUnfit("at", "trước khi hồ sơ được nhận", "it lies before the receipt")
    if report.until is not None and report.until < (report.at or now):
        raise ReportUnfit("until", "trước thời điểm báo cáo", "it lies before the report's own time")
