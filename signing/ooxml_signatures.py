"""Who an Office file says has signed it: read from its signature parts, verified by nobody."""

import io
import re
import zipfile
from typing import Final

from lxml import etree

from signing.certificate import SigningCertificate, from_text
from signing.indication import Signer

PARTS_MAX: Final = 16
PART_BYTES_MAX: Final = 256 * 1024
ENTRIES_MAX: Final = 5_000
_ENTRY: Final = b"PK\x01\x02"
_PART: Final = re.compile(r"_xmlsignatures/[^/]+\.xml")
_CERTIFICATE: Final = "{http://www.w3.org/2000/09/xmldsig#}X509Certificate"


def claimed_signers(content: bytes) -> tuple[Signer, ...]:
    """Return the holders of the end-user certificates in the signature parts (ECMA-376 Part 2 §12), each once.

    They are what the file says, no more. Never raises for a bad file: what cannot be read claims nothing.
    """
    found: dict[str, Signer] = {}
    if content.count(_ENTRY) > ENTRIES_MAX:
        return ()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = [one for one in package.infolist() if _PART.fullmatch(one.filename)]
            for part in parts[:PARTS_MAX]:
                with package.open(part) as opened:
                    certificates = _certificates(opened.read(PART_BYTES_MAX + 1))
                for one in certificates:
                    if not one.is_authority:
                        found.setdefault(one.signer.certificate_sha256, one.signer)
    except Exception:  # the reader of ZIP files raises of its own, of zlib's and of struct's, as the fault may be
        return tuple(found.values())
    return tuple(found.values())


def _certificates(part: bytes) -> list[SigningCertificate]:
    if len(part) > PART_BYTES_MAX:
        return []
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(part, parser)
    except etree.XMLSyntaxError:
        return []
    read = [from_text("".join((one.text or "").split())) for one in root.iter(_CERTIFICATE)]
    return [one for one in read[:PARTS_MAX] if isinstance(one, SigningCertificate)]
