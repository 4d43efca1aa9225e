"""What is printed for an announcement: cover sheets and forms, from its rows and contents, for who may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gateway.clock import VIETNAM, from_us
from gateway.contents import ContentErased
from gateway.mailroom.codes import Printed
from gateway.postal.announce import AnnouncementNotThere, find
from gateway.postal.cover import Told, cover_pdf
from gateway.postal.printed_forms import ToPrint, forms_pdf
from storage import announcements, items, register
from storage.announcements import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.callers import Caller
    from gateway.house import House
    from gateway.postal.announce import Made
    from storage.announcements import Announced

_INBOUND: Final = "in"


async def covers(house: House, caller: Caller, announcement: str, dossier: str | None) -> bytes:
    """The cover sheets of an announcement, or of one dossier of it, as PDF/A: the same bytes until an item is bound.

    Raises `AnnouncementNotThere`; `ContentErased` for what was cancelled, which must not be sent any more; what the
    database and the setting of type raise.
    """
    told, shown = await house.run(_told, house, caller, announcement, dossier)
    return await house.typeset(cover_pdf, told, shown, apart=True)


async def forms(house: House, caller: Caller, announcement: str, dossier: str | None) -> bytes:
    """The forms of an announcement, or of one dossier of it, as PDF/A, with a code on each sheet.

    An office gets those that it announced itself: every other reading of an office is written down, and that of a
    dossier that has not come yet cannot be. Raises `AnnouncementNotThere`, `NothingToPrint`; `ContentErased` once the
    content was forgotten (it has come, or will not come any more); `SheetsChanged` when the catalogue was changed since
    it was announced; what the stores and the setting of type raise.
    """
    made, shown = await house.run(_seen, house, caller, announcement, dossier)
    if caller.role == "office" and made.announcement.client != caller.client:
        raise AnnouncementNotThere(announcement)
    asked = await house.run_apart(_to_print, house, shown)
    made_at = from_us(made.announcement.made_at_us).astimezone(VIETNAM)
    return await house.typeset(forms_pdf, asked, house.tables.catalogue, made_at.date(), made_at)


def _seen(house: House, caller: Caller, announcement: str, dossier: str | None) -> tuple[Made, list[Announced]]:
    """The announcement, and those of its dossiers that are asked for and stand."""
    made = find(house.stores, caller, announcement, house.clock.now().astimezone(VIETNAM).date())
    asked = [one for one in made.announced if dossier in (None, one.id)]
    if not asked:
        raise AnnouncementNotThere(announcement)
    standing = [one for one in asked if one.state != CANCELLED]
    if not standing:
        raise ContentErased(announcement)
    return made, standing


def _told(house: House, caller: Caller, announcement: str, dossier: str | None) -> tuple[Told, list[Announced]]:
    made, shown = _seen(house, caller, announcement, dossier)
    on = from_us(made.announcement.made_at_us).astimezone(VIETNAM).date()
    with house.database.read() as tx:
        total = len(announcements.of(tx, announcement))
        numbers = {
            one.id: [item.number for item in items.of_dossier(tx, one.id) if item.direction == _INBOUND]
            for one in shown
        }
    found = {one.unit: register.unit_at(house.database, one.unit, on) for one in shown if one.unit}
    told = Told(
        announcement=made.announcement,
        dossiers=total,
        unit_names={code: unit.name for code, unit in found.items() if unit},
        items=numbers,
        catalogue=house.tables.catalogue,
        offices=house.tables.offices,
    )
    return told, shown


def _to_print(house: House, shown: Sequence[Announced]) -> list[ToPrint]:
    """Each dossier with its content. Raises `ContentErased`, and what the vault and the cipher do."""
    return [_opened(house, one) for one in shown]


def _opened(house: House, one: Announced) -> ToPrint:
    if one.wrapped_key is None:
        raise ContentErased(one.id)
    stores = house.stores
    return ToPrint(
        dossier=one.id,
        digest=one.digest,
        content=stores.cipher.open(stores.vault.read(one.place), one.wrapped_key, one.sha256),
        media_type=one.media_type,
        printed=msgspec.json.decode(one.printed, type=tuple[Printed, ...]),
    )
