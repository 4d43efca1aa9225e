"""A clock that is moved by hand."""

from datetime import UTC, datetime, timedelta


class HandClock:
    """Stands for the wall clock: it tells the instant it was set to, until it is moved."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError("an instant carries its time zone")
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move the clock (backwards, too: clocks get corrected) and return the new instant."""
        self._now += timedelta(seconds=seconds)
        return self._now
