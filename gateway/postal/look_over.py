"""The look over all paper: what is late, silent, returned, lost or lying is told of until it is mended.

Every look reads first. Where nothing has changed since the last one, nothing is written.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from gateway.alarm_watch import bring_up_to_date, sounding
from gateway.faults import log_fault
from gateway.mailroom.finishing import MAILROOM_RULES
from gateway.postal.custody import RETURN_RULES
from gateway.postal.watch_account import ACCOUNT_RULE
from gateway.postal.watch_halves import HALF_RULE
from gateway.postal.watch_items import ITEM_RULES, settle_ended
from gateway.postal.watch_manifests import MANIFEST_RULE
from gateway.postal.words import WORD_RULE
from storage.database import DatabaseAway

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.house import House
    from gateway.judge import Tables
    from gateway.postal.wanted import Rule
    from storage.database import Database

LOOK_OVER_EVERY_S: Final = 60.0
# Each is looked at by itself: one that fails keeps no other from its turn.
RULES: Final[list[Rule]] = [
    *ITEM_RULES,
    *MAILROOM_RULES,
    MANIFEST_RULE,
    ACCOUNT_RULE,
    HALF_RULE,
    *RETURN_RULES,
    WORD_RULE,
]
_FAULTS: Final = logging.getLogger("motcua.faults")


async def look_over_post(house: House) -> None:
    """Open, retell and close the alarms about paper, as things stand now. Several workers may do this at once. Raises
    `DatabaseAway`.
    """
    await house.run_apart(look_over, house.database, house.tables, house.clock.now())


def look_over(database: Database, tables: Tables, now: datetime, rules: Sequence[Rule] | None = None) -> None:
    """Bring the alarms up to date; nothing is written when they are. Doing it again changes nothing. Raises
    `DatabaseAway`.
    """
    settle_ended(database)
    for rule in RULES if rules is None else rules:
        try:
            _look(database, tables, now, rule)
        except DatabaseAway:
            raise
        except Exception as fault:
            log_fault(_FAULTS, f"the look for {', '.join(rule.names)} failed", fault)


def _look(database: Database, tables: Tables, now: datetime, rule: Rule) -> None:
    with database.read() as tx:
        wanted = rule.wanted(tx, tables, now)
        told = sounding(tx, rule.names)
    bring_up_to_date(database, wanted, told, now)
