"""Two instants: a revocation is asked about as of the time-stamp, fresh data and a good authority as of now."""

from datetime import datetime, timedelta

import pytest
from cryptography import x509

from signing.demo_pki import DemoPki, Holder, make_crl
from signing.indication import Refusal, SubIndication
from signing.policy import LEVELS, Policy
from signing.revocation import RevocationStore
from signing.trust import TrustStore
from tests.signing.test_timestamp import B_T, LATER, REVOCATION, judge, stamped
from tests.signing.tsa_workshop import Tsa
from tests.signing.workshop import NOW, employer, refused


def revocation_about(
    pki: DemoPki,
    tsa: Tsa,
    now: datetime,
    revoked: dict[int, tuple[datetime, x509.ReasonFlags | None]],
    *,
    signers_at: datetime | None = None,
) -> RevocationStore:
    """Fresh data at `now` on all under the signer's root; the signer's own is of `signers_at`."""
    day = timedelta(days=1)
    store = RevocationStore([*pki.trust().authorities, *tsa.trust().authorities])
    at = signers_at or now - day
    lists = [
        make_crl(pki.root, this_update=now - day, next_update=now + day),
        make_crl(pki.intermediate, revoked, this_update=at, next_update=at + 2 * day),
    ]
    for der in lists:
        assert not isinstance(store.add_crl(der, source="test", fetched_at=now), Refusal)
    return store


def test_an_old_time_stamp_does_not_make_stale_data_about_the_signer_fresh(
    pki: DemoPki, holder: Holder, trust: TrustStore
) -> None:
    now, tsa = NOW + timedelta(days=90), Tsa(pki.root)
    content = stamped(holder, tsa, NOW + timedelta(days=1))
    for at, code_ in ((NOW, "revocation-stale"), (now - timedelta(days=1), "passed")):
        store = revocation_about(pki, tsa, now, {}, signers_at=at)
        verdict = judge(content, trust, tsa.trust(), now=now, policy=REVOCATION, revocation=store)
        assert verdict.reason_code == code_
        assert verdict.best_signature_time == NOW + timedelta(days=1)
        assert verdict.waits == (code_ == "revocation-stale")


@pytest.mark.parametrize("level", [LEVELS[1], B_T])
@pytest.mark.parametrize("of_tsa", [False, True])
def test_a_signer_known_to_be_revoked_before_the_time_stamp_waits_for_nothing(
    level: str, of_tsa: bool, pki: DemoPki, holder: Holder, trust: TrustStore
) -> None:
    tsa = Tsa(pki.root) if of_tsa else Tsa()
    now, at = NOW + timedelta(days=90), NOW + timedelta(days=1)
    content, serial = stamped(holder, tsa, at), holder.certificate.serial_number
    store = revocation_about(pki, tsa, now, {serial: (at - timedelta(hours=1), None)})
    verdict = judge(content, trust, tsa.trust(), level=level, now=now, policy=REVOCATION, revocation=store)
    refused(verdict, SubIndication.REVOKED_NO_POE, "revoked")
    assert not verdict.waits
    # Revoked since, the time-stamp saves it, as soon as that itself is known to be good.
    store = revocation_about(pki, tsa, now, {serial: (at + timedelta(hours=1), None)})
    verdict = judge(content, trust, tsa.trust(), level=level, now=now, policy=REVOCATION, revocation=store)
    assert (verdict.passed, verdict.waits) == (of_tsa, not of_tsa)


def test_an_expired_signer_known_to_be_revoked_before_the_time_stamp_waits_for_nothing(
    pki: DemoPki, trust: TrustStore
) -> None:
    short, tsa = pki.issue(employer(valid_days=2), NOW), Tsa()
    content, serial = stamped(short, tsa), short.certificate.serial_number
    for revoked, waits in (({}, True), ({serial: (NOW - timedelta(hours=1), None)}, False)):
        store = revocation_about(pki, tsa, LATER, revoked)
        verdict = judge(content, trust, tsa.trust(), now=LATER, policy=REVOCATION, revocation=store)
        assert verdict.waits == waits
        if not waits:
            refused(verdict, SubIndication.OUT_OF_BOUNDS_NO_POE, "expired")


def test_an_expired_authority_is_not_waited_for(pki: DemoPki, trust: TrustStore) -> None:
    short, gone = pki.issue(employer(valid_days=2), NOW), Tsa(not_after=NOW + timedelta(days=5))
    content = stamped(short, gone)
    for policy in (Policy(), REVOCATION):
        verdict = judge(content, trust, gone.trust(), now=LATER, policy=policy, revocation=RevocationStore())
        refused(verdict, SubIndication.OUT_OF_BOUNDS_NO_POE, "expired")
        assert [one.code for one in verdict.cautions] == ["timestamp-out-of-validity"]
        assert verdict.timestamps == ()
        assert not verdict.waits
