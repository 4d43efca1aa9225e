"""The clock: the only place that asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

# Vietnam keeps UTC+7 all the year (no daylight saving since 1975), so that a fixed offset serves.
VIETNAM = timezone(timedelta(hours=7), "+07:00")


class Clock(Protocol):
    """Tells the instant. A line reads it once and passes it on."""

    def now(self) -> datetime:
        """The instant, with its zone."""
        ...


class SystemClock:
    """The machine's clock; operators keep it right by NTP."""

    def now(self) -> datetime:
        """The instant, in Vietnam's zone."""
        return datetime.now(UTC).astimezone(VIETNAM)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return int(instant.timestamp()) * 1_000_000 + instant.microsecond


def from_us(instant_us: int) -> datetime:
    """The instant of that many microseconds since 1970 UTC, in Vietnam's zone."""
    seconds, microseconds = divmod(instant_us, 1_000_000)
    return datetime.fromtimestamp(seconds, VIETNAM).replace(microsecond=microseconds)


def rfc3339(instant: datetime) -> str:
    """For programs: RFC 3339 with offset +07:00."""
    return instant.astimezone(VIETNAM).isoformat(timespec="milliseconds")


def for_people(instant: datetime) -> str:
    """For people in Vietnam: dd/MM/yyyy HH:mm."""
    return instant.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")
