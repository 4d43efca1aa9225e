"""What a store of revocation data holds, within bounds, and the demonstration's own lists in it."""

import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from signing import revocation
from signing.crl import Revoked
from signing.demo_holder import Addresses
from signing.demo_pki import load_recipe, make_ocsp, make_pki, make_tsa
from signing.indication import Refusal
from signing.policy import Policy, RevocationRule
from signing.revocation import RevocationStore
from signing.trust import Chain, TrustStore, load_revocation
from tests.signing.revocation_workshop import (
    DAY,
    FLAGS,
    HOUR,
    POLICY,
    Town,
    add_crl,
    add_ocsp,
    authority,
    code_of,
    leaf,
)
from tests.signing.workshop import NOW

SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def town() -> Town:
    return Town()


def test_what_is_held_can_be_kept_and_taken_up_again(town: Town) -> None:
    store = town.store()
    crl, ocsp = town.crl({town.serial: (NOW - DAY, None), 5: (NOW, FLAGS.superseded)}), town.ocsp()
    assert add_crl(store, crl) == ""
    assert add_ocsp(store, ocsp) == ""
    held = list(store.held())
    assert sorted(one.kind for one in held) == ["crl", "crl", "ocsp"]
    assert all(store.knows(one.sha256) for one in held)
    assert not store.knows("00")
    again = RevocationStore(town.trust.authorities)
    for one in held:
        add = again.add_crl if one.kind == "crl" else again.add_ocsp
        assert not isinstance(add(one.der, source=one.source, fetched_at=one.fetched_at), Refusal)
    assert list(again.held()) == held
    assert town.status(again) == town.status(store)
    mine = next(one for one in held if one.der == crl)
    assert (mine.this_update, mine.next_update, mine.fetched_at) == (NOW - HOUR, NOW + DAY, NOW)
    assert store.revoked_in(mine.sha256) == {
        town.serial: Revoked(NOW - DAY, "unspecified"),
        5: Revoked(NOW, "superseded"),
    }
    assert store.revoked_in("00") == {}


def test_what_is_held_is_bounded(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    store = town.store()
    monkeypatch.setattr(revocation, "CRLS_MAX", 2)
    monkeypatch.setattr(revocation, "OCSP_HELD_MAX", 2)
    monkeypatch.setattr(revocation, "STATUS_CACHED_MAX", 1)
    assert add_crl(store, town.crl()) == ""
    third = authority("THIRD")
    store.learn([third.certificate])
    assert add_crl(store, town.crl(issuer=third)) == "revocation-too-much"
    assert add_crl(store, town.crl(at=NOW)) == ""
    monkeypatch.setattr(revocation, "CRLS_BYTES_MAX", 100)
    assert add_crl(store, town.crl(at=NOW + SECOND)) == "revocation-too-much"
    holders = [leaf(town.middle) for _ in range(3)]
    for holder in holders:
        assert add_ocsp(store, town.ocsp(about=holder.certificate)) == ""
        assert code_of(store.status(town.chain(holder), POLICY, NOW)) == "good"
    assert len([one for one in store.held() if one.kind == "ocsp"]) == 2
    monkeypatch.setattr(revocation, "AUTHORITIES_MAX", 3)
    fourth = authority("FOURTH")
    store.learn([fourth.certificate])
    assert add_crl(store, town.crl(issuer=fourth)) == "crl-issuer-unknown"


def test_an_authority_with_a_key_that_is_too_weak_speaks_for_nobody() -> None:
    weak = Path(__file__).with_name("sha1") / "ca.pem"
    anchor = x509.load_pem_x509_certificate(weak.read_bytes())
    store = RevocationStore([anchor])
    assert store.knows("") is False
    assert list(store.held()) == []


def test_feeding_in_one_thread_and_asking_in_another(town: Town) -> None:
    store = town.store()
    lists = [town.crl(at=NOW - HOUR + number * SECOND, number=number) for number in range(40)]
    faults: list[str] = []

    def feed() -> None:
        faults.extend(code for der in lists if (code := add_crl(store, der)))

    feeding = threading.Thread(target=feed)
    feeding.start()
    while feeding.is_alive():
        assert code_of(town.status(store)) in ("good", "revocation-missing")
    feeding.join()
    assert faults == []
    assert town.status(store).used[0].this_update == NOW - HOUR + 39 * SECOND


def test_the_demonstrations_own_lists_satisfy_a_policy_that_leaves_it_to_them(tmp_path: Path) -> None:
    recipe = replace(load_recipe(), employers=load_recipe().employers[1:2])
    addresses = Addresses(("http://ocsp.test/",), ("http://crl.test/ca.crl",))
    pki = make_pki(NOW, recipe, addresses=addresses, authority_addresses=Addresses((), ("http://crl.test/root.crl",)))
    pki.write(tmp_path)
    make_tsa(NOW).write(tmp_path)
    trust = TrustStore.load(tmp_path / "trust")
    store = RevocationStore(trust.authorities)
    lists = load_revocation(tmp_path / "trust")
    assert [name for name, _ in lists] == ["intermediate.crl", "root.crl"]
    chain = trust.chain(pki.employers["branch"].certificate.public_bytes(Encoding.DER), NOW)
    assert isinstance(chain, Chain)
    wanted = store.status(chain, POLICY, NOW).wanted
    assert (wanted[0].ocsp_urls, wanted[0].crl_urls) == (addresses.ocsp_urls, addresses.crl_urls)
    assert wanted[1].crl_urls == ("http://crl.test/root.crl",)
    for name, der in lists:
        assert not isinstance(store.add_crl(der, source=name, fetched_at=NOW), Refusal)
    demo = Policy(id="demo", revocation=RevocationRule(required=True, end_user_age_s_max="next-update"))
    years = NOW + 3600 * DAY
    for at in (NOW, years):
        assert code_of(store.status(chain, demo, at)) == "good"
    assert code_of(store.status(chain, demo, NOW + 3651 * DAY)) == "revocation-stale"
    assert code_of(store.status(chain, POLICY, NOW + 8 * DAY)) == "revocation-stale"
    delegate = pki.responder(NOW)
    employer = pki.employers["branch"].certificate
    der = make_ocsp(employer, pki.intermediate.certificate, delegate, this_update=NOW, next_update=NOW + DAY)
    assert not isinstance(store.add_ocsp(der, source="", fetched_at=NOW), Refusal)
    assert store.status(chain, POLICY, NOW).used[0].kind == "ocsp"


def test_a_revocation_that_ocsp_told_is_not_pushed_out_by_other_answers(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation, "OCSP_HELD_MAX", 2)
    store = town.store()
    assert add_ocsp(store, town.ocsp(revoked=(NOW - DAY, None))) == ""
    for _ in range(4):
        assert add_ocsp(store, town.ocsp(about=leaf(town.middle).certificate)) == ""
    assert code_of(town.status(store)) == "revoked"
    assert add_ocsp(store, town.ocsp(at=NOW - 5 * HOUR)) == "revocation-contradicts"
    # It can be kept and taken up again as all else, and a second of its kind beyond the bound is held as others are.
    assert [one.kind for one in store.held()] == ["crl", "ocsp", "ocsp", "ocsp"]
    monkeypatch.setattr(revocation, "OCSP_REVOKED_MAX", 1)
    other = leaf(town.middle)
    assert add_ocsp(store, town.ocsp(about=other.certificate, revoked=(NOW - DAY, None))) == ""
    assert code_of(store.status(town.chain(other), POLICY, NOW)) == "revoked"
    assert len(list(store.held())) == 4
    assert add_ocsp(store, town.ocsp(revoked=(NOW - DAY - HOUR, None))) == ""
    assert code_of(town.status(store)) == "revoked"


def test_while_a_revocation_is_replaced_it_never_seems_gone(town: Town) -> None:
    store = town.store()
    assert add_crl(store, town.crl(at=NOW - 3 * HOUR)) == ""
    answers = [town.ocsp(revoked=(NOW - 3 * DAY - n * SECOND, None), at=NOW - 2 * HOUR) for n in range(400)]
    assert add_ocsp(store, answers[0]) == ""
    chain, good, done = town.chain(), list[str](), threading.Event()

    def ask() -> None:
        while not done.is_set():
            if (code := code_of(store.status(chain, POLICY, NOW))) != "revoked":
                good.append(code)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for der in answers[1:]:
            assert add_ocsp(store, der) == ""
    finally:
        done.set()
        asking.join()
        sys.setswitchinterval(before)
    assert good == []


def test_data_is_fresh_at_the_judgement_and_a_revocation_counts_from_before_the_signature(town: Town) -> None:
    store = town.store()
    assert add_crl(store, town.crl({town.serial: (NOW + HOUR, None)}, at=NOW + 2 * HOUR), fetched_at=NOW + DAY) == ""
    chain = town.chain()
    for at, now, code in (
        (NOW, NOW + 3 * HOUR, "good"),
        (NOW + 2 * HOUR, NOW + 3 * HOUR, "revoked"),
        (NOW, NOW + 2 * DAY, "revocation-stale"),
        (NOW + 2 * HOUR, NOW + 2 * DAY, "revoked"),
        (NOW, NOW + 3 * HOUR, "good"),
    ):
        for again in (store, town.store()):
            if again is not store:
                for one in store.held():
                    again.add_crl(one.der, source="x", fetched_at=one.fetched_at)
            assert code_of(again.status(chain, POLICY, at, now)) == code
    assert store.status(chain, POLICY, NOW, NOW + 3 * HOUR).used[0].age_s == 3600
