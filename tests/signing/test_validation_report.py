import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from signing.demo_pki import Holder
from signing.indication import Indication, Proof, SubIndication, Verdict
from signing.policy import ADAPTATIONS, LEVELS, Policy
from signing.policy_file import load_policy
from signing.sign import sign
from signing.trust import TrustStore
from signing.validation_report import (
    VERSION,
    BestSignatureTime,
    ReportUnreadable,
    ValidationReport,
    report_of,
)
from tests.signing import verdicts, workshop
from tests.signing.workshop import NOW

# A report as version 1 wrote it; it is never written anew: what was kept once must be readable for good.
KEPT_1 = Path(__file__).with_name("validation-report-1.json")


@pytest.fixture(scope="session")
def every_kind(signed: bytes, holder: Holder, trust: TrustStore) -> dict[str, tuple[Verdict, ...]]:
    return verdicts.of_every_kind(signed, holder, trust)


def test_a_report_says_whom_what_when_and_under_which_text(signed: bytes, trust: TrustStore, holder: Holder) -> None:
    policy = load_policy("no-revocation-1")
    verdict = structs.replace(verdicts.passed(signed, trust), policy=policy.id)
    generated_at = NOW + timedelta(seconds=5)
    report = report_of([verdict], subject=verdicts.SUBJECT, policy=policy, generated_at=generated_at)
    assert (report.version, report.generated_at, report.subject) == (VERSION, generated_at, verdicts.SUBJECT)
    assert (report.indication, report.sub_indication, report.waits) == ("TOTAL-PASSED", None, False)
    assert (report.policy.id, report.policy.sha256, report.policy.edition) == (
        "no-revocation-1",
        policy.sha256,
        "ETSI EN 319 102-1 V1.3.1",
    )
    assert [one.code for one in report.policy.adaptations] == list(policy.adaptations)
    assert report.policy.adaptations[0].message_vi == ADAPTATIONS["signer-from-key-info"].vi
    (one,) = report.signatures
    der = verdicts.certificate_der(holder)
    assert one.signer == hashlib.sha256(der).hexdigest()
    assert (one.file, one.path, one.format) == ("D02-TS.xml", "/D02-TS/Cky", LEVELS[0])
    assert (one.reason, one.clause, one.indication) == ("passed", "5.3", "TOTAL-PASSED")
    assert (one.key, one.key_bits, one.curve) == ("rsa", 2048, "")
    assert one.signature_algorithm.endswith("#rsa-sha256")
    assert one.digest_algorithm.endswith("#sha256")
    assert one.content_digest == verdict.content_digest != ""
    assert one.signing_time_claimed == verdict.signing_time_claimed != ""
    assert not one.signing_time_covered
    assert one.best_signature_time == BestSignatureTime(NOW, "received_at")


def test_a_chain_names_each_certificate_and_its_part(signed: bytes, trust: TrustStore) -> None:
    verdict = verdicts.passed(signed, trust)
    report = verdicts.report(verdict)
    (one,) = report.signatures
    roles = [link.role for link in one.chain]
    assert roles == ["signer", *["authority"] * (len(roles) - 2), "anchor"]
    assert len(roles) == len(verdict.chain) + 1
    described = {each.sha256: each for each in report.certificates}
    assert set(described) == {link.sha256 for link in one.chain}
    signer, anchor = described[one.chain[0].sha256], described[one.chain[-1].sha256]
    assert verdict.signer is not None
    assert (signer.subject, signer.issuer, signer.serial) == (
        verdict.signer.subject,
        verdict.signer.issuer,
        verdict.signer.serial,
    )
    assert (signer.not_before, signer.not_after) == (verdict.signer.not_before, verdict.signer.not_after)
    assert anchor.subject == anchor.issuer


def test_an_elliptic_key_is_named_by_its_curve(pki_elliptic: Verdict) -> None:
    (one,) = verdicts.report(pki_elliptic).signatures
    assert (one.key, one.key_bits, one.curve) == ("ec", 256, "secp256r1")


@pytest.fixture
def pki_elliptic(elliptic: Holder, trust: TrustStore) -> Verdict:
    content = sign(workshop.unsigned(), workshop.PATH, elliptic.key, elliptic.certificate, now=NOW)
    return verdicts.passed(content, trust)


def test_revocation_and_timestamps_are_there_as_they_were_used(every_kind: dict[str, tuple[Verdict, ...]]) -> None:
    (verdict,) = every_kind["time-stamped"]
    report = verdicts.report(verdict)
    (one,) = report.signatures
    assert one.revocation == verdict.revocation
    assert one.timestamps == verdict.timestamps
    assert one.cautions == verdict.cautions
    assert one.signing_time_covered
    assert one.best_signature_time == BestSignatureTime(
        NOW - timedelta(minutes=5), "timestamp", verdicts.sha256(verdicts.TOKEN)
    )
    assert base64.b64decode(one.signature_value) == b"\x01\x02"
    kinds = {each.sha256: each.kind for each in report.proofs}
    assert kinds[verdicts.sha256(verdicts.OCSP)] == "ocsp"
    assert kinds[verdicts.sha256(verdicts.CRL)] == "crl"
    assert kinds[verdicts.sha256(verdicts.TOKEN)] == "timestamp"
    assert set(kinds) == {proof.sha256 for proof in verdict.proofs}


def test_a_certificate_among_the_proofs_is_described_though_no_chain_has_it(
    signed: bytes, trust: TrustStore, elliptic: Holder
) -> None:
    der = verdicts.certificate_der(elliptic)
    verdict = verdicts.passed(signed, trust)
    responder = Proof(verdicts.sha256(der), "certificate", der)
    report = verdicts.report(structs.replace(verdict, proofs=(*verdict.proofs, responder)))
    assert responder.sha256 in {one.sha256 for one in report.certificates}
    assert responder.sha256 not in {one.sha256 for one in report.signatures[0].chain}


def test_what_waits_names_what_is_wanted(every_kind: dict[str, tuple[Verdict, ...]]) -> None:
    report = verdicts.report(*every_kind["pending"])
    (one,) = report.signatures
    assert (report.waits, one.waits, report.sub_indication) == (True, True, "TRY_LATER")
    assert [wanted.sha256 for wanted in one.wanted] == [one.signer]
    assert one.wanted[0].ocsp_urls == ("http://ocsp.example/",)
    assert one.try_again_at is None
    (held,) = verdicts.report(*every_kind["hold"]).signatures
    assert not held.waits
    assert held.try_again_at == NOW + timedelta(hours=22)
    (revoked,) = verdicts.report(*every_kind["revoked"]).signatures
    assert revoked.try_again_at is None


def test_several_signatures_are_told_in_order_and_the_worst_decides(
    every_kind: dict[str, tuple[Verdict, ...]],
) -> None:
    chosen = every_kind["several"]
    report = verdicts.report(*chosen)
    assert [one.indication for one in report.signatures] == [verdict.indication.value for verdict in chosen]
    assert (report.indication, report.sub_indication) == ("TOTAL-FAILED", "HASH_FAILURE")
    named = [each.sha256 for each in report.certificates]
    assert len(named) == len(set(named))
    proofs = [each.sha256 for each in report.proofs]
    assert len(proofs) == len(set(proofs))
    (good,), (pending,) = every_kind["passed"], every_kind["pending"]
    assert verdicts.report(good, pending).waits
    assert not verdicts.report(pending, *every_kind["refused"]).waits


@pytest.mark.parametrize("sub_indication", list(SubIndication))
def test_every_sub_indication_names_its_clause(
    sub_indication: SubIndication, every_kind: dict[str, tuple[Verdict, ...]]
) -> None:
    verdict = verdicts.refusing(every_kind["passed"][0], sub_indication, "any")
    assert verdicts.report(verdict).signatures[0].clause.startswith("5.")


def test_a_report_is_about_one_signature_at_least_and_about_one_policy(signed: bytes, trust: TrustStore) -> None:
    with pytest.raises(ValueError, match="one signature at least"):
        verdicts.report()
    verdict = verdicts.passed(signed, trust)
    with pytest.raises(ValueError, match="no-revocation-1 in a report about national-1"):
        report_of([verdict], subject=verdicts.SUBJECT, policy=verdicts.NATIONAL, generated_at=NOW)


def test_a_kept_report_is_read_as_it_was(every_kind: dict[str, tuple[Verdict, ...]]) -> None:
    for chosen in every_kind.values():
        report = verdicts.report(*chosen)
        kept = report.keep()
        assert ValidationReport.read(kept) == report
        assert ValidationReport.read(kept).keep() == kept == verdicts.report(*chosen).keep()


def test_a_report_says_nothing_that_needs_this_software_to_be_understood(
    every_kind: dict[str, tuple[Verdict, ...]],
) -> None:
    told = json.loads(verdicts.report(*every_kind["time-stamped"]).keep())
    assert told["signatures"][0]["best_signature_time"]["at"] == "2026-03-02T01:25:00Z"
    assert told["signatures"][0]["revocation"][0]["age_s"] == 7200
    assert told["subject"] == {
        "sha256": verdicts.SUBJECT.sha256,
        "name": "hồ sơ.xml",
        "received_at": "2026-03-02T01:30:00Z",
    }


def lost(kept: object, again: object, where: str = "") -> Iterator[str]:
    """What was kept and is not told again; that more is told is well."""
    if isinstance(kept, dict) and isinstance(again, dict):
        for name, value in kept.items():
            yield from lost(value, again.get(name), f"{where}/{name}")
    elif isinstance(kept, list) and isinstance(again, list) and len(kept) == len(again):
        for number, (value, other) in enumerate(zip(kept, again, strict=True)):
            yield from lost(value, other, f"{where}/{number}")
    elif kept != again:
        yield where


def test_a_report_of_version_1_is_read_for_good() -> None:
    kept = KEPT_1.read_bytes()
    report = ValidationReport.read(kept)
    assert list(lost(json.loads(kept), json.loads(report.keep()))) == []
    assert list(lost({"a": [{"b": 1}]}, {"a": [{"b": 2, "c": 3}]})) == ["/a/0/b"]
    one = report.signatures[0]
    assert (report.indication, one.key_bits, one.revocation[0].status) == ("TOTAL-PASSED", 2048, "good")
    assert one.best_signature_time == BestSignatureTime(
        datetime(2026, 3, 2, 1, 25, tzinfo=UTC), "timestamp", one.timestamps[0].sha256
    )


def test_what_a_newer_version_added_is_passed_over_and_another_version_is_refused() -> None:
    told = json.loads(KEPT_1.read_bytes())
    more = told | {"colour": "red"}
    assert ValidationReport.read(json.dumps(more).encode()) == ValidationReport.read(KEPT_1.read_bytes())
    with pytest.raises(ReportUnreadable, match="version 2; this software reads 1"):
        ValidationReport.read(json.dumps(told | {"version": 2, "signatures": "elsewhere"}).encode())


@given(st.binary(max_size=60) | st.integers(0, 3000).map(lambda at: KEPT_1.read_bytes()[:at]))
def test_a_damaged_report_is_named_as_such(kept: bytes) -> None:
    with pytest.raises(ReportUnreadable):
        ValidationReport.read(kept)


def test_a_policy_made_in_code_has_no_text_to_name(signed: bytes, trust: TrustStore) -> None:
    report = verdicts.report(verdicts.passed(signed, trust), policy=Policy())
    assert report.policy.sha256 == ""
    assert report.indication == Indication.TOTAL_PASSED
