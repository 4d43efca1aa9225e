"""The demonstration's second half: what becomes of dossiers at their offices, until the firm has the result."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from gateway.client import Accepted
from gateway.client_office import CannotFollow
from gateway.clock import for_people
from gateway.deadlines import Calendar, due
from gateway.demo_dossiers import PROCEDURE
from gateway.demo_gateway import Unplayable
from gateway.demo_office import MISSING, RESULT_PATH
from schemas import xml
from schemas.findings import Finding
from signing.policy_file import load_policy
from signing.sign import load_certificate
from signing.trust import TrustStore
from signing.verify import verify

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import date
    from pathlib import Path

    from gateway.client import RefusedDossier
    from gateway.client_course import CourseShown, EmployerGateway
    from gateway.demo_dossiers import Bench
    from gateway.demo_office import BackOffice
    from schemas.catalogue import Catalogue

# How long a firm that is imagined beside the real one takes to send what is missing.
_SLOW = timedelta(days=14)


def limit_of(catalogue: Catalogue, on: date) -> int:
    """The working days that the demonstration's procedure has."""
    procedure = catalogue.procedure(PROCEDURE, on)
    if procedure is None or procedure.time_limit_working_days is None:
        raise Unplayable(f"{PROCEDURE}: không có thời hạn · has no time limit")
    return procedure.time_limit_working_days


class Teller(Protocol):
    """Says one line of the play, and whether what it says held."""

    def __call__(self, vi: str, en: str, *, check: bool | None = None) -> None:
        """Vietnamese, then English."""
        ...


class Keeper(Protocol):
    """Keeps what the employer sent, and what it was told."""

    def __call__(self, content: bytes, outcome: Accepted | RefusedDossier) -> None:
        """Content and answer."""
        ...


class Filed(Struct, frozen=True):
    """A dossier of the month end: its number in the play, and what the gateway said."""

    number: int
    accepted: Accepted


class Course:
    """The act: one dossier to its result, one withdrawn, one passed on."""

    def __init__(
        self,
        employer: EmployerGateway,
        offices: tuple[BackOffice, BackOffice],
        desk: Bench,
        limit_working_days: int,
        folder: Path,
        say: Teller,
        keep: Keeper,
    ) -> None:
        self.employer, self.desk, self.folder, self.say, self.keep = employer, desk, folder, say, keep
        self.office, self.other = offices
        self.limit_working_days = limit_working_days

    async def play(self, first: Filed, withdrawn: Filed, passed: Filed, *, bound: Awaitable[bool]) -> None:
        """All three are the first office's, and taken by it; `bound` when its certificate is known to the gateway."""
        await self._supplement(first)
        await self._result(first, is_bound=await bound)
        await self._withdraw(withdrawn)
        await self._pass_on(passed)

    async def _supplement(self, filed: Filed) -> None:
        dossier, receipt = filed.accepted.dossier, filed.accepted.receipt_number
        begun = await self.office.begin(dossier)
        await self.office.number(dossier, receipt)
        course = await self.employer.course(dossier)
        self.say(
            f"{self.office.office} xử lý: {course.bhxh_number}, hạn {_day(course)}",
            "in work, numbered; due as on the receipt",
            check=begun.state == "in-work" and bool(course.department) and course.due_at == filed.accepted.due_at,
        )
        await self.office.ask(dossier)
        course = await self.employer.course(dossier)
        items = [len(one["items"]) for one in course.supplement_requests]
        self.say(
            f"Yêu cầu bổ sung {len(MISSING)} mục trong một lần: ngừng tính giờ",
            "all that is missing at once; the clock stops",
            check=items == [len(MISSING)] and course.paused_since is not None,
        )
        content = self.desk.supplement(filed.number)
        sent = await self.employer.supplement(dossier, content)
        self.keep(content, sent)
        course = await self.employer.course(dossier)
        self.say(
            f"Đơn vị bổ sung: {sent.receipt_number if isinstance(sent, Accepted) else '?'}, tính tiếp",
            "a receipt of its own; the clock runs again",
            check=isinstance(sent, Accepted) and course.state == "in-work" and course.paused_since is None,
        )
        self._moved(filed)

    def _moved(self, filed: Filed) -> None:
        """The same rule at a pause that is worth the name: this play has no days to wait."""
        received, calendar = datetime.fromisoformat(filed.accepted.received_at), Calendar.load()
        plain = due(received, self.limit_working_days, calendar)
        waited = due(received, self.limit_working_days, calendar, pauses=[(received, received + _SLOW)])
        self.say(
            f"Nếu chờ bổ sung {_SLOW.days} ngày: hạn dời đến {waited.due_at:%d/%m/%Y}",
            f"had that taken so long: due {waited.due_at:%d/%m}, not {plain.due_at:%d/%m}",
            check=plain.due_at < waited.due_at and plain.due_at == datetime.fromisoformat(filed.accepted.due_at or ""),
        )

    async def _result(self, filed: Filed, *, is_bound: bool) -> None:
        dossier = filed.accepted.dossier
        await self.office.take(await self.office.lease())
        await self.office.finish(dossier, filed.accepted.receipt_number)
        back = await self.office.give_back(dossier)
        self.say(
            "Giải quyết xong, trả kết quả điện tử có ký số",
            "finished; a signed result is returned",
            check=back.state == "returned",
        )
        (file,) = (await self.employer.course(dossier)).results
        content = await self.employer.result(file)
        self.say(
            "Tải kết quả: đúng SHA-256, đúng chữ ký cơ quan",
            "fetched: digest and office's signature hold",
            check=is_bound
            and file.signature == "passed"
            and self._is_signed(content)
            and not self._is_signed(content.replace("quá trình".encode(), b"x")),
        )

    def _is_signed(self, content: bytes) -> bool:
        """Whether the office's signature holds, as the employer's own software finds."""
        root = xml.parse(content, file="ket-qua.xml")
        if isinstance(root, Finding):
            return False
        anchors, middles = (
            [load_certificate(self.folder / "trust" / f"{name}.pem")] for name in ("root", "intermediate")
        )
        verdict = verify(
            root,
            RESULT_PATH,
            file="ket-qua.xml",
            policy=load_policy("no-revocation-1"),
            trust=TrustStore(anchors, middles),
            now=self.desk.now,
            explain=False,
        )
        named = verdict.signer.certificate_sha256 if verdict.signer else ""
        return verdict.passed and named == self.office.signer.fingerprint

    async def _withdraw(self, filed: Filed) -> None:
        dossier = filed.accepted.dossier
        content = self.desk.withdrawal(filed.number, filed.accepted.receipt_number)
        sent = await self.employer.withdraw(dossier, content)
        self.keep(content, sent)
        try:
            await self.office.begin(dossier)
        except CannotFollow:
            ended = True
        else:
            ended = False
        self.say(
            f"Đơn vị rút hồ sơ: {sent.receipt_number if isinstance(sent, Accepted) else '?'}",
            "withdrawn; the office can go no further",
            check=ended and isinstance(sent, Accepted) and (await self.employer.course(dossier)).state == "withdrawn",
        )

    async def _pass_on(self, filed: Filed) -> None:
        dossier, due_at = filed.accepted.dossier, filed.accepted.due_at
        said = await self.office.pass_on(dossier, self.other.office)
        taken = await self.other.take(await self.other.lease())
        course = await self.employer.course(dossier)
        self.say(
            f"Chuyển {self.office.office} → {self.other.office}: nhận đủ, hạn giữ nguyên",
            "passed on, taken there; the due date stands",
            check=dossier in taken and course.office == self.other.office and said.due_at == course.due_at == due_at,
        )


def _day(course: CourseShown) -> str:
    return for_people(datetime.fromisoformat(course.due_at)) if course.due_at else "?"
