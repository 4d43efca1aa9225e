"""The demonstration's back office: software that takes work, looks into it and reports what it did, over and over.

It keeps nothing of its own: what it had begun it learns from the gateway when it comes back, and a step that was taken
already is not taken again. Everything in it is invented: departments, officers, numbers, results.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Literal

import msgspec
from cryptography import x509
from msgspec import Struct

from gateway.client import LeaseLost
from gateway.client_office import CannotFollow, ResultFile, report_key
from gateway.clock import for_people, rfc3339
from gateway.demo_dossiers import Signing
from signing.demo_holder import Holder
from signing.demo_pki import DemoPki, Employer, write_holder
from signing.sign import load_certificate, load_key, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from gateway.client import Work
    from gateway.client_office import OfficeGateway, Reported
    from gateway.clock import Clock

LEASE_S = 300
AT_ONCE = 10
DEPARTMENTS = ("Phòng Quản lý thu", "Phòng Chế độ BHXH", "Bộ phận Một cửa")
OFFICERS = ("Cán bộ mẫu 1", "Cán bộ mẫu 2", "Cán bộ mẫu 3")
# All that is missing, in one request.
MISSING = (
    {"what": "Hợp đồng lao động của người lao động ở dòng 1", "why": "bản gửi kèm thiếu trang 2"},
    {"what": "Quyết định điều chỉnh tiền lương", "why": "không có trong hồ sơ"},
)
_APOLOGY = timedelta(days=2)
_RESULT_DAYS_VALID = 365
_NUMBERS = 100_000

Ending = Literal["finish", "late", "ask", "transfer", "decline"]


class Manner(Struct, frozen=True, kw_only=True):
    """How an office works: the shares (0 to 1) of its dossiers that it does not simply finish.

    `late` are apologised for, with a new date, and stay open; `ask` need a supplement first; `transfer` go to the
    office `neighbour`; of `silent` it takes the lease and is heard of no more. `seed` decides which.
    """

    seed: int = 0
    late: float = 0.0
    ask: float = 0.0
    transfer: float = 0.0
    decline: float = 0.0
    silent: float = 0.0
    neighbour: str = ""

    def ending(self, sha256: str) -> Ending:
        """What it does with a dossier: the same every time that it is asked, in another process too."""
        at = Random(f"{self.seed}/{sha256}").random()  # noqa: S311 - a play
        shares: tuple[tuple[Ending, float], ...] = (
            ("late", self.late),
            ("ask", self.ask),
            ("transfer", self.transfer if self.neighbour else 0.0),
            ("decline", self.decline),
        )
        for ending, share in shares:
            if at < share:
                return ending
            at -= share
        return "finish"

    def is_silent(self, lease: str) -> bool:
        """Whether it says nothing more under this lease; another lease of the same dossier is another chance."""
        return Random(f"{self.seed}/{lease}").random() < self.silent  # noqa: S311 - a play


class Doing(Struct):
    """What an office did so far, counted."""

    taken: int = 0
    lost: int = 0
    silent: int = 0
    begun: int = 0
    asked: int = 0
    late: int = 0
    transferred: int = 0
    declined: int = 0
    finished: int = 0


class BackOffice:
    """The software of one office. Every step is one request that may be repeated; several may run side by side."""

    def __init__(self, gateway: OfficeGateway, office: str, signer: Signing, clock: Clock) -> None:
        self.gateway, self.office, self.signer, self.clock = gateway, office, signer, clock

    async def lease(
        self, most: int = AT_ONCE, lease_s: int = LEASE_S, *, wait_s: float = 0, first: str = "offered"
    ) -> list[Work]:
        """Take work, what is due first or what came first, of each unit in the order in which it filed."""
        choice = {"first": first, "unit_order": True}
        return (await self.gateway.lease(self.office, most, lease_s, wait_s=wait_s, choice=choice)).work

    async def take(self, works: Sequence[Work]) -> tuple[str, ...]:
        """Fetch each dossier, compare it with the digest under which it was leased, and say that the office has it.

        Returns the dossiers that it has now: a lease that was lost in the meantime is another's. Raises
        `ContentDiffers`: then nothing was acknowledged.
        """
        await asyncio.gather(*map(self.gateway.content, works))
        return (await self.gateway.acknowledge_all([one.lease for one in works])).dossiers if works else ()

    async def begin(self, dossier: str, *, at: datetime | None = None, until: datetime | None = None) -> Reported:
        """Work begins (national state 4): who has it, and until when."""
        said: dict[str, object] = {"department": _of(DEPARTMENTS, dossier), "officer": _of(OFFICERS, dossier)}
        return await self._report(dossier, 4, "begin", said, at, until)

    async def number(self, dossier: str, receipt_number: str, *, at: datetime | None = None) -> Reported:
        """The agency's own number of the dossier (SoHoSo)."""
        said = {"bhxh_number": self.bhxh_number(receipt_number)}
        return await self._report(dossier, 2, "number", said, at)

    async def ask(self, dossier: str, turn: int = 1, *, at: datetime | None = None) -> Reported:
        """Ask for a supplement (5), once for everything; `turn` 2 is a second request, which the rules hold late."""
        return await self._report(dossier, 5, f"ask-{turn}", {"supplement": MISSING}, at)

    async def decline(self, dossier: str, *, at: datetime | None = None) -> Reported:
        """Turn the dossier down (3), with its reason."""
        return await self._report(dossier, 3, "decline", {"reason": "Không thuộc đối tượng áp dụng (mẫu)"}, at)

    async def stop(self, dossier: str, *, at: datetime | None = None) -> Reported:
        """Stop working on it (8), with its reason."""
        return await self._report(dossier, 8, "stop", {"reason": "Đơn vị không bổ sung trong thời hạn (mẫu)"}, at)

    async def apologise(self, dossier: str, new_due_at: datetime) -> Reported:
        """Name a new date, once, and say why."""
        said = {"new_due_at": rfc3339(new_due_at), "reason": "Chờ xác minh ở cơ quan khác (mẫu)"}
        return await self._report(dossier, 4, "apologise", said, None)

    async def pass_on(self, dossier: str, office: str) -> Reported:
        """Transfer it to another office."""
        said = {"office": office, "reason": "Đơn vị do cơ quan này quản lý (mẫu)"}
        return await self.gateway.transfer(dossier, said, report_key(dossier, "transfer", said))

    async def finish(self, dossier: str, receipt_number: str, *, at: datetime | None = None) -> Reported:
        """Done (9): the result is a file that the office signed."""
        file = self.result(receipt_number, at or self.clock.now())
        key = report_key(dossier, "finish", file.content)
        return await self.gateway.report(dossier, 9, _times(at, None), key, [file])

    async def give_back(
        self, dossier: str, by: Literal["electronic", "post", "both"] = "electronic", *, at: datetime | None = None
    ) -> Reported:
        """The result went back to the employer (10)."""
        return await self._report(dossier, 10, "give-back", {"returned_by": by}, at)

    def bhxh_number(self, receipt_number: str) -> str:
        """`NNNNN/YYYY/AAAAA`, the number taken from the receipt's."""
        return f"{int(receipt_number[-7:]) % _NUMBERS:05d}/{self.clock.now():%Y}/{self.office}"

    def result(self, receipt_number: str, at: datetime) -> ResultFile:
        """A small result, signed by the office's own key."""
        number = self.bhxh_number(receipt_number)
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<KetQua><CoQuan>{self.office}</CoQuan><SoHoSo>{number}</SoHoSo><SoBienNhan>{receipt_number}</SoBienNhan>"
            f"<NgayKetQua>{for_people(at)}</NgayKetQua><NoiDung>Đã cập nhật quá trình đóng (mẫu)</NoiDung>"
            "<Cky/></KetQua>"
        )
        signed = sign(text.encode(), RESULT_PATH, self.signer.key, self.signer.certificate, now=at)
        return ResultFile(
            name=f"ket-qua-{number.replace('/', '-')}.xml",
            media_type="application/xml",
            content=signed,
            result_number=number,
            electronic_code=receipt_number,
        )

    async def _report(
        self,
        dossier: str,
        state: int,
        step: str,
        said: Mapping[str, object],
        at: datetime | None,
        until: datetime | None = None,
    ) -> Reported:
        body = {**said, **_times(at, until)}
        return await self.gateway.report(dossier, state, body, report_key(dossier, step, body))


RESULT_PATH = "/KetQua/Cky"


class Worker:
    """An office at work in its own manner: it comes back to what it had begun, takes more, and goes through with it."""

    def __init__(self, office: BackOffice, manner: Manner, told: Callable[[str, str, str], None]) -> None:
        self.office, self.manner, self._told = office, manner, told
        self.done = Doing()
        self._aside: set[str] = set()

    async def round(self, most: int = AT_ONCE, *, wait_s: float = 0, lease_s: int = LEASE_S) -> int:
        """Go through what it has and what it can get now; returns how many dossiers it met."""
        met = await self._go_on()
        works = await self.office.lease(most, lease_s, wait_s=wait_s, first="due")
        heard = [one for one in works if not self.manner.is_silent(one.lease)]
        self.done.silent += len(works) - len(heard)
        taken = frozenset(await self.office.take(heard))
        self.done.taken += len(taken)
        self.done.lost += len(heard) - len(taken)
        self._aside.update(one.dossier for one in heard if one.purpose)
        for one in heard:
            if one.dossier in taken and not one.purpose:
                await self._work_on(one.dossier, one.receipt_number, one.sha256)
        return met + len(works)

    async def _go_on(self) -> int:
        """What it had in hand when it was last here, or what a supplement set going again."""
        met = 0
        for state in ("acknowledged", "in-work"):
            async for one in self.office.gateway.open_dossiers(state):
                if one.dossier in self._aside or await self._is_aside(one.dossier):
                    continue
                course = await self.office.gateway.course(one.dossier)
                # Who apologised works on towards the new date; and a client may have several offices.
                if course.appointed_at or course.office != self.office.office:
                    continue
                met += 1
                await self._work_on(one.dossier, one.receipt_number, one.sha256, course.supplements_asked)
        return met

    async def _is_aside(self, dossier: str) -> bool:
        """Whether it is no filing: what was sent about another dossier needs no work of its own."""
        if is_aside := bool(await self.office.gateway.purpose_of(dossier)):
            self._aside.add(dossier)
        return is_aside

    async def _work_on(self, dossier: str, receipt_number: str, sha256: str, asked: int = 0) -> None:
        ending = self.manner.ending(sha256)
        try:
            await self._end(dossier, receipt_number, "finish" if ending == "ask" and asked else ending)
        except CannotFollow as why:
            # It was withdrawn, or somebody else of the office was faster.
            self._told(dossier, "–", str(why))
        except LeaseLost:
            self.done.lost += 1

    async def _end(self, dossier: str, receipt_number: str, ending: Ending) -> None:
        office = self.office
        if ending == "transfer":
            said = await office.pass_on(dossier, self.manner.neighbour)
            self.done.transferred += 1
            self._told(receipt_number, said.state, f"chuyển · passed on → {self.manner.neighbour}")
            return
        begun = await office.begin(dossier)
        self.done.begun += 1
        await office.number(dossier, receipt_number)
        if ending == "ask":
            said = await office.ask(dossier)
            self.done.asked += 1
        elif ending == "decline":
            said = await office.decline(dossier)
            self.done.declined += 1
        elif ending == "late":
            due_at = datetime.fromisoformat(begun.due_at) if begun.due_at else office.clock.now()
            said = await office.apologise(dossier, max(due_at, office.clock.now()) + _APOLOGY)
            self.done.late += 1
        else:
            await office.finish(dossier, receipt_number)
            said = await office.give_back(dossier)
            self.done.finished += 1
        self._told(receipt_number, said.state, office.bhxh_number(receipt_number))


def office_signer(folder: Path, office: str, now: datetime) -> Signing:
    """The office's key and certificate in the demonstration's folder, issued there by its own authority when missing.

    Raises `FileNotFoundError` where there is no demonstration.
    """
    name = f"office-{office}"
    if not (folder / f"{name}.pem").exists():
        root, authority = (_held(folder, f"authority-{one}") for one in ("root", "intermediate"))
        named = Employer(
            name=name,
            common_name=f"BẢO HIỂM XÃ HỘI CƠ SỞ MẪU {office}",
            identifiers=(),
            key="rsa-2048",
            valid_days=_RESULT_DAYS_VALID,
        )
        pki = DemoPki(root, authority, {})
        write_holder(folder, name, pki.issue(named, now))
    return load_signer(folder / f"{name}.key.pem", folder / f"{name}.pem")


def load_signer(key_file: Path, certificate_file: Path | None) -> Signing:
    """A key and its certificate, which may stand in the key's own file. Raises `SigningImpossible`, `OSError`."""
    key, certificate = load_key(key_file)
    if certificate_file is not None:
        certificate = load_certificate(certificate_file)
    if not isinstance(certificate, x509.Certificate):
        raise FileNotFoundError(f"{key_file}: no certificate")
    return Signing(key, certificate)


def _held(folder: Path, name: str) -> Holder:
    key, _ = load_key(folder / f"{name}.key.pem")
    return Holder(key, load_certificate(folder / f"{name}.pem"))


def _of(among: Sequence[str], dossier: str) -> str:
    return Random(dossier).choice(among)  # noqa: S311 - a play


def _times(at: datetime | None, until: datetime | None) -> dict[str, object]:
    return {name: rfc3339(one) for name, one in (("at", at), ("until", until)) if one is not None}


def counted(done: Doing) -> dict[str, int]:
    """What was done, for a program."""
    return msgspec.structs.asdict(done)
