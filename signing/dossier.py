"""Signing a whole dossier on both levels: each form inside the envelope, then the envelope round them."""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal

from cryptography import x509
from lxml import etree

from signing.placing import SigningImpossible, Spot, find_spots
from signing.sign import SigningKey, sign
from signing.sign_xades import sign_xades

ENVELOPE_SIGNATURE_PATH: Final = "/Hoso/CKy_Dvi"
FORM_KIND: Final = ".xml"

_FILE: Final = "/Hoso/NoiDung/ThongTinHoSo/ToKhais/FileToKhai"
_KIND: Final = _FILE + "/LoaiFile"
_LENGTH: Final = _FILE + "/DoDaiFile"
_CONTENT: Final = _FILE + "/NoiDungFile"
_WANTED: Final = frozenset({_FILE, _KIND, _LENGTH, _CONTENT})
_PARSER: Final = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


def sign_dossier(
    content: bytes,
    key: SigningKey,
    certificate: x509.Certificate,
    *,
    signature_paths: Mapping[str, str],
    now: datetime,
    level: Literal["both", "forms", "envelope"] = "both",
    algorithm: str | None = None,
    profile: Literal["national", "xades"] = "national",
) -> bytes:
    """Return the dossier signed on the asked levels; bytes outside signatures, forms and lengths stay as they are.

    A form is an attached file of the kind ".xml"; it is signed at the place that `signature_paths` names for its root
    element ("D02-TS" → "/D02-TS/Cky"). `DoDaiFile`, where there is one, becomes the length of the base64 text, as
    employers' software writes it. Other attachments carry signatures of their own formats and are left alone. `profile`
    is of both levels: plain XMLDSig as the national profile has it, or XAdES-B-B.

    Raises SigningImpossible when the envelope or a form cannot be signed, naming the form; nothing is half done.
    """

    def sign_at(document: bytes, path: str) -> bytes:
        signing = sign if profile == "national" else sign_xades
        return signing(document, path, key, certificate, now=now, algorithm=algorithm)

    signed = content
    if level != "envelope":
        signed = _sign_forms(content, signature_paths, sign_at)
    if level != "forms":
        signed = sign_at(signed, ENVELOPE_SIGNATURE_PATH)
    return signed


def _sign_forms(content: bytes, signature_paths: Mapping[str, str], sign_at: Callable[[bytes, str], bytes]) -> bytes:
    edits: list[tuple[Spot, bytes]] = []
    for number, file in enumerate(_files(content), start=1):
        if _text(content, file.get(_KIND)).lower() != FORM_KIND or _CONTENT not in file:
            continue
        form = _decoded(content, file[_CONTENT], number)
        signed = sign_at(form, _place_in(form, number, signature_paths))
        text = base64.b64encode(signed)
        edits.append((file[_CONTENT], text))
        if _LENGTH in file:
            edits.append((file[_LENGTH], str(len(text)).encode()))
    for spot, text in sorted(edits, key=lambda edit: edit[0].begin, reverse=True):  # backwards: offsets stay true
        content = content[: spot.inner_begin] + text + content[spot.inner_end :]
    return content


def _files(content: bytes) -> list[dict[str, Spot]]:
    """Return, for each attached file, where its parts stand."""
    spots = find_spots(content, _WANTED.__contains__)
    files = []
    for file in (spot for spot in spots if spot.path == _FILE):
        inside = [spot for spot in spots if file.inner_begin <= spot.begin < file.inner_end]
        files.append({spot.path: spot for spot in inside})
    return files


def _text(content: bytes, spot: Spot | None) -> str:
    return "" if spot is None else content[spot.inner_begin : spot.inner_end].decode(errors="replace").strip()


def _decoded(content: bytes, spot: Spot, number: int) -> bytes:
    try:
        return base64.b64decode(b"".join(content[spot.inner_begin : spot.inner_end].split()), validate=True)
    except binascii.Error as error:
        raise SigningImpossible(f"file {number}: NoiDungFile is not base64") from error


def _place_in(form: bytes, number: int, signature_paths: Mapping[str, str]) -> str:
    try:
        root = etree.fromstring(form, _PARSER)
    except etree.XMLSyntaxError as error:
        raise SigningImpossible(f"file {number}: not well-formed: {error}") from error
    place = signature_paths.get(str(root.tag))
    if place is None:
        raise SigningImpossible(f"file {number}: no form with the root element {str(root.tag)[:60]} is known")
    return place
