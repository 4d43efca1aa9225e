"""Signing puts one element into the document's bytes and leaves every other byte alone."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signing.demo_pki import DemoPki, Holder, make_key
from signing.placing import open_place
from signing.sign import SigningImpossible, load_certificate, load_key, sign
from signing.trust import TrustStore
from tests.signing.workshop import NOW, PATH, judge

PLACES = {
    "<D02-TS>\n <A>é</A><Cky/>\r\n</D02-TS>": "<D02-TS>\n <A>é</A><Cky>|</Cky>\r\n</D02-TS>",
    "<D02-TS><Cky /></D02-TS>": "<D02-TS><Cky>|</Cky></D02-TS>",
    "<D02-TS><Cky\n\t/></D02-TS>": "<D02-TS><Cky>|</Cky></D02-TS>",
    "<D02-TS><Cky></Cky></D02-TS>": "<D02-TS><Cky>|</Cky></D02-TS>",
    "<D02-TS><Cky > \n</Cky ></D02-TS >": "<D02-TS><Cky > \n|</Cky ></D02-TS >",
    "<D02-TS><Cky a='>/' b = \"&gt;/\" /></D02-TS>": ("<D02-TS><Cky a='>/' b = \"&gt;/\">|</Cky></D02-TS>"),
    "<D02-TS><A><Cky/></A></D02-TS>": "<D02-TS><A><Cky/></A><Cky>|</Cky></D02-TS>",
    "<D02-TS><A/>\n</D02-TS>": "<D02-TS><A/>\n<Cky>|</Cky></D02-TS>",
    "<D02-TS/>": "<D02-TS><Cky>|</Cky></D02-TS>",
    "<D02-TS a='1' />": "<D02-TS a='1'><Cky>|</Cky></D02-TS>",
    "<?xml version='1.0'?>\n<!-- <Cky/> --><D02-TS><![CDATA[<Cky/>]]><Cky/></D02-TS><?x <Cky/>?>": (
        "<?xml version='1.0'?>\n<!-- <Cky/> --><D02-TS><![CDATA[<Cky/>]]><Cky>|</Cky></D02-TS><?x <Cky/>?>"
    ),
}


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(("before", "after"), PLACES.items())
def test_the_place_is_found_or_made_in_every_spelling(
    before: str, after: str, bom: bytes, holder: Holder, trust: TrustStore
) -> None:
    opened, offset = open_place(bom + before.encode(), PATH)
    assert opened[:offset] + b"|" + opened[offset:] == bom + after.encode()
    content = sign(bom + before.encode(), PATH, holder.key, holder.certificate, now=NOW)
    begin, end = content.index(b"<Signature "), content.index(b"</Signature>") + len(b"</Signature>")
    assert content[:begin] + b"|" + content[end:] == bom + after.encode()
    assert judge(content, trust).passed


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=40),
    blank=st.text(" \t\n\r", max_size=4),
)
def test_any_content_round_the_place_stays_and_verifies(
    text: str, blank: str, elliptic: Holder, trust: TrustStore
) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    document = f"<D02-TS>{blank}<A>{escaped}</A>{blank}<Cky{blank}/>{blank}</D02-TS>{blank}".encode()
    content = sign(document, PATH, elliptic.key, elliptic.certificate, now=NOW)
    assert judge(content, trust).passed
    assert content.startswith(document[: document.index(b"<Cky")])


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<D02-TS>",
        b"<Khac/>",
        b"<D02-TS><Cky/><Cky/></D02-TS>",
        b"<D02-TS><Cky><X/></Cky></D02-TS>",
        b'<!DOCTYPE D02-TS [<!ENTITY e "x">]><D02-TS><Cky/></D02-TS>',
        "<D02-TS>é<Cky/></D02-TS>".encode("latin-1"),
        b'<D02-TS xmlns:r="tuong-doi"><Cky/></D02-TS>',
    ],
)
def test_what_cannot_be_signed_is_said(document: bytes, holder: Holder) -> None:
    with pytest.raises(SigningImpossible):
        sign(document, PATH, holder.key, holder.certificate, now=NOW)


def test_a_signed_document_is_not_signed_again(signed: bytes, holder: Holder) -> None:
    with pytest.raises(SigningImpossible, match="signed already"):
        sign(signed, PATH, holder.key, holder.certificate, now=NOW)


def test_keys_and_algorithms_that_do_not_fit(holder: Holder, elliptic: Holder) -> None:
    document = b"<D02-TS><Cky/></D02-TS>"
    for key, certificate, algorithm in (
        (holder.key, elliptic.certificate, None),
        (holder.key, holder.certificate, "ecdsa-sha256"),
        (elliptic.key, elliptic.certificate, "rsa-sha256"),
        (holder.key, holder.certificate, "rsa-sha1"),
    ):
        with pytest.raises(SigningImpossible):
            sign(document, PATH, key, certificate, now=NOW, algorithm=algorithm)
    with pytest.raises(SigningImpossible):
        sign(document, PATH, holder.key, holder.certificate, now=NOW, digest="sha1")


def test_keys_are_read_from_pem_and_pkcs12(holder: Holder, pki: DemoPki, tmp_path: Path) -> None:
    pki.write(tmp_path)
    assert (tmp_path / "employer.key.pem").stat().st_mode & 0o777 == 0o600
    key, none = load_key(tmp_path / "employer.key.pem")
    assert key.private_numbers() == holder.key.private_numbers()
    assert none is None
    assert load_certificate(tmp_path / "employer.pem") == holder.certificate
    (tmp_path / "employer.der").write_bytes(holder.certificate.public_bytes(Encoding.DER))
    assert load_certificate(tmp_path / "employer.der") == holder.certificate
    for broken in (b"", b"-----BEGIN CERTIFICATE-----"):
        (tmp_path / "broken.pem").write_bytes(broken)
        with pytest.raises(SigningImpossible, match="certificate"):
            load_certificate(tmp_path / "broken.pem")
    together = tmp_path / "both.pem"
    locked = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"mat khau"))
    together.write_bytes(locked + holder.certificate.public_bytes(Encoding.PEM))
    key, certificate = load_key(together, b"mat khau")
    assert certificate == holder.certificate
    box = tmp_path / "key.p12"
    box.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"x", holder.key, holder.certificate, None, BestAvailableEncryption(b"matkhau")
        )
    )
    key, certificate = load_key(box, b"matkhau")
    assert key.private_numbers() == holder.key.private_numbers()
    assert certificate == holder.certificate
    for path, password in ((box, b"sai"), (together, None), (together, b"sai")):
        with pytest.raises(SigningImpossible, match="password"):
            load_key(path, password)
    other = tmp_path / "other.pem"
    other.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    with pytest.raises(SigningImpossible, match="neither"):
        load_key(other)


def test_kinds_of_keys_are_those_of_the_recipe() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        make_key("dsa-1024")
