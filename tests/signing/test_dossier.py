"""A dossier is signed on both levels: every form in its own place, the envelope round them."""

import base64
from typing import Literal

import pytest
from lxml import etree

from signing.demo_pki import Holder
from signing.dossier import ENVELOPE_SIGNATURE_PATH, sign_dossier
from signing.placing import SigningImpossible
from signing.trust import TrustStore
from tests.signing.workshop import NOW, judge

PATHS = {"D02-TS": "/D02-TS/Cky", "M05A-HSB": "/M05A-HSB/Cky"}
PDF = b"%PDF-1.7 th\xc3\xb4ng"


def attached(kind: str, content: bytes, *, wrapped: bool = False) -> str:
    text = base64.b64encode(content).decode()
    if wrapped:
        text = "\n" + "\n".join(text[at : at + 20] for at in range(0, len(text), 20)) + "\n"
    return (
        f"<FileToKhai>\n<MaToKhai>x</MaToKhai><LoaiFile>{kind}</LoaiFile>"
        f"<DoDaiFile>{len(text)}</DoDaiFile><NoiDungFile>{text}</NoiDungFile></FileToKhai>\r\n"
    )


def envelope(*files: str) -> bytes:
    return (
        '\ufeff<?xml version="1.0" encoding="utf-8"?>\r\n'
        '<Hoso xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"<NoiDung><ThongTinHoSo><ToKhais>{''.join(files)}</ToKhais></ThongTinHoSo></NoiDung><CKy_Dvi /></Hoso>\n"
    ).encode()


FORM = "<D02-TS><A>Nguyễn</A><Cky/></D02-TS>".encode()
OTHER = b"<M05A-HSB>\r\n<Cky></Cky></M05A-HSB>"
DOSSIER = envelope(attached(".xml", FORM), attached(".pdf", PDF), attached(".XML ", OTHER, wrapped=True))


def forms(content: bytes) -> list[bytes]:
    return [base64.b64decode(one.text or "") for one in etree.fromstring(content).iter("NoiDungFile")]


@pytest.mark.parametrize("who", ["holder", "elliptic"])
def test_both_levels_verify(who: str, trust: TrustStore, request: pytest.FixtureRequest) -> None:
    signer: Holder = request.getfixturevalue(who)
    content = sign_dossier(DOSSIER, signer.key, signer.certificate, signature_paths=PATHS, now=NOW)
    assert judge(content, trust, path=ENVELOPE_SIGNATURE_PATH).passed
    first, pdf, second = forms(content)
    assert judge(first, trust, path="/D02-TS/Cky").passed
    assert judge(second, trust, path="/M05A-HSB/Cky").passed
    assert pdf == PDF
    root = etree.fromstring(content)
    for length, text in zip(root.iter("DoDaiFile"), root.iter("NoiDungFile"), strict=True):
        assert int(length.text or "") == len(text.text or "")
    # The very bytes of everything else are still there.
    assert content.startswith(DOSSIER[: DOSSIER.index(b"<DoDaiFile>")])
    assert content.endswith(b"</CKy_Dvi></Hoso>\n")


def test_one_level_at_a_time_gives_both(holder: Holder, trust: TrustStore) -> None:
    def at(content: bytes, level: Literal["forms", "envelope"]) -> bytes:
        return sign_dossier(content, holder.key, holder.certificate, signature_paths=PATHS, now=NOW, level=level)

    only_forms = at(DOSSIER, "forms")
    assert judge(only_forms, trust, path=ENVELOPE_SIGNATURE_PATH).reason_code == "no-signature"
    assert judge(forms(only_forms)[0], trust).passed
    only_envelope = at(DOSSIER, "envelope")
    assert judge(only_envelope, trust, path=ENVELOPE_SIGNATURE_PATH).passed
    assert forms(only_envelope)[0] == FORM
    both = sign_dossier(DOSSIER, holder.key, holder.certificate, signature_paths=PATHS, now=NOW)
    assert at(only_forms, "envelope") == both  # RSA signatures of PKCS#1 v1.5 are the same each time


def test_a_dossier_without_forms_is_signed_in_its_envelope(holder: Holder, trust: TrustStore) -> None:
    registration = b"<Hoso><NoiDung><MaIVan>00040</MaIVan></NoiDung><CKy_Dvi/></Hoso>"
    content = sign_dossier(registration, holder.key, holder.certificate, signature_paths={}, now=NOW)
    assert judge(content, trust, path=ENVELOPE_SIGNATURE_PATH).passed


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (attached(".xml", b"<Khac/>"), "file 1: no form with the root element Khac"),
        (attached(".xml", b"<D02-TS>"), "file 1: not well-formed"),
        (attached(".xml", FORM).replace("PEQw", "!!!!"), "file 1: NoiDungFile is not base64"),
    ],
)
def test_a_form_that_cannot_be_signed_is_named(file: str, words: str, holder: Holder) -> None:
    with pytest.raises(SigningImpossible, match=words):
        sign_dossier(envelope(file), holder.key, holder.certificate, signature_paths=PATHS, now=NOW)
