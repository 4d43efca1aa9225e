"""CRLs: which are read, which are refused and why, and what their index answers."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from signing import crl as crl_module
from signing.crl import ReadCrl, Revoked, RevokedSerials, Scope, read_crl
from signing.demo_pki import Holder, make_crl, make_key
from signing.indication import Refusal
from signing.revocation import AHEAD_S_MAX, RevocationStore
from tests.signing.revocation_workshop import (
    DAY,
    FLAGS,
    HOUR,
    Town,
    add_crl,
    authority,
    code_of,
    crl_with_sha1,
    endless,
    leaf,
)
from tests.signing.workshop import NOW

URI = x509.UniformResourceIdentifier
UNHEARD_OF = x509.ObjectIdentifier("1.2.3.4.5")


@pytest.fixture(scope="module")
def town() -> Town:
    return Town()


def idp(**more: object) -> x509.IssuingDistributionPoint:
    nothing = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**(nothing | more))


def read(der: bytes) -> ReadCrl:
    found = read_crl(der)
    assert isinstance(found, ReadCrl)
    return found


def test_a_list_says_when_it_is_from_and_who_is_on_it(town: Town) -> None:
    der = town.crl({5: (NOW - DAY, FLAGS.key_compromise), 2**158: (NOW, None)}, number=7)
    found = read(der)
    assert (found.facts.this_update, found.facts.next_update) == (NOW - HOUR, NOW + DAY)
    assert (found.facts.number, found.facts.entries, found.facts.size_bytes) == (7, 2, len(der))
    assert dict(found.revoked) == {5: Revoked(NOW - DAY, "keyCompromise"), 2**158: Revoked(NOW, "unspecified")}
    assert found.revoked.get(6) is None
    assert found.revoked.get(2**200) is None
    assert found.signed.content == x509.load_der_x509_crl(der).tbs_certlist_bytes


def test_the_earlier_of_revocation_and_invalidity_counts(town: Town) -> None:
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(5)
        .revocation_date(NOW)
        .add_extension(x509.InvalidityDate(NOW - 3 * DAY), critical=False)
        .build()
    )
    der = signed_with(town.middle, [entry])
    assert read(der).revoked[5] == Revoked(NOW - 3 * DAY, "unspecified")


def signed_with(
    issuer: Holder,
    entries: list[x509.RevokedCertificate],
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(NOW - HOUR).next_update(NOW + DAY)
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key or issuer.key, algorithm or hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("extension", "critical", "code"),
    [
        (x509.DeltaCRLIndicator(1), True, "crl-delta"),
        (x509.DeltaCRLIndicator(1), False, "crl-delta"),
        (idp(indirect_crl=True), True, "crl-indirect"),
        (idp(indirect_crl=True), False, "crl-indirect"),
        (idp(only_some_reasons=frozenset({FLAGS.key_compromise})), True, "crl-partial"),
        (idp(only_contains_attribute_certs=True), True, "crl-partial"),
        (x509.UnrecognizedExtension(UNHEARD_OF, b"\x05\x00"), True, "crl-critical-extension"),
        (x509.UnrecognizedExtension(UNHEARD_OF, b"\x05\x00"), False, ""),
        (x509.FreshestCRL([x509.DistributionPoint([URI("http://x.test/")], None, None, None)]), False, ""),
    ],
)
def test_lists_that_are_not_complete_and_direct_are_refused_by_name(
    extension: x509.ExtensionType, critical: bool, code: str, town: Town
) -> None:
    der = town.crl(extensions=((extension, critical),))
    assert add_crl(town.store(), der) == code


@pytest.mark.parametrize(
    ("extension", "critical", "code"),
    [
        (x509.UnrecognizedExtension(UNHEARD_OF, b"\x05\x00"), True, "crl-critical-extension"),
        (x509.UnrecognizedExtension(UNHEARD_OF, b"\x05\x00"), False, ""),
        (x509.CertificateIssuer([x509.DirectoryName(x509.Name([]))]), True, "crl-indirect"),
    ],
)
def test_one_entry_that_is_not_understood_spoils_the_whole_list(
    extension: x509.ExtensionType, critical: bool, code: str, town: Town
) -> None:
    entry = x509.RevokedCertificateBuilder().serial_number(99).revocation_date(NOW)
    entry = entry.add_extension(extension, critical=critical)
    store = town.store()
    assert add_crl(store, signed_with(town.middle, [entry.build()])) == code
    assert code_of(town.status(store)) == ("revocation-missing" if code else "good")


def test_forged_lists_are_refused(town: Town) -> None:
    """Signed by another key, by another authority, with changed bytes, by one who may not, by nobody known."""
    other = authority("TOWN CA", town.root)
    assert add_crl(town.store(), town.crl(issuer=other)) == "crl-signature"
    der = bytearray(town.crl({town.serial: (NOW - DAY, None)}))
    at = der.find(town.serial.to_bytes(20, "big").lstrip(b"\0"))
    der[at + 3] ^= 1
    assert add_crl(town.store(), bytes(der)) == "crl-signature"
    assert add_crl(town.store(), town.crl(issuer=authority("STRANGER"))) == "crl-issuer-unknown"
    silent = Town(signs_crls=False)
    assert add_crl(silent.store(), silent.crl()) == "crl-issuer-purpose"


def test_a_list_of_another_authority_says_nothing(town: Town) -> None:
    store = town.store()
    der = make_crl(town.root, {town.serial: (NOW - DAY, None)}, this_update=NOW, next_update=NOW + DAY, number=2)
    assert add_crl(store, der) == ""
    assert code_of(town.status(store)) == "revocation-missing"


def test_the_authority_in_the_chain_must_be_allowed_to_sign_lists(town: Town) -> None:
    """The same name and key with cRLSign elsewhere does not help the certificate that has none."""
    bare = Town(signs_crls=False)
    renewed = authority("TOWN CA", bare.root)
    builder = (
        x509.CertificateBuilder()
        .subject_name(bare.middle.certificate.subject)
        .issuer_name(bare.root.certificate.subject)
        .public_key(bare.middle.key.public_key())
        .serial_number(77)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(
            renewed.certificate.extensions.get_extension_for_class(x509.KeyUsage).value,
            critical=True,
        )
    )
    allowed = builder.sign(bare.root.key, hashes.SHA256())
    store = bare.store()
    store.learn([allowed])
    assert add_crl(store, bare.crl()) == ""
    assert code_of(bare.status(store)) == "revocation-missing"


def test_weak_algorithms_are_not_accepted(town: Town) -> None:
    unheard_of = town.crl().replace(bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d04037f"))
    assert add_crl(town.store(), unheard_of) == "crl-malformed"
    assert add_crl(town.store(), crl_with_sha1(town.crl(), town.middle)) == "revocation-algorithm"
    assert add_crl(town.store(), signed_with(town.middle, [], algorithm=hashes.SHA224())) == "revocation-algorithm"
    rsa_key = make_key("rsa-2048")
    builder = x509.CertificateRevocationListBuilder().issuer_name(town.middle.certificate.subject)
    crl = builder.last_update(NOW).next_update(NOW + DAY).sign(rsa_key, hashes.SHA256())
    assert add_crl(town.store(), crl.public_bytes(Encoding.DER)) == "crl-signature"


def test_a_list_by_an_rsa_authority_in_both_schemes() -> None:
    key = make_key("rsa-2048")
    root = authority("R")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "RSA CA")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(9)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(root.key, hashes.SHA256())
    )
    for scheme in (padding.PKCS1v15(), padding.PSS(padding.MGF1(hashes.SHA256()), 32)):
        builder = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(NOW).next_update(NOW + DAY)
        der = builder.sign(key, hashes.SHA256(), rsa_padding=scheme).public_bytes(Encoding.DER)
        assert add_crl(RevocationStore([certificate]), der) == ""
        assert add_crl(RevocationStore([certificate]), der[:-3] + bytes([der[-3] ^ 1]) + der[-2:]) == "crl-signature"


def test_lists_from_the_future_and_from_an_expired_authority_are_refused(town: Town) -> None:
    ahead = timedelta(seconds=AHEAD_S_MAX)
    later = town.crl(at=NOW + ahead + timedelta(seconds=1), until=NOW + 2 * DAY)
    assert add_crl(town.store(), later) == "revocation-from-the-future"
    assert add_crl(town.store(), town.crl(at=NOW + ahead, until=NOW + 2 * DAY)) == ""
    old = town.middle.certificate.not_valid_after_utc + DAY
    der = town.crl(at=old, until=old + DAY)
    assert add_crl(town.store(), der, fetched_at=old) == "revocation-issuer-validity"


def test_an_older_list_does_not_take_the_place_of_a_newer(town: Town) -> None:
    store = town.store()
    newer, older = town.crl(number=5), town.crl(at=NOW - 2 * HOUR, number=4)
    assert add_crl(store, newer) == ""
    assert add_crl(store, older) == "revocation-older"
    assert add_crl(store, newer) == ""
    assert add_crl(store, town.crl(number=4)) == "revocation-older"
    assert len([one for one in store.held() if one.kind == "crl"]) == 2


def test_what_is_no_list_is_refused(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    store = town.store()
    der = town.crl()
    for wrong in (b"", b"\x30", der[:-1], der + b"\0", town.leaf.certificate.public_bytes(Encoding.DER), b"\xff" * 99):
        assert add_crl(store, wrong) == "crl-malformed"
    assert add_crl(store, bytes(crl_module.CRL_BYTES_MAX + 1)) == "crl-too-large"
    backwards = town.crl(until=NOW + DAY).replace(
        (NOW + DAY).strftime("%y%m%d%H%M%SZ").encode(), (NOW - DAY).strftime("%y%m%d%H%M%SZ").encode()
    )
    assert add_crl(store, backwards) == "crl-malformed"
    monkeypatch.setattr(crl_module, "CRL_ENTRIES_MAX", 1)
    assert add_crl(store, town.crl({1: (NOW, None), 2: (NOW, None)})) == "crl-too-large"


def test_what_says_one_algorithm_inside_and_another_outside_is_refused(town: Town) -> None:
    """RFC 5280 §5.1.1.2: both fields must be the same."""
    der = bytearray(town.crl())
    algorithm = bytes.fromhex("2a8648ce3d040302")
    der[der.rfind(algorithm) + 7] = 3
    assert add_crl(town.store(), bytes(der)) == "crl-malformed"


def test_scopes_are_honoured(town: Town) -> None:
    here, there = URI("http://here.test/a.crl"), URI("http://there.test/b.crl")
    point = x509.CRLDistributionPoints([x509.DistributionPoint([there, here], None, None, None)])
    of_another = x509.CRLDistributionPoints(
        [x509.DistributionPoint([here], None, None, [x509.DirectoryName(town.root.certificate.subject)])]
    )
    for_reasons = x509.CRLDistributionPoints(
        [x509.DistributionPoint([here], None, frozenset({FLAGS.key_compromise}), None)]
    )
    named = leaf(town.middle, extensions=((point, False),)).certificate
    plain, ca = town.leaf.certificate, town.middle.certificate
    assert Scope().covers(plain)
    assert Scope(only_users=True).covers(plain)
    assert not Scope(only_users=True).covers(ca)
    assert Scope(only_authorities=True).covers(ca)
    assert not Scope(only_authorities=True).covers(plain)
    at_here = Scope(points=frozenset({here}))
    assert at_here.covers(named)
    assert not at_here.covers(plain)
    assert not Scope(points=frozenset({URI("http://elsewhere.test/")})).covers(named)
    for odd in (of_another, for_reasons):
        assert not at_here.covers(leaf(town.middle, extensions=((odd, False),)).certificate)


def test_a_list_with_another_scope_leaves_the_question_open(town: Town) -> None:
    for extension, code in (
        (idp(only_contains_ca_certs=True), "revocation-missing"),
        (idp(full_name=[URI("http://here.test/")]), "revocation-missing"),
        (idp(only_contains_user_certs=True), "good"),
    ):
        store = town.store()
        assert add_crl(store, town.crl(extensions=((extension, True),))) == ""
        assert code_of(town.status(store)) == code


def test_lists_of_several_scopes_are_held_side_by_side(town: Town) -> None:
    store = town.store()
    users = town.crl({town.serial: (NOW - DAY, None)}, extensions=((idp(only_contains_user_certs=True), True),))
    authorities = town.crl(at=NOW, extensions=((idp(only_contains_ca_certs=True), True),))
    assert add_crl(store, users) == ""
    assert add_crl(store, authorities) == ""
    assert code_of(town.status(store)) == "revoked"


def test_a_serial_that_is_listed_twice_is_what_is_worst() -> None:
    def records(*entries: tuple[int, datetime, str]) -> RevokedSerials:
        return RevokedSerials([crl_module._record(*entry) for entry in entries])

    day = datetime(2026, 1, 1, tzinfo=UTC)
    hold, removed = (3, day, "certificateHold"), (3, day - DAY, "removeFromCRL")
    final = (3, day + DAY, "superseded")
    assert records(hold, final, removed)[3] == Revoked(day + DAY, "superseded")
    assert records(removed, hold)[3].reason == "certificateHold"
    assert records((3, day, "superseded"), final)[3].at == day
    assert records(final).get(4) is None


@settings(deadline=None)
@given(st.dictionaries(st.integers(-(2**160), 2**160), st.integers(0, 2**32), max_size=40), st.integers(-9, 9))
def test_the_index_answers_as_a_dictionary_would(entries: dict[int, int], other: int) -> None:
    index = RevokedSerials(
        [
            crl_module._record(serial, datetime.fromtimestamp(second, UTC), "superseded")
            for serial, second in entries.items()
        ]
    )
    assert {serial: one.at.timestamp() for serial, one in index.items()} == entries
    assert len(index) == len(entries)
    assert (other in index) is (other in entries)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_bytes_are_read_or_refused(data: st.DataObject) -> None:
    der = bytearray(EXAMPLES[data.draw(st.integers(0, len(EXAMPLES) - 1))])
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(der) - 1))
        der[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([None, None, data.draw(st.integers(0, len(der)))]))
    der += data.draw(st.binary(max_size=3))
    assert isinstance(read_crl(bytes(der[:cut])), ReadCrl | Refusal)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    assert read_crl(noise) == Refusal("crl-malformed")


def _examples() -> list[bytes]:
    issuer = authority("EXAMPLE")
    here = [URI("http://here.test/a.crl"), x509.DirectoryName(issuer.certificate.subject)]
    held = x509.RevokedCertificateBuilder().serial_number(8).revocation_date(NOW)
    held = held.add_extension(x509.InvalidityDate(NOW - DAY), critical=False)
    held = held.add_extension(x509.CRLReason(FLAGS.certificate_hold), critical=False)
    kept = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), b"\x18\x0f20250101000000Z")
    return [
        make_crl(
            issuer,
            {5: (NOW, FLAGS.superseded)},
            this_update=NOW,
            next_update=NOW + DAY,
            extensions=((idp(full_name=here, only_contains_user_certs=True), True), (kept, False)),
        ),
        signed_with(issuer, [held.build()]),
        endless(make_crl(issuer, this_update=NOW, next_update=NOW, number=None), issuer),
    ]


EXAMPLES = _examples()


def test_a_list_may_say_that_it_keeps_the_expired() -> None:
    assert read(EXAMPLES[0]).facts.keeps_expired_since == datetime(2025, 1, 1, tzinfo=UTC)
