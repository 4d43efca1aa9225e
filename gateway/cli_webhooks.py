"""Commands of the operator for webhooks: who follows by what address, how it does, and setting it right."""

from __future__ import annotations

import argparse

import msgspec

from gateway import webhook
from gateway.callers import Caller
from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    add_json,
    an_instant,
    command,
    group,
    settings,
    table,
    whole,
)
from gateway.clock import SystemClock, for_people, from_us, rfc3339
from gateway.opened import open_migrated
from storage import webhooks
from storage.database import Database
from storage.webhooks import Message, Webhook

_SEQ_MAX = 2**62


def declare(commands: Commands[Parser]) -> None:
    """Declare `webhook list|deliveries|disable|enable|replay`."""
    kinds = group(commands, "webhook", says="Webhook và thư theo dõi hồ sơ.", tells="Webhooks, and mails that follow.")
    show = command(
        kinds,
        "list",
        _list,
        says="Liệt kê: của ai, gửi tới đâu, bao nhiêu tin chờ hoặc đã bỏ; không bao giờ in khóa.",
        tells="List them: whose, where to, how many messages wait or are dead; never a secret.",
        example="motcua webhook list",
    )
    add_json(show)
    sent = command(
        kinds,
        "deliveries",
        _deliveries,
        says="Các tin của một webhook: thử mấy lần, lần cuối ra sao.",
        tells="The messages of a webhook: how often they were tried, and how the last try ended.",
        example="motcua webhook deliveries w-0123456789abcdef0123 --state dead",
    )
    sent.add_argument("webhook", metavar="ID")
    sent.add_argument("--state", choices=("waiting", "delivered", "dead"), default="", help="chỉ tin ở trạng thái này")
    sent.add_argument("--after", type=whole(0, _SEQ_MAX), default=0, metavar="N", help="sau tin số N")
    add_json(sent)
    stop = command(
        kinds,
        "disable",
        _disable,
        says="Ngừng gửi; webhook giữ nguyên chỗ.",
        tells="Send nothing more; it keeps its place.",
        example="motcua webhook disable w-0123456789abcdef0123",
    )
    stop.add_argument("webhook", metavar="ID")
    start = command(
        kinds,
        "enable",
        _enable,
        says="Gửi tiếp, từ chỗ đã ngừng hoặc từ bây giờ.",
        tells="Send on, from where it stopped or from now.",
        example="motcua webhook enable w-0123456789abcdef0123 --skip-missed",
    )
    start.add_argument("webhook", metavar="ID")
    start.add_argument("--skip-missed", action="store_true", help="bỏ qua những gì đã xảy ra khi ngừng")
    again = command(
        kinds,
        "replay",
        _replay,
        says="Gửi lại một tin, hoặc mọi sự việc sau một số hay từ một thời điểm; tin giữ nguyên mã.",
        tells="Send again one message, or every fact after a number or since a time; messages keep their names.",
        example="motcua webhook replay w-0123456789abcdef0123 --since 2026-03-31T16:30+07:00",
    )
    again.add_argument("webhook", metavar="ID")
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("--after", type=whole(0, _SEQ_MAX), metavar="SEQ", help="mọi sự việc sau số này")
    which.add_argument("--since", type=an_instant, metavar="TIME", help="mọi sự việc từ lúc này")
    which.add_argument("--message", metavar="MESSAGE", help="một tin (webhook-id)")


def _list(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database, database.read() as tx:
        found = webhooks.all_webhooks(tx)
        counts = webhooks.counts(tx, [one.id for one in found])
    if asked.json:
        print(msgspec.json.encode([_shown(one, counts) for one in found]).decode())
        return DONE
    rows = [("WEBHOOK", "TÀI KHOẢN", "TRẠNG THÁI", "CHỜ", "BỎ", "GỬI TỚI")]
    rows += [
        (
            one.id,
            one.client,
            f"{one.state} ({one.why})" if one.why else one.state,
            str(counts.get((one.id, "waiting"), 0)),
            str(counts.get((one.id, "dead"), 0)),
            one.target,
        )
        for one in found
    ]
    print("\n".join(table(rows)) if found else "Chưa có webhook nào · no webhooks yet")
    return DONE


def _shown(one: Webhook, counts: dict[tuple[str, str], int]) -> dict[str, object]:
    return {
        "webhook": one.id,
        "client": one.client,
        "kind": one.kind,
        "target": one.target,
        "types": one.types,
        "units": one.units,
        "digest": one.digest,
        "state": one.state,
        "why": one.why,
        "made_at": rfc3339(from_us(one.made_at_us)),
        "upto": one.upto_seq,
        "failures": one.failures,
        "waiting": counts.get((one.id, "waiting"), 0),
        "dead": counts.get((one.id, "dead"), 0),
    }


def _deliveries(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database:
        found = webhook.page(database, _owner(database, asked.webhook), asked.webhook, asked.after, asked.state)
    if asked.json:
        print(msgspec.json.encode([_message(one) for one in found]).decode())
        return DONE
    rows = [("SỐ", "TIN", "LOẠI", "TRẠNG THÁI", "LẦN", "LẦN CUỐI", "KẾT QUẢ")]
    rows += [
        (
            str(one.number),
            one.id,
            one.type,
            one.state,
            str(one.attempt),
            for_people(from_us(one.tried_at_us)) if one.tried_at_us else "",
            one.said,
        )
        for one in found
    ]
    print("\n".join(table(rows)) if found else "Chưa có tin nào · no messages")
    return DONE


def _message(one: Message) -> dict[str, object]:
    return {
        "number": one.number,
        "message": one.id,
        "type": one.type,
        "seq": one.seq,
        "dossier": one.dossier,
        "state": one.state,
        "attempts": one.attempt,
        "tried_at": rfc3339(from_us(one.tried_at_us)) if one.tried_at_us else None,
        "next_at": rfc3339(from_us(one.next_at_us)) if one.next_at_us is not None else None,
        "said": one.said,
    }


def _disable(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database:
        webhook.disable(database, _owner(database, asked.webhook), asked.webhook, SystemClock().now())
    print(f"Đã ngừng · disabled {asked.webhook}")
    return DONE


def _enable(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database:
        owner, now = _owner(database, asked.webhook), SystemClock().now()
        webhook.enable(database, owner, asked.webhook, now, skip_missed=asked.skip_missed)
    print(f"Gửi tiếp · enabled {asked.webhook}")
    return DONE


def _replay(asked: argparse.Namespace) -> int:
    with open_migrated(settings()) as database:
        owner, now = _owner(database, asked.webhook), SystemClock().now()
        after = webhook.replay(
            database, owner, asked.webhook, now, after=asked.after, since=asked.since, message=asked.message
        )
    print(f"Gửi lại từ sau số {after} · sent again from after number {after}")
    return DONE


def _owner(database: Database, name: str) -> Caller:
    """In whose place the operator acts. Raises `CannotWork`."""
    with database.read() as tx:
        found = webhooks.find(tx, name)
    if found is None:
        raise CannotWork(f"không có webhook {name} · no such webhook")
    return Caller(client=found.client, role="operator", offices=frozenset(), requests_per_minute_max=1)
