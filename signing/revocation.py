"""Revocation: what CRLs and OCSP responses say about the certificates of a chain, at an instant."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Lock
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from msgspec import Struct, structs

from signing.crl import CrlFacts, ReadCrl, Revoked, read_crl
from signing.indication import Proof, Refusal, RevocationUsed, Wanted
from signing.issuers import Issuer, find_responder, is_signed_by, read_issuer
from signing.ocsp import OcspFacts, ReadOcsp, Statement, read_ocsp
from signing.policy import Policy
from signing.revocation_held import Held, HeldCrl, Said
from signing.revocation_judging import Finding, Question, Span, Spans, age_s, judge_certificate
from signing.trust import Chain

AUTHORITIES_MAX: Final = 4096
CRLS_MAX: Final = 1024
CRLS_BYTES_MAX: Final = 512 * 1024 * 1024
OCSP_HELD_MAX: Final = 50_000
# Revocations for good that OCSP told are held apart: no number of other answers pushes them out.
OCSP_REVOKED_MAX: Final = 100_000
STATUS_CACHED_MAX: Final = 8192
# Data issued later than this after it was fetched is refused at once: it would stand in the way of what is true.
AHEAD_S_MAX: Final = 3600


class Status(Struct, frozen=True, kw_only=True):
    """What is known about a whole chain: None in `refusal` when nothing stands against it."""

    refusal: Refusal | None = None
    used: tuple[RevocationUsed, ...] = ()
    proofs: tuple[Proof, ...] = ()
    wanted: tuple[Wanted, ...] = ()


class _Known:
    """A status that was worked out, the question it answers, and the spans of instants for which it holds."""

    __slots__ = ("begin", "chain", "end", "latest", "now_begin", "now_end", "policy")

    def __init__(self, chain: Chain, policy: Policy, spans: Spans, status: Status) -> None:
        self.chain, self.policy = chain, policy
        self.begin, self.end = spans.since.begin, spans.since.end
        self.now_begin, self.now_end = spans.now.begin, spans.now.end
        self.latest = (spans.now.at, status)

    def at(self, at: datetime) -> Status:
        """Return the status with the ages of its data at `at`; mostly the same instant is asked for again."""
        known_at, status = self.latest
        if at == known_at:
            return status
        used = tuple([structs.replace(one, age_s=age_s(one.this_update, at)) for one in status.used])
        status = Status(refusal=status.refusal, used=used, proofs=status.proofs, wanted=status.wanted)
        self.latest = (at, status)
        return status


class RevocationStore:
    """The revocation data at hand, fed by whoever fetches it; asks nobody itself.

    Holds only what was verified when it came: a CRL or response that no known authority signed is refused, so that it
    cannot push out what is true. Authorities are known from the beginning, by `learn`, and from the chains asked about.
    Of each issuer (name and key) and scope the newest CRL is held, of each certificate the newest response, within
    CRLS_MAX, CRLS_BYTES_MAX, OCSP_HELD_MAX and OCSP_REVOKED_MAX. May be fed in one thread and asked in another.
    """

    def __init__(self, authorities: Iterable[x509.Certificate] = ()) -> None:
        self._feeding = Lock()
        self._issuers: dict[str, Issuer | None] = {}
        self._by_name: dict[x509.Name, tuple[Issuer, ...]] = {}
        self._by_id: dict[tuple[str, bytes, bytes], tuple[Issuer, ...]] = {}
        self._crls: dict[str, tuple[HeldCrl, ...]] = {}
        self._crls_by_sha256: dict[str, HeldCrl] = {}
        self._ocsp: OrderedDict[tuple[str, int], Said] = OrderedDict()
        self._ocsp_revoked: dict[tuple[str, int], Said] = {}
        self._responses: dict[str, OcspFacts] = {}
        # Taken by `status` before it looks, and put anew after every change: what rests on older data goes with it.
        self._known: dict[tuple[str, str], _Known] = {}
        self.learn(authorities)

    def learn(self, authorities: Iterable[x509.Certificate]) -> None:
        """Know these authorities as issuers of revocation data; that is no trust in them (see `TrustStore`)."""
        for certificate in authorities:
            sha256 = certificate.fingerprint(hashes.SHA256()).hex()
            if sha256 in self._issuers or len(self._issuers) >= AUTHORITIES_MAX:
                continue
            issuer = read_issuer(certificate)
            with self._feeding:
                if issuer is not None:
                    self._by_name[issuer.name] = (*self._by_name.get(issuer.name, ()), issuer)
                    for name, pair in issuer.ids.items():
                        self._by_id[(name, *pair)] = (*self._by_id.get((name, *pair), ()), issuer)
                self._issuers[sha256] = issuer

    def add_crl(self, der: bytes, *, source: str, fetched_at: datetime) -> CrlFacts | Refusal:
        """Take a CRL in; a Refusal's code stands in `reasons_revocation.UNUSABLE`, and changes nothing here.

        Adding the same again changes nothing; what was refused for an unknown issuer may be added again when that has
        been learnt. A list of 100,000 entries takes some tenths of a second, during which other threads go on.
        """
        held = self._crls_by_sha256.get(hashlib.sha256(der).hexdigest())
        if held is not None:
            return held.facts
        read = read_crl(der)
        if isinstance(read, Refusal):
            return read
        facts = read.facts
        if refusal := _from_the_future(facts.this_update, fetched_at):
            return refusal
        issuer = self._issuer_of(read)
        if isinstance(issuer, Refusal):
            return issuer
        taken = Held(
            sha256=facts.sha256,
            kind="crl",
            der=der,
            source=source,
            fetched_at=fetched_at,
            this_update=facts.this_update,
            next_update=facts.next_update,
        )
        with self._feeding:
            return self._put_crl(issuer.identity, read, taken) or facts

    def add_ocsp(self, der: bytes, *, source: str, fetched_at: datetime) -> OcspFacts | Refusal:
        """Take an OCSP response in; a Refusal's code stands in `reasons_revocation.UNUSABLE`, and changes nothing here.

        Adding the same again changes nothing. A response that calls a certificate good which another called revoked
        is refused: a revocation is for good.
        """
        facts = self._responses.get(hashlib.sha256(der).hexdigest())
        if facts is not None:
            return facts
        read = read_ocsp(der)
        if isinstance(read, Refusal):
            return read
        facts = read.facts
        latest = max(facts.produced_at, *(one.this_update for one in facts.statements))
        if refusal := _from_the_future(latest, fetched_at):
            return refusal
        taken: list[tuple[tuple[str, int], Said]] = []
        for statement in facts.statements:
            said = self._said(read, statement, der, source, fetched_at)
            if isinstance(said, Refusal):
                return said
            taken.append(said)
        with self._feeding:
            refusals = [self._put_ocsp(key, said) for key, said in taken]
            if all(refusals):
                return refusals[0] or facts
            self._responses[facts.sha256] = facts
            while len(self._ocsp) > OCSP_HELD_MAX:
                self._forget(self._ocsp.popitem(last=False)[1])
            self._known = {}
        return facts

    def knows(self, sha256: str) -> bool:
        """Whether the CRL or response with that SHA-256 (hex) is held."""
        return sha256 in self._crls_by_sha256 or sha256 in self._responses

    def held(self) -> Iterator[Held]:
        """All that is held, each piece once: adding it to an empty store that knows the authorities gives this one.

        But for what only an earlier CRL told (`HeldCrl.carried`): that is not kept longer than the store.
        """
        yield from [one.held for one in list(self._crls_by_sha256.values())]
        answers = (*list(self._ocsp.values()), *list(self._ocsp_revoked.values()))
        yield from {one.held.sha256: one.held for one in answers}.values()

    def revoked_in(self, crl: str) -> Mapping[int, Revoked]:
        """Serial → when and why, of the held CRL with that SHA-256 (hex); empty when it is not held (any more)."""
        held = self._crls_by_sha256.get(crl)
        return held.revoked if held is not None else {}

    def status(self, chain: Chain, policy: Policy, at: datetime, now: datetime | None = None) -> Status:
        """Judge every certificate of the chain but the anchor at the instant `at` (EN 319 102-1 v1.3.1 §5.2.6.4).

        `now` is the instant of judgement where that is another (default `at`): a revocation counts that came before
        `at`, data that is fresh at `now` (§5.2.5), so that an old time-stamp does not make stale data good. What
        refuses for good wins over what only waits, wherever in the chain; `wanted` names what waits. Remembered by
        leaf and policy, with the spans of instants for which it holds, until new data comes.
        """
        known = self._known
        key = (chain.proofs[0].sha256, policy.id)
        asked_at = at if now is None else now
        one = known.get(key)
        if (
            one is not None
            and one.begin <= at <= one.end
            and one.now_begin <= asked_at <= one.now_end
            and (one.chain is chain or one.chain.sha256 == chain.sha256)
            and (one.policy is policy or _same_rules(one.policy, policy))
        ):
            return one.at(asked_at)
        self.learn(chain.certificates[1:])
        spans = Spans(Span(at), Span(asked_at))
        status = self._work_out(chain, policy, spans)
        if len(known) >= STATUS_CACHED_MAX:
            known.clear()
        known[key] = _Known(chain, policy, spans, status)
        return status

    def _work_out(self, chain: Chain, policy: Policy, spans: Spans) -> Status:
        findings: list[Finding] = []
        skew = timedelta(seconds=policy.clock_skew_s_max)
        for depth, (issued, issuer) in enumerate(pairwise(chain.certificates)):
            by = self._issuers.get(chain.sha256[depth])
            identity = by.identity if by else ""
            question = Question(
                certificate=issued,
                sha256=chain.proofs[depth].sha256,
                issuer_certificate=issuer,
                is_authority=depth > 0,
                rule=policy.revocation,
                skew=skew,
                ocsp=self._answer((identity, issued.serial_number)),
                crls=self._crls.get(identity, ()) if by and by.signs_crls else (),
            )
            findings.append(judge_certificate(question, spans))
        worst = max(findings, key=lambda one: one.weight, default=Finding())
        resting_on = {one.said.held.sha256: one.said.held for one in findings if one.said and one.said.held.der}
        return Status(
            refusal=worst.refusal,
            used=tuple(one.used for one in findings if one.used),
            proofs=tuple(Proof(one.sha256, one.kind, one.der) for one in resting_on.values()),
            wanted=tuple(one.wanted for one in findings if one.wanted),
        )

    def _issuer_of(self, read: ReadCrl) -> Issuer | Refusal:
        """Find who issued a CRL: by name, by key, and allowed to (RFC 5280 §6.3.3 (f) and (g))."""
        fields = {"issuer": read.facts.issuer[:200]}
        named = self._by_name.get(read.issuer, ())
        if not named:
            return Refusal("crl-issuer-unknown", fields)
        signed = [one for one in named if is_signed_by(one.key, read.signed)]
        if not signed:
            return Refusal("crl-signature", fields)
        allowed = [one for one in signed if one.signs_crls]
        if not allowed:
            return Refusal("crl-issuer-purpose", fields)
        valid = [one for one in allowed if one.is_valid_at(read.facts.this_update)]
        return valid[0] if valid else Refusal("revocation-issuer-validity", fields)

    def _put_crl(self, identity: str, read: ReadCrl, taken: Held) -> Refusal | None:
        facts = read.facts
        held = self._crls.get(identity, ())
        same = next((one for one in held if one.facts.scope == facts.scope), None)
        carried: dict[int, Said] = {}
        if same is not None:
            if (facts.this_update, facts.number or 0) < (same.facts.this_update, same.facts.number or 0):
                return Refusal("revocation-older")
            carried = same.carry(read.revoked)
        others = [one.facts.size_bytes for one in self._crls_by_sha256.values() if one is not same]
        if len(others) >= CRLS_MAX or sum(others) + facts.size_bytes > CRLS_BYTES_MAX:
            return Refusal("revocation-too-much")
        one = HeldCrl(facts, taken, read.revoked, carried)
        if same is not None:
            del self._crls_by_sha256[same.facts.sha256]
        self._crls[identity] = (*(other for other in held if other is not same), one)
        self._crls_by_sha256[facts.sha256] = one
        self._known = {}
        return None

    def _said(
        self, read: ReadOcsp, statement: Statement, der: bytes, source: str, fetched_at: datetime
    ) -> tuple[tuple[str, int], Said] | Refusal:
        """Find whose certificate a statement is about, and who made it."""
        facts, about = read.facts, statement.certificate
        issuers = self._by_id.get((about.hash_name, about.name_hash, about.key_hash), ())
        if not issuers:
            return Refusal("ocsp-issuer-unknown")
        # Renewed certificates share name and key: any of them that was valid then will do.
        issuer = next((one for one in issuers if one.is_valid_at(facts.produced_at)), issuers[0])
        found = find_responder(
            read.signed,
            issuer,
            names=(read.responder_name, read.responder_key_hash),
            certificates=read.certificates,
            produced_at=facts.produced_at,
        )
        if isinstance(found, Refusal):
            return found
        if found.delegate is not None and found.delegate.serial_number == about.serial:
            # Nobody is asked about themselves.
            return Refusal("ocsp-delegate-purpose", {"responder": found.shown, "issuer": issuer.shown})
        taken = Held(
            sha256=facts.sha256,
            kind="ocsp",
            der=der,
            source=source,
            fetched_at=fetched_at,
            this_update=statement.this_update,
            next_update=statement.next_update,
        )
        said = Said(
            held=taken,
            issuer=found.shown,
            this_update=statement.this_update,
            next_update=statement.next_update,
            revoked=statement.revoked,
            keeps_expired_since=statement.keeps_expired_since,
            produced_at=facts.produced_at,
            delegate=found.delegate,
            delegate_exempt=found.unchecked_by_issuer,
        )
        return (issuer.identity, about.serial), said

    def _put_ocsp(self, key: tuple[str, int], said: Said) -> Refusal | None:
        before = self._answer(key)
        if before is not None:
            if before.revoked and before.revoked.is_final:
                if said.revoked is None or not said.revoked.is_final:
                    return Refusal("revocation-contradicts")
                if said.revoked.at > before.revoked.at:
                    return Refusal("revocation-older")
            elif said.this_update < before.this_update and not (said.revoked and said.revoked.is_final):
                return Refusal("revocation-older")
        # At no instant is nothing there to be found: another thread may be asking.
        is_final = said.revoked is not None and said.revoked.is_final
        if is_final and (key in self._ocsp_revoked or len(self._ocsp_revoked) < OCSP_REVOKED_MAX):
            self._ocsp_revoked[key] = said
            self._ocsp.pop(key, None)
        else:
            self._ocsp[key] = said
            self._ocsp.move_to_end(key)
        if before is not None:
            self._forget(before)
        return None

    def _answer(self, key: tuple[str, int]) -> Said | None:
        return self._ocsp_revoked.get(key) or self._ocsp.get(key)

    def _forget(self, said: Said) -> None:
        """Know a response no longer once nothing of it is held."""
        sha256 = said.held.sha256
        if sha256 in self._responses and not any(
            one.held.sha256 == sha256
            for one in (self._answer(key) for key in self._keys_of(self._responses[sha256]))
            if one
        ):
            del self._responses[sha256]

    def _keys_of(self, facts: OcspFacts) -> Iterator[tuple[str, int]]:
        for one in facts.statements:
            about = one.certificate
            for issuer in self._by_id.get((about.hash_name, about.name_hash, about.key_hash), ()):
                yield issuer.identity, about.serial


def _same_rules(one: Policy, other: Policy) -> bool:
    return one.revocation == other.revocation and one.clock_skew_s_max == other.clock_skew_s_max


def _from_the_future(issued_at: datetime, fetched_at: datetime) -> Refusal | None:
    if issued_at > fetched_at + timedelta(seconds=AHEAD_S_MAX):
        return Refusal("revocation-from-the-future", {"date": f"{issued_at:%d/%m/%Y %H:%M} (UTC)"})
    return None
