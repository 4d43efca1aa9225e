"""Which dossier an electronic half belongs to: one whose paper has come, or one whose paper is announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from gateway import supplements
from gateway.about import HALF, About
from gateway.events import dossier_of
from gateway.postal.halves import ELECTRONIC
from gateway.postal.paper_told import POST
from storage import announcements, halves, journal

if TYPE_CHECKING:
    from datetime import date

    import sqlalchemy as sa

    from gateway.callers import Caller
    from storage.announcements import Announced


def other_half(tx: sa.Connection, name: str, caller: Caller, on: date) -> tuple[About, bool]:
    """The dossier of that id, as it stands, and True; or what is announced by that id, and False while it has not come.

    A dossier that waits for no electronic half is told as `closed`: what was received as its half before may be sent
    again, and gets its receipt. Raises `supplements.NotThere` for what the caller may not see, `NotOpen` for what is
    itself about another dossier.
    """
    announced = announcements.announced(tx, name)
    if announced is not None and announced.state == announcements.ANNOUNCED and not announced.half_of:
        made = announcements.find(tx, announced.announcement)
        is_own = made is not None and made.client == caller.client
        if not is_own and not journal.speaks_for(tx, caller.client, announced.unit, on):
            raise supplements.NotThere(name)
        return _as_announced(announced), False
    # Its electronic half has come before: whoever sends another one learns which.
    found = supplements.about(tx, announced.half_of if announced and announced.half_of else name, HALF, caller, on)
    main = dossier_of(tx, found.dossier)
    has_both = any(one.kind == ELECTRONIC and one.came for one in halves.of(tx, main.id))
    if main.channel != POST or has_both:
        found = structs.replace(found, closed=main.state)
    return found, True


def _as_announced(one: Announced) -> About:
    return About(
        purpose=HALF,
        dossier=one.id,
        number=one.id,
        unit=one.unit,
        procedure=one.procedure,
        period=one.period,
        batch=one.batch or 1,
        office=one.competent_office,
    )
