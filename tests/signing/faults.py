"""Faults done to rightly signed documents, and what is said about them."""

import base64
import re
from collections import ChainMap
from collections.abc import Callable
from datetime import date

from lxml import etree

from schemas.sample import make_dossier, tax_code
from signing import reasons, reasons_digest, xmldsig
from signing.demo_pki import Holder
from signing.dossier import sign_dossier
from signing.explain import explain_digest, why_digest_differs
from signing.explain_search import Search
from signing.explain_table import ENVELOPE as ENVELOPE_LAYOUT
from signing.explain_table import Layout
from signing.indication import Refusal, SubIndication
from signing.sign import sign
from signing.signature import ReadSignature, read_signature
from tests.signing.workshop import NOW

PATHS = {form: f"/{form}/Cky" for form in ("D02-TS", "TK1-TS", "D01-TS")}
ENVELOPE = "/Hoso/CKy_Dvi"
FORM = "/D02-TS/Cky"
LEVELS = {"form": FORM, "envelope": ENVELOPE}
REASONS = ChainMap(reasons.REASONS, reasons_digest.REASONS)

Change = Callable[[bytes], bytes]

_SIGNATURE = re.compile(rb"<Signature .*</Signature>", re.DOTALL)
_STAND_IN = b"@@@"


def dossier(employees: int = 3, attachments: int = 1, attachment_bytes: int | None = None) -> bytes:
    """An unsigned envelope with three forms inside."""
    return make_dossier(
        "600",
        employees=employees,
        unit="TA1234A",
        tax_code=tax_code(1),
        office="07906",
        period="01/2026",
        made_on=date(2026, 1, 13),
        attachments=attachments,
        attachment_bytes=attachment_bytes,
    )


def signed_dossier(holder: Holder, content: bytes | None = None, *, level: str = "both") -> bytes:
    return sign_dossier(
        dossier() if content is None else content,
        holder.key,
        holder.certificate,
        signature_paths=PATHS,
        now=NOW,
        level=level,  # type: ignore[arg-type]
    )


def form_of(content: bytes, number: int = 0) -> bytes:
    texts = list(etree.fromstring(content).iter("NoiDungFile"))
    return base64.b64decode(texts[number].text or "")


def signed_at(level: str, holder: Holder, prepare: Change | None = None) -> bytes:
    """A document of the real profile, prepared before it is signed: a whole envelope, or a form out of one."""
    content = dossier() if level == "envelope" else form_of(dossier())
    if prepare is not None:
        content = prepare(content)
    if level == "envelope":
        return signed_dossier(holder, content)
    return sign(content, FORM, holder.key, holder.certificate, now=NOW)


def around(content: bytes, change: Change) -> bytes:
    """Change a document round its Signature, which stays as it is."""
    found = _SIGNATURE.findall(content)
    assert len(found) == 1
    changed = change(content.replace(found[0], _STAND_IN))
    assert changed.count(_STAND_IN) == 1
    return changed.replace(_STAND_IN, found[0])


def styled(line: str | None, unit: str = "") -> Change:
    """Write all blanks between tags afresh."""

    def change(content: bytes) -> bytes:
        root = etree.fromstring(content)
        for node in root.iter("*"):
            if len(node):
                node.text = None
            node.tail = None
        if line is not None:
            etree.indent(root, space=unit)
            for node in root.iter("*"):
                if len(node) and node.text is not None:
                    node.text = node.text.replace("\n", line)
                if node.tail is not None:
                    node.tail = node.tail.replace("\n", line)
        return etree.tostring(root)

    return change


def read(content: bytes, path: str) -> tuple[etree._Element, ReadSignature]:
    root = etree.fromstring(content)
    signature = xmldsig.find_signature(root, path)
    assert not isinstance(signature, Refusal)
    found = read_signature(signature)
    assert isinstance(found, ReadSignature)
    return root, found


def explained(content: bytes, path: str, *, search: Search | None = None, layout: Layout | None = None) -> Refusal:
    """What is said about a document whose digest differs; everything that always holds is checked on the way."""
    root, found = read(content, path)
    xmldsig.detach(found.signature)
    assert xmldsig.content_digest(root, "sha256", exclusive=found.info.exclusive) != found.info.digest_value
    before = etree.tostring(root.getroottree())
    refusal = explain_digest(
        root, found.info, "sha256", source=content, search=search, layout=layout or ENVELOPE_LAYOUT
    )
    assert etree.tostring(root.getroottree()) == before
    worded(refusal, SubIndication.HASH_FAILURE)
    if search is None:
        assert why_digest_differs(root, found.info, "sha256") in reasons.REASONS
    return refusal


def worded(refusal: Refusal, sub_indication: SubIndication) -> tuple[str, str]:
    """Its two sentences: every blank filled."""
    reason = REASONS[refusal.code]
    assert reason.sub_indication is sub_indication
    sentences = reason.vi.format(**refusal.fields), reason.en.format(**refusal.fields)
    assert all(sentences)
    return sentences


def replaced(old: str, new: str, count: int = 1) -> Change:
    def change(content: bytes) -> bytes:
        assert old.encode() in content, old
        return content.replace(old.encode(), new.encode(), count)

    return change
