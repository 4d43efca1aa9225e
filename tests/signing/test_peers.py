"""Others verify what we sign, and we what they sign: afresh where they are installed, by kept vectors always."""

import base64
from pathlib import Path

import pytest
import xmlsec
from lxml import etree

from signing.demo_pki import DemoPki, Holder
from signing.policy import Policy
from signing.sign import sign
from signing.signed_info import canonical_form, lift_out
from signing.trust import TrustStore
from signing.verify import check_value, verify
from tests.signing import live_suites, peers, suites
from tests.signing.interop.make_vectors import DOCUMENT, template
from tests.signing.live_suites import NET_WHY, OTHER_WHY, SIGNXML_WHY
from tests.signing.peers import PEERS, Keys, Peer
from tests.signing.workshop import DSIG, NOW, PATH, judge, unsigned

INTEROP = Path(__file__).with_name("interop")
VECTORS = sorted(INTEROP.glob("*.xml"))
WRONG = "net-wrong-xml-lang-exclusive"
KNOWN = {SIGNXML_WHY, NET_WHY}


def there(peer: Peer) -> None:
    if why := peer.missing():
        pytest.skip(f"{peer.name} was not asked: {why}; what it once signed is judged by the kept vectors, if any")


@pytest.mark.parametrize("profile", ["XMLDSig", "XAdES-B-B"])
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_others_verify_what_we_sign_and_see_a_change(peer: Peer, profile: str) -> None:
    there(peer)
    row = live_suites.we_sign(peer, profile)
    assert row.cases >= 32
    assert set(row.why) <= KNOWN, dict(row.why)
    assert row.agree >= row.cases * 3 // 4


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.signs], ids=lambda peer: peer.name)
def test_we_verify_what_others_sign_and_see_a_change(peer: Peer) -> None:
    there(peer)
    row = live_suites.they_sign(peer)
    assert row.cases >= 32
    assert set(row.why) <= KNOWN, dict(row.why)
    assert row.agree >= row.cases * 3 // 4


@pytest.mark.parametrize("suite", [live_suites.signxml_xades_row, live_suites.pdf_row], ids=lambda made: made.__name__)
def test_other_profiles_of_others_are_judged_too(suite: object) -> None:
    assert callable(suite)
    row = suite()
    assert OTHER_WHY not in row.why
    assert row.agree >= row.cases * 3 // 4


def test_time_stamps_go_both_ways() -> None:
    if why := peers.command_missing("openssl"):
        pytest.skip(f"OpenSSL was not asked: {why}")
    for row in live_suites.timestamp_rows():
        assert (row.differ, row.cases >= 6) == (0, True), (row.suite, dict(row.why))


@pytest.mark.parametrize("attributes", ["", ' xml:lang="vi" xml:space="preserve"'])
@pytest.mark.parametrize("exclusive", [False, True])
def test_prefixed_signatures_of_xmlsec_pass_too(
    exclusive: bool, attributes: str, pki: DemoPki, trust: TrustStore
) -> None:
    holder = pki.employers["employer"]
    signature = template("rsa-sha256", "sha256", "exclusive" if exclusive else "inclusive", "ds")
    text = DOCUMENT.format(signature=signature.replace("<ds:KeyValue/>", ""), attributes=attributes)
    root = etree.fromstring(text.encode())
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(peers.key_pem(holder), xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(peers.pem(holder.certificate), xmlsec.constants.KeyDataFormatPem)
    context.sign(next(root.iter(f"{{{DSIG}}}Signature")))
    content = etree.tostring(root.getroottree())
    assert judge(content, trust).passed
    assert not judge(content.replace(b"1 &lt; 2", b"1 &lt; 3"), trust).passed


def test_a_peer_is_not_content_with_anothers_certificate(holder: Holder, pki: DemoPki, tmp_path: Path) -> None:
    """Else "others verify what we sign" would prove little: they go by the key that they are told."""
    keys = Keys(pki, tmp_path)
    content = sign(unsigned(), PATH, holder.key, holder.certificate, now=NOW)
    stranger = pki.employers["other"]
    both = [peers.Signed(content, holder, good=True), peers.Signed(content, stranger, good=False)]
    for peer in PEERS:
        if not peer.missing() and peer.verifies is not peers.checksig_verifies:
            assert peer.verifies(both, keys) == [True, False], peer.name


# --- kept vectors -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vectors_trust() -> TrustStore:
    return live_suites.kept_trust()


@pytest.mark.parametrize("vector", [each for each in VECTORS if each.stem != WRONG], ids=lambda path: path.stem)
def test_we_verify_what_others_signed(vector: Path, vectors_trust: TrustStore) -> None:
    assert judge(vector.read_bytes(), vectors_trust).passed


def test_the_vectors_are_all_there() -> None:
    assert len(VECTORS) == 18
    assert {path.name.partition("-")[0] for path in VECTORS} == {"jdk", "xmlsec1", "net"}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda path: path.stem)
def test_a_vector_with_one_byte_changed_is_refused(vector: Path, vectors_trust: TrustStore) -> None:
    for name, changed in live_suites.one_byte_changed(vector.read_bytes()).items():
        verdict = verify(etree.fromstring(changed), PATH, file=name, policy=Policy(), trust=vectors_trust, now=NOW)
        assert not verdict.passed, name


def test_what_net_signs_wrongly_is_refused_and_the_cause_is_proven(vectors_trust: TrustStore) -> None:
    """Its value holds over an exclusive form that took the xml:* attributes of ancestors in (Exclusive C14N §3 leaves
    them out): no other implementation here accepts it, and it is not ours to guess."""
    content = (INTEROP / f"{WRONG}.xml").read_bytes()
    assert judge(content, vectors_trust).reason_code == "signature-value"
    signature = next(etree.fromstring(content).iter(f"{{{DSIG}}}Signature"))
    lifted = lift_out(signature[0])
    assert lifted is not None
    element, inherited = lifted
    assert inherited
    assert check_exclusively(element, inherited, signature, taken_in=True)
    assert not check_exclusively(element, inherited, signature, taken_in=False)


def check_exclusively(
    element: etree._Element, inherited: dict[str, str], signature: etree._Element, *, taken_in: bool
) -> bool:
    lifted = etree.fromstring(etree.tostring(element))
    for name, text in inherited.items() if taken_in else ():
        lifted.set(name, text)
    canonical = canonical_form(lifted, {}, exclusive=True)
    key = suites.keys_of(signature)[0]
    return check_value(canonical, base64.b64decode(signature[1].text or ""), key, "sha256") is None
