"""The catalogue as it is in force here: the operator's own laid over it, and which unconfirmed facts are confirmed.

A rule that rests on an unconfirmed fact only warns. Once an operator has confirmed the fact, with name and source, it
refuses; all gateways on one database follow within seconds.
"""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct, structs

from gateway.clock import VIETNAM
from gateway.config import Misconfigured
from schemas.catalogue import ROOM, Catalogue
from schemas.certainty import weakest
from schemas.printed_layout import LayoutUnusableError, read_layout
from schemas.sheet_words import SheetWordsUnusable, Vocabulary
from storage import facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gateway.config import Settings
    from gateway.house import House
    from gateway.judge import Tables
    from schemas.form import Form
    from schemas.procedure import Procedure
    from storage.database import Database
    from storage.facts import Word

FOLLOW_EVERY_S: Final = 2.0
_FOLDERS: Final = ("procedures", "forms", "codes")
# How deep below the overlay a file of each kind must lie to be read.
_DEPTHS: Final = {"procedure.toml": "procedures/*/*/procedure.toml", "form.toml": "forms/*/*/form.toml"}
_LOG = logging.getLogger("motcua.facts")


class Fact(Struct, frozen=True, kw_only=True):
    """A fact of the catalogue that a person can vouch for; `of` are the versions that rest on it, such as D02-TS@595.

    `certainty` is verified, inferred or unconfirmed: the least sure of all versions. `refuses` tells a rule that
    refuses as soon as it is sure enough. `source` is where the fact comes from, "" when nothing says.
    """

    id: str
    kind: Literal["rule", "procedure", "form"]
    of: tuple[str, ...]
    certainty: str
    says: str
    source: str = ""
    refuses: bool = False


class FormFiles(Struct, frozen=True):
    """The very bytes of a form's files: its schema, and its rules if it has any."""

    schema: bytes
    rules: bytes | None


class Confirmed(Struct, frozen=True):
    """What is confirmed on a day, by fact: as it stood when `number` was the last word that was said."""

    number: int
    on: date
    words: dict[str, Word]


NOTHING: Final = Confirmed(0, date.min, {})


def open_catalogue(settings: Settings) -> Catalogue:
    """The catalogue that comes with motcua, and the operator's own folder laid over it where the settings name one.

    Raises CatalogueError, Misconfigured: then the gateway must not start.
    """
    if not settings.catalogue:
        return Catalogue.load()
    overlay = Path(settings.catalogue)
    if not any((overlay / name).is_dir() for name in _FOLDERS):
        raise Misconfigured(f"catalogue: {overlay} holds none of the folders {', '.join(_FOLDERS)}")
    for name, pattern in _DEPTHS.items():
        if stray := sorted(set(overlay.rglob(name)) - set(overlay.glob(pattern))):
            raise Misconfigured(f"catalogue: {stray[0]} would not be read, it must lie at {overlay / pattern}")
    catalogue = Catalogue.load(ROOM, overlay)
    for form in (one for code in catalogue.form_codes for one in catalogue.form_versions(code)):
        if form.folder.is_relative_to(overlay):
            _refuse_unusable_beside(form)
    for procedure in (one for code in catalogue.procedure_codes for one in catalogue.procedure_versions(code)):
        if strange := sorted(procedure.may - {procedure.attachments.code, *catalogue.form_codes}):
            raise Misconfigured(f"catalogue: {procedure.folder}: there is no form {', '.join(strange)}")
    return catalogue


def _refuse_unusable_beside(form: Form) -> None:
    """Read what a form is printed and filled in by: whoever asks for that must not be the first to see that it is
    broken. Raises Misconfigured.
    """
    try:
        read_layout(form)
        if form.rows is not None:
            Vocabulary(form)
    except (LayoutUnusableError, SheetWordsUnusable) as error:
        raise Misconfigured(f"catalogue: {error}") from error


def read_confirmed(database: Database, on: date) -> Confirmed:
    """What is confirmed on that day. Raises `DatabaseAway`."""
    number = facts.last(database)
    with database.read() as tx:
        return Confirmed(number, on, {word.fact: word for word in facts.in_force(tx, on, upto=number)})


def tables_confirming(tables: Tables, confirmed: Confirmed) -> Tables:
    """These tables with exactly these facts confirmed."""
    held = tables.catalogue
    if held.confirmed == confirmed.words.keys() and held.confirmed_number == confirmed.number:
        return tables
    return structs.replace(tables, catalogue=held.confirming(confirmed.words, confirmed.number))


def facts_in(catalogue: Catalogue, on: date) -> dict[str, Fact]:
    """Every rule and every marked fact of the procedures and forms of that day or later, in all versions, by id."""
    found: dict[str, Fact] = {}
    for fact in (*_of_forms(catalogue, on), *_of_procedures(catalogue, on)):
        if known := found.get(fact.id):
            # The newest version comes first: its words are shown.
            found[fact.id] = structs.replace(
                known, of=known.of + fact.of, certainty=weakest([known.certainty, fact.certainty])
            )
        else:
            found[fact.id] = fact
    return dict(sorted(found.items()))


def form_files(catalogue: Catalogue) -> dict[str, FormFiles]:
    """The files of every form in all versions, by version: those of the past can be asked for, too. Raises OSError.

    They are read when the forms are taken into force, so that nobody is given a schema that nobody is judged by.
    """
    found = {}
    for form in (version for code in catalogue.form_codes for version in catalogue.form_versions(code)):
        rules = form.folder / "form.sch"
        schema = (form.folder / "form.xsd").read_bytes()
        found[form.version] = FormFiles(schema, rules.read_bytes() if rules.exists() else None)
    return found


def _lasts(versions: Iterable[Form] | Iterable[Procedure], on: date) -> bool:
    """Whether one of them is in force that day or later."""
    return any(one.valid_to is None or on <= one.valid_to for one in versions)


def _forms(catalogue: Catalogue, on: date) -> Iterator[Form]:
    for code in catalogue.form_codes:
        versions = catalogue.form_versions(code)
        if _lasts(versions, on):
            yield from versions


def _of_forms(catalogue: Catalogue, on: date) -> Iterator[Fact]:
    for form in _forms(catalogue, on):
        for name, mark in form.certainty.items():
            yield Fact(
                id=form.fact_id(name), kind="form", of=(form.version,), certainty=mark, says=_says_form(form, name)
            )
        for rule in form.rules.rules:
            yield Fact(
                id=rule.id,
                kind="rule",
                of=(form.version,),
                certainty=rule.certainty,
                says=f"{rule.message_vi.pattern} · {rule.statement}",
                source=rule.source,
                refuses=rule.role == "error",
            )


def _says_form(form: Form, name: str) -> str:
    """What a form says of itself there, if it is no more than a word or a list of columns."""
    if name == "columns":
        return f"columns = {', '.join(form.labels)}"
    found = getattr(form, name, None)
    return f"{name} = {found}" if isinstance(found, str | date) else name


def _of_procedures(catalogue: Catalogue, on: date) -> Iterator[Fact]:
    for code in catalogue.procedure_codes:
        versions = catalogue.procedure_versions(code)
        for one in versions if _lasts(versions, on) else ():
            for field, mark in one.certainty.items():
                said = msgspec.json.encode(_value(one, field)).decode()
                yield Fact(
                    id=one.fact_id(field), kind="procedure", of=(one.version,), certainty=mark, says=f"{field} = {said}"
                )


def _value(procedure: Procedure, field: str) -> object:
    """What a procedure.toml says there; a dotted name leads into a table."""
    found: object = procedure
    for step in field.split("."):
        found = getattr(found, step, None)
    return sorted(found) if isinstance(found, frozenset) else found


async def follow_confirmed(house: House) -> None:
    """Take into force what was said since the last look. Costs one small look when nothing was. Raises `DatabaseAway`.

    Every worker does this for itself. A dossier under judgement is judged by what was in force when it began.
    """
    on = house.clock.now().astimezone(VIETNAM).date()
    fresh = await house.run(_news, house.database, house.confirmed, on)
    if fresh is None:
        return
    came, left = fresh.words.keys() - house.confirmed.words.keys(), house.confirmed.words.keys() - fresh.words.keys()
    # Trust is followed beside this: what it put there is kept, for nothing is awaited from here on.
    house.confirmed = fresh
    house.intake.tables = tables_confirming(house.tables, fresh)
    if came or left:
        _LOG.warning(
            "facts confirmed: %d came=%s left=%s number=%d",
            len(fresh.words), ",".join(sorted(came)) or "-", ",".join(sorted(left)) or "-", fresh.number,
        )  # fmt: skip


def _news(database: Database, held: Confirmed, on: date) -> Confirmed | None:
    """What is confirmed now; None when no word was said and the day is the same."""
    if held.on == on and held.number == facts.last(database):
        return None
    return read_confirmed(database, on)
