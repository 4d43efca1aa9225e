"""What is known about one certificate at one instant, and the span of instants for which that stays so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID
from msgspec import Struct

from signing.crl import HOLD, RELEASED, UNREADABLE, distribution_names
from signing.indication import Refusal, RevocationUsed, Wanted
from signing.policy import RevocationRule
from signing.reasons_revocation import WHY_REVOKED
from signing.revocation_held import HeldCrl, Said

URLS_MAX: Final = 4
URL_CHARACTERS_MAX: Final = 512

_TICK: Final = timedelta(microseconds=1)


class Span:
    """The instants around `at`, both ends included, for which every question asked so far has the same answer."""

    __slots__ = ("at", "begin", "end")

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.begin = datetime.min.replace(tzinfo=UTC)
        self.end = datetime.max.replace(tzinfo=UTC)

    def until(self, instant: datetime) -> bool:
        """Whether `at` is not after the instant."""
        if self.at <= instant:
            self.end = min(self.end, instant)
            return True
        self.begin = max(self.begin, instant + _TICK)
        return False

    def since(self, instant: datetime) -> bool:
        """Whether `at` is not before the instant."""
        return not self.until(instant - _TICK)


class Question(Struct, frozen=True, kw_only=True):
    """A certificate, who issued it, and what is held about it."""

    certificate: x509.Certificate
    sha256: str
    issuer_certificate: x509.Certificate
    is_authority: bool
    rule: RevocationRule
    skew: timedelta
    ocsp: Said | None
    crls: tuple[HeldCrl, ...]


class Finding(Struct, frozen=True, kw_only=True):
    """The answer: what stands against the certificate, what the answer rests on, and what is wanted.

    `weight` orders refusals: what is decided before what only waits.
    """

    refusal: Refusal | None = None
    weight: int = 0
    said: Said | None = None
    used: RevocationUsed | None = None
    wanted: Wanted | None = None


REVOKED_WEIGHT: Final = 3
HOLD_WEIGHT: Final = 2
WAITING_WEIGHT: Final = 1


class Spans(Struct, frozen=True):
    """The two instants that are asked about: `since` is the best signature time, `now` that of the judgement.

    Whether a revocation came before is asked at `since`; whether data is fresh, at `now` (EN 319 102-1 v1.3.1 §5.2.5):
    what an old time-stamp proves does not make old data new.
    """

    since: Span
    now: Span


def judge_certificate(question: Question, spans: Spans) -> Finding:
    """Judge one certificate (EN 319 102-1 v1.3.1 §5.2.6.4; RFC 5280 §6.3.3; RFC 6960 §3.2).

    A revocation counts however old the data is, and whatever else says "good". A hold, or nothing, counts from fresh
    data: the OCSP response, else the newest CRL, unless a CRL at least as new says that the certificate is on hold.
    Data that knows more than the instant asked for (a later thisUpdate) is fresh.
    """
    span, since = spans.now, spans.since
    issued_by_now = [
        one for one in _said(question) if not _is_by_revoked(one, question) and _is_issued(one, question, span)
    ]
    against = [one for one in issued_by_now if one.revoked and one.revoked.is_final and since.since(one.revoked.at)]
    if against:
        return _found(question, span, min(against, key=_revoked_at), REVOKED_WEIGHT)
    usable = [one for one in issued_by_now if _speaks(one, question) and _may_speak(one, question, span)]
    fresh = [one for one in usable if span.until(_fresh_until(one, question))]
    if not fresh:
        return _nothing_fresh(question, usable, span)
    chosen = next((one for one in fresh if one.held.kind == "ocsp"), None) or max(fresh, key=_this_update)
    for one in fresh:
        if one.revoked is None or one.this_update < chosen.this_update:
            continue
        if one.revoked.is_final or one.revoked.reason == HOLD:
            chosen = one
    if chosen.revoked and chosen.revoked.reason == HOLD and since.since(chosen.revoked.at):
        return _found(question, span, chosen, HOLD_WEIGHT)
    return _found(question, span, chosen, 0)


def _said(question: Question) -> Iterator[Said]:
    if question.ocsp is not None:
        yield question.ocsp
    for crl in question.crls:
        yield from crl.about(question.certificate)


def _is_issued(one: Said, question: Question, span: Span) -> bool:
    """Whether the data was issued by now or by when it was fetched, another's clock being ahead of ours a little."""
    if one.this_update <= one.held.fetched_at + question.skew:
        return True
    return span.since(one.this_update - question.skew)


def _speaks(one: Said, question: Question) -> bool:
    """Whether silence means "good": what was issued after the certificate's end may have dropped it by then."""
    expired = question.certificate.not_valid_after_utc
    return (
        one.revoked is not None
        or one.this_update <= expired
        or (one.keeps_expired_since is not None and one.keeps_expired_since <= expired)
    )


def _may_speak(one: Said, question: Question, span: Span) -> bool:
    """Whether the delegate who signed an OCSP response counts as not revoked itself (RFC 6960 §4.2.2.2.1).

    Without ocsp-nocheck a fresh CRL has to be at hand, unless the policy says otherwise; that it does not name the
    delegate has been seen.
    """
    if one.delegate is None or one.delegate_exempt or question.rule.responder_unchecked:
        return True
    known = (said for crl in question.crls for said in crl.about(one.delegate))
    return any(span.until(_fresh_until(said, question)) for said in known)


def _is_by_revoked(one: Said, question: Question) -> bool:
    """Whether a CRL at hand names the delegate who signed an OCSP response: then it says nothing, whenever made."""
    if one.delegate is None:
        return False
    known = (said.revoked for crl in question.crls for said in crl.about(one.delegate))
    return any(revoked is not None and revoked.reason != RELEASED for revoked in known)


def _fresh_until(one: Said, question: Question) -> datetime:
    """The last instant at which data is fresh under the policy (EN 319 102-1 §5.2.5)."""
    rule = question.rule
    age_s_max = rule.authority_age_s_max if question.is_authority else rule.end_user_age_s_max
    end = one.next_update
    if end is None:
        end = one.this_update + timedelta(seconds=rule.without_next_update_age_s_max)
    return end if isinstance(age_s_max, str) else min(end, one.this_update + timedelta(seconds=age_s_max))


def _found(question: Question, span: Span, said: Said, weight: int) -> Finding:
    revoked = said.revoked
    status = "good"
    if revoked is not None and (revoked.is_final or revoked.reason == HOLD):
        status = "revoked" if revoked.is_final else "hold"
    used = RevocationUsed(
        certificate_sha256=question.sha256,
        kind=said.held.kind,
        sha256=said.held.sha256,
        source=said.held.source,
        issuer=said.issuer,
        this_update=said.this_update,
        next_update=said.next_update,
        produced_at=said.produced_at,
        fetched_at=said.held.fetched_at,
        age_s=age_s(said.this_update, span.at),
        status=status,
        revoked_at=revoked.at if revoked and status != "good" else None,
        reason=revoked.reason if revoked and status != "good" else "",
    )
    if not weight or revoked is None:
        return Finding(said=said, used=used)
    vi, en = WHY_REVOKED[revoked.reason]
    fields = {"certificate": _shown(question.certificate), "date": _day(revoked.at), "reason_vi": vi, "reason_en": en}
    code = "on-hold" if weight == HOLD_WEIGHT else "authority-revoked" if question.is_authority else "revoked"
    return Finding(refusal=Refusal(code, fields), weight=weight, said=said, used=used)


def _nothing_fresh(question: Question, usable: list[Said], span: Span) -> Finding:
    """What is stale is named; where a response cannot count for its delegate, asking the responder again is in vain."""
    shown = _shown(question.certificate)
    unheard = question.ocsp is not None and not _may_speak(question.ocsp, question, span)
    crl_urls = _urls(distribution_names(question.certificate))
    wanted = Wanted(
        sha256=question.sha256,
        certificate=question.certificate,
        issuer=question.issuer_certificate,
        ocsp_urls=() if unheard and crl_urls else _urls(_responders(question.certificate)),
        crl_urls=crl_urls,
    )
    refusal = Refusal("revocation-missing", {"certificate": shown})
    if usable:
        newest = max(usable, key=_this_update)
        refusal = Refusal("revocation-stale", {"certificate": shown, "date": _day(newest.this_update)})
    return Finding(refusal=refusal, weight=WAITING_WEIGHT, wanted=wanted)


def _responders(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return []
    return [one.access_location for one in access if one.access_method == AuthorityInformationAccessOID.OCSP]


def _urls(names: list[x509.GeneralName]) -> tuple[str, ...]:
    """The http and https addresses among names, each once, without blanks or control characters."""
    found: dict[str, None] = {}
    for name in names:
        if not isinstance(name, x509.UniformResourceIdentifier) or len(name.value) > URL_CHARACTERS_MAX:
            continue
        url = name.value
        if url.lower().startswith(("http://", "https://")) and url.isascii() and url.isprintable() and " " not in url:
            found[url] = None
    return tuple(found)[:URLS_MAX]


def age_s(this_update: datetime, at: datetime) -> int:
    """How old data is at an instant, in whole seconds; negative when it is younger."""
    return (at - this_update) // timedelta(seconds=1)


def _revoked_at(one: Said) -> datetime:
    return one.revoked.at if one.revoked else one.this_update


def _this_update(one: Said) -> datetime:
    return one.this_update


def _shown(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:200]


def _day(instant: datetime) -> str:
    return f"{instant:%d/%m/%Y %H:%M} (UTC)"
