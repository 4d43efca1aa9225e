"""Whole dossiers signed by xmlsec1 and by the JDK go through the gateway, and with one byte changed they do not."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from signing.demo_pki import DemoPki
from signing.seal import open_jws
from storage import register
from tests.clocks import HandClock
from tests.gateway.inhouse import Inhouse, inhouse
from tests.lines.interop import make_dossiers
from tests.lines.interop.make_dossiers import (
    AFRESH,
    CHANGED,
    FORMS,
    HERE,
    OFFICE,
    SHAPES,
    TAX_CODE,
    TOOLS,
    UNIT,
    files_of,
    one_digit_changed,
    with_files,
)
from tests.signing.interop.make_vectors import C14N, MORE

KEPT = [f"{tool}-{shape}" for tool in TOOLS for shape in SHAPES]
KEPT_BYTES_MAX = 60_000
NAMES = {"Hoso": "Hoso"} | {form: f"{form}-595.xml" for form in FORMS}
PDF = "CT-DK"
FAILED, PASSED, UNPROVEN = "TOTAL-FAILED", "TOTAL-PASSED", "INDETERMINATE"
HASH, VALUE = "HASH_FAILURE", "SIG_CRYPTO_FAILURE"


class Window(Struct, frozen=True):
    """A gateway that trusts a CA and has the unit in its register, and the token of the unit's employer."""

    gateway: Inhouse
    token: str

    def submit(self, content: bytes) -> tuple[int, dict[str, Any]]:
        answer = self.gateway("POST", "/v1/dossiers", self.token, content=content)
        told: dict[str, Any] = answer.json()
        return answer.status_code, told

    def opened(self, jws: str) -> dict[str, Any]:
        """What a receipt or notice says, once its seal was checked with the key that the gateway shows to anyone."""
        (jwk,) = self.gateway("GET", "/v1/keys").json()["keys"]
        said: dict[str, Any] = json.loads(open_jws(jws, jwk))
        return said


@contextmanager
def window(home: Path, authorities: bytes) -> Iterator[Window]:
    (home / "trust").mkdir(parents=True)
    if authorities:
        (home / "trust" / "interop.pem").write_bytes(authorities)
    # The kept authorities issued no CRLs: whether a certificate was revoked is not the matter here.
    with inhouse(home, signature_policy="no-revocation-1") as gateway:
        unit = register.Unit(code=UNIT, tax_code=TAX_CODE, office=OFFICE, valid_from="2020-01-01")
        with gateway.house.database.begin() as tx:
            register.put(tx, [unit])
        yield Window(gateway, gateway.bearer("employer", units=[UNIT]))


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """A gateway that trusts the CA of the kept dossiers."""
    with window(tmp_path_factory.mktemp("kept") / "home", (HERE / "ca.pem").read_bytes()) as made:
        yield made


@pytest.fixture(scope="module")
def fresh_pki() -> DemoPki:
    return make_dossiers.make_signers()


def kept(name: str) -> bytes:
    return (HERE / f"{name}.xml").read_bytes()


def certificate(key: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((HERE / f"{key}.pem").read_bytes())


def one_letter_changed(content: bytes, element: str) -> bytes:
    """Another letter near the start of the only base64 text of `element`."""
    start = f"{element}>".encode()
    assert content.count(start) == 2, "its beginning and its end"
    at = content.index(start) + len(start) + 10
    return content[:at] + (b"B" if content[at : at + 1] == b"A" else b"A") + content[at + 1 :]


# What is changed by one byte, and what the signature over it must then be found to be.
CHANGES = {
    "content": (one_digit_changed, HASH),
    "digest": (lambda content: one_letter_changed(content, "DigestValue"), HASH),
    "signature value": (lambda content: one_letter_changed(content, "SignatureValue"), VALUE),
}


def forms_changed(dossier: bytes) -> Iterator[tuple[str, str, bytes, str]]:
    """Each form of the dossier with one byte changed, by each change: form, change, dossier, sub-indication."""
    files = files_of(dossier)
    for form in FORMS:
        for change, (make, expected) in CHANGES.items():
            made = make(files[form])
            assert sum(old != new for old, new in zip(files[form], made, strict=True)) == 1
            yield form, change, with_files(dossier, {form: made}), expected


def check_accepted(window: Window, content: bytes, signer: x509.Certificate) -> None:
    status, told = window.submit(content)
    assert status == 201, told
    fingerprint = hashlib.sha256(signer.public_bytes(Encoding.DER)).hexdigest()
    digest = hashlib.sha256(content).hexdigest()
    receipt = window.opened(told["receipt"])
    assert receipt["signer"] == {"certificate_sha256": fingerprint, "tax_code": TAX_CODE}
    assert (receipt["sha256"], receipt["size_bytes"], told["sha256"]) == (digest, len(content), digest)
    assert (receipt["procedure"], receipt["unit"], receipt["verdict"]) == ("600", UNIT, PASSED)
    shown = window.gateway("GET", f"/v1/dossiers/{told['dossier']}", window.token).json()
    assert {part["form"]: part["sha256"] for part in shown["parts"]} == {
        form: hashlib.sha256(file).hexdigest() for form, file in files_of(content).items()
    }
    assert [part["form"] for part in shown["parts"]] == [*FORMS, PDF]
    signatures = shown["verdict"]["signatures"]
    assert [one["file"] for one in signatures] == list(NAMES.values())
    assert {one["indication"] for one in signatures} == {PASSED}
    assert {one["certificate_sha256"] for one in signatures} == {fingerprint}
    assert {tuple(one["tax_codes"]) for one in signatures} == {(TAX_CODE,)}


def check_refused(window: Window, content: bytes, expected: dict[str, str], label: str) -> None:
    """`expected` has the sub-indication of each signature that must fail; all the others must pass."""
    status, told = window.submit(content)
    assert (status, told["code"]) == (422, "signature-refused"), label
    found = {one["file"]: (one["indication"], one["sub_indication"]) for one in told["verdict"]["signatures"]}
    assert found == {
        name: (FAILED, expected[of]) if of in expected else (PASSED, None) for of, name in NAMES.items()
    }, label
    chief = next(iter(expected.values()))
    notice = window.opened(told["notice"])
    said = (notice["sha256"], notice["verdict"], notice["sub_indication"])
    assert said == (hashlib.sha256(content).hexdigest(), FAILED, chief), label
    receipt = window.gateway("GET", f"/v1/receipts?sha256={told['sha256']}", window.token)
    assert receipt.status_code == 404, label


def check_changes_refused(window: Window, dossier: bytes) -> None:
    """One byte of the envelope, of an attachment and of each form in its base64, by turns."""
    for change, (make, expected) in CHANGES.items():
        check_refused(window, make(dossier), {"Hoso": expected}, f"envelope: {change}")
    pdf = files_of(dossier)[PDF]
    assert pdf.startswith(b"%PDF")
    changed = pdf[:1000] + bytes([pdf[1000] ^ 1]) + pdf[1001:]
    check_refused(window, with_files(dossier, {PDF: changed}), {"Hoso": HASH}, "attachment")
    for form, change, made, expected in forms_changed(dossier):
        check_refused(window, made, {"Hoso": HASH, form: expected}, f"{form}: {change}")


@pytest.mark.parametrize("name", KEPT)
def test_a_whole_dossier_signed_by_others_is_accepted_and_the_receipt_names_its_signer(
    name: str, trusting: Window
) -> None:
    check_accepted(trusting, kept(name), certificate(name.split("-")[1]))


@pytest.mark.parametrize("name", KEPT)
def test_one_byte_changed_in_a_dossier_signed_by_others_is_found_where_it_is(name: str, trusting: Window) -> None:
    check_changes_refused(trusting, kept(name))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_form_changed_before_others_signed_the_envelope_is_found_by_its_own_signature(
    tool: str, trusting: Window
) -> None:
    check_refused(trusting, kept(f"{tool}-{CHANGED}"), {"D02-TS": HASH}, tool)


def test_dossiers_signed_by_others_are_refused_where_their_authority_is_not_trusted(tmp_path: Path) -> None:
    with window(tmp_path / "home", b"") as strange:
        for name in KEPT:
            status, told = strange.submit(kept(name))
            assert (status, told["code"]) == (422, "signature-refused"), name
            signatures = told["verdict"]["signatures"]
            assert len(signatures) == len(NAMES)
            assert {(one["indication"], one["sub_indication"]) for one in signatures} == {
                (UNPROVEN, "NO_CERTIFICATE_CHAIN_FOUND")
            }


def test_the_kept_dossiers_are_whole_small_and_come_without_a_private_key() -> None:
    found = {path.stem for path in HERE.glob("*.xml")}
    assert found == {*KEPT, *(f"{tool}-{CHANGED}" for tool in TOOLS)}
    assert all(len(kept(name)) < KEPT_BYTES_MAX for name in found)
    assert all(list(files_of(kept(name))) == [*FORMS, PDF] for name in found)
    for path in HERE.iterdir():
        if path.is_file():
            assert path.suffix in {".xml", ".pem", ".md", ".py", ".java"}, path
            assert b"PRIVATE KEY-----" not in path.read_bytes(), path
    every = x509.load_pem_x509_certificates((HERE / "ca.pem").read_bytes())
    every += [certificate("rsa"), certificate("ecdsa")]
    assert all(one.not_valid_after_utc > datetime(2055, 12, 31, tzinfo=UTC) for one in every)
    assert all(one.not_valid_before_utc < HandClock().now() for one in every)


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_dossier_is_signed_at_every_level_in_the_way_that_its_name_says(name: str) -> None:
    shape = SHAPES[name.partition("-")[2]]
    dossier = kept(name)
    for document in (dossier, *(files_of(dossier)[form] for form in FORMS)):
        assert document.count(b"SignatureMethod Algorithm=") == 1
        assert f'SignatureMethod Algorithm="{MORE}{shape.algorithm}"'.encode() in document
        assert f'CanonicalizationMethod Algorithm="{C14N[shape.c14n]}"'.encode() in document
        assert document.count(f'Transform Algorithm="{C14N["exclusive"]}"'.encode()) == (shape.c14n == "exclusive")


@pytest.mark.parametrize("tool", AFRESH)
def test_a_dossier_signed_afresh_by_others_is_accepted_and_refused_once_changed(
    tool: str, fresh_pki: DemoPki, tmp_path: Path
) -> None:
    if why := make_dossiers.missing(tool):
        pytest.skip(f"signing afresh with {tool} was not run: {why}; dossiers or forms kept from it were judged")
    make = AFRESH[tool]
    shapes = [shape for shape in SHAPES.values() if tool != "net" or shape.key == "rsa"]
    keys = tmp_path / "keys"
    keys.mkdir()
    make_dossiers.keep_keys(fresh_pki, keys)
    raw = [(make_dossiers.unsigned(100 + number), shape) for number, shape in enumerate(shapes)]
    drafts = make_dossiers.sign_forms(raw, make, keys)
    # Each change to each form, and then the envelope signed over it.
    wrong = [(*one, shape) for draft, shape in zip(drafts, shapes, strict=True) for one in forms_changed(draft)]
    right = list(zip(drafts, shapes, strict=True))
    signed = make_dossiers.sign_envelopes([*right, *((made, shape) for _, _, made, _, shape in wrong)], make, keys)
    good, bad = signed[: len(shapes)], signed[len(shapes) :]
    assert len(bad) == len(shapes) * len(FORMS) * len(CHANGES)
    with window(tmp_path / "home", make_dossiers.authorities_pem(fresh_pki)) as gateway:
        for dossier, shape in zip(good, shapes, strict=True):
            check_accepted(gateway, dossier, fresh_pki.employers[shape.key].certificate)
            check_changes_refused(gateway, dossier)
        for dossier, (form, change, _, expected, _) in zip(bad, wrong, strict=True):
            check_refused(gateway, dossier, {form: expected}, f"{form}: {change}, before the envelope was signed")
