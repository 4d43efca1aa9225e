"""A form in one version: its layout, its rules, its words; all of it read from the form's folder."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

from lxml import etree
from msgspec import Struct, ValidationError, convert

from schemas import certainty
from schemas.model import Element, SchemaNotUnderstoodError, read_model
from schemas.rows import Rows, RowsNowhereError
from schemas.rules import RuleBook, RulesNotUnderstoodError, read_rules


class FormUnusableError(Exception):
    """A file of a form's folder cannot be read or contradicts another. Not worth a retry."""


class FormData(Struct, frozen=True, forbid_unknown_fields=True):
    """A form.toml. `certainty` marks each fact verified, inferred or unconfirmed; `also_called` are other codes under
    which vendors' software files the same form.
    """

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
    also_called: tuple[str, ...] = ()


class Form(Struct, frozen=True):
    """A form in one version, such as D02-TS@595.

    `schema` is compiled once and used by all threads: a verdict takes one call. `rules` say what no schema can.
    """

    code: str
    version: str
    valid_from: date
    valid_to: date | None
    root: str
    signature_path: str
    title_vi: str
    title_en: str
    decision: str
    rows: Rows | None
    labels: dict[str, str]
    certainty: dict[str, str]
    folder: Path
    schema: etree.XMLSchema
    model: Element
    rules: RuleBook
    also_called: tuple[str, ...] = ()

    def fact_id(self, name: str) -> str:
        """The id under which an operator confirms a fact of this form, such as "TK3-TS.columns"."""
        return f"{self.code}.{name}"

    def is_settled(self, name: str, confirmed: frozenset[str]) -> bool:
        """Whether a refusal may rest on this fact; `confirmed` are ids of facts. A fact without a mark is settled."""
        return certainty.is_settled(self.certainty.get(name, "verified"), self.fact_id(name), confirmed)

    def label(self, column: str) -> str:
        """The words printed over a column, or nothing."""
        return self.labels.get(column, "")


def read_form(path: Path) -> Form:
    """Read a form.toml, the form.xsd beside it, and form.sch if there is one. Raises FormUnusableError."""
    folder = path.parent
    try:
        told = convert(tomllib.loads(path.read_text("utf-8")), FormData)
        tree = etree.parse(folder / "form.xsd")
        schema, model = etree.XMLSchema(tree), read_model(tree)
        written = folder / "form.sch"
        rules = read_rules(written if written.exists() else None, model, told.rows)
    except (
        OSError,
        ValueError,
        ValidationError,
        etree.LxmlError,
        SchemaNotUnderstoodError,
        RulesNotUnderstoodError,
        RowsNowhereError,
    ) as error:
        raise FormUnusableError(f"{path}: {error}") from error
    if (folder.parent.name, folder.name) != (told.form, told.version) or model.name != told.root:
        raise FormUnusableError(f"{path}: folder, form.toml and form.xsd do not agree")
    return Form(
        code=told.form,
        version=f"{told.form}@{told.version}",
        valid_from=told.valid_from,
        valid_to=told.valid_to,
        root=told.root,
        signature_path=told.signature_path,
        title_vi=told.title_vi,
        title_en=told.title_en,
        decision=told.decision,
        rows=told.rows,
        labels=told.labels,
        certainty=told.certainty,
        folder=folder,
        schema=schema,
        model=model,
        rules=rules,
        also_called=told.also_called,
    )
