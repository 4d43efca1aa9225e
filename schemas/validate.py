"""The judgement of forms and of the dossier as a whole: the schema's verdict, and what no schema can say."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, Protocol, cast

from lxml import etree
from msgspec import structs

from schemas import attachments
from schemas.envelope_files import ENVELOPE
from schemas.explain import explain, rows_named
from schemas.findings import Finding, Place, Severity, bounded, finding, has_errors
from schemas.rows import numbering, repeats, row_elements
from schemas.rules import Facts
from schemas.second_opinion import opinions, unexplained

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from schemas.catalogue import Catalogue
    from schemas.envelope import Envelope, Header
    from schemas.envelope_files import EnvelopeFile
    from schemas.form import Form
    from schemas.procedure import Attachments, Procedure

_LIKENESS_MIN: Final = 0.6
# libxml2 counts its way to each mistake it logs: a list of nothing but mistakes takes time by the square of its length.
ROWS_MAX: Final = 10_000
# libxml2's name for an element that is missing, or stands where another should.
_CONTENT: Final = "SCHEMAV_ELEMENT_CONTENT"


class _Complaint(Protocol):
    """An entry of libxml2's error log."""

    path: str | None
    line: int
    message: str
    type_name: str


def validate_form(root: etree._Element, form: Form, *, file: str, facts: Facts) -> list[Finding]:
    """All that is wrong with one form, by row; [] when it is good.

    A good form costs one call of libxml2 and one walk over the columns that its rules read. `root` is the root of its
    document, its signature already taken out or still in place: the schema lets `Cky` be. Never raises for any tree.
    """
    if form.rows is not None and (count := len(row_elements(root, form.rows))) > ROWS_MAX:
        return [finding("rows-too-many", Place(file=file, form=form.code), count=count, most=ROWS_MAX)]
    if form.schema(root):
        if form.rules.are_kept(root, facts):
            return []
        more, found = 0, list[Finding]()
    else:
        complaints = _complaints(root, form)
        found, more = explain(root, form, file=file, named=rows_named((one.path for one in complaints), form))
        if not more:
            found += _others_say(complaints, root, form, file, found)
        if not form.is_settled("columns", facts.confirmed):
            found = [_told_only(one) for one in found]
    if root.tag == form.root:
        # What the schema refuses means nothing to a rule; what rows and rules only warn of hides no rule. Where the
        # schema refuses more than can be told, no rule is asked; where it only warns, a rule may still refuse.
        refused = tuple(found)
        ask = not more or not has_errors(found)
        found += numbering(root, form, file=file)
        found += repeats(root, form, file=file)
        if ask:
            broken, further = form.rules.broken(root, form, facts, file=file, apart_from=refused)
            found += broken
            more += further
    if not found:
        return found
    found.sort(key=lambda item: item.row or 0)
    return bounded(found, file=file, form=form.code, uncounted=more)


def _told_only(found: Finding) -> Finding:
    """A column that is only presumed to be as we have it refuses nobody; another form in its place does."""
    return found if found.code == "root-unexpected" else structs.replace(found, severity=Severity.WARNING)


def facts_of(
    envelope: Envelope,
    header: Header,
    read: Iterable[tuple[EnvelopeFile, Form, etree._Element]],
    catalogue: Catalogue,
    on: date,
    *,
    is_supplement: bool = False,
) -> Facts:
    """What the rules of a dossier's forms may ask; `read` are the forms that could be read. In a supplement no rule
    that looks into another form is asked: what is not here may be in the dossier that is supplemented.
    """
    forms: dict[str, list[etree._Element]] = {}
    for _, form, root in read:
        forms.setdefault(form.code, []).append(root)
    return Facts(
        on=on,
        lists=catalogue.lists,
        confirmed=catalogue.confirmed,
        is_supplement=is_supplement,
        header=header.columns,
        forms=forms,
        present=frozenset({file.form for file in envelope.files} | set(envelope.unreadable)),
    )


def validate_dossier(
    envelope: Envelope, catalogue: Catalogue, on: date, *, is_supplement: bool = False
) -> list[Finding]:
    """The dossier against its procedure: the forms that must and may be there, and the attachments.

    A supplement brings what was asked for, not the whole: nothing must be in it, but something is.
    """
    procedure = catalogue.procedure(envelope.procedure, on)
    if procedure is None:
        return [_procedure_unknown(envelope, catalogue, on)]
    found: list[Finding] = []
    present = {file.form for file in envelope.files} | set(envelope.unreadable)
    present |= {envelope.form} - {ENVELOPE}
    place = Place(file="Hoso", column="MaThuTuc", column_label="Mã thủ tục", pointer=envelope.pointer("MaThuTuc"))
    for code in () if is_supplement else sorted(procedure.must - present):
        form = catalogue.form(code, on)
        title = {"title_vi": form.title_vi, "title_en": form.title_en} if form else {"title": code}
        words = {"form": code, "procedure": procedure.code}
        severity = _severity(procedure, "must", catalogue)
        found.append(
            finding("mandatory-form-missing", place, {**words, **title}, value=procedure.code, severity=severity)
        )
    if not present:
        code = "supplement-empty" if is_supplement else "dossier-empty"
        found.append(finding(code, structs.replace(place, column="", column_label="", pointer="/Hoso")))
    for file in envelope.files:
        is_paper = file.form == procedure.attachments.code
        if file.form not in procedure.may:
            # A form that the catalogue cannot read refuses whatever the list rests on: nobody has looked inside.
            is_known = is_paper or catalogue.form(file.form, on) is not None
            severity = _severity(procedure, "may", catalogue) if is_known else Severity.ERROR
            found.append(_not_allowed(file, procedure, severity))
        if is_paper:
            allowed = procedure.attachments
            found += _attachment(file, allowed)
    return bounded(found, file="Hoso")


def _attachment(file: EnvelopeFile, allowed: Attachments) -> list[Finding]:
    if file.refers_to is not None:
        # Its content was looked at when it came; here there is only a name to hold against the list.
        return attachments.check_kind(file.place, name=file.name, kind=file.ending, allowed=allowed)
    if isinstance(file.source, bytes) or not file.is_too_large_to_read:
        return attachments.check(file.content, file.place, name=file.name, kind=file.kind, allowed=allowed)
    ends, size_bytes = file.source.ends, file.size_bytes
    return attachments.check_ends(ends, size_bytes, file.place, name=file.name, kind=file.kind, allowed=allowed)


def _procedure_unknown(envelope: Envelope, catalogue: Catalogue, on: date) -> Finding:
    known = [item.code for item in catalogue.procedures(on)]
    like = difflib.get_close_matches(envelope.procedure, known, n=3, cutoff=_LIKENESS_MIN)
    place = Place(file="Hoso", column="MaThuTuc", column_label="Mã thủ tục", pointer=envelope.pointer("MaThuTuc"))
    shown = ", ".join(like)
    return finding(
        "procedure-unknown",
        place,
        value=envelope.procedure,
        hint_vi=f" Có lẽ là: {shown}." if like else f" Cổng này nhận: {', '.join(known)}.",
        hint_en=f" Probably: {shown}." if like else f" Accepted here: {', '.join(known)}.",
    )


def _severity(procedure: Procedure, fact: str, catalogue: Catalogue) -> Severity:
    """A refusal rests on a settled fact; what is only common knowledge warns."""
    return Severity.ERROR if procedure.is_settled(fact, catalogue.confirmed) else Severity.WARNING


def _not_allowed(file: EnvelopeFile, procedure: Procedure, severity: Severity) -> Finding:
    place = structs.replace(file.place, column="MaToKhai", column_label="Mã tờ khai")
    allowed = ", ".join(sorted(procedure.may))
    words = {"form": file.form or "?", "name": file.name, "procedure": procedure.code, "allowed": allowed}
    return finding("form-not-allowed", place, words, value=file.form, severity=severity)


def _complaints(root: etree._Element, form: Form) -> list[_Complaint]:
    """What libxml2 says of a form that it refuses."""
    # A schema of its own: the error log of the shared one belongs to whichever thread validated last.
    schema = etree.XMLSchema(etree.parse(form.folder / "form.xsd"))
    schema.validate(root)
    return list(cast("Iterable[_Complaint]", schema.error_log))


def _others_say(
    complaints: Sequence[_Complaint], root: etree._Element, form: Form, file: str, told: Sequence[Finding]
) -> list[Finding]:
    """What libxml2 named and our own reading has no words for: in xmlschema's, else in libxml2's, so that no refusal is
    without a reason.
    """
    pointers = [one.pointer for one in told]
    explained = {pointer.replace("[1]", "") for pointer in pointers}
    explained |= {pointer.rpartition("/")[0] for pointer in explained}
    named = {one.path or "": one for one in complaints if _what(one) not in explained}
    found = [
        finding(
            "schema-other",
            Place(file=file, form=form.code, pointer=one.path, line=one.line),
            reason=one.reason.strip(" ."),
            value=one.value,
        )
        for one in unexplained(opinions(root, form, [path for path in named if path]), pointers)
    ]
    if found or told:
        return found
    place = Place(file=file, form=form.code, pointer=f"/{form.root}")
    return [
        finding("schema-other", structs.replace(place, pointer=path, line=one.line), reason=one.message.strip(" ."))
        for path, one in named.items()
    ] or [finding("schema-other", place, reason="refused without a reason")]


def _what(complaint: _Complaint) -> str:
    """The element that it is about: of one that stands where it may not, the parent, whose order is wrong."""
    path = (complaint.path or "").replace("[1]", "")
    return path.rpartition("/")[0] if complaint.type_name == _CONTENT else path
