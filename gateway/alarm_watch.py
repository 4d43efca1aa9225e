"""Alarms that follow what they tell of: opened, retold and closed by comparing what is wanted with what sounds.

Reading comes first. Where nothing has changed, nothing is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from gateway import ids
from gateway.clock import to_us
from storage import alarms, due

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from storage.database import Database

Told = dict[tuple[str, str], tuple[str, str]]
"""The open alarms, by rule and subject, and their next steps in Vietnamese and English."""


class Wanted(Struct, frozen=True, kw_only=True):
    """An alarm that is to sound as things stand now: at most one for a rule and subject.

    `owner` is an office, a unit or a client; `vi` and `en` are its next step. Words that hold no running count are not
    told anew every day.
    """

    rule: str
    subject: str
    owner: str
    vi: str
    en: str


def sounding(tx: sa.Connection, rules: Iterable[str]) -> Told:
    """The open alarms of these rules."""
    return {(rule, subject): said for rule in rules for subject, said in due.sounding(tx, rule).items()}


def bring_up_to_date(
    database: Database, wanted: Sequence[Wanted], told: Mapping[tuple[str, str], tuple[str, str]], now: datetime
) -> None:
    """Open what is wanted and does not sound, tell anew what has other words, close what nobody wants any more. Doing
    it again changes nothing. Raises `DatabaseAway`.
    """
    by_key = {(one.rule, one.subject): one for one in wanted}
    fresh = [one for key, one in by_key.items() if key not in told]
    changed = [one for key, one in by_key.items() if key in told and told[key] != (one.vi, one.en)]
    ended = [key for key in told if key not in by_key]
    if not (fresh or changed or ended):
        return
    with database.begin() as tx:
        for one in fresh:
            alarm = alarms.Alarm(
                id=ids.alarm_id(),
                rule=one.rule,
                subject=one.subject,
                owner=one.owner,
                since_us=to_us(now),
                next_step_vi=one.vi,
                next_step_en=one.en,
            )
            alarms.sound(tx, alarm)
        for one in changed:
            due.retell(tx, one.rule, one.subject, one.vi, one.en)
        for rule, subject in ended:
            alarms.close(tx, rule, subject, "gateway", to_us(now))
