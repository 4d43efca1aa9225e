"""What the figures need done while nobody asks: facts are followed, and each hour's public statistics are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import figures_follow, figures_public
from gateway.figures import rules_in_force

if TYPE_CHECKING:
    from gateway.house import House

FIGURES_EVERY_S: Final = 30.0


async def follow_figures(house: House) -> None:
    """Count afresh what facts touched since the last time. Raises `DatabaseAway`; safe to repeat."""
    rules = rules_in_force()
    await house.run_apart(figures_follow.follow, house.database, house.tables.calendar, rules.channels)


async def make_statistics(house: House) -> None:
    """Make this hour's public statistics, unless they are made. Raises `DatabaseAway`; safe to repeat."""
    now = house.clock.now()
    await house.run_apart(figures_public.publish, house.database, house.tables, rules_in_force(), now)
