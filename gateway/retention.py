"""Retention: for how many years ended dossiers are kept, by procedure, and which of them are due for erasure.

No public source gives a figure that we could verify, so nothing is ever due until an operator says for how long: in a
file of years by procedure, which is the operator's word and is told as such wherever it counts.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from gateway import states
from gateway.clock import VIETNAM, from_us, to_us
from storage import erasing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from schemas.catalogue import Catalogue
    from storage.database import Database
    from storage.erasing import Ended

YEARS_MAX: Final = 200
FILE_BYTES_MAX: Final = 1024 * 1024
# The facts after which nobody works on a dossier any more, and the states they lead to.
ENDING: Final = frozenset({"finished", "returned", "declined", "withdrawn", "stopped", "refused"})
ENDED: Final = frozenset(states.TRANSITIONS[fact][1].value for fact in ENDING)
_UNDER_WAY: Final = frozenset({"offered", "leased"})

Certainty = Literal["operator", "verified"]


class RetentionUnusable(Exception):
    """The file of retention times cannot be read, or names a procedure that there is not. Mend it, then try again."""


class Kept(Struct, frozen=True, kw_only=True):
    """For how many years a procedure's dossiers are kept, and where that stands: the operator's word, or a fact of the
    catalogue with its own certainty.
    """

    years: int
    certainty: Certainty
    source: str


class Due(Struct, frozen=True, kw_only=True):
    """An ended dossier whose time is over since `due_at`, by that rule."""

    dossier: Ended
    ended_at: datetime
    due_at: datetime
    kept: Kept


class _Said(Struct, frozen=True, forbid_unknown_fields=True):
    years: int
    source: str = ""


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    default_years: int | None = None
    source: str = ""
    procedure: dict[str, _Said] = {}


class Retention:
    """Who is kept for how long. The operator's word on a procedure comes first, then the catalogue's, then the default
    of the operator; where none of them says anything, dossiers are kept for good.
    """

    def __init__(self, file: _File, name: str, catalogue: Catalogue) -> None:
        self._file, self._name, self._catalogue = file, name, catalogue

    @classmethod
    def load(cls, path: Path | None, catalogue: Catalogue) -> Retention:
        """Read the operator's file; None: the operator says nothing. Raises `RetentionUnusable`."""
        if path is None:
            return cls(_File(), "", catalogue)
        try:
            content = path.read_bytes()
            if len(content) > FILE_BYTES_MAX:
                raise RetentionUnusable(f"{path}: quá lớn · larger than {FILE_BYTES_MAX} bytes")
            read = msgspec.convert(tomllib.loads(content.decode("utf-8")), _File)
        except OSError as error:
            raise RetentionUnusable(f"{path}: {error.strerror}") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise RetentionUnusable(f"{path}: {error}") from error
        said = [("default_years", read.default_years), *((code, one.years) for code, one in read.procedure.items())]
        for what, years in said:
            if years is not None and not 1 <= years <= YEARS_MAX:
                raise RetentionUnusable(f"{path}: {what}: {years}: từ 1 đến {YEARS_MAX} năm · 1 to {YEARS_MAX} years")
        if strange := sorted(set(read.procedure) - set(catalogue.procedure_codes)):
            raise RetentionUnusable(f"{path}: không có thủ tục · no such procedure: {', '.join(strange)}")
        return cls(read, path.name, catalogue)

    def of(self, procedure: str, received_at: datetime) -> Kept | None:
        """For how long a dossier of that procedure, received then, is kept; None: for good."""
        if said := self._file.procedure.get(procedure):
            return Kept(years=said.years, certainty="operator", source=said.source or self._name)
        known = self._catalogue.procedure(procedure, received_at.astimezone(VIETNAM).date())
        # What nobody has verified destroys nothing.
        if known and known.retention_years is not None and known.certainty.get("retention_years") == "verified":
            return Kept(years=known.retention_years, certainty="verified", source=known.version)
        if self._file.default_years is not None:
            return Kept(years=self._file.default_years, certainty="operator", source=self._file.source or self._name)
        return None

    def due(self, dossier: Ended, now: datetime) -> Due | None:
        """Whether the dossier's time is over, and since when; None while it is not, or while it is under way."""
        if is_under_way(dossier) or dossier.ended_at_us is None:
            return None
        kept = self.of(dossier.procedure, from_us(dossier.received_at_us))
        if kept is None:
            return None
        ended_at = from_us(dossier.ended_at_us)
        due_at = years_after(ended_at, kept.years)
        return Due(dossier=dossier, ended_at=ended_at, due_at=due_at, kept=kept) if due_at <= now else None


def is_under_way(dossier: Ended) -> bool:
    """Whether somebody works on it still, or will: then it is never erased."""
    return dossier.state not in ENDED or dossier.ended_at_us is None or dossier.work in _UNDER_WAY


def years_after(instant: datetime, years: int) -> datetime:
    """The same day and hour so many years later; for the 29th of February of a leap year, the 1st of March else."""
    local = instant.astimezone(VIETNAM)
    try:
        return local.replace(year=local.year + years)
    except ValueError:
        return local.replace(year=local.year + years, month=3, day=1)


def all_due(database: Database, retention: Retention, now: datetime) -> Iterator[Due]:
    """Every dossier whose time is over, in commit order; each page is a look of its own. Raises `DatabaseAway`."""
    after = 0
    while True:
        with database.read() as tx:
            page = erasing.ended(tx, ENDED, ENDING, to_us(now), after)
        for one in page:
            if due := retention.due(one, now):
                yield due
        if len(page) < erasing.CANDIDATES_A_PAGE_MAX:
            return
        after = page[-1].seq
