"""What goes on while nobody asks: the steps that a worker takes again and again, and how it comes to an end."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING, Any

from gateway import closing, desk
from gateway.calendar_follow import follow_calendar
from gateway.due_alarms import sound_alarms
from gateway.due_watch import WATCH_EVERY_S, watch_due
from gateway.facts import FOLLOW_EVERY_S, follow_confirmed
from gateway.faults import log_fault
from gateway.figures_steps import FIGURES_EVERY_S, follow_figures, make_statistics
from gateway.house import SWEEP_EVERY_S
from gateway.log_steps import OUTSIDE_EVERY_S, PUBLISH_EVERY_S, cosign, publish, stamp
from gateway.mailroom.finishing import FINISH_EVERY_S, MATCH_EVERY_S, finish, match_again
from gateway.office_tables import follow_offices
from gateway.pending import judge_due
from gateway.postal.account import CLOSE_EVERY_S as COUNT_EVERY_S
from gateway.postal.account import close_day
from gateway.postal.announce import end_old_announcements
from gateway.postal.follow_returns import FOLLOW_EVERY_S as RETURNS_EVERY_S
from gateway.postal.follow_returns import follow_returns
from gateway.postal.look_over import LOOK_OVER_EVERY_S, look_over_post
from gateway.postal.pickup_sending import SEND_EVERY_S, PickupSending
from gateway.postal.poll import POLL_EVERY_S, poll_due
from gateway.postal.same_case import FOLLOW_EVERY_S as SAME_CASES_EVERY_S
from gateway.postal.same_case import follow_same_cases
from gateway.postal.words import WORDS_EVERY_S, follow_words
from gateway.refresh import refresh, tell_of_revoked
from gateway.trusting import follow
from gateway.webhook_sending import Sending
from storage.database import DatabaseAway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

    from gateway.house import House

PRUNE_EVERY_S = 60.0
REFRESH_EVERY_S = 30.0
_FAULTS = logging.getLogger("motcua.faults")


def stop_early(house: House) -> None:
    """Let long polls end as soon as the process is asked to stop, and not when it has waited for them in vain."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):

            def stop(received: int, frame: FrameType | None, before: Callable[..., Any] = before) -> None:
                loop.call_soon_threadsafe(house.watch.stop)
                before(received, frame)

            signal.signal(number, stop)


async def _every(house: House, wait_s: float, *steps: Callable[[], Awaitable[object]]) -> None:
    """Do these steps again and again; what one of them cannot do now keeps no other from its turn."""
    while not house.watch.stopped:
        await asyncio.sleep(wait_s)
        for step in steps:
            try:
                await step()
            except DatabaseAway:
                continue
            except Exception as fault:
                log_fault(_FAULTS, "a step in the background failed", fault)


def begin(house: House) -> list[asyncio.Task[None]]:
    """What goes on while nobody asks: silent holders' work is offered again, what waits is judged, what may have
    changed is fetched, trust and confirmed facts are followed, what can matter no more is dropped.
    """

    async def offer_again() -> None:
        await house.run(desk.sweep, house.database, house.clock.now())

    async def forget_ended() -> None:
        await house.run(house.callers.forget_ended, house.clock.now())

    pickups = PickupSending(house)
    steps: list[tuple[float, tuple[Callable[[], Awaitable[object]], ...]]] = [
        (FOLLOW_EVERY_S, (lambda: follow_confirmed(house), lambda: follow_offices(house))),
        (SWEEP_EVERY_S, (offer_again,)),
        (SWEEP_EVERY_S, (lambda: house.run_apart(house.revocations.take_shared), lambda: judge_due(house))),
        (REFRESH_EVERY_S, (lambda: refresh(house), lambda: tell_of_revoked(house))),
        (PRUNE_EVERY_S, (forget_ended, lambda: house.run_apart(house.uploads.sweep, house.clock.now()))),
        (PRUNE_EVERY_S, (lambda: end_old_announcements(house),)),
        (PUBLISH_EVERY_S, (lambda: publish(house),)),
        (OUTSIDE_EVERY_S, (lambda: cosign(house),)),
        (OUTSIDE_EVERY_S, (lambda: stamp(house),)),
        (closing.CLOSE_EVERY_S, (lambda: closing.close_due(house),)),
        (FINISH_EVERY_S, (lambda: finish(house),)),
        (MATCH_EVERY_S, (lambda: match_again(house),)),
        (FIGURES_EVERY_S, (lambda: follow_figures(house), lambda: make_statistics(house))),
        (POLL_EVERY_S, (lambda: poll_due(house),)),
        (WORDS_EVERY_S, (lambda: follow_words(house),)),
        (RETURNS_EVERY_S, (lambda: follow_returns(house),)),
        (SAME_CASES_EVERY_S, (lambda: follow_same_cases(house),)),
        (SEND_EVERY_S, (pickups.step,)),
        (COUNT_EVERY_S, (lambda: close_day(house),)),
        (LOOK_OVER_EVERY_S, (lambda: look_over_post(house),)),
        # By the calendar in force: first it is followed, then what is due is told of, then who is late.
        (WATCH_EVERY_S, (lambda: follow_calendar(house), lambda: watch_due(house), lambda: sound_alarms(house))),
    ]
    tasks = [asyncio.create_task(_every(house, wait_s, *some)) for wait_s, some in steps]
    tasks.append(asyncio.create_task(Sending(house).run()))
    if house.trust_watch is not None:
        tasks.append(asyncio.create_task(follow(house, house.trust_watch)))
    return tasks
