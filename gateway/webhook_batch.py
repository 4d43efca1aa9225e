"""What a visit to a webhook's address carries: messages that wait, then facts that are new; and what became of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from gateway import ids, mail, webhook_facts
from gateway.clock import from_us, to_us
from gateway.webhook import CONFIRM_H, DEAD_RULE, GONE_RULE, open_secrets
from gateway.webhook_message import body_of, confirmation_code, fact_id, headers_of, trial_body
from gateway.webhook_schedule import next_try, rest_s
from storage import alarms, webhooks
from storage.webhooks import Message, Settled, Webhook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from email.message import Message as Mail

    import sqlalchemy as sa

    from gateway.mail import Sender
    from gateway.webhook_outcome import Outcome
    from storage.cipher import Cipher

BATCH_MAX: Final = 50
# So many failures in a row, of whatever kind, and the address rests.
FAILURES_MAX: Final = 5
HOLD_S: Final = 120
NOT_YOURS: Final = "no-longer-shown"


class Item(Struct, frozen=True):
    """A message and what it carries; nothing, when its facts are no longer its client's to see."""

    message: Message
    body: bytes | Mail | None


class Batch(Struct, frozen=True):
    """What to send now, in order; `upto` is the last fact looked at, and `secrets` sign it."""

    webhook: Webhook
    items: tuple[Item, ...]
    upto: int
    secrets: tuple[bytes, ...]
    # Nothing more is to be had at present.
    is_last: bool


class Tried(Struct, frozen=True):
    """A message and how its try ended."""

    item: Item
    outcome: Outcome
    at: datetime


def gather(tx: sa.Connection, cipher: Cipher, webhook: Webhook, sender: Sender | None, now: datetime) -> Batch:
    """The next messages of a webhook that is held. Reads only."""
    held = open_secrets(cipher, webhooks.secrets(tx, webhook.id, to_us(now)))
    waiting = webhooks.waiting(tx, webhook.id, to_us(now), BATCH_MAX)
    items = [Item(message, _body(tx, webhook, message, sender, held[0], now)) for message in waiting]
    upto, is_last = webhook.upto_seq, True
    if webhook.state == "active" and len(items) < BATCH_MAX:
        most = mail.FACTS_A_MAIL_MAX if webhook.digest else BATCH_MAX - len(items)
        found = webhook_facts.look(tx, webhook, upto, most, now)
        items += _fresh(tx, webhook, found, sender, now)
        upto, is_last = found.upto, len(found.events) < most
    return Batch(webhook, tuple(items), upto, tuple(held), is_last)


def _fresh(
    tx: sa.Connection, webhook: Webhook, found: webhook_facts.Looked, sender: Sender | None, now: datetime
) -> list[Item]:
    facts = webhook_facts.told(tx, found.events)
    if webhook.digest:
        if not facts:
            return []
        name = fact_id(webhook.id, facts[0].seq, facts[-1].seq)
        digest = _message(webhook, name, "digest", facts[0], facts[-1], now)
        return [Item(digest, _facts_body(webhook, digest, facts, sender, now))]
    items = []
    for fact in facts:
        message = _message(webhook, fact_id(webhook.id, fact.seq, fact.seq), "fact", fact, fact, now)
        items.append(Item(message, _facts_body(webhook, message, [fact], sender, now)))
    return items


def _message(
    webhook: Webhook, name: str, what: str, first: webhook_facts.Fact, last: webhook_facts.Fact, now: datetime
) -> Message:
    return Message(
        id=name,
        webhook=webhook.id,
        what=what,
        type=last.type if what == "fact" else what,
        dossier=last.dossier if what == "fact" else "",
        first_seq=first.seq,
        seq=last.seq,
        first_at_us=to_us(now),
    )


def _body(
    tx: sa.Connection, webhook: Webhook, message: Message, sender: Sender | None, secret: bytes, now: datetime
) -> bytes | Mail | None:
    first_at = from_us(message.first_at_us)
    if message.what == "test":
        if sender is not None and webhook.kind == "mail":
            return mail.of_trial(sender, webhook.target, message.id, now)
        return trial_body(webhook.id, first_at)
    if message.what == "confirm":
        code = confirmation_code(secret)
        return mail.of_confirmation(sender, webhook.target, message.id, code, CONFIRM_H, now) if sender else None
    facts = webhook_facts.told(tx, webhook_facts.of_message(tx, webhook, message, now))
    return _facts_body(webhook, message, facts, sender, now) if facts else None


def _facts_body(
    webhook: Webhook,
    message: Message,
    facts: Sequence[webhook_facts.Fact],
    sender: Sender | None,
    now: datetime,
) -> bytes | Mail | None:
    if webhook.kind == "mail":
        return mail.of_facts(sender, webhook.target, message.id, facts, now) if sender else None
    return body_of(facts[0])


def signed(batch: Batch, item: Item, now: datetime) -> dict[str, str]:
    """The headers of a message of this batch, for a try at `now`."""
    assert isinstance(item.body, bytes)
    return headers_of(item.message.id, item.body, batch.secrets, now)


def write_down(
    tx: sa.Connection, batch: Batch, holder: str, tried: Sequence[Tried], now: datetime, *, goes_on: bool
) -> int:
    """Write what became of a batch, of which only `tried` was sent. Returns how many failures there are in a row.

    What was not tried stays as it was: new facts are looked at again. Raises `HoldLost`; then nothing is written, and
    whoever holds the webhook now sends the same messages under the same names.
    """
    webhook, failures, was_away = batch.webhook, batch.webhook.failures, False
    for one in tried:
        failures = 0 if one.outcome.ok else failures + (not one.outcome.is_final)
        was_away = one.outcome.is_away
    rests = was_away or failures >= FAILURES_MAX
    rest = timedelta(seconds=rest_s(failures) if rests else 0)
    ended = [_ended(one) for one in tried]
    settled = Settled(
        upto_seq=_upto(batch, tried),
        failures=failures,
        wait_until_us=to_us(now + rest) if rests else 0,
        held_until_us=to_us(now + timedelta(seconds=HOLD_S)) if goes_on and not rests else 0,
    )
    webhooks.settle(tx, webhook.id, holder, settled, ended)
    if any(one.outcome.is_gone for one in tried):
        webhooks.set_state(tx, webhook.id, "disabled", "gone")
        _alarm(tx, webhook, GONE_RULE, now)
    if any(one.state == "dead" and one.said != NOT_YOURS for one in ended):
        _alarm(tx, webhook, DEAD_RULE, now)
    return failures


def must_stop(tried: Sequence[Tried], failures_before: int) -> bool:
    """Whether the rest of the batch is left for later: the address is away or gone, or fails again and again."""
    if not tried or tried[-1].outcome.ok:
        return False
    last = tried[-1].outcome
    failures = failures_before
    for one in tried:
        failures = 0 if one.outcome.ok else failures + (not one.outcome.is_final)
    return last.is_away or last.is_gone or failures >= FAILURES_MAX


def _upto(batch: Batch, tried: Sequence[Tried]) -> int:
    if len(tried) == len(batch.items):
        return batch.upto
    # A fact that was not tried is looked at again, and so is what lies between.
    fresh = [one.item.message.seq for one in tried if one.item.message.number == 0]
    return max([batch.webhook.upto_seq, *fresh])


def _ended(one: Tried) -> Message:
    message, outcome = one.item.message, one.outcome
    attempt = message.attempt + 1
    done = structs.replace(message, attempt=attempt, tried_at_us=to_us(one.at), said=outcome.said, next_at_us=None)
    if outcome.ok:
        return structs.replace(done, state="delivered")
    first_at = from_us(message.first_at_us)
    again = None if outcome.is_final else next_try(message.id, attempt, first_at, one.at, outcome.retry_after_s)
    if again is None:
        return structs.replace(done, state="dead")
    return structs.replace(done, state="waiting", next_at_us=to_us(again))


def _alarm(tx: sa.Connection, webhook: Webhook, rule: str, now: datetime) -> None:
    what = "địa chỉ" if webhook.kind == "mail" else "webhook"
    if rule == GONE_RULE:
        vi = f"Nơi nhận trả lời 410 Gone nên webhook {webhook.id} đã ngừng: sửa nơi nhận rồi bật lại."
        en = f"The receiver answered 410 Gone, so webhook {webhook.id} was disabled: mend it, then enable it again."
    else:
        vi = (
            f"Có tin không gửi được tới {what} {webhook.id} (nơi nhận từ chối hẳn, hoặc thử suốt ba ngày không được): "
            "xem danh sách tin, sửa nơi nhận rồi gửi lại (replay)."
        )
        en = (
            f"Messages to webhook {webhook.id} were given up, refused for good or not taken in three days: see its "
            "deliveries, mend the receiver, then replay."
        )
    sounded = alarms.Alarm(
        id=ids.alarm_id(),
        rule=rule,
        subject=webhook.id,
        owner=webhook.client,
        since_us=to_us(now),
        next_step_vi=vi,
        next_step_en=en,
    )
    alarms.sound(tx, sounded)
