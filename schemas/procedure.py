"""A procedure in one version: what must and may be filed, how long it takes, what comes back."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct, ValidationError, convert, structs

from schemas import certainty

if TYPE_CHECKING:
    from collections.abc import Iterator

# The national portal's `loaitokhai` of a paper that is attached; a form of data has "1".
ATTACHMENT: Final = "3"

Channel = Literal["electronic", "public-post", "direct"]
Inspection = Literal["none", "possible", "required"]
# What a procedure is for, where it is no filing of its own.
Purpose = Literal["", "withdrawal"]
Result = Literal[
    "answer", "book", "card", "confirmation", "decision", "loose-leaf", "money", "notice", "payment-list"
]  # fmt: skip


class ProcedureUnusableError(Exception):
    """A procedure.toml cannot be read or contradicts its folder or itself. Not worth a retry."""


class Attachments(Struct, frozen=True, forbid_unknown_fields=True):
    """Supporting papers: the code they are filed under, the kinds of file allowed, how large one may be."""

    code: str
    title_vi: str
    title_en: str
    kinds: tuple[str, ...]
    size_bytes_max: int


class FiledForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A form as a procedure takes it, with the columns of the national portal's own list.

    `kind` is its `loaitokhai`: "1" a form of data, "3" an attachment. `national_store_id` is its `maKhoQG`,
    `national_workflow_id` its `dmquitrinhid`; both empty when unknown. `when_vi` says when an optional form is due.
    """

    code: str
    mandatory: bool
    kind: Literal["1", "3"]
    certainty: str
    copies: int = 1
    national_store_id: str = ""
    national_workflow_id: str = ""
    when_vi: str = ""
    when_en: str = ""


class ExpectedPaper(Struct, frozen=True, forbid_unknown_fields=True):
    """A supporting paper that is expected; `when_vi` says in which case. An `original` is wanted on paper."""

    title_vi: str
    title_en: str
    mandatory: bool
    original: bool
    certainty: str
    when_vi: str = ""
    when_en: str = ""


class OtherTitle(Struct, frozen=True, forbid_unknown_fields=True):
    """What a procedure is also called, by whom and since when: the code is the key, titles are labels."""

    title_vi: str
    source: str
    valid_from: date | None = None


class ProcedureData(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A procedure.toml.

    `bare_form` is set where the signed document is itself the form and no envelope goes round it.
    `time_limit_working_days` is 0 for the same day and None where none is known; `time_limit_verified_days` is the
    longer limit, in days, when facts must be verified and the employer is told so in writing. `filing_within_days`
    (calendar days from the event) is 0 where none is known. `retention_years` None leaves it to the operator's policy.
    `national_ids` are the procedure's ids on the national public-service portal, another code space. `purpose` is ""
    for a filing; one with a purpose speaks of another dossier, and is not filed by itself. `straight_through` marks one
    so simple that an office can decide by the checks alone, when all of them passed.
    `certainty` marks each of `FACTS` verified, inferred or unconfirmed; forms and papers carry marks of their own.
    """

    code: str
    valid_from: date
    title_vi: str
    title_en: str
    decision: str
    channels: tuple[Channel, ...]
    inspection: Inspection
    result_vi: str
    result_en: str
    result_kinds: tuple[Result, ...]
    result_returned_by: tuple[Channel, ...]
    attachments: Attachments
    certainty: dict[str, str]
    valid_to: date | None = None
    bare_form: str = ""
    purpose: Purpose = ""
    straight_through: bool = False
    time_limit_working_days: int | None = None
    time_limit_verified_days: int | None = None
    time_limit_note_vi: str = ""
    time_limit_note_en: str = ""
    filing_within_days: int = 0
    copies: int = 1
    fee_vnd: int = 0
    retention_years: int | None = None
    national_ids: tuple[str, ...] = ()
    also_called: tuple[OtherTitle, ...] = ()
    forms: tuple[FiledForm, ...] = ()
    papers: tuple[ExpectedPaper, ...] = ()


class Procedure(ProcedureData, frozen=True, kw_only=True):
    """A procedure in one version, such as 600@2025-07-01.

    `must` and `may` are the codes of its forms, attachments among them; `may` holds `must`. `folder` is where its
    procedure.toml stands; `samples/<form>.xml` below it shows a form as this procedure wants it.
    """

    folder: Path
    version: str
    must: frozenset[str]
    may: frozenset[str]

    def fact_id(self, name: str) -> str:
        """The id under which an operator confirms a fact of this procedure, such as "600c.must"."""
        return f"{self.code}.{name}"

    def is_settled(self, name: str, confirmed: frozenset[str]) -> bool:
        """Whether a refusal may rest on this fact; `confirmed` are ids of facts. Raises KeyError for no fact's name."""
        return certainty.is_settled(self.certainty[name], self.fact_id(name), confirmed)


# What has marks of its own, or is none of the facts: what a procedure is for is ours to say.
_UNMARKED: Final = frozenset({"certainty", "forms", "papers", "attachments", "purpose"})
# Facts that a procedure.toml need not mark, so that those of before are read as they were: nobody has vouched for them.
_UNCONFIRMED_UNLESS_MARKED: Final = frozenset({"straight_through"})
_LISTS: Final = ("must", "may")


def _facts() -> Iterator[str]:
    yield from _LISTS
    for field in structs.fields(ProcedureData):
        if field.name not in _UNMARKED:
            yield field.name
    for field in structs.fields(Attachments):
        yield f"attachments.{field.name}"


# A translation is as sure as what it translates.
FACTS: Final = frozenset(name for name in _facts() if not name.endswith("_en"))


def read_procedure(path: Path) -> Procedure:
    """Read a procedure.toml. Raises ProcedureUnusableError, naming the file and all that is wrong in it."""
    try:
        told = convert(tomllib.loads(path.read_text("utf-8")), ProcedureData)
    except (OSError, ValueError, ValidationError) as error:
        raise ProcedureUnusableError(f"{path}: {error}") from error
    if wrong := [*_contradictions(told, path.parent), *_marks_wrong(told)]:
        raise ProcedureUnusableError(f"{path}: {'; '.join(wrong)}")
    marks = dict.fromkeys(_UNCONFIRMED_UNLESS_MARKED, "unconfirmed") | told.certainty
    return Procedure(
        **(structs.asdict(told) | {"certainty": marks}),
        folder=path.parent,
        version=f"{told.code}@{told.valid_from.isoformat()}",
        must=frozenset(form.code for form in told.forms if form.mandatory),
        may=frozenset(form.code for form in told.forms),
    )


def _contradictions(told: ProcedureData, folder: Path) -> Iterator[str]:
    if (folder.parent.name, folder.name) != (told.code, told.valid_from.isoformat()):
        yield f"it stands in {folder.parent.name}/{folder.name} but tells of {told.code} from {told.valid_from}"
    if told.valid_to is not None and told.valid_to < told.valid_from:
        yield f"it ends on {told.valid_to}, before it begins"
    codes = [form.code for form in told.forms]
    if twice := sorted({code for code in codes if codes.count(code) > 1}):
        yield f"listed twice: {', '.join(twice)}"
    if told.bare_form and told.bare_form not in {form.code for form in told.forms if form.mandatory}:
        yield f"bare_form {told.bare_form} is not among the mandatory forms"
    for form in told.forms:
        if (form.kind == ATTACHMENT) != (form.code == told.attachments.code):
            yield f"form {form.code} has kind {form.kind}, and attachments have the code {told.attachments.code}"


def _marks_wrong(told: ProcedureData) -> Iterator[str]:
    if missing := FACTS - _UNCONFIRMED_UNLESS_MARKED - told.certainty.keys():
        yield f"certainty lacks {', '.join(sorted(missing))}"
    if unknown := told.certainty.keys() - FACTS:
        yield f"certainty marks what is no fact: {', '.join(sorted(unknown))}"
    marks = [*told.certainty.items()]
    marks += [(form.code, form.certainty) for form in told.forms]
    marks += [(paper.title_en, paper.certainty) for paper in told.papers]
    for name, mark in marks:
        if mark not in certainty.MARKS:
            yield f"{name} is marked {mark!r}, which is none of {', '.join(certainty.MARKS)}"
