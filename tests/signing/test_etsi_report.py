import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path

import pytest
import signxml
import xmlschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec import structs
from pyhanko.generated.etsi.ts_11910202 import ValidationReport as Bound
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.serializers import XmlSerializer

from signing.demo_pki import Holder
from signing.etsi_constraints import constraints_of
from signing.etsi_report import DSIG, TSL, VR, XADES, Validator, etsi_report
from signing.indication import SubIndication, Verdict, indication_of
from signing.policy import Policy
from signing.trust import TrustStore
from signing.validation_report import ValidationReport
from tests.signing import verdicts

KINDS = ("passed", "failed", "unreadable", "refused", "pending", "revoked", "hold", "time-stamped", "several")
NS = {"vr": VR, "ds": DSIG, "x": XADES, "tsl": TSL}
# pyHanko carries edition 1.2.1 of the same document type; what is written here is the same in both.
ANY_URI = xmlschema.XMLSchema.builtin_types()["anyURI"]
BOUND_NAMESPACE = "http://uri.etsi.org/19102/v1.2.1#"


@pytest.fixture(scope="session")
def every_kind(signed: bytes, holder: Holder, trust: TrustStore) -> dict[str, tuple[Verdict, ...]]:
    return verdicts.of_every_kind(signed, holder, trust)


def xml_of(chosen: tuple[Verdict, ...], *, bytes_at_hand: bool = True, validator: Validator | None = None) -> bytes:
    report = verdicts.report(*chosen)
    return etsi_report(report, verdicts.proofs_of(*chosen) if bytes_at_hand else {}, validator)


def variants(chosen: tuple[Verdict, ...], holder: Holder) -> Iterator[bytes]:
    yield xml_of(chosen)
    yield xml_of(chosen, bytes_at_hand=False, validator=Validator(subject="CN=Cửa tiếp nhận"))
    sealed = Validator(subject="", certificate_der=verdicts.certificate_der(holder))
    yield xml_of(chosen, validator=sealed)
    yield etsi_report(verdicts.report(*chosen, policy=Policy()), {}, sealed)


def texts(document: bytes, path: str) -> list[str]:
    return [str(found) for found in etree.fromstring(document).xpath(path, namespaces=NS)]


# ETSI's own schema, where it is at hand


def schema_folder() -> Path:
    named = os.environ.get("MOTCUA_TEST_ETSI_SCHEMAS", "")
    if not named:
        pytest.skip("not run: ETSI's schema of TS 119 102-2 is not here (MOTCUA_TEST_ETSI_SCHEMAS)")
    return Path(named)


def schema_files() -> dict[str, Path]:
    folder, installed = schema_folder(), Path(signxml.__file__).parent
    return {
        "xmldsig-core-schema.xsd": installed / "schemas" / "xmldsig-core-schema.xsd",
        "XAdES.xsd": installed / "xades" / "schemas" / "XAdES.xsd",
        "ts_119612v020201_201601xsd.xsd": folder / "ts_119612v020201_201601xsd.xsd",
        "TS119102-2-v141.xsd": folder / "TS119102-2-v141.xsd",
    }


class Local(etree.Resolver):
    def __init__(self, files: dict[str, Path]) -> None:
        super().__init__()
        self.files = files

    def resolve(self, url: str, pubid: str, context: object) -> object:
        file = self.files.get(url.rpartition("/")[2])
        return self.resolve_string(file.read_bytes() if file else b"", context)


def test_every_report_is_valid_by_the_schema_of_etsi_for_lxml(
    every_kind: dict[str, tuple[Verdict, ...]], holder: Holder
) -> None:
    files = schema_files()
    parser = etree.XMLParser(no_network=True, load_dtd=False)
    parser.resolvers.add(Local(files))
    schema = etree.XMLSchema(etree.fromstring(files["TS119102-2-v141.xsd"].read_bytes(), parser))
    for chosen in every_kind.values():
        for document in variants(chosen, holder):
            schema.assertValid(etree.fromstring(document))
    broken = etree.fromstring(xml_of(every_kind["passed"]))
    broken.find(".//vr:MainIndication", NS).tag = f"{{{VR}}}Indication"
    assert not schema.validate(broken)


def test_every_report_is_valid_by_the_schema_of_etsi_for_xmlschema(
    every_kind: dict[str, tuple[Verdict, ...]], holder: Holder
) -> None:
    files = schema_files()
    schema = xmlschema.XMLSchema(
        str(files["TS119102-2-v141.xsd"]),
        uri_mapper=lambda uri: str(files.get(uri.rpartition("/")[2], uri)),
        defuse="never",
    )
    for chosen in every_kind.values():
        for document in variants(chosen, holder):
            schema.validate(etree.fromstring(document))
    dangling = xml_of(every_kind["passed"]).replace(b'id="V-', b'id="W-', 1)
    assert list(schema.iter_errors(etree.fromstring(dangling)))


# The same document type as classes, which the installed pyHanko made of ETSI's schema


def facets(value: object, where: str = "") -> Iterator[str]:
    """Every breach of what the schema's facets say, as the classes carry them."""
    if not is_dataclass(value):
        return
    for one in fields(value):
        inside = getattr(value, one.name)
        meta, many = one.metadata, isinstance(inside, tuple)
        name = f"{where}/{meta.get('name', one.name)}"
        # A choice of two elements, which the classes have no word for: either may be left out.
        chosen = name.endswith("SignersDocument/SignersDocumentRepresentation")
        if meta.get("required") and inside is None and not chosen:
            yield f"{name} is required"
        if many and len(inside) < meta.get("min_occurs", 0) and not chosen:
            yield f"{name} occurs {len(inside)} times"
        if many and len(inside) > meta.get("max_occurs", 1 << 30):
            yield f"{name} occurs {len(inside)} times"
        for each in inside if many else (inside,):
            if isinstance(each, str) and len(each) < meta.get("min_length", 0):
                yield f"{name} is too short"
            if isinstance(one.type, type) and issubclass(one.type, Enum) and each is not None:
                yield from () if isinstance(each, one.type) else (f"{name} is not one of {one.type}",)
            yield from facets(each, name)


def bound(document: bytes) -> Bound:
    parser = XmlParser(
        config=ParserConfig(
            fail_on_unknown_properties=True, fail_on_unknown_attributes=True, fail_on_converter_warnings=True
        )
    )
    return parser.from_bytes(document.replace(VR.encode(), BOUND_NAMESPACE.encode()), Bound)


def outline(element: etree._Element) -> tuple[object, ...]:
    tag = str(element.tag).replace(BOUND_NAMESPACE, VR)
    return (tag, dict(element.attrib), (element.text or "").strip(), [outline(child) for child in element])


@pytest.mark.parametrize("kind", KINDS)
def test_every_report_is_read_strictly_and_written_back_in_the_same_order(
    kind: str, every_kind: dict[str, tuple[Verdict, ...]], holder: Holder
) -> None:
    for document in variants(every_kind[kind], holder):
        read = bound(document)
        assert list(facets(read)) == []
        again = XmlSerializer().render(read).encode()
        assert outline(etree.fromstring(again)) == outline(etree.fromstring(document))


def test_the_strict_reading_finds_what_is_wrong(every_kind: dict[str, tuple[Verdict, ...]]) -> None:
    document = xml_of(every_kind["passed"])
    unknown = document.replace(b"vr:PolicyName", b"vr:PolicyTitle")
    with pytest.raises(Exception, match="PolicyTitle"):
        bound(unknown)
    tree = etree.fromstring(document)
    status = tree.find(".//vr:SignatureValidationStatus/vr:MainIndication", NS)
    status.getparent().remove(status)
    assert [one.rpartition("/")[2] for one in facets(bound(etree.tostring(tree)))] == ["MainIndication is required"]
    swapped = etree.fromstring(document)
    process = swapped.find(".//vr:SignatureValidationProcess", NS)
    process.getparent().insert(0, process)
    written = XmlSerializer().render(bound(etree.tostring(swapped))).encode()
    assert outline(etree.fromstring(written)) != outline(swapped)


# What it says


@pytest.mark.parametrize(
    ("kind", "main", "sub"),
    [
        ("passed", "total-passed", None),
        ("failed", "total-failed", "HASH_FAILURE"),
        ("unreadable", "total-failed", "FORMAT_FAILURE"),
        ("refused", "indeterminate", "CRYPTO_CONSTRAINTS_FAILURE"),
        ("pending", "indeterminate", "TRY_LATER"),
        ("revoked", "indeterminate", "REVOKED_NO_POE"),
    ],
)
def test_the_verdict_is_told_in_the_standards_names(
    kind: str, main: str, sub: str | None, every_kind: dict[str, tuple[Verdict, ...]]
) -> None:
    document = xml_of(every_kind[kind])
    status = "//vr:SignatureValidationStatus"
    assert texts(document, f"{status}/vr:MainIndication/text()") == [f"urn:etsi:019102:mainindication:{main}"]
    expected = [f"urn:etsi:019102:subindication:{sub}"] if sub else []
    assert texts(document, f"{status}/vr:SubIndication/text()") == expected
    assert texts(document, "//vr:SignatureValidationProcessID/text()") == ["urn:etsi:019102:validationprocess:Basic"]


def test_each_signature_has_its_own_report_and_each_object_stands_once(
    every_kind: dict[str, tuple[Verdict, ...]],
) -> None:
    document = xml_of(every_kind["several"])
    assert texts(document, "//vr:SignatureIdentifier/@id") == ["S-1", "S-2", "S-3", "S-4"]
    identifiers = texts(document, "//vr:ValidationObject/@id")
    assert len(identifiers) == len(set(identifiers))
    assert set(texts(document, "//@VOReference")) <= set(identifiers)
    types = texts(document, "//vr:ObjectType/text()")
    assert {one.rpartition(":")[2] for one in types} == {
        "signedData",
        "certificate",
        "OCSPResponse",
        "CRL",
        "timestamp",
    }


def test_a_proof_is_there_in_full_where_its_bytes_are_and_by_its_digest_elsewhere(
    every_kind: dict[str, tuple[Verdict, ...]],
) -> None:
    crl = f"//vr:ValidationObject[@id='V-{verdicts.sha256(verdicts.CRL)}']//"
    full = xml_of(every_kind["passed"])
    assert texts(full, crl + "vr:base64/text()") == ["MANjcmw="]
    assert texts(full, crl + "vr:TypeOfProof/text()") == ["urn:etsi:019102:poetype:provided"]
    bare = xml_of(every_kind["passed"], bytes_at_hand=False)
    assert texts(bare, "//vr:base64") == []
    assert texts(bare, crl + "ds:DigestMethod/@Algorithm") == ["http://www.w3.org/2001/04/xmlenc#sha256"]


def test_the_best_signature_time_says_what_proves_it(every_kind: dict[str, tuple[Verdict, ...]]) -> None:
    best = "//vr:BestSignatureTime"
    plain, stamped = xml_of(every_kind["passed"]), xml_of(every_kind["time-stamped"])
    assert texts(plain, f"{best}/vr:POETime/text()") == ["2026-03-02T01:30:00Z"]
    assert texts(plain, f"{best}/vr:TypeOfProof/text()") == ["urn:etsi:019102:poetype:provided"]
    assert texts(stamped, f"{best}/vr:POETime/text()") == ["2026-03-02T01:25:00Z"]
    assert texts(stamped, f"{best}/vr:TypeOfProof/text()") == ["urn:etsi:019102:poetype:validation"]
    token = f"V-{verdicts.sha256(verdicts.TOKEN)}"
    assert texts(stamped, f"{best}/vr:POEObject/@VOReference") == [token]
    assert texts(stamped, "//vr:SignatureTimeStamp/vr:AttributeObject/@VOReference") == [token]
    assert texts(stamped, "//vr:SignatureValidationProcessID/text()") == ["urn:etsi:019102:validationprocess:LTVM"]


@pytest.mark.parametrize(
    ("claimed", "told"),
    [
        ("2026-03-02T08:30:00+07:00", ["2026-03-02T01:30:00Z"]),
        ("2026-03-02T08:30:00.5Z", ["2026-03-02T08:30:00.500000Z"]),
        ("2026-03-02T08:30:00", []),  # whose half past eight?
        ("2026-03-02 08:30:00", []),
        ("2026-13-02T08:30:00Z", []),
        ("0001-01-01T00:00:00+07:00", []),
        ("9999-12-31T23:59:59-07:00", []),
        ("hôm qua", []),
        ("", []),
    ],
)
def test_a_claimed_signing_time_is_told_as_a_claim_and_only_where_it_names_an_instant(
    claimed: str, told: list[str], signed: bytes, trust: TrustStore
) -> None:
    verdict = structs.replace(verdicts.passed(signed, trust), signing_time_claimed=claimed)
    document = xml_of((verdict,))
    assert texts(document, "//vr:SigningTime/vr:Time/text()") == told
    assert texts(document, "//vr:SigningTime/@Signed") == ["false"] * len(told)
    words = "//vr:ReportData[vr:Type='urn:motcua:report:signing-time-claimed']/vr:Value/text()"
    assert texts(document, words) == ([claimed] if claimed else [])


def test_a_signing_time_that_the_signature_covers_is_told_as_signed(
    every_kind: dict[str, tuple[Verdict, ...]],
) -> None:
    assert texts(xml_of(every_kind["time-stamped"]), "//vr:SigningTime/@Signed") == ["true"]


def test_the_policy_is_named_by_the_digest_of_its_text(every_kind: dict[str, tuple[Verdict, ...]]) -> None:
    document = xml_of(every_kind["passed"])
    assert texts(document, "//x:SigPolicyId/x:Identifier/text()") == ["urn:motcua:policy:national-1"]
    assert len(texts(document, "//x:SigPolicyHash/ds:DigestValue/text()")) == 1
    in_code = etsi_report(verdicts.report(*every_kind["passed"], policy=Policy()), {})
    assert len(etree.fromstring(in_code).findall(".//x:SignaturePolicyImplied", NS)) == 1
    assert texts(in_code, "//x:SigPolicyHash") == []


def test_a_revocation_is_told_with_its_time_and_reason(every_kind: dict[str, tuple[Verdict, ...]]) -> None:
    document = xml_of(every_kind["revoked"])
    revoked = "//vr:RevocationStatusInformation"
    assert texts(document, f"{revoked}/vr:RevocationTime/text()") == ["2026-02-27T01:30:00Z"]
    assert texts(document, f"{revoked}/vr:RevocationReason/text()") == [
        "urn:etsi:019102:revocationReason:keyCompromise"
    ]
    assert texts(document, f"{revoked}/vr:RevocationObject/@VOReference") == [f"V-{verdicts.sha256(verdicts.OCSP)}"]
    held = xml_of(every_kind["hold"])
    reason = texts(held, f"{revoked}/vr:RevocationReason/text()")
    assert reason == ["urn:etsi:019102:revocationReason:certificateHold"]
    assert texts(held, "//vr:ReportData[vr:Type='urn:motcua:report:try-again-at']/vr:Value/text()") == [
        "2026-03-02T23:30:00Z"
    ]


def constraints(report: ValidationReport) -> dict[str, str]:
    required = report.policy.revocation_required
    evaluated = constraints_of(report.signatures[0], revocation_required=required)
    return {one.name: one.indication if one.applied else "disabled" for one in evaluated}


def test_a_constraint_is_told_only_where_something_is_known_of_it(every_kind: dict[str, tuple[Verdict, ...]]) -> None:
    good = constraints(verdicts.report(*every_kind["passed"]))
    assert good == {
        "format-checking": "passed",
        "signing-certificate-identification": "passed",
        "signing-certificate-attribute": "disabled",
        "revocation-freshness": "passed",
        "x509-certificate-validation": "passed",
        "extended-key-usage": "disabled",
        "cryptographic-verification": "passed",
        "cryptographic-constraints": "passed",
        "signature-acceptance": "passed",
    }
    not_asked = constraints(verdicts.report(*every_kind["passed"], policy=Policy()))
    assert not_asked == good | {"revocation-freshness": "disabled"}
    (pending,) = every_kind["pending"]
    waits = {name: said for name, said in good.items() if name != "signature-acceptance"}
    waits["revocation-freshness"] = "indeterminate"
    assert constraints(verdicts.report(pending)) == waits
    del waits["x509-certificate-validation"]
    assert constraints(verdicts.report(structs.replace(pending, chain=()))) == waits
    assert constraints(verdicts.report(*every_kind["failed"])) == {
        "format-checking": "passed",
        "signing-certificate-identification": "passed",
        "signing-certificate-attribute": "disabled",
        "extended-key-usage": "disabled",
        "cryptographic-verification": "failed",
    }
    assert constraints(verdicts.report(*every_kind["unreadable"])) == {
        "format-checking": "failed",
        "extended-key-usage": "disabled",
    }
    stamped = constraints(verdicts.report(*every_kind["time-stamped"]))
    assert stamped["proof-of-existence"] == "passed"
    assert "signing-certificate-attribute" not in stamped


@pytest.mark.parametrize("sub_indication", list(SubIndication))
def test_every_sub_indication_concerns_one_constraint(
    sub_indication: SubIndication, every_kind: dict[str, tuple[Verdict, ...]]
) -> None:
    (good,) = every_kind["passed"]
    verdict = structs.replace(verdicts.refusing(good, sub_indication, "any"), indication=indication_of(sub_indication))
    report = verdicts.report(verdict)
    evaluated = constraints_of(report.signatures[0], revocation_required=True)
    assert [one.sub_indication for one in evaluated if one.sub_indication] == [sub_indication.value]
    assert list(facets(bound(etsi_report(report, {})))) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.text(st.characters(codec=None, exclude_categories=()), max_size=40),
    uri=st.text(max_size=40).map(lambda text: "http://www.w3.org/" + text) | st.text(max_size=40),
    digest=st.binary(max_size=70),
)
def test_whatever_outsiders_wrote_the_report_stays_well_formed(
    words: str, uri: str, digest: bytes, every_kind: dict[str, tuple[Verdict, ...]]
) -> None:
    (refused,) = every_kind["refused"]
    verdict = structs.replace(
        refused,
        file=words,
        path=words,
        format=words,
        reason_vi=words,
        signature_algorithm=uri,
        digest_algorithm=uri,
        content_digest=digest.hex(),
        signing_time_claimed=words,
    )
    document = etsi_report(verdicts.report(verdict), {}, Validator(subject=words))
    assert list(facets(bound(document))) == []
    for named in etree.fromstring(document).iterfind(".//ds:DigestMethod", NS):
        ANY_URI.validate(named.get("Algorithm"))
    for algorithm in etree.fromstring(document).iterfind(".//vr:CryptoInformation/vr:Algorithm", NS):
        ANY_URI.validate(algorithm.text)


def test_the_same_report_gives_the_same_bytes(every_kind: dict[str, tuple[Verdict, ...]]) -> None:
    report = verdicts.report(*every_kind["several"])
    kept = ValidationReport.read(report.keep())
    proofs = verdicts.proofs_of(*every_kind["several"])
    assert etsi_report(kept, proofs) == etsi_report(report, proofs)
