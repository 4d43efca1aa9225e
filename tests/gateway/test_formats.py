"""Every way to sign a dossier, through the whole gateway: containers, XAdES, co-signatures, papers."""

import base64
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from schemas.sample import make_dossier
from signing.dossier import sign_dossier
from signing.sign import sign
from signing.sign_asic import add_signature, container_of_envelope, make_container
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, Inhouse, a_dossier, inhouse, pki, signature_paths
from tests.servers import short_folder
from tests.servers_clamd import clamd
from tests.signing import pdf_workshop

ASIC_E = {"content-type": "application/vnd.etsi.asic-e+zip"}
COSIGNED = "/Hoso/CKy_IVAN"
NOW = HandClock().now()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home", cosignature_path=COSIGNED) as made:
        yield made


@pytest.fixture
def employer(gateway: Inhouse) -> str:
    return gateway.bearer("employer", units=[UNIT])


def raw(seed: int = 0, **more: Any) -> bytes:
    fields: dict[str, Any] = {"employees": 2, "attachments": 0, "period": "03/2026", "made_on": date(2026, 3, 2)} | more
    return make_dossier("600", seed=seed, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, **fields)


def container(envelope: bytes, holder: str = "employer") -> bytes:
    signer = pki().employers[holder]
    return container_of_envelope(envelope, signer.key, signer.certificate, NOW, signature_paths=signature_paths())


def with_paper(envelope: bytes, name: str, content: bytes) -> bytes:
    """One more supporting paper in an unsigned envelope."""
    text = base64.b64encode(content)
    count = int(re.search(rb"<SoLuongFile>(\d+)<", envelope)[1])  # type: ignore[index]
    file = (
        b"<FileToKhai><MaToKhai>CT-DK</MaToKhai><MoTaToKhai>Hop dong</MoTaToKhai><TenFile>%s</TenFile>"
        b"<LoaiFile>%s</LoaiFile><DoDaiFile>%d</DoDaiFile><NoiDungFile>%s</NoiDungFile></FileToKhai>"
    ) % (name.encode(), Path(name).suffix.encode(), len(text), text)
    envelope = envelope.replace(b"<SoLuongFile>%d<" % count, b"<SoLuongFile>%d<" % (count + 1))
    return envelope.replace(b"</ToKhais>", file + b"</ToKhais>")


def signed(envelope: bytes, **more: Any) -> bytes:
    signer = pki().employers["employer"]
    return sign_dossier(envelope, signer.key, signer.certificate, signature_paths=signature_paths(), now=NOW, **more)


def codes(answer: Any) -> set[str]:
    return {one["code"] for one in answer.json()["findings"]}


def test_a_container_is_received_kept_and_handed_on_to_the_byte(gateway: Inhouse, employer: str) -> None:
    content = container(raw())
    first = gateway("POST", "/v1/dossiers", employer, content=content, headers=ASIC_E)
    assert first.status_code == 201, first.text
    again = gateway("POST", "/v1/dossiers", employer, content=content, headers=ASIC_E)
    assert (again.status_code, again.json()["receipt"]) == (200, first.json()["receipt"])
    office = gateway.bearer("office", offices=[OFFICE])
    gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 1, "lease_s": 60, "wait_s": 0})
    dossier = first.json()["dossier"]
    kept = gateway("GET", f"/v1/dossiers/{dossier}/content", office)
    assert kept.content == content
    assert kept.headers["content-type"] == ASIC_E["content-type"]
    shown = gateway("GET", f"/v1/dossiers/{dossier}", employer).json()
    assert shown["media_type"] == ASIC_E["content-type"]
    assert shown["verdict"]["signatures"][0]["format"] == "XAdES-B-B"
    assert shown["verdict"]["signatures"][0]["file"].startswith("META-INF/")


def test_files_beside_the_envelope_are_judged_like_those_inside(gateway: Inhouse, employer: str) -> None:
    place = re.compile(rb"<TenFile>(D02-TS[^<]*)</TenFile>.*?<NoiDungFile>([^<]*)</NoiDungFile>", re.DOTALL)
    file = place.search(raw())
    assert file is not None
    name, form = file[1].decode(), base64.b64decode(file[2])
    inside = signed(raw(), level="forms")
    file = place.search(inside)
    assert file is not None
    inside = inside.replace(file[2], b"")
    signer = pki().employers["employer"]

    def packed(**entries: bytes) -> bytes:
        named = {"BHXHDienTu.xml": inside, **{key.replace("__", "."): value for key, value in entries.items()}}
        return make_container(named, signer.key, signer.certificate, now=NOW)

    good = make_container({"BHXHDienTu.xml": inside, name: form}, signer.key, signer.certificate, now=NOW)
    answer = gateway("POST", "/v1/dossiers", employer, content=good, headers=ASIC_E)
    assert answer.status_code == 201, answer.text
    parts = gateway("GET", f"/v1/dossiers/{answer.json()['dossier']}", employer).json()["parts"]
    assert name in {part["name"] for part in parts}
    wrong = make_container(
        {"BHXHDienTu.xml": inside, name: form.replace(b"<STT>1<", b"<STT>x<")}, signer.key, signer.certificate, now=NOW
    )
    assert gateway("POST", "/v1/dossiers", employer, content=wrong, headers=ASIC_E).status_code == 422
    foreign = packed(la__txt=b"?")
    refused = gateway("POST", "/v1/dossiers", employer, content=foreign, headers=ASIC_E)
    assert "container-foreign-entry" in codes(refused)
    assert "file-empty" in codes(refused)


def test_a_broken_container_is_refused_by_its_fault(gateway: Inhouse, employer: str) -> None:
    content = container(raw())
    for changed, code in (
        (content[:-30], "malformed"),
        (content.replace(b"mimetype", b"mimetypo", 1), "malformed"),
        (b"PK\x03\x04", "malformed"),
        (b"", "malformed"),
    ):
        answer = gateway("POST", "/v1/dossiers", employer, content=changed, headers=ASIC_E)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["findings"][0]["message"]
        assert answer.json()["notice"]


def test_a_container_of_another_signer_is_refused(gateway: Inhouse, employer: str) -> None:
    answer = gateway("POST", "/v1/dossiers", employer, content=container(raw(), "other"), headers=ASIC_E)
    assert answer.status_code == 422
    assert "signer-tax-code-differs" in codes(answer)


def test_an_ivan_signs_beside_the_unit_in_a_container(gateway: Inhouse, employer: str) -> None:
    ivan = pki().employers["other"]
    content = add_signature(container(raw()), ivan.key, ivan.certificate, NOW)
    answer = gateway("POST", "/v1/dossiers", employer, content=content, headers=ASIC_E)
    assert answer.status_code == 201, answer.text


def test_an_ivan_signs_round_the_unit_in_the_envelope(gateway: Inhouse, employer: str) -> None:
    ivan = pki().employers["other"]
    envelope = raw().replace(b"</Hoso>", b"<CKy_IVAN></CKy_IVAN></Hoso>")
    content = sign(signed(envelope), COSIGNED, ivan.key, ivan.certificate, now=NOW)
    answer = gateway("POST", "/v1/dossiers", employer, content=content)
    assert answer.status_code == 201, answer.text
    shown = gateway("GET", f"/v1/dossiers/{answer.json()['dossier']}", employer).json()
    paths = [one["path"] for one in shown["verdict"]["signatures"]]
    assert paths[:2] == ["/Hoso/CKy_Dvi", COSIGNED]
    changed = content.replace(b"<KyKeKhai>03/2026", b"<KyKeKhai>04/2026")
    refused = gateway("POST", "/v1/dossiers", employer, content=changed).json()
    failed = {one["path"] for one in refused["verdict"]["signatures"] if one["indication"] == "TOTAL-FAILED"}
    assert failed == {"/Hoso/CKy_Dvi", COSIGNED}


def test_xades_on_both_levels_is_received(gateway: Inhouse, employer: str) -> None:
    answer = gateway("POST", "/v1/dossiers", employer, content=signed(raw(), profile="xades"))
    assert answer.status_code == 201, answer.text
    shown = gateway("GET", f"/v1/dossiers/{answer.json()['dossier']}", employer).json()
    assert {one["format"] for one in shown["verdict"]["signatures"]} == {"XAdES-B-B"}


def test_a_level_that_the_policy_asks_is_asked(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    from signing.policy_file import policy_text

    text = policy_text("national-1").decode().replace('id = "national-1"', 'id = "test-1"')
    policy.write_text(text + '\n[level.procedures]\n600 = "XAdES-B-B"\n', "utf-8")
    with inhouse(tmp_path / "home", signature_policy=str(policy)) as gateway:
        employer = gateway.bearer("employer", units=[UNIT])
        plain = gateway("POST", "/v1/dossiers", employer, content=a_dossier())
        assert plain.status_code == 422
        assert plain.json()["verdict"]["sub_indication"] == "SIG_CONSTRAINTS_FAILURE"
        assert gateway("POST", "/v1/dossiers", employer, content=signed(raw(), profile="xades")).status_code == 201


def test_a_signed_pdf_is_judged_and_told_and_a_broken_one_is_a_warning(gateway: Inhouse, employer: str) -> None:
    good = pdf_workshop.sign(pdf_workshop.page(), pki().employers["employer"])
    content = signed(with_paper(raw(), "HopDong.pdf", good))
    answer = gateway("POST", "/v1/dossiers", employer, content=content)
    assert answer.status_code == 201, answer.text
    (paper,) = gateway("GET", f"/v1/dossiers/{answer.json()['dossier']}", employer).json()["papers"]
    assert (paper["signatures_state"], paper["scan"], paper["scan_why"]) == ("judged", "not-scanned", "switched-off")
    assert [(one["indication"], one["format"]) for one in paper["signatures"]] == [("TOTAL-PASSED", "PAdES-B-B")]
    broken = good.replace(b"Hop dong lao dong", b"Hop dong lao donG")
    content = signed(with_paper(raw(1), "HopDong.pdf", broken))
    answer = gateway("POST", "/v1/dossiers", employer, content=content)
    assert answer.status_code == 201, answer.text
    shown = gateway("GET", f"/v1/dossiers/{answer.json()['dossier']}", employer).json()
    assert "attachment-signature-failed" in {one["code"] for one in shown["findings"]}
    assert [one["indication"] for one in shown["papers"][0]["signatures"]] == ["TOTAL-FAILED"]


def test_a_broken_pdf_refuses_where_the_gateway_is_told_so(tmp_path: Path) -> None:
    broken = pdf_workshop.sign(pdf_workshop.page(), pki().employers["employer"]).replace(b"lao dong", b"lao donG")
    with inhouse(tmp_path / "home", refuse_broken_papers=True) as gateway:
        employer = gateway.bearer("employer", units=[UNIT])
        answer = gateway("POST", "/v1/dossiers", employer, content=signed(with_paper(raw(), "A.pdf", broken)))
        assert answer.status_code == 422
        assert "attachment-signature-failed" in codes(answer)


def test_active_content_is_named(gateway: Inhouse, employer: str) -> None:
    active = pdf_workshop.page().replace(b"/Type /Catalog", b"/OpenAction << /S /JavaScript /JS (x) >> /Type /Catalog")
    answer = gateway("POST", "/v1/dossiers", employer, content=signed(with_paper(raw(), "A.pdf", active)))
    assert answer.status_code == 201, answer.text
    shown = gateway("GET", f"/v1/dossiers/{answer.json()['dossier']}", employer).json()
    assert "attachment-active-content" in {one["code"] for one in shown["findings"]}
    assert any("javascript" in one.lower() for one in shown["papers"][0]["active"])


def test_malware_is_refused_and_a_clean_paper_says_so(tmp_path: Path) -> None:
    eicar = b"X5O!P%@AP[4" + b"\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
    infected = pdf_workshop.page() + b"\n" + eicar
    with (
        short_folder() as folder,
        clamd(folder) as server,
        inhouse(tmp_path / "home", scanner=f"unix:{server.socket}") as gateway,
    ):
        employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
        answer = gateway("POST", "/v1/dossiers", employer, content=signed(with_paper(raw(), "A.pdf", infected)))
        assert answer.status_code == 422, answer.text
        assert "attachment-infected" in codes(answer)
        clean = signed(with_paper(raw(1), "A.pdf", pdf_workshop.page()))
        answer = gateway("POST", "/v1/dossiers", employer, content=clean)
        assert answer.status_code == 201, answer.text
        (paper,) = gateway("GET", f"/v1/dossiers/{answer.json()['dossier']}", employer).json()["papers"]
        assert paper["scan"] == "clean"
        assert paper["scan_engine"].startswith("ClamAV")
        leases = f"/v1/offices/{OFFICE}/leases"
        (work,) = gateway("POST", leases, office, json={"max": 1, "lease_s": 60, "wait_s": 0}).json()["work"]
        assert work["papers_scanned"] == "clean"


def test_while_the_scanner_is_away_nothing_with_papers_is_received(tmp_path: Path) -> None:
    with inhouse(tmp_path / "home", scanner=f"unix:{tmp_path}/nobody.sock") as gateway:
        employer = gateway.bearer("employer", units=[UNIT])
        content = signed(with_paper(raw(), "A.pdf", pdf_workshop.page()))
        answer = gateway("POST", "/v1/dossiers", employer, content=content)
        assert (answer.status_code, answer.json()["code"], answer.json()["retry"]) == (503, "scanner-away", "after")
        assert answer.headers["retry-after"]
        assert gateway("POST", "/v1/dossiers", employer, content=signed(raw())).status_code == 201


def test_the_lease_says_what_was_not_scanned(gateway: Inhouse, employer: str) -> None:
    gateway("POST", "/v1/dossiers", employer, content=signed(with_paper(raw(), "A.pdf", pdf_workshop.page())))
    gateway("POST", "/v1/dossiers", employer, content=signed(raw(1)))
    office = gateway.bearer("office", offices=[OFFICE])
    work = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 2, "lease_s": 60, "wait_s": 0}).json()
    assert [one["papers_scanned"] for one in work["work"]] == ["not-scanned", "none"]
