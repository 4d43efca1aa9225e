"""A form inside an envelope whose field was edited after both were signed: both signatures then fail for one reason."""

from typing import Final

from lxml import etree

from signing import xmldsig
from signing.explain_fields import Fields, explain_fields, explain_head, explain_spoilt
from signing.explain_files import File, files_of, put_in
from signing.explain_outline import Outline, cut
from signing.explain_search import Search
from signing.indication import Refusal
from signing.signed_info import SignedInfo, read_signed_info

FORMS_MAX: Final = 8
FORM_BYTES_MAX: Final = 512 * 1024
FORM_SEARCH_BYTES_MAX: Final = 24 * 1024 * 1024

_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_SIGNED_INFO: Final = f"{{{xmldsig.DSIG}}}SignedInfo"
# Nothing is fetched, nothing is expanded; libxml2's own limits of depth and length hold.
_PARSER: Final = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def explain_forms(outline: Outline, search: Search) -> Refusal | None:
    """Look for the edited field in each signed form whose own digest differs, and undo it in the envelope too.

    The form's signature says what the field was; the envelope's digest proves that nothing else was changed.
    """
    for file in files_of(outline)[:FORMS_MAX]:
        if search.exhausted:
            return None
        found = _edited_field(file, search) if len(file.raw) <= FORM_BYTES_MAX else None
        if found is None:
            continue
        raw, refusal = found
        if any(search.fits_with(outline.content, edits) for edits in put_in([(file, raw)])):
            name = cut(" ".join(file.name.split()))
            return Refusal("digest-differs-form-edited", {**refusal.fields, "file": name})
    return None


def _edited_field(file: File, search: Search) -> tuple[bytes, Refusal] | None:
    """Return the form's bytes before the edit of one field, and what that edit was."""
    form = _without_signature(file.raw)
    if form is None:
        return None
    root, info, hash_name = form
    try:
        content = etree.tostring(root.getroottree(), method="c14n", exclusive=info.exclusive, with_comments=False)
    except etree.C14NError:
        return None
    inner = Search(info.digest_value, hash_name, bytes_max=min(FORM_SEARCH_BYTES_MAX, max(0, search.bytes_left)))
    before = inner.bytes_left
    if inner.fits(content):
        search.charge(before - inner.bytes_left)
        return None
    fields = Fields(Outline(content), inner)
    refusal = explain_spoilt(fields, inner) or explain_head(fields, inner) or explain_fields(fields, inner)
    search.charge(before - inner.bytes_left)
    if refusal is None or inner.proof is None or refusal.code != "digest-differs-field":
        return None
    raw = _undone(file.raw, content, inner.proof)
    return None if raw is None else (raw, refusal)


def _without_signature(raw: bytes) -> tuple[etree._Element, SignedInfo, str] | None:
    """Read a form, take its one Signature out, and return what that said."""
    if b"<!DOCTYPE" in raw or xmldsig.DSIG.encode() not in raw:
        return None
    try:
        root = etree.fromstring(raw, _PARSER)
    except etree.XMLSyntaxError:
        return None
    signatures = list(root.iter(xmldsig.SIGNATURE))
    element = None if len(signatures) != 1 else next(signatures[0].iterchildren(_SIGNED_INFO), None)
    if element is None or signatures[0] is root:
        return None
    info = read_signed_info(element)
    if isinstance(info, Refusal):
        return None
    hash_name = info.digest_algorithm.rpartition("#")[2]
    if hash_name not in _HASHES:
        return None
    xmldsig.detach(signatures[0])
    return root, info, hash_name


def _undone(raw: bytes, content: bytes, proof: tuple[int, int, bytes]) -> bytes | None:
    """Undo in the form's bytes what was undone in its canonical form: the same text in the same place of its kind."""
    begin, end, new = proof
    old = content[begin - 1 : end + 1]  # with the brackets round it
    if not (old.startswith(b">") and old.endswith(b"<")):
        return None
    at = -1
    for _ in range(content.count(old, 0, end + 1)):
        at = raw.find(old, at + 1)
        if at < 0:
            return None
    return raw[: at + 1] + new + raw[at + len(old) - 1 :]
