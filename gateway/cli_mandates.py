"""Commands of the operator for the mandates under which an I-VAN submits for units, with their days."""

from __future__ import annotations

import argparse
import unicodedata
from typing import TYPE_CHECKING

import msgspec

from gateway.belonging_words import day_for_people
from gateway.cli_bindings import add_by, registrar
from gateway.cli_terms import DONE, CannotWork, Commands, Parser, a_day, add_json, command, settings, table
from gateway.clock import VIETNAM, SystemClock, from_us, rfc3339, to_us
from gateway.opened import open_migrated
from storage import clients
from storage.clients import Mandate

if TYPE_CHECKING:
    from datetime import date

REFERENCE_CHARACTERS_MAX = 200
_OF_MANDATES = "ivan"


def declare(kinds: Commands[Parser]) -> None:
    """Declare `client mandate|mandates`."""
    mandate = command(
        kinds,
        "mandate",
        _mandate,
        says="Ghi ủy quyền của đơn vị cho một I-VAN, có ngày; hoặc kết thúc ủy quyền đang có.",
        tells="Register a unit's mandate to an I-VAN, with its days; or end the one that there is.",
        example="""
            motcua client mandate ivan-abc12345 --unit AK4549H --from 01/01/2026 --to 31/12/2026 --reference "05/UQ"
            motcua client mandate ivan-abc12345 --unit AK4549H --to 30/06/2026     # kết thúc · end it
        """,
    )
    mandate.add_argument("client", metavar="CLIENT", help="tài khoản vai trò ivan · a client of role ivan")
    mandate.add_argument("--unit", required=True, metavar="CODE", help="mã đơn vị · unit code")
    mandate.add_argument("--from", dest="since", type=a_day, metavar="DAY", help="từ ngày · its first day")
    mandate.add_argument("--to", dest="until", type=a_day, metavar="DAY", help="đến hết ngày · its last day")
    mandate.add_argument("--reference", metavar="TEXT", help="số, ngày văn bản ủy quyền · the document")
    add_by(mandate)
    show = command(
        kinds,
        "mandates",
        _mandates,
        says="Liệt kê ủy quyền của một tài khoản, kể cả đã hết.",
        tells="List a client's mandates, ended ones too.",
        example="motcua client mandates ivan-abc12345",
    )
    show.add_argument("client", metavar="CLIENT")
    add_json(show)


def _mandate(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    today = now.astimezone(VIETNAM).date()
    reference = None
    if asked.reference is not None:
        reference = unicodedata.normalize("NFC", " ".join(asked.reference.split()))
        if len(reference) > REFERENCE_CHARACTERS_MAX:
            raise CannotWork(f"--reference dài hơn {REFERENCE_CHARACTERS_MAX} ký tự · --reference is too long")
    with open_migrated(settings()) as database, database.begin() as tx:
        found = clients.client(tx, asked.client)
        if found is None:
            raise CannotWork(f"không có tài khoản {asked.client} · no such client")
        if found.role != _OF_MANDATES:
            raise CannotWork(f"{asked.client} có vai trò {found.role}, không phải ivan · not a client of role ivan")
        held = [one for one in clients.mandates(tx, asked.client) if one.unit == asked.unit]
        row = _row(asked, held, today)
        if reference is not None:
            row = msgspec.structs.replace(row, reference=reference)
        clients.put_mandate(tx, msgspec.structs.replace(row, registered_by=registrar(asked), at_us=to_us(now)))
    print(f"Đã ghi ủy quyền · mandate of {asked.client} for {asked.unit}: {_span(row)}")
    return DONE


def _row(asked: argparse.Namespace, held: list[Mandate], today: date) -> Mandate:
    """The mandate as it shall stand; with `--to` alone, the one that has not ended yet ends. Raises `CannotWork`."""
    until = asked.until.isoformat() if asked.until else None
    running = [one for one in held if one.valid_to is None or one.valid_to >= today.isoformat()]
    if asked.since is None and until and running:
        if len(running) > 1:
            raise CannotWork("có nhiều ủy quyền chưa hết, hãy nói --from · several have not ended: say --from")
        row = msgspec.structs.replace(running[0], valid_to=until)
        if not row.valid_from:
            raise CannotWork("ủy quyền này chưa ghi ngày bắt đầu: nói thêm --from · it has no first day: say --from")
    else:
        since = (asked.since or today).isoformat()
        same = [one for one in held if one.valid_from == since]
        row = Mandate(
            client=asked.client,
            unit=asked.unit,
            valid_from=since,
            valid_to=until,
            reference=same[0].reference if same else "",
        )
    if row.valid_to is not None and row.valid_to < row.valid_from:
        raise CannotWork(f"--to trước ngày bắt đầu · --to is before the first day ({row.valid_to} < {row.valid_from})")
    return row


def _mandates(asked: argparse.Namespace) -> int:
    today = SystemClock().now().astimezone(VIETNAM).date().isoformat()
    with open_migrated(settings()) as database, database.read() as tx:
        if clients.client(tx, asked.client) is None:
            raise CannotWork(f"không có tài khoản {asked.client} · no such client")
        held = clients.mandates(tx, asked.client)
    if asked.json:
        shown = [
            {
                "unit": one.unit,
                "valid_from": one.valid_from or None,
                "valid_to": one.valid_to,
                "holds": one.holds(today),
                "reference": one.reference,
                "registered_by": one.registered_by,
                "registered_at": rfc3339(from_us(one.at_us)) if one.at_us else None,
            }
            for one in held
        ]
        print(msgspec.json.encode(shown).decode())
        return DONE
    rows = [("ĐƠN VỊ", "HIỆU LỰC", "HÔM NAY", "VĂN BẢN", "NGƯỜI GHI")]
    rows += [
        (one.unit, _span(one), "có" if one.holds(today) else "không", one.reference, one.registered_by) for one in held
    ]
    print("\n".join(table(rows)) if held else "Chưa có ủy quyền nào · no mandates yet")
    return DONE


def _span(mandate: Mandate) -> str:
    if not mandate.valid_from:
        return "không ghi ngày"
    until = f"đến {day_for_people(mandate.valid_to)}" if mandate.valid_to else "không thời hạn"
    return f"từ {day_for_people(mandate.valid_from)} {until}"
