"""Why a digest differs: changes after signing are undone one by one until the signed digest comes out."""

import hashlib
import re
from collections.abc import Callable
from typing import Final

from lxml import etree

from signing.explain_blanks import explain_blanks, explain_edges, explain_part_of_blanks
from signing.explain_fields import Fields, explain_fields, explain_head, explain_spoilt
from signing.explain_files import explain_files, without_signature
from signing.explain_forms import explain_forms
from signing.explain_namespaces import explain_markup, explain_namespaces, explain_namespaces_and_blanks
from signing.explain_outline import Outline
from signing.explain_search import LOOK_COSTS_BYTES, Search
from signing.explain_table import ENVELOPE, Layout, explain_table
from signing.explain_text import explain_text
from signing.indication import Refusal
from signing.signed_info import SignedInfo
from signing.xmldsig import content_digest

EXPLAINED_BYTES_MAX: Final = 2 * 1024 * 1024
EXPLAINED_NODES_MAX: Final = 30_000

_GENERAL: Final = "digest-differs"
_OTHER_HASHES: Final = ("sha1", "sha256", "sha384", "sha512", "md5")
_DECLARATION: Final = re.compile(rb"\A\s*+<\?xml[^>]*+>\s*+")
_BOM: Final = b"\xef\xbb\xbf"

# Each with the share of the budget that it may take. What is cheap comes first, then what is likely.
_WRITING: Final[tuple[tuple[float, Callable[[Outline, Search], Refusal | None]], ...]] = (
    (0.12, explain_text),
    (0.1, lambda outline, search: explain_namespaces(outline.content, search)),
    (0.05, lambda outline, search: explain_markup(outline.content, search)),
    (0.12, explain_blanks),
    (0.05, explain_edges),
    (0.12, explain_files),
    (0.2, explain_forms),
    (0.04, explain_namespaces_and_blanks),
    (0.05, explain_part_of_blanks),
)


def explain_digest(
    root: etree._Element,
    info: SignedInfo,
    hash_name: str,
    *,
    source: bytes | None = None,
    size_bytes: int = 0,
    search: Search | None = None,
    layout: Layout = ENVELOPE,
) -> Refusal:
    """Return the reason why the content's digest is not the signed one, with what its sentences have blanks for.

    `root` is the document without its Signature, and is not changed; `source` are the document's bytes as received,
    Signature and all, if they are at hand. EN 319 102-1 v1.3.1 §5.2.7.4 knows only HASH_FAILURE. A cause is named only
    when undoing it gives the signed digest, hence is proven; whatever the reason, the signature is refused all the
    same. If no cause fits, the reason is "digest-differs", and its field `search` is "complete" or, when the budget
    did not reach for all candidates or the document is too large to look, "cut-short". Several documents may share the
    budget of one `search`. `layout` names the children that a form's elements have ({"LaoDong": ("STT", "HoTen", …)}).
    Never raises for any document; takes a few tenths of a second at most.
    """
    search = (search or Search()).against(info.digest_value, hash_name)
    if size_bytes > EXPLAINED_BYTES_MAX or _node_count_exceeds(root, EXPLAINED_NODES_MAX):
        return Refusal(_GENERAL, {"search": "cut-short"})
    try:
        if refusal := _explain_method(root, info, hash_name):
            return refusal
        content = etree.tostring(root.getroottree(), method="c14n", exclusive=info.exclusive, with_comments=False)
    except etree.C14NError:  # it has no canonical form
        return Refusal(_GENERAL, {"search": "complete"})
    if len(content) > EXPLAINED_BYTES_MAX:
        return Refusal(_GENERAL, {"search": "cut-short"})
    if refusal := _explain_hash(content, info) or _explain_raw(source, search):
        return refusal
    if refusal := _undo(content, search, layout):
        return refusal
    return Refusal(_GENERAL, {"search": "cut-short" if search.cut_short or search.spent else "complete"})


def _undo(content: bytes, search: Search, layout: Layout) -> Refusal | None:
    """Undo one change after the other, the cheap first, then the likely, until the budget is spent."""
    outline = Outline(content)
    search.section()
    search.charge(LOOK_COSTS_BYTES * len(outline.items))
    fields = Fields(outline, search)
    search.section(0.15)
    if refusal := explain_spoilt(fields, search):
        return refusal
    for share, step in _WRITING:
        search.section(share)
        if (refusal := step(outline, search)) or search.spent:
            return refusal
    search.section(0.12)
    return (
        explain_head(fields, search)
        or explain_table(fields, search, {**ENVELOPE, **layout})
        or explain_fields(fields, search)
    )


def why_digest_differs(root: etree._Element, info: SignedInfo, hash_name: str, size_bytes: int = 0) -> str:
    """Return the code alone of `explain_digest`'s reason, or of the reason nearest to it that has no blanks to fill."""
    refusal = explain_digest(root, info, hash_name, size_bytes=size_bytes)
    return _PLAIN.get(refusal.code, _GENERAL)


_PLAIN: Final = {
    **{f"digest-differs-{name}": f"digest-differs-{name}" for name in ("method", "comments", "unicode", "indentation")},
    "digest-differs-indentation-part": "digest-differs-indentation",
    **{
        f"digest-differs-namespaces-{name}": "digest-differs-namespaces"
        for name in ("added", "removed", "changed", "moved")
    },
}


def _node_count_exceeds(root: etree._Element, nodes_max: int) -> bool:
    return any(count >= nodes_max for count, _ in enumerate(root.iter()))


def _explain_method(root: etree._Element, info: SignedInfo, hash_name: str) -> Refusal | None:
    """Try the other canonicalisation, and comments (Canonical XML 1.0 §2.1, Exclusive XML Canonicalization §4)."""
    wanted, tree = info.digest_value, root.getroottree()
    try:
        if content_digest(root, hash_name, exclusive=not info.exclusive) == wanted:
            return Refusal("digest-differs-method")
        for exclusive in (info.exclusive, not info.exclusive):
            with_comments = etree.tostring(tree, method="c14n", exclusive=exclusive, with_comments=True)
            if hashlib.new(hash_name, with_comments).digest() == wanted:
                return Refusal("digest-differs-comments")
    except etree.C14NError:  # one of the two may know a form where the other does not
        return None
    return None


def _explain_hash(content: bytes, info: SignedInfo) -> Refusal | None:
    """Try other digests than the one that the Reference names."""
    for name in _OTHER_HASHES:
        if hashlib.new(name, content, usedforsecurity=False).digest() == info.digest_value:
            return Refusal("digest-differs-hash", {"found": name.upper().replace("SHA", "SHA-")})
    return None


def _explain_raw(source: bytes | None, search: Search) -> Refusal | None:
    """Try the file's bytes as they are, without the Signature: a digest of what was never made canonical."""
    if source is None:
        return None
    search.section(0.1)
    for raw in without_signature(source):
        bare = raw.removeprefix(_BOM)
        for candidate in dict.fromkeys((raw, bare, _DECLARATION.sub(b"", bare))):
            if search.fits(candidate):
                return Refusal("digest-differs-raw")
    return None
