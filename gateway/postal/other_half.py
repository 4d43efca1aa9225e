"""Which dossier an electronic half belongs to: one whose paper has come, or one whose paper is announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import supplements
from gateway.about import HALF, About
from storage import announcements, journal

if TYPE_CHECKING:
    from datetime import date

    import sqlalchemy as sa

    from gateway.callers import Caller


def other_half(tx: sa.Connection, name: str, caller: Caller, on: date) -> About | str:
    """The dossier of that id, as it stands; or the id itself, while its paper is announced and has not come.

    Raises `supplements.NotThere` for what the caller may not see, `NotOpen` for what is itself about another dossier.
    """
    announced = announcements.announced(tx, name)
    if announced is None or announced.state != announcements.ANNOUNCED:
        return supplements.about(tx, name, HALF, caller, on)
    made = announcements.find(tx, announced.announcement)
    is_own = made is not None and made.client == caller.client
    if not is_own and not journal.speaks_for(tx, caller.client, announced.unit, on):
        raise supplements.NotThere(name)
    if announced.half_of:
        # Its electronic half has come before: whoever sends another one learns which.
        return supplements.about(tx, announced.half_of, HALF, caller, on)
    return name
