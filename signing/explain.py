"""Why a digest differs: harmless-looking changes after signing, tried one by one, for refusals only."""

import copy
import hashlib
import unicodedata
from typing import Final

from lxml import etree

from signing.signed_info import SignedInfo
from signing.xmldsig import content_digest

EXPLAINED_BYTES_MAX: Final = 2 * 1024 * 1024
EXPLAINED_NODES_MAX: Final = 60_000

_DOTNET_NAMESPACES: Final = (
    b' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)


def why_digest_differs(root: etree._Element, info: SignedInfo, hash_name: str, size_bytes: int = 0) -> str:
    """Return the code of the reason why the content's digest is not the signed one.

    `root` is the document without its Signature, and is not changed. A change that alone makes the digest right is the
    reason; if none does, the content was changed. The answer helps the signer and never turns a refusal into anything
    else.
    """
    general = "digest-differs"
    if size_bytes > EXPLAINED_BYTES_MAX or _node_count_exceeds(root, EXPLAINED_NODES_MAX):
        return general
    wanted = info.digest_value
    tree = root.getroottree()
    if content_digest(root, hash_name, exclusive=not info.exclusive) == wanted:
        return "digest-differs-method"
    with_comments = etree.tostring(tree, method="c14n", exclusive=info.exclusive, with_comments=True)
    if hashlib.new(hash_name, with_comments).digest() == wanted:
        return "digest-differs-comments"
    if hashlib.new(hash_name, _recoded(root, info)).digest() == wanted:
        return "digest-differs-unicode"
    if _namespaces_explain(root, info, hash_name):
        return "digest-differs-namespaces"
    if _blanks_explain(root, info, hash_name):
        return "digest-differs-indentation"
    return general


def _node_count_exceeds(root: etree._Element, nodes_max: int) -> bool:
    return any(count >= nodes_max for count, _ in enumerate(root.iter()))


def _recoded(root: etree._Element, info: SignedInfo) -> bytes:
    """Return the canonical document with its letters composed, or decomposed if they are composed already."""
    text = etree.tostring(root.getroottree(), method="c14n", exclusive=info.exclusive, with_comments=False).decode()
    composed = unicodedata.normalize("NFC", text)
    return (composed if composed != text else unicodedata.normalize("NFD", text)).encode()


def _namespaces_explain(root: etree._Element, info: SignedInfo, hash_name: str) -> bool:
    """Try the root without its unused namespaces, and with the two that .NET's serialiser declares."""
    bare = copy.deepcopy(root.getroottree()).getroot()  # with what stands beside the root
    etree.cleanup_namespaces(bare)
    if content_digest(bare, hash_name, exclusive=info.exclusive) == info.digest_value:
        return True
    if info.exclusive:
        return False
    alone = etree.tostring(bare.getroottree(), method="c14n", with_comments=False)
    at = alone.find(f"<{bare.tag}>".encode()) + len(f"<{bare.tag}")  # a root with attributes is left unexplained
    dressed = alone[:at] + _DOTNET_NAMESPACES + alone[at:]
    return hashlib.new(hash_name, dressed).digest() == info.digest_value


def _blanks_explain(root: etree._Element, info: SignedInfo, hash_name: str) -> bool:
    """Try without any blanks between tags, and with the indentations that editors and libraries write."""
    bare = copy.deepcopy(root.getroottree()).getroot()  # with what stands beside the root
    for node in bare.iter("*"):
        if len(node) and node.text is not None and not node.text.strip():
            node.text = None
        if node.tail is not None and not node.tail.strip():
            node.tail = None
    if content_digest(bare, hash_name, exclusive=info.exclusive) == info.digest_value:
        return True
    for space in ("  ", "    ", "\t", " "):
        etree.indent(bare, space=space)
        if content_digest(bare, hash_name, exclusive=info.exclusive) == info.digest_value:
            return True
    return False
