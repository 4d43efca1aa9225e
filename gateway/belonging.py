"""Step 7: whether signer, unit and submitter belong together, and if not, which of them does not match.

The certificate holds a tax code and no unit code, so the register holds what binds them: the unit's tax code, or the
certificates that were registered for it. Pure, but for `look_up`, which reads what `belonging` must know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway import once_only
from gateway.belonging_words import (
    IVAN_POINTER,
    IVAN_POINTER_OF_BARE,
    TAX_CODE_POINTER,
    UNIT_POINTER,
    day_for_people,
    say,
)
from gateway.clock import VIETNAM, from_us, to_us
from gateway.renewal import (
    RULES,
    Identity,
    Kinship,
    Renewal,
    Rules,
    dashed,
    facts_of,
    identity_of,
    kinship,
    plain,
    renewal_of,
    renews,
)
from schemas.envelope import BARE_FORMS, FIRST_REGISTRATION_FORM
from storage import bindings, clients, journal, register
from storage.bindings import Binding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from schemas.envelope import Envelope
    from schemas.findings import Finding
    from signing.indication import Signer, Verdict
    from storage.clients import Mandate
    from storage.database import Database
    from storage.register import Unit

_NO_TAX_CODE: Final = "signer-no-tax-code"


class Known(Struct, frozen=True, kw_only=True):
    """What was looked up about the unit that the envelope names, and the caller's right to speak for it.

    `mandates` are the caller's own for the unit, looked up only when it may not speak; `bindings` are the unit's,
    looked up only when it is signed for by registered certificates alone. `ivan_code` is the caller's, if it has one.
    """

    unit: Unit | None
    may_speak: bool
    mandates: tuple[Mandate, ...] = ()
    bindings: tuple[Binding, ...] = ()
    ivan_code: str = ""
    # Of the papers that the envelope refers to by their digest, those that are held for whoever submits it.
    held: once_only.Resolved = once_only.NOTHING


class Belonging(Struct, frozen=True):
    """What does not belong together (errors), what is worth knowing (warnings), and the renewals that were recognised:
    rows for `storage.bindings.renewed`, to be written in the transaction that accepts the dossier.
    """

    findings: tuple[Finding, ...] = ()
    renewals: tuple[Binding, ...] = ()


def look_up(
    database: Database,
    *,
    unit_code: str,
    on: date,
    client: str | None = None,
    ivan_code: str = "",
    references: Sequence[bytes] = (),
    submitter: str = "",
) -> Known:
    """What step 7 must know: two look-ups for an ordinary dossier, a third for a unit with registered certificates or
    a caller that may not speak. Without a client nobody's right is asked (judging offline, or again: then `submitter`
    says who refers to what is held). Raises `DatabaseAway`;
    trying again is safe.
    """
    unit = register.unit_at(database, unit_code, on)
    may_speak = client is None or journal.may_speak(database, client, unit_code, on)
    registered = may_speak and unit is not None and unit.signing == register.REGISTERED
    return Known(
        unit=unit,
        may_speak=may_speak,
        mandates=clients.mandates_for(database, client, unit_code) if client and unit_code and not may_speak else (),
        bindings=bindings.bindings_of(database, unit_code) if registered else (),
        ivan_code=ivan_code,
        held=_held(database, references, client or submitter, unit_code, on),
    )


def _held(database: Database, references: Sequence[bytes], client: str, unit: str, on: date) -> once_only.Resolved:
    if not references:
        return once_only.NOTHING
    with database.read() as tx:
        return once_only.resolve(tx, references, client=client, unit=unit, on=on)


def no_right(known: Known, unit: str, on: date) -> Finding:
    """Why the caller may not speak for the unit. Only dates of the caller's own mandates are told: to a stranger a unit
    that exists and one that does not are the same.
    """
    day = on.isoformat()
    if begins := min((one for one in known.mandates if one.valid_from > day), key=_first_day, default=None):
        return _mandate("mandate-not-begun", begins, begins.valid_from)
    ended = [one for one in known.mandates if one.valid_to is not None and one.valid_to < day]
    if ends := max(ended, key=_last_day, default=None):
        return _mandate("mandate-ended", ends, ends.valid_to or "")
    return not_your_unit(unit)


def not_your_unit(unit: str) -> Finding:
    """The caller is not registered for the unit that the envelope names."""
    return say("not-your-unit", column="MaSoBHXH", pointer=UNIT_POINTER, value=unit, unit=unit)


def belonging(
    envelope: Envelope, known: Known, verdicts: Sequence[Verdict], *, at: datetime, rules: Rules = RULES
) -> Belonging:
    """Signer's tax code = unit's tax code, for every signature that holds (or waits for revocation data alone), and its
    certificate registered, where the unit asks that; the unit from the register, or, for a first registration (form
    04), from the form itself. `at` is the instant of receipt.
    """
    unit = known.unit
    findings: list[Finding] = []
    if known.ivan_code and envelope.ivan_code.strip() != known.ivan_code:
        findings.append(_ivan_code_differs(envelope, known.ivan_code))
    if unit is None and envelope.form != FIRST_REGISTRATION_FORM:
        findings.append(
            say(
                "unit-unknown",
                column="MaSoBHXH",
                pointer=UNIT_POINTER,
                value=envelope.unit_code,
                unit=envelope.unit_code,
            )
        )
        return Belonging(tuple(findings))
    if unit is not None and not _same(envelope.tax_code, unit.tax_code):
        written = envelope.tax_code
        findings.append(
            say(
                "tax-code-differs",
                column="MaSoThue",
                pointer=TAX_CODE_POINTER,
                value=written,
                written=written,
                unit=unit.code,
            )
        )
    signers = _Signers(unit, unit.tax_code if unit else envelope.tax_code, known.bindings, at, rules)
    for verdict in verdicts:
        if verdict.signer is not None and (verdict.passed or verdict.waits):
            findings += signers.judge(verdict, verdict.signer)
    return Belonging(tuple(findings), tuple(signers.renewals.values()))


class _Signers:
    """The signers of one dossier, each judged against the unit."""

    def __init__(self, unit: Unit | None, tax_code: str, bound: Sequence[Binding], at: datetime, rules: Rules) -> None:
        self._unit, self._tax_code, self._rules = unit, tax_code, rules
        self._at_us = to_us(at)
        self._on = at.astimezone(VIETNAM).date().isoformat()
        self._registered = unit is not None and unit.signing == register.REGISTERED
        self._bound = bound
        self.renewals: dict[str, Binding] = {}

    def judge(self, verdict: Verdict, signer: Signer) -> list[Finding]:
        """What is wrong with this signer, or worth knowing; nothing for the ordinary one."""
        if self._tax_code not in signer.tax_codes:  # both in their one spelling: the ordinary case costs no more
            identity = identity_of(signer.identifiers)
            held = kinship(self._tax_code, (*identity.tax_codes, *map(plain, signer.tax_codes)))
            allowed = held is Kinship.PARENT and self._unit is not None and self._unit.signed_by_parent
            if held is not Kinship.SAME and not allowed:
                return [self._of_tax_code(held, identity, verdict, signer)]
        return self._of_certificate(verdict, signer) if self._registered else []

    def _of_tax_code(self, held: Kinship, identity: Identity, verdict: Verdict, signer: Signer) -> Finding:
        codes = ", ".join(map(dashed, identity.tax_codes)) or ", ".join(signer.tax_codes)
        if held is Kinship.NONE and identity.personal:
            key, codes = f"{_NO_TAX_CODE}/personal", ", ".join(identity.personal)
        elif held is Kinship.NONE and identity.budget:
            key, codes = f"{_NO_TAX_CODE}/budget", ", ".join(identity.budget)
        else:
            key = {
                Kinship.NONE: _NO_TAX_CODE,
                Kinship.PARENT: "signer-is-parent",
                Kinship.BRANCH: "signer-is-branch",
            }.get(held, "signer-tax-code-differs")
        expected = dashed(plain(self._tax_code)) or self._tax_code
        return self._say(key, verdict, signer, value=codes, held=f"“{codes}”", expected=expected)

    def _of_certificate(self, verdict: Verdict, signer: Signer) -> list[Finding]:
        """Whether the certificate is registered for the unit, or renews one that is."""
        own = [one for one in self._bound if one.sha256 == signer.certificate_sha256]
        if own:
            # What is said of this very certificate counts, also when it is a withdrawal.
            return [] if any(map(self._live, own)) else [self._not_live(own, verdict, signer)]
        if signer.certificate_sha256 in self.renewals:
            return []
        facts = facts_of(signer.certificate_der)
        answers = [(one, renews(facts, one, self._rules)) for one in self._bound]
        renewed = [one for one, answer in answers if answer is Renewal.YES]
        if live := [one for one in renewed if self._live(one)]:
            earlier = max(live, key=lambda one: (one.not_after_us, one.at_us, one.sha256))
            self.renewals[signer.certificate_sha256] = renewal_of(signer, earlier, self._at_us)
            expires = day_for_people(signer.not_after.astimezone(VIETNAM).date())
            told = self._say("certificate-renewed", verdict, signer, earlier=earlier.serial, expires=expires)
            return [told]
        if renewed:
            return [self._not_live(renewed, verdict, signer, is_renewal=True)]
        return [self._not_registered(answers, verdict, signer)]

    def _live(self, bound: Binding) -> bool:
        begun = bound.valid_from <= self._on and (bound.valid_to is None or bound.valid_to >= self._on)
        return begun and (bound.withdrawn_at_us is None or bound.withdrawn_at_us > self._at_us)

    def _not_live(
        self, held: Sequence[Binding], verdict: Verdict, signer: Signer, *, is_renewal: bool = False
    ) -> Finding:
        """Why none of the bindings counts: the last that began, else the first that will."""
        begun = [one for one in held if one.valid_from <= self._on]
        if begun:
            bound = max(begun, key=lambda one: (one.valid_from, one.at_us))
            ended = bound.valid_to is not None and bound.valid_to < self._on
            if bound.withdrawn_at_us is not None and not ended:
                key = "certificate-binding-ended/withdrawn"
                day = from_us(bound.withdrawn_at_us).date().isoformat()
            else:
                key, day = "certificate-binding-ended", bound.valid_to or self._on
        else:
            bound = min(held, key=lambda one: (one.valid_from, one.at_us))
            key, day = "certificate-binding-not-begun", bound.valid_from
        return self._say(
            key,
            verdict,
            signer,
            day=day_for_people(day),
            via_vi=f", bản gia hạn của chứng thư sê-ri {bound.serial}" if is_renewal else "",
            via_en=f", a renewal of serial {bound.serial}" if is_renewal else "",
        )

    def _not_registered(self, answers: Sequence[tuple[Binding, Renewal]], verdict: Verdict, signer: Signer) -> Finding:
        """Not registered, and what keeps it from being a renewal where only the time does."""
        kin = [(one, answer) for one, answer in answers if answer in (Renewal.TOO_LATE, Renewal.TOO_EARLY)]
        if not kin:
            return self._say("certificate-not-registered", verdict, signer)
        bound, answer = max(kin, key=lambda one: one[0].not_after_us)
        return self._say(
            f"certificate-not-registered/{'late' if answer is Renewal.TOO_LATE else 'early'}",
            verdict,
            signer,
            earlier=bound.serial,
            begins=day_for_people(signer.not_before.astimezone(VIETNAM).date()),
            ended=day_for_people(from_us(bound.not_after_us).date()),
            days_max=str(self._rules.renewal_gap_days_max),
        )

    def _say(self, key: str, verdict: Verdict, signer: Signer, *, value: str = "", **words: str) -> Finding:
        """A sentence that names the file and its signer: common name, serial, tax code."""
        codes = ", ".join(signer.tax_codes) or ", ".join(map(dashed, identity_of(signer.identifiers).tax_codes))
        name = signer.common_name
        return say(
            key,
            file=verdict.file,
            pointer=verdict.path,
            value=value or signer.serial,
            unit=self._unit.code if self._unit else "",
            holder_vi=f"“{name}” (số sê-ri {signer.serial}, MST {codes or 'không có'})",
            holder_en=f"“{name}” (serial {signer.serial}, tax code {codes or 'none'})",
            **words,
        )


def _same(written: str, registered: str) -> bool:
    return written == registered or (plain(written) != "" and plain(written) == plain(registered))


def _ivan_code_differs(envelope: Envelope, expected: str) -> Finding:
    bare = envelope.form in BARE_FORMS
    return say(
        "ivan-code-differs",
        column="MaIVan" if bare else "MaIVAN",
        pointer=IVAN_POINTER_OF_BARE if bare else IVAN_POINTER,
        value=envelope.ivan_code,
        written=envelope.ivan_code,
        expected=expected,
    )


def _mandate(key: str, mandate: Mandate, day: str) -> Finding:
    """The dates of the caller's own mandate, and its document."""
    reference = mandate.reference
    return say(
        key,
        column="MaSoBHXH",
        pointer=UNIT_POINTER,
        value=mandate.unit,
        unit=mandate.unit,
        day=day_for_people(day),
        reference_vi=f" (văn bản {reference})" if reference else "",
        reference_en=f" (document {reference})" if reference else "",
    )


def _first_day(mandate: Mandate) -> str:
    return mandate.valid_from


def _last_day(mandate: Mandate) -> str:
    return mandate.valid_to or ""
