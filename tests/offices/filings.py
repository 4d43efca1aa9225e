"""Signed dossiers of the town's units, made by processes beside the play."""

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from threading import Thread

from gateway.demo_dossiers import Signing
from schemas.catalogue import Catalogue
from schemas.sample import make_dossier
from signing.dossier import sign_dossier
from tests.offices.fates import PROCEDURES, Plan
from tests.offices.town import FIRST_DAY, Town, Unit

PERIOD = f"{FIRST_DAY:%m/%Y}"
EMPLOYEES = 2
PAPER_BYTES = 4096


class Filer:
    """The software of all employers. The same dossier is the same bytes whenever it is made."""

    def __init__(self, town: Town, plan: Plan) -> None:
        self.town, self.plan = town, plan
        self._paths = {form.root: form.signature_path for form in Catalogue.load().forms(FIRST_DAY)}
        self._signers: dict[str, Signing] = {}

    def unit(self, number: int) -> Unit:
        return self.town.units[number % len(self.town.units)]

    def procedure(self, number: int) -> str:
        return PROCEDURES[number // len(self.town.units) % len(PROCEDURES)]

    def filing(self, number: int) -> bytes:
        forms = {"forms": ("D02-TS",)} if self.procedure(number) == "600" else {}
        return self._made(number, self.procedure(number), self.plan.slots[self.plan.slot_of(number)], **forms)

    def supplement(self, number: int, turn: int, at: datetime) -> bytes:
        # No two supplements of a unit's are the same bytes.
        size_bytes = PAPER_BYTES + number // len(self.town.units)
        more = {"supplement": True, "attachments": turn, "attachment_bytes": size_bytes}
        return self._made(number, self.procedure(number), at, **more)

    def withdrawal(self, number: int, receipt_number: str, at: datetime) -> bytes:
        return self._made(number, "RUT", at, receipt=receipt_number)

    def _made(self, number: int, procedure: str, at: datetime, **more: object) -> bytes:
        unit = self.unit(number)
        asked = {"employees": EMPLOYEES, "attachments": 0} | more
        content = make_dossier(
            procedure,
            seed=number,
            unit=unit.code,
            tax_code=unit.tax_code,
            office=unit.office,
            period=PERIOD,
            made_on=at.date(),
            **asked,  # type: ignore[arg-type]
        )
        if (by := self._signers.get(unit.holder)) is None:
            by = self._signers[unit.holder] = self.town.signer(unit.holder)
        return sign_dossier(content, by.key, by.certificate, signature_paths=self._paths, now=at)


_filer: list[Filer] = []


def _learn(town: Town, plan: Plan) -> None:
    os.nice(5)
    # Nobody else ends it when the play is killed.
    Thread(target=_end_with_the_play, daemon=True).start()
    _filer[:] = [Filer(town, plan)]


def _end_with_the_play() -> None:
    play = multiprocessing.parent_process()
    assert play is not None
    play.join()
    os._exit(1)


def _make(number: int) -> bytes:
    return _filer[0].filing(number)


class Makers:
    """Processes that make filings ahead of the play; with none, they are made when they are asked for."""

    def __init__(self, town: Town, plan: Plan, processes: int) -> None:
        self._filer = Filer(town, plan)
        forked = multiprocessing.get_context("forkserver")
        self._pool = ProcessPoolExecutor(processes, forked, _learn, (town, plan)) if processes else None

    def make(self, numbers: Iterable[int]) -> Iterator[bytes]:
        """Begin making them; the answer waits for each in turn."""
        if self._pool is None:
            return map(self._filer.filing, numbers)
        return self._pool.map(_make, numbers, chunksize=16)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
