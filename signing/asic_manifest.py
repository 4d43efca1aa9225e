"""The XML files inside a container that carry no signature's meaning: read safely, and the OpenDocument manifest."""

import re
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from signing.indication import Refusal
from signing.zip_names import shown

MEDIA_TYPE: Final = "application/vnd.etsi.asic-e+zip"
MANIFEST: Final = "META-INF/manifest.xml"

_NAMESPACE: Final = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
_ROOT_PATH: Final = "/"
_MEDIA_TYPES: Final = {".xml": "text/xml", ".pdf": "application/pdf"}
_OTHER: Final = "application/octet-stream"
_DTD: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_ENCODING: Final = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"']*)["']""")


ELEMENT_ATTRIBUTES_MAX: Final = 256
NAMESPACES_IN_SCOPE_MAX: Final = 32
_TOO_MANY_ATTRIBUTES: Final = etree.XPath(f"boolean(//*[@*[{ELEMENT_ATTRIBUTES_MAX + 1}]])")


def read_xml(content: bytes) -> etree._Element | None:
    """Return the root of a small document; None unless it is well-formed UTF-8 without a DTD, of ordinary depth.

    Never raises for any bytes.
    """
    encoding = _ENCODING.match(content)
    if _DTD.search(content) or (encoding and encoding[1].lower() not in (b"utf-8", b"utf8")):
        return None
    # The encoding is forced, so that no two readers see two documents.
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        return None
    return None if _is_crowded(root) else root


def _is_crowded(root: etree._Element) -> bool:
    """Whether a canonical form of it would take quadratic time: it sorts an element's attributes, and looks at every
    namespace in scope for every element.
    """
    if _TOO_MANY_ATTRIBUTES(root):
        return True
    in_scope = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        in_scope += 1 if event == "start-ns" else -1
        if in_scope > NAMESPACES_IN_SCOPE_MAX:
            return True
    return False


def check_manifest(content: bytes, names: Sequence[str]) -> Refusal | None:
    """See that the manifest lists every data object once and nothing else (EN 319 162-1 §4.4.3.2, ODF 1.2 part 3 §4).

    Its media types are nobody's signed word, and are not used.
    """
    root = read_xml(content)
    if root is None or root.tag != f"{{{_NAMESPACE}}}manifest":
        return Refusal("container-manifest-unreadable")
    wanted, listed = {*names, _ROOT_PATH}, set()
    for entry in root.iterchildren(etree.Element):
        path = entry.get(f"{{{_NAMESPACE}}}full-path")
        if entry.tag != f"{{{_NAMESPACE}}}file-entry" or path is None or len(entry):
            return Refusal("container-manifest-unreadable")
        wrong_kind = path == _ROOT_PATH and entry.get(f"{{{_NAMESPACE}}}media-type") != MEDIA_TYPE
        if path not in wanted or path in listed or wrong_kind:
            return Refusal("container-manifest-differs", {"entry": shown(path)})
        listed.add(path)
    unlisted = next((name for name in names if name not in listed), None)
    return None if unlisted is None else Refusal("container-manifest-differs", {"entry": shown(unlisted)})


def make_manifest(names: Sequence[str]) -> bytes:
    """Return a manifest of these data objects, in their order."""
    files = "".join(
        f"  <manifest:file-entry manifest:full-path={quoteattr(name)} manifest:media-type={quoteattr(kind)}/>\n"
        for name, kind in [(_ROOT_PATH, MEDIA_TYPE), *((name, _media_type(name)) for name in names)]
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<manifest:manifest xmlns:manifest="{_NAMESPACE}" manifest:version="1.2">\n{files}</manifest:manifest>\n'
    ).encode()


def _media_type(name: str) -> str:
    return next((kind for ending, kind in _MEDIA_TYPES.items() if name.lower().endswith(ending)), _OTHER)
