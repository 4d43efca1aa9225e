"""Steps 7 and 8 over HTTP: signer, unit and submitter belong together; first registrations; offices put right."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.inhouse import (
    OFFICE,
    OTHER_TAX_CODE,
    OTHER_UNIT,
    TAX_CODE,
    UNIT,
    Inhouse,
    a_dossier,
    inhouse,
    sign,
)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home") as made:
        yield made


@pytest.fixture
def token(gateway: Inhouse) -> str:
    return gateway.bearer("ivan", units=[UNIT, OTHER_UNIT, "ZZ0000Z"])


def refused(gateway: Inhouse, token: str, content: bytes) -> tuple[int, str, dict[str, dict[str, Any]]]:
    answer = gateway("POST", "/v1/dossiers", token, content=content)
    body = answer.json()
    return answer.status_code, body["code"], {finding["code"]: finding for finding in body["findings"]}


def test_the_signer_must_be_the_unit(gateway: Inhouse, token: str) -> None:
    status, code, findings = refused(gateway, token, a_dossier(holder="other"))
    assert (status, code) == (422, "findings")
    finding = findings["signer-tax-code-differs"]
    assert finding["value"] == OTHER_TAX_CODE
    assert TAX_CODE in finding["message"]


def test_every_form_must_be_signed_by_the_unit(gateway: Inhouse, token: str) -> None:
    from signing.sign import sign as sign_place
    from tests.gateway.inhouse import pki

    forms_by_another = a_dossier(holder="other")
    start, end = forms_by_another.index(b"<CKy_Dvi>"), forms_by_another.index(b"</CKy_Dvi>")
    unsigned = forms_by_another[:start] + b"<CKy_Dvi>" + forms_by_another[end:]
    employer = pki().employers["employer"]
    mixed = sign_place(unsigned, "/Hoso/CKy_Dvi", employer.key, employer.certificate, now=gateway.clock.now())
    answer = gateway("POST", "/v1/dossiers", token, content=mixed).json()
    assert [finding["file"] for finding in answer["findings"] if finding["code"] == "signer-tax-code-differs"] == [
        "D01-TS-595.xml",
        "D02-TS-595.xml",
        "TK1-TS-595.xml",
    ]


def test_the_tax_code_in_the_envelope_must_be_the_registered_one(gateway: Inhouse, token: str) -> None:
    _, code, findings = refused(gateway, token, a_dossier(tax_code=OTHER_TAX_CODE, holder="other"))
    assert code == "findings"
    assert set(findings) >= {"tax-code-differs", "signer-tax-code-differs"}


def test_a_unit_outside_the_register_is_refused(gateway: Inhouse, token: str) -> None:
    _, code, findings = refused(gateway, token, a_dossier(unit="ZZ0000Z", office=OFFICE))
    assert code == "findings"
    assert "04" in findings["unit-unknown"]["fix"]


def test_a_form_that_calls_itself_something_else_is_still_judged(gateway: Inhouse, token: str) -> None:
    """A form's code decides; a file name or kind that lies does not get an unsigned form past the signatures."""
    from schemas.sample import make_dossier
    from signing.sign import sign as sign_place
    from tests.gateway.inhouse import pki

    now = gateway.clock.now()
    raw = make_dossier(
        "600", employees=1, seed=1, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026", made_on=now.date(),
        attachments=0, forms=("D02-TS",),
    )  # fmt: skip
    employer = pki().employers["employer"]
    for kind in (b".XML", b".pdf", b"", b"xml"):
        lying = raw.replace(b"<LoaiFile>.xml<", b"<LoaiFile>" + kind + b"<")
        lying = sign_place(lying, "/Hoso/CKy_Dvi", employer.key, employer.certificate, now=now)
        answer = gateway("POST", "/v1/dossiers", token, content=lying)
        assert answer.status_code == 422, kind
        assert answer.json()["code"] == "signature-refused", kind


def test_a_first_registration_may_come_from_a_unit_not_yet_known(gateway: Inhouse) -> None:
    stranger = gateway.bearer("ivan")
    answer = gateway("POST", "/v1/dossiers", stranger, content=a_dossier(procedure="04"))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["competent_office"] == OFFICE
    shown = gateway("GET", f"/v1/dossiers/{told['dossier']}", stranger).json()
    assert (shown["procedure"], shown["unit"]) == ("04", "")
    other = gateway.bearer("ivan")
    assert gateway("GET", f"/v1/dossiers/{told['dossier']}", other).status_code == 404


def test_first_registrations_of_strangers_do_not_follow_one_another(gateway: Inhouse) -> None:
    first, second = gateway.bearer("ivan"), gateway.bearer("employer")
    gateway("POST", "/v1/dossiers", first, content=a_dossier(procedure="04"))
    other = a_dossier(procedure="04", tax_code=OTHER_TAX_CODE, holder="other")
    told = gateway("POST", "/v1/dossiers?batch=1", second, content=other).json()
    assert (told["batch"], told["follows"]) == (1, None)


def test_a_dossier_of_very_many_files_is_told_so_and_judged_no_further(gateway: Inhouse, token: str) -> None:
    one = b"<FileToKhai><MaToKhai>D02-TS</MaToKhai><NoiDungFile>PEQwMi1UUy8+</NoiDungFile></FileToKhai>"
    content = a_dossier().replace(b"</ToKhais>", one * 3000 + b"</ToKhais>")
    answer = gateway("POST", "/v1/dossiers", token, content=content)
    body = answer.json()
    assert answer.status_code == 422
    assert "files-too-many" in {finding["code"] for finding in body["findings"]}
    assert len(body["findings"]) <= 501
    assert len(body["verdict"]["signatures"]) <= 101


def test_a_first_registration_whose_certificate_is_anothers_is_refused(gateway: Inhouse) -> None:
    stranger = gateway.bearer("ivan")
    _, code, findings = refused(gateway, stranger, a_dossier(procedure="04", holder="other"))
    assert code == "findings"
    assert findings["signer-tax-code-differs"]["severity"] == "error"


def test_an_envelope_that_calls_itself_a_first_registration_is_not_one(gateway: Inhouse) -> None:
    stranger = gateway.bearer("ivan")
    content = a_dossier().replace(b"<MaThuTuc>600", b"<MaThuTuc>04")
    assert gateway("POST", "/v1/dossiers", stranger, content=content).status_code == 403


def test_a_mangled_agency_code_goes_to_the_registered_office_with_a_warning(gateway: Inhouse, token: str) -> None:
    now = gateway.clock.now()
    from schemas.sample import make_dossier

    raw = make_dossier(
        "600", employees=1, seed=1, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026", made_on=now.date()
    )
    content = sign(raw.replace(b"<CoQuanQuanLy>07906", b"<CoQuanQuanLy>903"))
    answer = gateway("POST", "/v1/dossiers", token, content=content)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["competent_office"] == OFFICE
    shown = gateway("GET", f"/v1/dossiers/{told['dossier']}", token).json()
    (warning,) = [finding for finding in shown["findings"] if finding["code"] == "office-corrected"]
    assert (warning["severity"], warning["value"]) == ("warning", "903")
    assert OFFICE in warning["message"]


def test_the_register_is_asked_for_the_day_of_receipt(gateway: Inhouse, token: str) -> None:
    from storage import register

    with gateway.house.database.begin() as tx:
        register.put(
            tx,
            [
                register.Unit(
                    code=UNIT, tax_code=TAX_CODE, office=OFFICE, valid_from="2020-01-01", valid_to="2026-03-01"
                ),
                register.Unit(code=UNIT, tax_code=TAX_CODE, office="08907", valid_from="2026-03-02"),
            ],
        )
    assert gateway("POST", "/v1/dossiers", token, content=a_dossier()).json()["competent_office"] == "08907"


def test_without_an_anchor_the_gateway_starts_and_refuses_every_signature(tmp_path: Path) -> None:
    with inhouse(tmp_path / "home", trust=str(tmp_path / "nothing here")) as gateway:
        token = gateway.bearer("employer", units=[UNIT])
        answer = gateway("POST", "/v1/dossiers", token, content=a_dossier()).json()
        assert answer["code"] == "signature-refused"
        assert answer["verdict"]["sub_indication"] == "NO_CERTIFICATE_CHAIN_FOUND"
