"""The rehearsal: judges dossiers by a version of a form that is not in force yet, and counts who would break.

Only what would be new counts: each dossier is judged by the version in force on the day of its receipt, too.
Signatures, and the forms that do not change, are not judged. Nothing is written.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from gateway.clock import VIETNAM, from_us
from gateway.contents import submission_of
from gateway.judge import Opened, Refusal, Submission, open_dossier
from schemas import envelope as envelopes
from schemas import validate, xml
from schemas.catalogue import ENVELOPE
from schemas.findings import Finding, Severity, cut
from storage import journal
from storage.cipher import MasterKeyUnknown
from storage.vault import ContentCorrupt, ContentMissing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from lxml import etree

    from schemas.catalogue import Catalogue
    from schemas.envelope_files import EnvelopeFile
    from schemas.form import Form
    from schemas.rules import Facts
    from storage.cipher import Cipher
    from storage.database import Database
    from storage.vault import Vault

# What is kept in memory does not grow with the dossiers: beyond these, more is counted together or not told one by one.
SOFTWARE_MAX: Final = 200
COLUMNS_TOLD_MAX: Final = 10
UNREAD_TOLD_MAX: Final = 20
IVAN_CHARACTERS_MAX: Final = 20
OTHERS: Final = "*"
NEXT: Final = "NEXT"
NO_VERSION: Final = "none"
_REGISTER: Final = "ivan"
_COUNTING: Final = "more-findings"
_EVERYTHING: Final = journal.Scope(everything=True)


class VersionUnknown(Exception):
    """The form has no such version, or none that is yet to come. Not worth a retry."""


class Example(Struct, frozen=True):
    """One dossier in which a finding was seen first: its receipt number or file name, and the finding's own words."""

    dossier: str
    message_vi: str
    message_en: str
    fix_vi: str
    fix_en: str


class Breakage(Struct, kw_only=True):
    """One finding code in the dossiers of one software: in how many, how often, in which columns."""

    ivan: str
    ivan_name: str
    code: str
    dossiers: int = 0
    findings: int = 0
    columns: list[str] = field(default_factory=list)
    example: Example


class Software(Struct, kw_only=True):
    """What came of the dossiers of one software. `name` is the register's, else the one that the envelope tells."""

    ivan: str
    name: str
    judged: int = 0
    good: int = 0
    newly_broken: int = 0
    newly_good: int = 0
    bad_before: int = 0
    newly_warned: int = 0


class Unread(Struct, frozen=True):
    """A dossier that could not be judged, and why."""

    dossier: str
    vi: str
    en: str


class Rehearsed(Struct, kw_only=True):
    """What came of a rehearsal.

    Of the `dossiers` looked at, each `judged` one is good under both versions, newly broken, newly good, or bad under
    both (`bad_before`). The others are without the form, unreadable, or have been erased. `against` counts the judged
    ones by the version in force at their receipt. `newly_warned` counts beside: dossiers with a warning that is new.
    """

    form: str
    version: str
    valid_from: date
    dossiers: int = 0
    judged: int = 0
    good: int = 0
    newly_broken: int = 0
    newly_good: int = 0
    bad_before: int = 0
    newly_warned: int = 0
    without_form: int = 0
    unreadable: int = 0
    erased: int = 0
    against: dict[str, int] = field(default_factory=dict)
    software: list[Software] = field(default_factory=list)
    broken: list[Breakage] = field(default_factory=list)
    warned: list[Breakage] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


class Asked(Struct, frozen=True, kw_only=True):
    """Which stored dossiers to judge: those received from `since` to `until` (days in Vietnam, both included)."""

    since: date | None = None
    until: date | None = None
    unit: str = ""


def version_of(catalogue: Catalogue, code: str, asked: str, today: date) -> Form:
    """The version that is meant: by its short or full name, or `NEXT`, the first that comes into force after today.

    Raises VersionUnknown, naming those that there are.
    """
    versions = catalogue.form_versions(code)
    if not versions:
        raise VersionUnknown(f"không có tờ khai {code} trong danh mục · no form {code} in the catalogue")
    if asked == NEXT:
        coming = [form for form in versions if form.valid_from > today]
        found = min(coming, key=lambda form: form.valid_from, default=None)
    else:
        found = next((form for form in versions if asked in (form.version, form.version.partition("@")[2])), None)
    if found is None:
        listed = ", ".join(f"{form.version.partition('@')[2]} ({form.valid_from:%d/%m/%Y})" for form in versions)
        vi, en = ("chưa có bản nào sắp có hiệu lực", "no version is yet to come") if asked == NEXT else (
            f"không có bản {cut(asked, 40)}", f"there is no version {cut(asked, 40)}"
        )  # fmt: skip
        raise VersionUnknown(f"{code}: {vi} · {en}. Các bản · versions: {listed}")
    return found


class _Filed(Struct, frozen=True):
    """One form as it was filed: its root, the name of its file, and what rules may ask besides under each catalogue."""

    root: etree._Element
    file: str
    facts_before: Facts
    facts_after: Facts


class Rehearsal:
    """One rehearsal. Not for several threads.

    `before` is the catalogue in force here; `after` the one that has the `version`, often the same.
    """

    def __init__(self, version: Form, before: Catalogue, after: Catalogue) -> None:
        self._version, self._before = version, before
        self._after = after.with_form(version)
        self._software: dict[str, Software] = {}
        self._broken: dict[tuple[str, str], Breakage] = {}
        self._warned: dict[tuple[str, str], Breakage] = {}
        self.found = Rehearsed(form=version.code, version=version.version, valid_from=version.valid_from)

    def judge(self, name: str, content: bytes, received_at: datetime, media_type: str = "application/xml") -> None:
        """Judge one dossier, or one form alone. Never raises for any bytes, on days that have an envelope in force."""
        sha256 = hashlib.sha256(content).digest()
        self.judge_submission(
            name,
            Submission(content=content, sha256=sha256, submitter="", received_at=received_at, media_type=media_type),
        )

    def judge_submission(self, name: str, submission: Submission) -> None:
        """The same for a submission; a large one raises what its file raises."""
        received_at = submission.received_at
        opened = open_dossier(submission)
        self.found.dossiers += 1
        if isinstance(opened, Refusal):
            self.leave(name, opened.findings[0])
            return
        on = received_at.astimezone(VIETNAM).date()
        filed = self._filed(opened, on)
        if isinstance(filed, Finding):
            self.leave(name, filed)
        elif filed:
            self._compare(name, opened.header, filed, on)
        else:
            self.found.without_form += 1

    def leave(self, name: str, why: Finding | Exception) -> None:
        """Count a dossier that cannot be judged."""
        self.found.unreadable += 1
        if len(self.found.unread) < UNREAD_TOLD_MAX:
            vi, en = (why.message_vi, why.message_en) if isinstance(why, Finding) else (str(why), str(why))
            self.found.unread.append(Unread(name, vi, en))

    def end(self) -> Rehearsed:
        """What came of it: software by code, findings by how many dossiers have them."""
        self.found.software = sorted(self._software.values(), key=lambda one: one.ivan)
        for told, held in ((self.found.broken, self._broken), (self.found.warned, self._warned)):
            told[:] = sorted(held.values(), key=lambda one: (-one.dossiers, one.ivan, one.code))
        return self.found

    def _filed(self, opened: Opened, on: date) -> list[_Filed] | Finding:
        """Each form of the code in the dossier; or why it cannot be read."""
        code, root = self._version.code, opened.root
        alone = self._before.facts(on), self._after.facts(on)
        if root.tag != ENVELOPE:
            roots = {form.root for form in (*self._before.form_versions(code), self._version)}
            return [_Filed(root, opened.header.form or code, *alone)] if root.tag in roots else []
        if code in (ENVELOPE, *envelopes.BARE_FORMS):
            return [_Filed(root, ENVELOPE, *alone)] if opened.header.form == code else []
        envelope, found = envelopes.open_envelope(
            root, catalogue=self._before, on=on, header=opened.header, beside=opened.beside
        )
        if envelope is None:
            return found[0]
        read: list[tuple[EnvelopeFile, Form, etree._Element]] = []
        for file in envelope.files:
            form = self._version if file.form == code else self._before.form(file.form, on)
            inner = xml.parse(file.content, file=file.name, form=file.form) if form else None
            if isinstance(inner, Finding) and file.form == code:
                return inner
            if form is not None and inner is not None and not isinstance(inner, Finding):
                read.append((file, form, inner))
        if code in envelope.unreadable and not any(file.form == code for file, _, _ in read):
            return next((one for one in found if one.form == code), found[0])
        before = validate.facts_of(envelope, opened.header, read, self._before, on)
        after = validate.facts_of(envelope, opened.header, read, self._after, on)
        return [_Filed(inner, file.name, before, after) for file, _, inner in read if file.form == code]

    def _compare(self, name: str, header: envelopes.Header, filed: Sequence[_Filed], on: date) -> None:
        """Judge by both versions, and count what is new."""
        in_force = self._before.form(self._version.code, on)
        before: list[Finding] = []
        after: list[Finding] = []
        for one in filed:
            if in_force is not None:
                before += validate.validate_form(one.root, in_force, file=one.file, facts=one.facts_before)
            after += validate.validate_form(one.root, self._version, file=one.file, facts=one.facts_after)
        software = self._software_of(header, on)
        against = in_force.version if in_force else NO_VERSION
        self.found.against[against] = self.found.against.get(against, 0) + 1
        was_bad, is_bad = (any(each.severity is Severity.ERROR for each in told) for told in (before, after))
        for count in (self.found, software):
            count.judged += 1
            count.good += not was_bad and not is_bad
            count.newly_broken += is_bad and not was_bad
            count.newly_good += was_bad and not is_bad
            count.bad_before += was_bad and is_bad
        if is_bad and not was_bad:
            _count(self._broken, software, name, [each for each in after if each.severity is Severity.ERROR])
        known = {(each.code, each.file, each.row, each.column) for each in before}
        warnings = [
            each
            for each in after
            if each.severity is Severity.WARNING and (each.code, each.file, each.row, each.column) not in known
        ]
        if warnings:
            self.found.newly_warned += 1
            software.newly_warned += 1
            _count(self._warned, software, name, warnings)

    def _software_of(self, header: envelopes.Header, on: date) -> Software:
        """The software that made the dossier, as its envelope says."""
        columns = header.columns
        ivan = cut(columns.get("MaIVAN") or columns.get("MaIVan") or "", IVAN_CHARACTERS_MAX)
        if ivan not in self._software and len(self._software) >= SOFTWARE_MAX:
            ivan = OTHERS
        if ivan not in self._software:
            register = self._before.lists.get(_REGISTER).at(on) if _REGISTER in self._before.lists.names else None
            told = cut(columns.get("TenIVAN") or columns.get("TenIVan") or "") if ivan not in ("", OTHERS) else ""
            name = (register.codes.get(ivan) if register else None) or told
            self._software[ivan] = Software(ivan=ivan, name=name)
        return self._software[ivan]


def _count(
    held: dict[tuple[str, str], Breakage], software: Software, dossier: str, findings: Sequence[Finding]
) -> None:
    """Count one dossier's new findings by software and code; the first of each code is the example."""
    seen: set[str] = set()
    for each in findings:
        if each.code == _COUNTING and len(findings) > 1:
            continue
        key = (software.ivan, each.code)
        if key not in held:
            example = Example(dossier, each.message_vi, each.message_en, each.fix_vi, each.fix_en)
            held[key] = Breakage(ivan=software.ivan, ivan_name=software.name, code=each.code, example=example)
        one = held[key]
        one.findings += 1
        one.dossiers += each.code not in seen
        seen.add(each.code)
        if each.column and each.column not in one.columns and len(one.columns) < COLUMNS_TOLD_MAX:
            one.columns.append(each.column)


class Kept(Struct, frozen=True):
    """Where stored dossiers are, and what unlocks them."""

    database: Database
    vault: Vault
    cipher: Cipher


def judge_stored(rehearsal: Rehearsal, kept: Kept, asked: Asked) -> Iterator[int]:
    """Judge every dossier whose bytes are kept, in the order of receipt; yields how many were looked at, now and then.

    One dossier is in memory at a time, and no transaction stays open while it is judged, so that a gateway may be at
    work beside. Dossiers refused at once were never kept; those refused later would not be filed again. Raises
    `DatabaseAway`, `VaultAway`: trying again is safe.
    """
    after = 0
    chosen = journal.Filter(unit=asked.unit) if asked.unit else journal.Filter()
    while True:
        with kept.database.read() as tx:
            page = journal.dossiers(tx, _EVERYTHING, chosen, after, journal.DOSSIERS_A_PAGE_MAX)
        if not page:
            return
        after = page[-1].seq
        for dossier in page:
            received_at = from_us(dossier.received_at_us)
            day = received_at.date()
            if (asked.since and day < asked.since) or (asked.until and day > asked.until):
                continue
            if dossier.state != "refused":
                _judge_one(rehearsal, kept, dossier, received_at)
        yield rehearsal.found.dossiers


def _judge_one(rehearsal: Rehearsal, kept: Kept, dossier: journal.Dossier, received_at: datetime) -> None:
    number = dossier.statement_number
    if dossier.wrapped_key is None or dossier.pack is None:
        # Its key was destroyed: whoever asked for that is not judged any more.
        rehearsal.found.dossiers += 1
        rehearsal.found.erased += 1
        return
    try:
        rehearsal.judge_submission(number, submission_of(kept, dossier, received_at))
    except (ContentMissing, ContentCorrupt, MasterKeyUnknown) as error:
        rehearsal.found.dossiers += 1
        rehearsal.leave(number, error)
