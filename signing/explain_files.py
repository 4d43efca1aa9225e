"""Files inside an envelope: forms that were signed, changed or measured after the envelope was signed."""

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from msgspec import Struct

from signing.explain_outline import Branch, Leaf, Outline, cut, shown
from signing.explain_search import Search
from signing.indication import Refusal

FILES_MAX: Final = 24
FORMS_COMBINED_MAX: Final = 4

_CONTENT: Final = b"NoiDungFile"
_LENGTH: Final = b"DoDaiFile"
_COUNT: Final = b"SoLuongFile"
_NAMES: Final = (b"TenFile", b"MaToKhai")
_BOM: Final = b"\xef\xbb\xbf"
_SIGNATURE: Final = re.compile(rb"<((?:[A-Za-z_][\w.-]*+:)?Signature)(?=[\s>])")
_PLACE_OPEN: Final = re.compile(rb"<([^\s<>/!?]++)([^<>]*+)>\s*+\Z")
_PLACE_CLOSE: Final = re.compile(rb"\s*+</[^\s<>]++\s*+>")

_Edits = list[tuple[int, int, bytes]]


class File(Struct, frozen=True):
    """One attached file: where its content and its length stand, and the decoded content."""

    name: str
    row: Branch
    content: Leaf
    length: Leaf | None
    raw: bytes


def explain_files(outline: Outline, search: Search) -> Refusal | None:
    """Try the files of an envelope as they may have been when it was signed.

    A form that is signed inside an envelope that is signed already changes the envelope: its signature is taken out
    again. The same for a form that was saved otherwise (byte order mark, line ends), and for lengths and counts that
    were rewritten (DoDaiFile counts characters of base64 or bytes; both are in use).
    """
    files = files_of(outline)
    if not files:
        return None
    return (
        _explain_lengths(outline, files, search)
        or _explain_signed_later(outline, files, search)
        or _explain_saved(outline, files, search)
    )


def files_of(outline: Outline) -> list[File]:
    """Return the files that an envelope holds, but for those whose content is no base64."""
    found: list[File] = []
    for content in outline.leaves:
        if content.name != _CONTENT or content.parent < 0 or len(found) >= FILES_MAX:
            continue
        row = outline.branches[content.parent]
        beside = {outline.leaves[at].name: outline.leaves[at] for at in row.leaves}
        name = next((outline.text(beside[one]) for one in _NAMES if one in beside), "")
        text = outline.content[content.begin : content.end].replace(b"&#xD;", b"")
        try:
            raw = base64.b64decode(b"".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            continue
        found.append(File(name, row, content, beside.get(_LENGTH), raw))
    return found


def without_signature(raw: bytes) -> Iterator[bytes]:
    """Yield a signed form as it may have been before: its signature's place empty, in each spelling, or absent."""
    match = _SIGNATURE.search(raw)
    last = -1 if match is None else raw.rfind(b"</" + match[1])
    if match is None or last < match.end():
        return
    before, after = raw[: match.start()], raw[raw.find(b">", last) + 1 :]
    opened, closed = _PLACE_OPEN.search(before), _PLACE_CLOSE.match(after)
    if opened is None or closed is None:
        yield before + after
        return
    head, tail = before[: opened.start()], after[closed.end() :]
    tag = opened[1] + opened[2].rstrip()
    yield head + b"<" + tag + b"></" + opened[1] + b">" + tail
    yield head + b"<" + tag + b"/>" + tail
    yield head + b"<" + tag + b" />" + tail
    yield before + after
    yield head + tail
    if (blank := head.rstrip(b" \t\r\n")) != head:
        yield blank + tail


def _explain_signed_later(outline: Outline, files: list[File], search: Search) -> Refusal | None:
    forms = [(one, list(without_signature(one.raw))) for one in files]
    forms = [(one, variants) for one, variants in forms if variants]
    for group in _groups(forms):
        for number in range(max(len(variants) for _, variants in group)):
            changed = [(one, variants[min(number, len(variants) - 1)]) for one, variants in group]
            if search.exhausted:
                return None
            if any(search.fits_with(outline.content, edits) for edits in put_in(changed)):
                return Refusal("digest-differs-form-signed-later", {"files": _named(changed)})
    return None


def _explain_saved(outline: Outline, files: list[File], search: Search) -> Refusal | None:
    """Try forms without or with a byte order mark, with other line ends, with other blanks at their end."""
    forms = [(one, list(_saved_otherwise(one.raw))) for one in files if one.raw.lstrip(_BOM).lstrip()[:1] == b"<"]
    for group in _groups(forms):
        for number in range(len(group[0][1])):
            changed = [(one, variants[number]) for one, variants in group]
            if search.exhausted:
                return None
            if all(one.raw == raw for one, raw in changed):
                continue
            if any(search.fits_with(outline.content, edits) for edits in put_in(changed)):
                others = [(one, raw) for one, raw in changed if one.raw != raw]
                return Refusal("digest-differs-form-saved", {"files": _named(others)})
    return None


def _saved_otherwise(raw: bytes) -> Iterator[bytes]:
    lines = raw.replace(b"\r\n", b"\n")
    returns = lines.replace(b"\n", b"\r\n")
    for one in (raw, lines, returns):
        bare = one.removeprefix(_BOM)
        yield bare
        yield _BOM + bare
    stripped = raw.rstrip(b" \t\r\n")
    yield stripped
    yield stripped + b"\n"
    yield stripped + b"\r\n"


def _groups(forms: list[tuple[File, list[bytes]]]) -> Iterator[list[tuple[File, list[bytes]]]]:
    """Yield all forms together, then each alone, then what lies between if there are few."""
    if forms:
        yield forms
    if len(forms) > 1:
        yield from ([one] for one in forms)
    if len(forms) <= FORMS_COMBINED_MAX:
        for count in range(2, len(forms)):
            yield from (list(some) for some in combinations(forms, count))


def put_in(changed: list[tuple[File, bytes]]) -> Iterator[_Edits]:
    """Yield the edits that put contents in, with the length of the base64 text, the present one, the decoded one."""
    encoded = [(one, base64.b64encode(raw), raw) for one, raw in changed]
    for length_of in (lambda text, _raw: str(len(text)), lambda _text, _raw: None, lambda _text, raw: str(len(raw))):
        edits: _Edits = []
        for one, text, raw in encoded:
            edits.append((one.content.begin, one.content.end, text))
            length = length_of(text, raw)
            if one.length is not None and length is not None:
                edits.append((one.length.begin, one.length.end, length.encode()))
        yield sorted(edits)


def _explain_lengths(outline: Outline, files: list[File], search: Search) -> Refusal | None:
    """Try the lawful values of DoDaiFile, of all files alike and of each alone, and of SoLuongFile."""
    content = outline.content
    lengths = [one for one in files if one.length is not None]
    for number in range(3):
        whole = [(one.length, _lengths(one, content)[number]) for one in lengths if one.length is not None]
        for some in [whole, *([one] for one in whole)] if len(whole) > 1 else [whole]:
            changed = [(leaf, text) for leaf, text in some if content[leaf.begin : leaf.end] != text]
            if changed and (refusal := _measured(outline, search, changed)):
                return refusal
    xml = sum(one.raw.lstrip(_BOM).lstrip()[:1] == b"<" for one in files)
    every = sum(leaf.name == _CONTENT for leaf in outline.leaves)
    for leaf in outline.leaves:
        if leaf.name == _COUNT:
            for text in dict.fromkeys((every, xml, every - xml, every + 1, every - 1, 0)):
                if refusal := _measured(outline, search, [(leaf, str(text).encode())]):
                    return refusal
    return None


def _lengths(one: File, content: bytes) -> tuple[bytes, bytes, bytes]:
    text = content[one.content.begin : one.content.end]
    return str(len(text)).encode(), str(len(one.raw)).encode(), b""


def _measured(outline: Outline, search: Search, changed: list[tuple[Leaf, bytes]]) -> Refusal | None:
    if not search.fits_with(outline.content, [(leaf.begin, leaf.end, text) for leaf, text in changed]):
        return None
    leaf, text = changed[0]
    words = outline.place_of(leaf) | shown("now", outline.text(leaf)) | shown("signed", text.decode())
    return Refusal("digest-differs-lengths", words)


def _named(changed: list[tuple[File, bytes]]) -> str:
    return ", ".join(cut(" ".join(one.name.split())) or f"{one.row.number}" for one, _ in changed[:6])
