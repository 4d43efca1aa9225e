"""Which names an authority may certify: every kind of name, permitted and excluded, and the ways around it."""

from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from signing import name_constraints
from signing.demo_holder import Holder, employer_subject, make_key
from signing.indication import Refusal
from signing.name_constraints import fault_of_names
from tests.signing.revocation_workshop import authority
from tests.signing.workshop import certificate

DNS, URI, MAIL, IP = x509.DNSName, x509.UniformResourceIdentifier, x509.RFC822Name, x509.IPAddress
KEY = make_key("ec-p256")
ROOT = authority("ROOT")
EMPLOYER = employer_subject("CÔNG TY MẪU", ["MST:0101234565"])


def directory(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.DirectoryName:
    return x509.DirectoryName(x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes]))


def constraints(
    permitted: list[x509.GeneralName] | None = None, excluded: list[x509.GeneralName] | None = None
) -> x509.NameConstraints:
    return x509.NameConstraints(permitted or None, excluded or None)


def constrained(limits: x509.NameConstraints, issuer: Holder = ROOT, name: x509.Name | None = None) -> Holder:
    subject = name or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LIMITED CA")])
    return certificate(subject, KEY, issuer, extensions=((limits, True),))


def holder(*names: x509.GeneralName, issuer: Holder, subject: x509.Name = EMPLOYER) -> Holder:
    extensions = ((x509.SubjectAlternativeName(names), False),) if names else ()
    return certificate(subject, KEY, issuer, extensions=extensions)


def judged(limits: x509.NameConstraints, *names: x509.GeneralName, subject: x509.Name = EMPLOYER) -> str:
    middle = constrained(limits)
    leaf = holder(*names, issuer=middle, subject=subject)
    return code(fault_of_names((leaf.certificate, middle.certificate, ROOT.certificate)))


def code(found: Refusal | None) -> str:
    return found.code if found else ""


VN = (NameOID.COUNTRY_NAME, "VN")
HANOI = (NameOID.STATE_OR_PROVINCE_NAME, "HÀ NỘI")
OUT, IN = "name-not-permitted", ""


@pytest.mark.parametrize(
    ("permitted", "excluded", "expected"),
    [
        ([directory(VN)], [], IN),
        ([directory(VN, HANOI)], [], IN),
        ([directory(VN, (NameOID.STATE_OR_PROVINCE_NAME, "Hà  Nội "))], [], IN),
        ([directory(VN, (NameOID.STATE_OR_PROVINCE_NAME, "Ha\u0300 No\u0323\u0302i"))], [], IN),
        ([directory(VN, (NameOID.STATE_OR_PROVINCE_NAME, "HUẾ"))], [], OUT),
        ([directory((NameOID.COUNTRY_NAME, "LA"))], [], OUT),
        ([directory((NameOID.COUNTRY_NAME, "LA")), directory(VN)], [], IN),
        ([directory(HANOI)], [], OUT),
        ([directory()], [], IN),
        ([], [directory()], OUT),
        ([], [directory(VN, HANOI)], OUT),
        ([directory(VN)], [directory(VN, HANOI)], OUT),
        ([], [directory((NameOID.COUNTRY_NAME, "LA"))], IN),
        # Other kinds of names say nothing of a subject.
        ([DNS("vn")], [URI("vn")], IN),
    ],
)
def test_subjects_lie_within_the_subtrees(
    permitted: list[x509.GeneralName], excluded: list[x509.GeneralName], expected: str
) -> None:
    assert judged(constraints(permitted, excluded)) == expected


@pytest.mark.parametrize(
    ("subtree", "name", "within"),
    [
        (DNS("example.vn"), DNS("example.vn"), True),
        (DNS("example.vn"), DNS("a.b.EXAMPLE.vn"), True),
        (DNS("example.vn"), DNS("badexample.vn"), False),
        (DNS("example.vn"), DNS("example.vn.evil.test"), False),
        (DNS(".example.vn"), DNS("a.example.vn"), True),
        (DNS(".example.vn"), DNS("example.vn"), False),
        (DNS(""), DNS("anything.test"), True),
        (DNS("example.vn"), DNS("example.vn."), True),
        (DNS("example.vn"), DNS("*.example.vn"), True),
        (MAIL("boss@example.vn"), MAIL("boss@EXAMPLE.vn"), True),
        (MAIL("boss@example.vn"), MAIL("Boss@example.vn"), False),
        (MAIL("boss@example.vn"), MAIL("other@example.vn"), False),
        (MAIL("example.vn"), MAIL("other@example.vn"), True),
        (MAIL("example.vn"), MAIL("other@a.example.vn"), False),
        (MAIL(".example.vn"), MAIL("other@a.example.vn"), True),
        (MAIL(".example.vn"), MAIL("other@example.vn"), False),
        (URI("example.vn"), URI("https://example.vn:8443/x?y"), True),
        (URI("example.vn"), URI("https://a.example.vn/"), False),
        (URI(".example.vn"), URI("https://a.EXAMPLE.vn/"), True),
        (URI(".example.vn"), URI("https://example.vn/"), False),
        (URI("example.vn"), URI("https://example.vn@evil.test/"), False),
        (IP(ip_network("10.0.0.0/8")), IP(ip_address("10.1.2.3")), True),
        (IP(ip_network("10.0.0.0/8")), IP(ip_address("11.1.2.3")), False),
        (IP(ip_network("10.0.0.0/8")), IP(ip_address("fe80::1")), False),
        (IP(ip_network("fe80::/16")), IP(ip_address("fe80::1")), True),
    ],
)
def test_alternative_names_lie_within_the_subtrees(
    subtree: x509.GeneralName, name: x509.GeneralName, within: bool
) -> None:
    assert judged(constraints([subtree]), name) == (IN if within else OUT)
    assert judged(constraints([], [subtree]), name) == (OUT if within else IN)
    # One that lies outside spoils the rest; another kind of constraint does not matter.
    assert judged(constraints([subtree]), name, name) == (IN if within else OUT)
    assert judged(constraints([directory(VN)]), name) == IN


@pytest.mark.parametrize(
    "name",
    [
        URI("urn:mst:0101234565"),
        URI("https://10.1.2.3/"),
        URI("https://[fe80::1]/"),
        URI("https://[/"),
        URI("file:///x"),
    ],
)
def test_addresses_without_a_host_name_are_refused_under_constraints(name: x509.GeneralName) -> None:
    assert judged(constraints([URI("example.vn")]), name) == OUT
    assert judged(constraints([], [URI("example.vn")]), name) == OUT
    assert judged(constraints([directory(VN)]), name) == IN


def test_a_wildcard_that_reaches_into_what_is_excluded_is_refused() -> None:
    assert judged(constraints([], [DNS("a.example.vn")]), DNS("*.example.vn")) == OUT
    assert judged(constraints([], [DNS("a.other.vn")]), DNS("*.example.vn")) == IN


def test_the_subjects_own_e_mail_address_is_constrained_too() -> None:
    def named(value: str) -> x509.Name:
        return x509.Name([*EMPLOYER, x509.NameAttribute(NameOID.EMAIL_ADDRESS, value)])

    limits = constraints([MAIL("example.vn")])
    assert judged(limits, subject=named("a@example.vn")) == IN
    assert judged(limits, subject=named("a@evil.test")) == OUT
    assert judged(limits, MAIL("a@example.vn"), subject=named("a@evil.test")) == OUT
    for odd in ("nobody", "@example.vn", "a@"):
        assert judged(limits, subject=named(odd)) == OUT


def test_a_kind_that_is_not_understood_refuses_where_it_is_constrained_and_occurs() -> None:
    other = x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x0c\x01x")
    registered = x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4"))
    for name in (other, registered):
        for limits in (constraints([name]), constraints([], [name])):
            assert judged(limits, name) == "name-constraint-unknown"
            assert judged(limits, DNS("example.vn")) == IN
        assert judged(constraints([DNS("vn")]), name) == IN


def test_distances_in_subtrees_are_not_understood() -> None:
    """RFC 5280 §4.2.1.10: minimum is 0 and maximum absent; X.509 knows more."""
    plain = constraints([directory(VN)]).public_bytes()
    base = directory(VN).value.public_bytes()
    tree = bytes.fromhex("a4") + bytes([len(base)]) + base + bytes.fromhex("800101")
    inner = b"\x30" + bytes([len(tree)]) + tree
    odd = b"\x30" + bytes([len(inner) + 2]) + b"\xa0" + bytes([len(inner)]) + inner
    assert len(odd) == len(plain) + 3
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.30"), odd)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LIMITED CA")])
    middle = certificate(subject, KEY, ROOT, extensions=((extension, True),))
    leaf = holder(issuer=middle)
    path = (leaf.certificate, middle.certificate, ROOT.certificate)
    assert code(fault_of_names(path)) == "name-constraint-unknown"


def test_constraints_reach_all_the_way_down_and_only_narrow() -> None:
    upper = constrained(constraints([directory(VN)]), name=EMPLOYER)
    lower = constrained(constraints([directory((NameOID.COUNTRY_NAME, "LA")), directory(VN, HANOI)]), upper, EMPLOYER)
    leaf = holder(issuer=lower)
    assert fault_of_names((leaf.certificate, lower.certificate, upper.certificate, ROOT.certificate)) is None
    laotian = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "LA")])
    stray = holder(issuer=lower, subject=laotian)
    refusal = fault_of_names((stray.certificate, lower.certificate, upper.certificate, ROOT.certificate))
    assert refusal is not None
    assert refusal.code == OUT
    assert refusal.fields["name"] == "C=LA"
    # A subordinate authority's own name is constrained too, unless the certificate is in its issuer's name.
    elsewhere = certificate(laotian, KEY, upper)
    below = holder(issuer=elsewhere)
    assert code(fault_of_names((below.certificate, elsewhere.certificate, upper.certificate, ROOT.certificate))) == OUT
    own = certificate(laotian, KEY, constrained(constraints([directory(VN)]), name=laotian))
    limited = constrained(constraints([directory(VN)]), name=laotian)
    below = holder(issuer=own)
    assert fault_of_names((below.certificate, own.certificate, limited.certificate, ROOT.certificate)) is None
    # The last one is not exempt.
    assert code(fault_of_names((own.certificate, limited.certificate, ROOT.certificate))) == OUT


def test_an_anchors_own_constraints_bind() -> None:
    limits = constraints([directory((NameOID.COUNTRY_NAME, "LA"))])
    anchor = certificate(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ANCHOR")]), KEY, None, extensions=((limits, True),)
    )
    leaf = holder(issuer=anchor)
    assert code(fault_of_names((leaf.certificate, anchor.certificate))) == OUT


def test_no_path_keeps_us_comparing_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_constraints, "COMPARISONS_MAX", 6)
    limits = constraints([DNS("a.vn"), DNS("b.vn")])
    assert judged(limits, DNS("b.vn"), DNS("b.vn")) == IN
    assert judged(limits, *[DNS("b.vn")] * 3) == "name-constraint-unknown"


def test_a_subject_without_a_name_has_none_to_constrain() -> None:
    assert judged(constraints([directory(VN)]), DNS("a.vn"), subject=x509.Name([])) == IN
