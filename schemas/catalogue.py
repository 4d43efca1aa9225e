"""The catalogue: which procedures and forms there are, since when, and what they ask; all of it read from data."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Final, TypeVar

from lxml import etree
from msgspec import Struct, ValidationError, convert

from schemas.model import Element, SchemaNotUnderstoodError, read_model

ROOM: Final = Path(__file__).parent
ENVELOPE: Final = "Hoso"
_Dated = TypeVar("_Dated", "Form", "Procedure")


class CatalogueError(Exception):
    """A file of the catalogue cannot be read or contradicts another; the gateway must not start. Not worth a retry."""


class Range(Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """Two columns of a row of which the first may not be later. `unit` is "date" (dd/MM/yyyy) or "month" (MM/yyyy)."""

    start: str
    end: str
    unit: str


class Rows(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a form's rows are, which column numbers them, which names the person, and which make two rows the same."""

    path: str
    number: str
    name: str
    same: tuple[str, ...] = ()


class Newcomers(Struct, frozen=True, forbid_unknown_fields=True):
    """A row whose `column` is empty needs the other `form` in the same dossier."""

    column: str
    form: str


class FormData(Struct, frozen=True, forbid_unknown_fields=True):
    """A form.toml. `certainty` marks each fact verified, inferred or unconfirmed."""

    form: str
    version: str
    title_vi: str
    title_en: str
    decision: str
    valid_from: date
    root: str
    signature_path: str
    labels: dict[str, str]
    certainty: dict[str, str]
    valid_to: date | None = None
    rows: Rows | None = None
    ranges: tuple[Range, ...] = ()
    newcomers: Newcomers | None = None


class Form(Struct, frozen=True):
    """A form in one version, such as D02-TS@595.

    `schema` is compiled once and used by all threads: a verdict takes one call. `watched` are the columns that rules
    beyond the schema look at in every row, `ends` the ranges by their last column.
    """

    code: str
    version: str
    valid_from: date
    valid_to: date | None
    root: str
    signature_path: str
    title_vi: str
    title_en: str
    rows: Rows | None
    newcomers: Newcomers | None
    watched: tuple[str, ...]
    ends: dict[str, Range]
    labels: dict[str, str]
    certainty: dict[str, str]
    folder: Path
    schema: etree.XMLSchema
    model: Element

    def label(self, column: str) -> str:
        """The words printed over a column, or nothing."""
        return self.labels.get(column, "")


class Attachments(Struct, frozen=True, forbid_unknown_fields=True):
    """Supporting papers: the code they are filed under, the kinds of file allowed, how large one may be."""

    code: str
    title_vi: str
    title_en: str
    kinds: tuple[str, ...]
    size_bytes_max: int


class Procedure(Struct, frozen=True, forbid_unknown_fields=True):
    """A procedure in one version, as its procedure.toml says. `may` holds `must`.

    `certainty` marks each fact verified, inferred or unconfirmed. `bare_form` is set where the signed document is
    itself the form and no envelope goes round it. `filing_within_days` (calendar days from the event) is 0 where none
    is known.
    """

    code: str
    valid_from: date
    title_vi: str
    title_en: str
    other_titles_vi: tuple[str, ...]
    decision: str
    must: frozenset[str]
    may: frozenset[str]
    bare_form: str
    time_limit_working_days: int | None
    filing_within_days: int
    channels: tuple[str, ...]
    copies: int
    fee_vnd: int
    inspection: str
    result_vi: str
    result_en: str
    attachments: Attachments
    certainty: dict[str, str]
    valid_to: date | None = None

    @property
    def version(self) -> str:
        """The version's own name, such as 600@2025-07-01."""
        return f"{self.code}@{self.valid_from.isoformat()}"


class Catalogue:
    """All procedures and forms. Reading it never touches the disk again; safe for all threads."""

    def __init__(self, forms: dict[str, tuple[Form, ...]], procedures: dict[str, tuple[Procedure, ...]]) -> None:
        self._forms = forms
        self._procedures = procedures

    @classmethod
    def load(cls, room: Path = ROOM) -> Catalogue:
        """Read `forms/` and `procedures/` and compile every schema. Raises CatalogueError, naming the file."""
        forms: dict[str, list[Form]] = {}
        for path in sorted(room.glob("forms/*/*/form.toml")):
            form = _form(path)
            forms.setdefault(form.code, []).append(form)
        procedures: dict[str, list[Procedure]] = {}
        for path in sorted(room.glob("procedures/*/*/procedure.toml")):
            procedure = _procedure(path)
            procedures.setdefault(procedure.code, []).append(procedure)
        if ENVELOPE not in forms or not procedures:
            raise CatalogueError(f"no envelope or no procedure below {room}")
        return cls(
            {code: tuple(sorted(versions, key=_newest_first)) for code, versions in forms.items()},
            {code: tuple(sorted(versions, key=_newest_first)) for code, versions in procedures.items()},
        )

    def procedure(self, code: str, on: date) -> Procedure | None:
        """The version of a procedure in force on that day."""
        return _in_force(self._procedures.get(code, ()), on)

    def form(self, code: str, on: date) -> Form | None:
        """The version of a form in force on that day. The envelope is the form `Hoso`."""
        return _in_force(self._forms.get(code, ()), on)

    def envelope(self, on: date) -> Form:
        """The envelope's own form. Raises CatalogueError when none is in force on that day."""
        form = self.form(ENVELOPE, on)
        if form is None:
            raise CatalogueError(f"no envelope is in force on {on.isoformat()}")
        return form

    def procedures(self, on: date) -> tuple[Procedure, ...]:
        """All procedures in force on that day, by code."""
        found = (self.procedure(code, on) for code in sorted(self._procedures))
        return tuple(item for item in found if item is not None)

    def forms(self, on: date) -> tuple[Form, ...]:
        """All forms in force on that day, by code, the envelope among them."""
        found = (self.form(code, on) for code in sorted(self._forms))
        return tuple(item for item in found if item is not None)


def _newest_first(item: Form | Procedure) -> int:
    return -item.valid_from.toordinal()


def _in_force(versions: tuple[_Dated, ...], on: date) -> _Dated | None:
    for version in versions:
        if version.valid_from <= on and (version.valid_to is None or on <= version.valid_to):
            return version
    return None


def _form(path: Path) -> Form:
    folder = path.parent
    try:
        told = convert(tomllib.loads(path.read_text("utf-8")), FormData)
        tree = etree.parse(folder / "form.xsd")
        schema, model = etree.XMLSchema(tree), read_model(tree)
    except (OSError, ValueError, ValidationError, etree.LxmlError, SchemaNotUnderstoodError) as error:
        raise CatalogueError(f"{path}: {error}") from error
    if (folder.parent.name, folder.name) != (told.form, told.version) or model.name != told.root:
        raise CatalogueError(f"{path}: folder, form.toml and form.xsd do not agree")
    return Form(
        code=told.form,
        version=f"{told.form}@{told.version}",
        valid_from=told.valid_from,
        valid_to=told.valid_to,
        root=told.root,
        signature_path=told.signature_path,
        title_vi=told.title_vi,
        title_en=told.title_en,
        rows=told.rows,
        newcomers=told.newcomers,
        watched=_watched(told),
        ends={item.end: item for item in told.ranges},
        labels=told.labels,
        certainty=told.certainty,
        folder=folder,
        schema=schema,
        model=model,
    )


def _watched(told: FormData) -> tuple[str, ...]:
    if told.rows is None:
        return ()
    return (told.rows.number, *told.rows.same[:1], *(item.end for item in told.ranges))


def _procedure(path: Path) -> Procedure:
    try:
        told = convert(tomllib.loads(path.read_text("utf-8")), Procedure)
    except (OSError, ValueError, ValidationError) as error:
        raise CatalogueError(f"{path}: {error}") from error
    folder = path.parent
    if (folder.parent.name, folder.name) != (told.code, told.valid_from.isoformat()) or not told.must <= told.may:
        raise CatalogueError(f"{path}: folder and procedure.toml do not agree, or a form must but may not be there")
    return told
