"""The catalogue's bodies: procedures, forms and rules as JSON, each fact with its mark and who confirmed it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal, cast

from msgspec import Struct

from gateway.clock import from_us, rfc3339
from schemas.form import Form
from schemas.procedure import Procedure, ProcedureData
from schemas.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.facts import Confirmed
    from schemas.catalogue import Catalogue
    from schemas.rules import Rule

Mark = Literal["verified", "inferred", "unconfirmed"]
Role = Literal["error", "warning"]


class Vouched(Struct, frozen=True, kw_only=True):
    """Who confirmed a fact, when, by what source, and from which day on (null: at once)."""

    by: str
    at: str
    source: str
    valid_from: str | None


class MarkShown(Struct, frozen=True, kw_only=True):
    """How sure a fact is: the catalogue's own mark, and who confirmed it here, if anybody did."""

    fact: str
    certainty: Mark
    confirmed: Vouched | None


class VersionShown(Struct, frozen=True, kw_only=True):
    """One version, from its first day to its last, both included."""

    version: str
    valid_from: date
    valid_to: date | None


class ProcedureLine(Struct, frozen=True, kw_only=True):
    """A procedure in the list; `unconfirmed` are its facts that nobody has confirmed."""

    code: str
    version: str
    valid_from: date
    valid_to: date | None
    title_vi: str
    title_en: str
    must: list[str]
    may: list[str]
    channels: list[str]
    time_limit_working_days: int | None
    unconfirmed: list[str]


class ProcedureShown(ProcedureData, frozen=True, kw_only=True):
    """A procedure as the catalogue declares it, and how sure each fact is. `certainty` are the marks as declared,
    `facts` the same with what was confirmed here; forms and papers carry marks of their own.
    """

    version: str
    must: list[str]
    may: list[str]
    facts: dict[str, MarkShown]
    versions: list[VersionShown]


class RuleShown(Struct, frozen=True, kw_only=True):
    """A rule that the form's schema cannot say. `role` is what breaking it shall mean, `severity` what it means now:
    one that rests on an unconfirmed fact only warns. Expressions stand in braces where a message says a value.
    """

    id: str
    role: Role
    severity: str
    certainty: Mark
    confirmed: Vouched | None
    source: str
    statement: str
    message_vi: str
    message_en: str
    fix_vi: str
    fix_en: str
    context: str
    test: str
    subject: str


class FormShown(Struct, frozen=True, kw_only=True):
    """A form in one version: its labels as on the paper form, how sure they are, and its rules. `schema_url` and
    `rules_url` lead to the files themselves.
    """

    code: str
    version: str
    valid_from: date
    valid_to: date | None
    title_vi: str
    title_en: str
    decision: str
    also_called: list[str]
    root: str
    signature_path: str
    rows: Rows | None
    labels: dict[str, str]
    certainty: dict[str, str]
    rules: list[RuleShown]
    schema_url: str
    rules_url: str | None
    versions: list[VersionShown]


def line_of(one: Procedure, catalogue: Catalogue) -> ProcedureLine:
    """A procedure in the list."""
    return ProcedureLine(
        code=one.code,
        version=one.version,
        valid_from=one.valid_from,
        valid_to=one.valid_to,
        title_vi=one.title_vi,
        title_en=one.title_en,
        must=sorted(one.must),
        may=sorted(one.may),
        channels=list(one.channels),
        time_limit_working_days=one.time_limit_working_days,
        unconfirmed=sorted(
            one.fact_id(name) for name in one.certainty if not one.is_settled(name, catalogue.confirmed)
        ),
    )


def procedure_shown(one: Procedure, catalogue: Catalogue, known: Confirmed) -> ProcedureShown:
    """A procedure, whole."""
    return ProcedureShown(
        **{name: getattr(one, name) for name in ProcedureData.__struct_fields__},
        version=one.version,
        must=sorted(one.must),
        may=sorted(one.may),
        facts={name: _mark(one, name, known) for name in sorted(one.certainty)},
        versions=_versions(catalogue.procedure_versions(one.code)),
    )


def form_shown(
    form: Form, catalogue: Catalogue, known: Confirmed, folder: str, on: date | None, *, has_rules: bool
) -> FormShown:
    """A form in one version; its files are named below `folder`, as of the day that was asked for, if any was: a
    procedure that has ended, or is yet to come, is not found without it.
    """
    place, asked = f"{folder}/{form.code}", f"version={form.version.partition('@')[2]}"
    asked += f"&on={on.isoformat()}" if on else ""
    return FormShown(
        code=form.code,
        version=form.version,
        valid_from=form.valid_from,
        valid_to=form.valid_to,
        title_vi=form.title_vi,
        title_en=form.title_en,
        decision=form.decision,
        also_called=list(form.also_called),
        root=form.root,
        signature_path=form.signature_path,
        rows=form.rows,
        labels=form.labels,
        certainty=form.certainty,
        rules=[_rule_shown(rule, form, catalogue, known) for rule in form.rules.rules],
        schema_url=f"{place}.xsd?{asked}",
        rules_url=f"{place}.sch?{asked}" if has_rules else None,
        versions=_versions(catalogue.form_versions(form.code)),
    )


def _rule_shown(rule: Rule, form: Form, catalogue: Catalogue, known: Confirmed) -> RuleShown:
    return RuleShown(
        id=rule.id,
        role=cast("Role", rule.role),
        severity=form.rules.severity(rule, catalogue.confirmed).value,
        certainty=cast("Mark", rule.certainty),
        confirmed=_vouched(rule.id, known),
        source=rule.source,
        statement=rule.statement,
        message_vi=rule.message_vi.pattern,
        message_en=rule.message_en.pattern,
        fix_vi=rule.fix_vi.pattern,
        fix_en=rule.fix_en.pattern,
        context=rule.context,
        test=rule.test,
        subject=rule.subject,
    )


def _mark(procedure: Procedure, name: str, known: Confirmed) -> MarkShown:
    fact = procedure.fact_id(name)
    return MarkShown(fact=fact, certainty=cast("Mark", procedure.certainty[name]), confirmed=_vouched(fact, known))


def _vouched(fact: str, known: Confirmed) -> Vouched | None:
    word = known.words.get(fact)
    if word is None:
        return None
    return Vouched(by=word.said_by, at=rfc3339(from_us(word.at_us)), source=word.source, valid_from=word.valid_from)


def _versions(items: Iterable[Form] | Iterable[Procedure]) -> list[VersionShown]:
    return [VersionShown(version=one.version, valid_from=one.valid_from, valid_to=one.valid_to) for one in items]
