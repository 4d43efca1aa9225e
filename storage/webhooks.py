"""Webhooks: whom to tell of facts, the secrets that messages are signed with, and what became of each message.

Every function takes the open transaction `tx` and never commits. Whoever sends holds a webhook for a while; `settle`
writes what became of its messages only while it is still the holder, so that two senders never both go on from the same
fact, and a sender that died is followed by another when its hold has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

MESSAGES_A_PAGE_MAX = 200
FORGOTTEN_AT_ONCE_MAX = 5_000


class Webhook(Struct, frozen=True, kw_only=True):
    """One address to be told of facts. `kind` is http or mail, `state` active, unconfirmed or disabled.

    `types` and `units` narrow what is told; empty, they narrow nothing. `digest` is '', hourly or daily. Times are
    microseconds since 1970 UTC.
    """

    id: str
    client: str
    kind: str
    target: str
    types: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    digest: str = ""
    state: str
    why: str = ""
    made_at_us: int
    upto_seq: int
    messages: int = 0
    tries: int = 0
    failures: int = 0
    wait_until_us: int = 0
    retry_at_us: int | None = None
    holder: str = ""
    held_until_us: int = 0


class Secret(Struct, frozen=True, kw_only=True):
    """A locked secret; `until_us` is None for the one in force."""

    webhook: str
    number: int
    sha256: bytes
    body: bytes
    wrapped_key: bytes
    until_us: int | None = None


class Message(Struct, frozen=True, kw_only=True):
    """One message: `what` is fact, digest, test or confirm; `state` waiting, delivered or dead; `said` how the last try
    ended. A `number` of 0 is given when it is written.
    """

    id: str
    webhook: str
    number: int = 0
    what: str
    type: str
    dossier: str = ""
    first_seq: int = 0
    seq: int = 0
    state: str = "waiting"
    attempt: int = 0
    first_at_us: int
    tried_at_us: int = 0
    next_at_us: int | None = None
    said: str = ""


class Due(Struct, frozen=True):
    """A webhook that may have something to send."""

    id: str
    upto_seq: int
    retry_at_us: int | None
    failures: int


class Settled(Struct, frozen=True, kw_only=True):
    """What a visit came to: the facts looked at, and how the address does. It goes on if `held_until_us` is above 0."""

    upto_seq: int
    failures: int
    wait_until_us: int
    held_until_us: int = 0


class HoldLost(Exception):
    """The webhook is in other hands, or was disabled or set back meanwhile. Nothing was written; look again."""


def _list_of(struct: type[Struct], prefix: str = "") -> str:
    return ", ".join(prefix + name for name in struct.__struct_fields__)


def _insert(table: str, struct: type[Struct]) -> str:
    return f"INSERT INTO {table} ({_list_of(struct)}) VALUES ({_list_of(struct, ':')})"  # noqa: S608 - names are ours


_INSERT_WEBHOOK = sa.text(_insert("webhook", Webhook))
_INSERT_SECRET = sa.text(_insert("webhook_secret", Secret))
_FIND = sa.text(f"SELECT {_list_of(Webhook)} FROM webhook WHERE id = :id")  # noqa: S608 - names are ours
_OF = sa.text(f"SELECT {_list_of(Webhook)} FROM webhook WHERE client = :client ORDER BY made_at_us, id")  # noqa: S608
_ALL = sa.text(f"SELECT {_list_of(Webhook)} FROM webhook ORDER BY made_at_us, id")  # noqa: S608 - names are ours
_SECRETS = sa.text(
    f"SELECT {_list_of(Secret)} FROM webhook_secret WHERE webhook = :id"  # noqa: S608 - names are ours
    " AND (until_us IS NULL OR until_us > :now) ORDER BY number DESC"
)
_DUE = sa.text(
    "SELECT w.id, w.upto_seq, w.retry_at_us, w.failures FROM webhook w JOIN client c ON c.id = w.client"
    " WHERE c.disabled_at_us IS NULL AND w.held_until_us <= :now AND w.wait_until_us <= :now"
    " AND (w.retry_at_us <= :now AND w.state <> 'disabled' OR w.state = 'active' AND w.upto_seq < :head)"
    " ORDER BY w.wait_until_us, w.id"
)
_HOLD = sa.text(
    "UPDATE webhook SET holder = :holder, held_until_us = :until WHERE id = :id AND held_until_us <= :now"  # noqa: S608
    f" AND state <> 'disabled' RETURNING {_list_of(Webhook)}"
)
_SETTLE = sa.text(
    "UPDATE webhook SET upto_seq = :upto_seq, failures = :failures, wait_until_us = :wait_until_us,"
    " messages = messages + :count, held_until_us = :held_until_us,"
    " holder = CASE WHEN :held_until_us > 0 THEN holder ELSE '' END"
    " WHERE id = :id AND holder = :holder AND state <> 'disabled' RETURNING messages"
)
_RETRY_AT = sa.text(
    "UPDATE webhook SET retry_at_us = (SELECT min(m.next_at_us) FROM webhook_message m"
    " WHERE m.webhook = webhook.id AND m.state = 'waiting') WHERE id = :id"
)
_PUT = sa.text(
    _insert("webhook_message", Message) + " ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
    " attempt = excluded.attempt, first_at_us = excluded.first_at_us, tried_at_us = excluded.tried_at_us,"
    " next_at_us = excluded.next_at_us, said = excluded.said"
)
_MESSAGE = sa.text(f"SELECT {_list_of(Message)} FROM webhook_message WHERE id = :id")  # noqa: S608 - names are ours
_WAITING = sa.text(
    f"SELECT {_list_of(Message)} FROM webhook_message WHERE webhook = :id AND state = 'waiting'"  # noqa: S608
    " AND next_at_us <= :now ORDER BY seq, number LIMIT :most"
)
_STATE = sa.text(
    "UPDATE webhook SET state = :state, why = :why, failures = 0, wait_until_us = 0, holder = '', held_until_us = 0"
    " WHERE id = :id RETURNING id"
)
_SET_BACK = sa.text(
    "UPDATE webhook SET upto_seq = :seq, failures = 0, wait_until_us = 0, holder = '', held_until_us = 0"
    " WHERE id = :id AND upto_seq > :seq"
)


def add(tx: sa.Connection, webhook: Webhook) -> None:
    """Write a new webhook."""
    tx.execute(_INSERT_WEBHOOK, _row_of(webhook))


def find(tx: sa.Connection, webhook_id: str) -> Webhook | None:
    """The webhook of that id."""
    row = tx.execute(_FIND, {"id": webhook_id}).first()
    return _webhook(row) if row else None


def of(tx: sa.Connection, client: str) -> list[Webhook]:
    """A client's webhooks, the oldest first."""
    return [_webhook(row) for row in tx.execute(_OF, {"client": client})]


def all_webhooks(tx: sa.Connection) -> list[Webhook]:
    """Every webhook, the oldest first."""
    return [_webhook(row) for row in tx.execute(_ALL)]


def secrets(tx: sa.Connection, webhook_id: str, now_us: int) -> list[Secret]:
    """The secrets that messages are signed with now, the one in force first."""
    rows = tx.execute(_SECRETS, {"id": webhook_id, "now": now_us})
    return [msgspec.convert(dict(row._mapping), Secret) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def put_secret(tx: sa.Connection, secret: Secret, earlier_until_us: int) -> None:
    """Write the secret in force; the one before it ends at `earlier_until_us`."""
    tx.execute(
        sa.text("UPDATE webhook_secret SET until_us = :until WHERE webhook = :id AND until_us IS NULL"),
        {"id": secret.webhook, "until": earlier_until_us},
    )
    tx.execute(_INSERT_SECRET, msgspec.structs.asdict(secret))


def due(tx: sa.Connection, head: int, now_us: int) -> list[Due]:
    """The webhooks of clients that are not shut out, which nobody holds, which do not rest, and for which a message is
    to be tried again or facts were committed since.
    """
    return [Due(*row) for row in tx.execute(_DUE, {"head": head, "now": now_us})]


def hold(tx: sa.Connection, webhook_id: str, holder: str, now_us: int, until_us: int) -> Webhook | None:
    """Take a webhook in hand until `until_us`; None when somebody has it, or it is disabled."""
    values = {"id": webhook_id, "holder": holder, "now": now_us, "until": until_us}
    row = tx.execute(_HOLD, values).first()
    return _webhook(row) if row else None


def settle(tx: sa.Connection, webhook_id: str, holder: str, settled: Settled, messages: Sequence[Message]) -> None:
    """Write what became of messages, and how far the webhook has come. Raises `HoldLost`."""
    fresh = sum(not message.number for message in messages)
    values = msgspec.structs.asdict(settled) | {"id": webhook_id, "holder": holder, "count": fresh}
    row = tx.execute(_SETTLE, values).first()
    if row is None:
        raise HoldLost(webhook_id)
    _write(tx, messages, int(row[0]) - fresh)
    tx.execute(_RETRY_AT, {"id": webhook_id})


def enqueue(tx: sa.Connection, message: Message) -> None:
    """Write one message that waits, whoever holds the webhook."""
    counted = tx.execute(
        sa.text("UPDATE webhook SET messages = messages + 1 WHERE id = :id RETURNING messages"), {"id": message.webhook}
    ).scalar_one()
    _write(tx, [message], int(counted) - 1)
    tx.execute(_RETRY_AT, {"id": message.webhook})


def _write(tx: sa.Connection, messages: Sequence[Message], counted: int) -> None:
    rows = []
    for message in messages:
        counted += not message.number
        rows.append(msgspec.structs.asdict(message) | {"number": message.number or counted})
    if rows:
        tx.execute(_PUT, rows)


def message(tx: sa.Connection, message_id: str) -> Message | None:
    """The message of that id, if it is still remembered."""
    row = tx.execute(_MESSAGE, {"id": message_id}).first()
    return _message(row) if row else None


def waiting(tx: sa.Connection, webhook_id: str, now_us: int, most: int) -> list[Message]:
    """Messages that are to be tried now, in the order of their facts."""
    rows = tx.execute(_WAITING, {"id": webhook_id, "now": now_us, "most": most})
    return [_message(row) for row in rows]


def messages(tx: sa.Connection, webhook_id: str, after: int, state: str = "") -> list[Message]:
    """A page of a webhook's messages after number `after`; with a state, only those in it."""
    narrowed = " AND state = :state" if state else ""
    rows = tx.execute(
        sa.text(
            f"SELECT {_list_of(Message)} FROM webhook_message WHERE webhook = :id AND number > :after{narrowed}"  # noqa: S608
            " ORDER BY number LIMIT :most"
        ),
        {"id": webhook_id, "after": after, "state": state, "most": MESSAGES_A_PAGE_MAX},
    )
    return [_message(row) for row in rows]


def counts(tx: sa.Connection, webhook_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """How many messages of these webhooks wait or are dead, by webhook and state."""
    found: dict[tuple[str, str], int] = {}
    for state in ("waiting", "dead") if webhook_ids else ():
        # Said in the text itself, so that the index of such messages serves.
        count = sa.text(
            f"SELECT webhook, count(*) FROM webhook_message WHERE webhook IN :ids AND state = '{state}'"  # noqa: S608
            " GROUP BY webhook"
        ).bindparams(sa.bindparam("ids", expanding=True))
        found |= {(str(one), state): int(many) for one, many in tx.execute(count, {"ids": list(webhook_ids)})}
    return found


def set_state(tx: sa.Connection, webhook_id: str, state: str, why: str) -> bool:
    """Set it active or disabled; whoever holds it loses it. False when there is no such webhook."""
    return tx.execute(_STATE, {"id": webhook_id, "state": state, "why": why}).first() is not None


def count_try(tx: sa.Connection, webhook_id: str) -> int:
    """Count a wrong confirmation code; returns how many there were."""
    return int(
        tx.execute(
            sa.text("UPDATE webhook SET tries = tries + 1 WHERE id = :id RETURNING tries"), {"id": webhook_id}
        ).scalar_one()
    )


def set_back(tx: sa.Connection, webhook_id: str, seq: int) -> None:
    """Look again at every fact after `seq`; whoever holds the webhook loses it, and what waits is left to that look."""
    tx.execute(_SET_BACK, {"id": webhook_id, "seq": seq})
    tx.execute(
        sa.text(
            "DELETE FROM webhook_message WHERE webhook = :id AND state = 'waiting' AND first_seq > :seq"
            " AND what IN ('fact', 'digest')"
        ),
        {"id": webhook_id, "seq": seq},
    )
    tx.execute(_RETRY_AT, {"id": webhook_id})


def set_forward(tx: sa.Connection, webhook_id: str, seq: int) -> None:
    """Leave out every fact up to `seq` that was not looked at yet."""
    tx.execute(
        sa.text("UPDATE webhook SET upto_seq = :seq WHERE id = :id AND upto_seq < :seq"), {"id": webhook_id, "seq": seq}
    )


def again(tx: sa.Connection, message_id: str, now_us: int) -> None:
    """Have one message tried anew, from now on."""
    webhook = tx.execute(
        sa.text(
            "UPDATE webhook_message SET state = 'waiting', attempt = 0, first_at_us = :now, next_at_us = :now"
            " WHERE id = :id RETURNING webhook"
        ),
        {"id": message_id, "now": now_us},
    ).scalar_one()
    tx.execute(
        sa.text("UPDATE webhook SET wait_until_us = 0, failures = 0, holder = '', held_until_us = 0 WHERE id = :id"),
        {"id": webhook},
    )
    tx.execute(_RETRY_AT, {"id": webhook})


_ANY_ENDED = sa.text(
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM webhook_message WHERE state <> 'waiting' AND"
    " ((state = 'delivered' AND tried_at_us < :delivered) OR (state = 'dead' AND tried_at_us < :dead)))"
    " OR EXISTS (SELECT 1 FROM webhook_secret WHERE until_us < :delivered)"
)


def is_any_ended(tx: sa.Connection, delivered_before_us: int, dead_before_us: int) -> bool:
    """Whether `forget_ended` would find something: asked first, so that nobody writes for nothing."""
    values = {"delivered": delivered_before_us, "dead": dead_before_us}
    return tx.execute(_ANY_ENDED, values).first() is not None


def forget_ended(tx: sa.Connection, delivered_before_us: int, dead_before_us: int) -> int:
    """Drop messages that ended long ago, and secrets that have; returns how many messages there were."""
    dropped = 0
    for state, before_us in (("delivered", delivered_before_us), ("dead", dead_before_us)):
        dropped += tx.execute(
            sa.text(
                "DELETE FROM webhook_message WHERE id IN (SELECT id FROM webhook_message"
                " WHERE state <> 'waiting' AND state = :state AND tried_at_us < :before LIMIT :most)"
            ),
            {"state": state, "before": before_us, "most": FORGOTTEN_AT_ONCE_MAX},
        ).rowcount
    tx.execute(sa.text("DELETE FROM webhook_secret WHERE until_us < :before"), {"before": delivered_before_us})
    return dropped


def _row_of(webhook: Webhook) -> dict[str, object]:
    lists = {name: msgspec.json.encode(getattr(webhook, name)).decode() for name in ("types", "units")}
    return msgspec.structs.asdict(webhook) | lists


def _webhook(row: sa.Row[tuple[object, ...]]) -> Webhook:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    lists = {name: msgspec.json.decode(str(values[name])) for name in ("types", "units")}
    return msgspec.convert(values | lists, Webhook)


def _message(row: sa.Row[tuple[object, ...]]) -> Message:
    return msgspec.convert(dict(row._mapping), Message)  # noqa: SLF001 - SQLAlchemy's public name for it
