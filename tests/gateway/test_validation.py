"""The validation report of a dossier: the same at every time of asking, with what it rests on."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from lxml import etree

from gateway.validation import validation_of
from signing.policy_file import load_policy
from signing.validation_report import ValidationReport
from storage import journal, proofs
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, a_dossier, inhouse

VR = "{http://uri.etsi.org/19102/v1.4.1#}"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home") as made:
        yield made


def test_the_report_says_what_every_signature_rests_on(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    content = a_dossier()
    told = gateway("POST", "/v1/dossiers", employer, content=content).json()
    answer = gateway("GET", f"/v1/dossiers/{told['dossier']}/validation", employer)
    report = ValidationReport.read(answer.content)
    assert report.indication == "TOTAL-PASSED"
    assert report.subject.sha256 == hashlib.sha256(content).hexdigest()
    assert (report.policy.id, report.policy.sha256) == ("national-1", load_policy("national-1").sha256)
    assert [one.file for one in report.signatures][:2] == ["Hoso", "D02-TS-595.xml"]
    for signature in report.signatures:
        assert signature.format == "XMLDSig, not AdES"
        assert {used.kind for used in signature.revocation} == {"crl"}
        assert {used.status for used in signature.revocation} == {"good"}
        assert all(used.age_s > 0 for used in signature.revocation)
    for proof in report.proofs:
        der = gateway("GET", f"/v1/dossiers/{told['dossier']}/proofs/{proof.sha256}", employer)
        assert hashlib.sha256(der.content).hexdigest() == proof.sha256
    assert {proof.kind for proof in report.proofs} == {"certificate", "crl"}
    gateway.clock.advance(86400)
    office = gateway.bearer("office", offices=[OFFICE])
    assert gateway("GET", f"/v1/dossiers/{told['dossier']}/validation", office).content == answer.content


def test_the_etsi_report_names_the_same(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    answer = gateway("GET", f"/v1/dossiers/{told['dossier']}/validation.xml", employer)
    assert answer.headers["content-type"] == "application/xml"
    root = etree.fromstring(answer.content)
    assert root.tag == f"{VR}ValidationReport"
    indications = [one.text for one in root.iter(f"{VR}MainIndication")]
    assert indications.count("urn:etsi:019102:mainindication:total-passed") >= 3
    assert gateway("GET", f"/v1/dossiers/{told['dossier']}/validation.xml", employer).content == answer.content


def test_a_refused_dossier_has_a_report_too(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    refused = gateway(
        "POST", "/v1/dossiers", employer, content=a_dossier().replace(b"<MaThuTuc>600", b"<MaThuTuc>699")
    ).json()
    report = json.loads(gateway("GET", f"/v1/dossiers/{refused['dossier']}/validation", employer).content)
    assert (report["indication"], report["sub_indication"]) == ("TOTAL-FAILED", "HASH_FAILURE")


def test_without_a_signature_there_is_no_report(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    refused = gateway("POST", "/v1/dossiers", employer, content=b"<a").json()
    assert gateway("GET", f"/v1/dossiers/{refused['dossier']}/validation", employer).status_code == 404


def test_the_report_stays_when_another_policy_comes_into_force(tmp_path: Path) -> None:
    with inhouse(tmp_path / "home") as before:
        told = before("POST", "/v1/dossiers", before.bearer("employer", units=[UNIT]), content=a_dossier()).json()
        report = before(
            "GET", f"/v1/dossiers/{told['dossier']}/validation", before.bearer("employer", units=[UNIT])
        ).content
        tables = before.house.intake.tables
        import msgspec

        before.house.intake.tables = msgspec.structs.replace(tables, policy=load_policy("no-revocation-1"))
        again = before("GET", f"/v1/dossiers/{told['dossier']}/validation", before.bearer("employer", units=[UNIT]))
        assert again.content == report


def test_strangers_see_none_of_it(gateway: Inhouse) -> None:
    told = gateway("POST", "/v1/dossiers", gateway.bearer("employer", units=[UNIT]), content=a_dossier()).json()
    stranger = gateway.bearer("employer")
    for part in ("validation", "validation.xml", "judgement", f"proofs/{'0' * 64}"):
        assert gateway("GET", f"/v1/dossiers/{told['dossier']}/{part}", stranger).status_code == 404


def test_only_proofs_that_the_dossiers_own_report_names_are_given(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    strange = proofs.Proof(sha256="a" * 64, kind="crl", content=b"another dossier's")
    with gateway.house.database.begin() as tx:
        proofs.keep(tx, [strange], 1)
    policy = gateway.house.tables.policy.sha256
    for sha256 in (strange.sha256, policy):
        assert gateway("GET", f"/v1/dossiers/{told['dossier']}/proofs/{sha256}", employer).status_code == 404


def test_json_reads_no_revocation_data(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    with gateway.house.database.read() as tx:
        dossier = journal.dossier(tx, told["dossier"], journal.Scope(everything=True))
    assert dossier is not None
    policy = gateway.house.tables.policy
    brief = validation_of(gateway.house.database, dossier, policy)
    whole = validation_of(gateway.house.database, dossier, policy, whole=True)
    assert brief.report == whole.report
    kinds = {one.sha256: one.kind for one in brief.report.proofs}
    assert {kinds[sha256] for sha256 in brief.proofs} == {"certificate"}
    assert {kinds[sha256] for sha256 in whole.proofs} == {"certificate", "crl"}


def test_a_dossier_judged_before_reports_were_kept_has_none_and_says_so(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    with gateway.house.database.begin() as tx:
        kept = json.loads(tx.execute(sa.text("SELECT report FROM dossier")).scalar_one())
        for name in ("policy_sha256", "revocation", "papers"):
            del kept[name]
        for signature in kept["signatures"]:
            for name in ("proofs", "judged_at", "format", "chain", "content_digest", "digest_algorithm"):
                signature.pop(name, None)
        tx.execute(sa.text("UPDATE dossier SET report = :kept"), {"kept": json.dumps(kept)})
    for part in ("validation", "validation.xml"):
        answer = gateway("GET", f"/v1/dossiers/{told['dossier']}/{part}", employer)
        assert answer.status_code == 404
        assert "judged before validation reports were kept" in answer.json()["detail"]


def test_a_policy_whose_text_is_not_kept_is_no_fault_of_the_caller(
    gateway: Inhouse, caplog: pytest.LogCaptureFixture
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    policy = gateway.house.tables.policy.sha256
    with gateway.house.database.begin() as tx:
        tx.execute(
            sa.text("UPDATE dossier SET report = replace(report, :policy, :other)"),
            {"policy": policy, "other": "b" * 64},
        )
    answer = gateway("GET", f"/v1/dossiers/{told['dossier']}/validation", employer)
    assert answer.status_code == 404
    assert "b" * 64 in caplog.text
