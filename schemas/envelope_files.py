"""The files that an envelope carries: in base64, or beside it in a container."""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from msgspec import Struct

from schemas.base64text import Base64Error, decode
from schemas.findings import Finding, Place, finding
from schemas.tree import line_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from lxml import etree

    from schemas.catalogue import Catalogue
    from schemas.form import Form

ENVELOPE: Final = "Hoso"
ATTACHMENT: Final = "CT-DK"
# LoaiFile of a paper that the gateway holds already: NoiDungFile is then the base64 of its SHA-256, and DoDaiFile the
# length of that text.
REFERENCE: Final = "urn:sha256"
SHA256_BYTES: Final = 32
# Beyond this many files nobody works through a dossier by hand, and each costs a judgement.
FILES_MAX: Final = 100
NUMBER_DIGITS_MAX: Final = 9
# A file beside the envelope that is larger is never held whole: of it size, digest, beginning and end are looked at.
READ_BYTES_MAX: Final = 64 * 1024 * 1024

# Vendors' software writes the decision's number behind the code of a form or a procedure.
DECISION_SUFFIXES: Final = ("-595", "-959", "-166", "_595", "_959", "_166")
_ENDING: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_SAME_ENDING: Final = {".jpeg": ".jpg", ".tiff": ".tif"}
_FORM_CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{1,29}")
_STAMP: Final = re.compile(r"^[0-9]{10,20}_")
_SAFE_NAME: Final = re.compile(r"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*")
_UNSAFE_NAME: Final = re.compile(r'[/\\<>:"|?*\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]|\.\.|^\.|[. ]$')
_ROOT_TAG: Final = re.compile(rb"<([A-Za-z_][0-9A-Za-z_-]{0,30})[\s/>]")
_ROOT_SEARCH_BYTES: Final = 600


class Stored(Protocol):
    """A file beside the envelope that is read when it is wanted, and may be too large to be held.

    `read` is not asked of one beyond `READ_BYTES_MAX`.
    """

    @property
    def size_bytes(self) -> int:
        """How large it is."""
        ...

    @property
    def sha256(self) -> bytes:
        """Its digest."""
        ...

    @property
    def ends(self) -> tuple[bytes, bytes]:
        """Its beginning and its end, some kilobytes of each."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The content piece by piece, as often as wanted."""
        ...

    def read(self) -> bytes:
        """The whole content."""
        ...


class EnvelopeFile(Struct, frozen=True):
    """One file of the envelope. `number` counts from 1; `kind` is its ending, such as ".xml"; `source` is decoded.

    `form` is the form's own code ("D02-TS" for "D02-TS-595", "M05A-HSB" for "05A-HSB"; "CT-DK" for every supporting
    paper). A file that `is_beside` lies in the container next to the envelope, which only names it. Of a paper that is
    held already only the digest came, in `refers_to`: its `kind` is `REFERENCE`, its size 0, and it has no content.
    """

    number: int
    form: str
    description: str
    name: str
    kind: str
    declared_length: int | None
    source: bytes | Stored
    line: int | None
    is_beside: bool = False
    refers_to: bytes | None = None

    @property
    def content(self) -> bytes:
        """Its bytes, in memory. Raises ValueError for a file that is too large for that, or that only refers to one."""
        if self.refers_to is not None:
            raise ValueError("of a reference only the digest came")
        if isinstance(self.source, bytes):
            return self.source
        if self.is_too_large_to_read:
            raise ValueError(f"{self.size_bytes} bytes are not read into memory")
        return self.source.read()

    @property
    def size_bytes(self) -> int:
        """How large it is; 0 for a reference."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.size_bytes

    @property
    def ending(self) -> str:
        """What its name ends in, in small letters, such as ".pdf"; "" for nothing."""
        return ending_of(self.name)

    @property
    def sha256(self) -> bytes:
        """Its digest; of a reference, that of the document referred to."""
        if self.refers_to is not None:
            return self.refers_to
        return hashlib.sha256(self.source).digest() if isinstance(self.source, bytes) else self.source.sha256

    @property
    def is_too_large_to_read(self) -> bool:
        """Whether only its size, digest and ends can be looked at."""
        return not isinstance(self.source, bytes) and self.source.size_bytes > READ_BYTES_MAX

    @property
    def place(self) -> Place:
        """Where it stands in the envelope."""
        return Place(file=self.name, form=self.form, pointer=file_pointer(ENVELOPE, self.number), line=self.line)


_Source = TypeVar("_Source", bound=bytes | Stored)


class Files:
    """The files of one envelope, taken one after the other. `beside` are those of its container, by name in NFC."""

    def __init__(self, form: Form, catalogue: Catalogue, on: date, beside: Mapping[str, bytes | Stored]) -> None:
        self.beside = beside
        self.form = form
        self.catalogue = catalogue
        self.on = on
        self.count = 0
        self.files: list[EnvelopeFile] = []
        self.unreadable: list[str] = []
        self.found: list[Finding] = []
        self.too_many: list[Finding] = []
        self._names: dict[str, int] = {}
        self._now: tuple[int, str, etree._Element]

    def leave(self, number: int, _: etree._Element) -> None:
        """Count a file that is beyond the limit; the first of them is told."""
        self.count = number
        if number == FILES_MAX + 1:
            place = Place(file=ENVELOPE, form=self.form.code, pointer=file_pointer(self.form.code, number))
            self.too_many.append(finding("files-too-many", place, most=FILES_MAX))

    def take(self, number: int, element: etree._Element) -> None:
        """Read one file as far as it can be read; what is wrong with it is told in `found`."""
        self.count = number
        words = {str(child.tag): text_of(child) if len(child) else child.text or "" for child in element}
        name = plain(words.get("TenFile", ""))
        self._now = number, name, element
        if name:
            self._name(name, number)
        if plain(words.get("LoaiFile", "")).lower() == REFERENCE:
            self._refer(words, name)
            return
        kind = self._kind(name, plain(words.get("LoaiFile", "")))
        text = words.get("NoiDungFile", "")
        is_beside = not text and unicodedata.normalize("NFC", name) in self.beside
        content: bytes | None = None
        source: bytes | Stored | None
        if is_beside:
            source = self._not_empty(self.beside[unicodedata.normalize("NFC", name)])
        else:
            source = content = self._content(text) if "NoiDungFile" in words else None
        code = self._code(plain(words.get("MaToKhai", "")), name, kind, source)
        declared = number_of(words.get("DoDaiFile", ""))
        if source is None:
            self.unreadable.append(code)
            return
        if declared is not None and declared != len(text) and content is not None:
            self._length(declared, text, content)
        description = plain(words.get("MoTaToKhai", ""))
        shown = name or f"FileToKhai[{number}]"
        line = line_of(element)
        self.files.append(EnvelopeFile(number, code, description, shown, kind, declared, source, line, is_beside))

    def _refer(self, words: Mapping[str, str], name: str) -> None:
        """Read a file that is a reference: only a supporting paper may be one, and its content is a digest."""
        number, _, element = self._now
        code = self._code(plain(words.get("MaToKhai", "")), name, REFERENCE, None)
        text = words.get("NoiDungFile", "")
        digest = self._content(text) if "NoiDungFile" in words else None
        declared = number_of(words.get("DoDaiFile", ""))
        if digest is not None and declared is not None and declared != len(text):
            self._length(declared, text, digest)
        if digest is not None and len(digest) != SHA256_BYTES:
            self._tell("reference-malformed", value=text, size=len(digest))
        if digest is None or len(digest) != SHA256_BYTES or code != ATTACHMENT:
            self.unreadable.append(code)
            return
        description = plain(words.get("MoTaToKhai", ""))
        shown = name or f"FileToKhai[{number}]"
        self.files.append(
            EnvelopeFile(number, code, description, shown, REFERENCE, declared, b"", line_of(element), refers_to=digest)
        )

    def _tell(self, code: str, *, value: str = "", **more: str | int) -> None:
        """Tell what is wrong with the file that is being read."""
        number, name, element = self._now
        place = Place(
            file=name or f"FileToKhai[{number}]",
            form=self.form.code,
            pointer=file_pointer(self.form.code, number),
            line=line_of(element),
        )
        self.found.append(finding(code, place, {"number": number, "name": name, **more}, value=value))

    def _name(self, name: str, number: int) -> None:
        if not _SAFE_NAME.fullmatch(name) and _UNSAFE_NAME.search(name):
            self._tell("file-name-unsafe", value=name)
        # Two names that some file system would not tell apart are one.
        first = self._names.setdefault(unicodedata.normalize("NFC", name).casefold(), number)
        if first != number:
            self._tell("file-name-repeated", value=name, first=first)

    def _kind(self, name: str, written: str) -> str:
        ending = ending_of(name)
        kind = written.lower()
        if kind and not kind.startswith("."):
            kind = "." + kind
        if kind and ending and _SAME_ENDING.get(kind, kind) != _SAME_ENDING.get(ending, ending):
            self._tell("file-kind-mismatch", value=written, expected=ending)
        return kind or ending

    def _content(self, text: str) -> bytes | None:
        try:
            content = decode(text)
        except Base64Error as broken:
            why_vi, why_en = broken.words()
            self._tell("file-base64-broken", why_vi=why_vi, why_en=why_en)
            return None
        return self._not_empty(content)

    def _not_empty(self, source: _Source) -> _Source | None:
        if not (source if isinstance(source, bytes) else source.size_bytes):
            self._tell("file-empty")
            return None
        return source

    def _length(self, declared: int, text: str, content: bytes) -> None:
        """The length told is that of the base64 text; a line break may have been counted not at all, or as two."""
        blanks = sum(map(text.count, " \t\r\n"))
        if declared in (len(text) - blanks, len(text) + text.count("\n")):
            return
        code = "file-length-decoded" if declared == len(content) else "file-length-mismatch"
        self._tell(code, value=str(declared), declared=declared, found=len(text))

    def _code(self, written: str, name: str, kind: str, source: bytes | Stored | None) -> str:
        """The form's code: as written but for a vendor's suffix; guessed, and said so, when what is written is none."""
        code = without(written, DECISION_SUFFIXES)
        known = code != ENVELOPE and self.catalogue.form(code, self.on) is not None
        if not known and code != ATTACHMENT and code in self._other_names:
            code, known = self._other_names[code], True
        if kind != ".xml":
            if known:
                wrong = "reference-not-a-paper" if kind == REFERENCE else "form-not-xml"
                self._tell(wrong, value=kind, form=code)
                return code
            if code != ATTACHMENT:
                self._tell("attachment-code-unexpected", value=written)
            return ATTACHMENT
        if known or code == ATTACHMENT:
            return code
        guess = self._guess([code, name], source)
        if not guess and _FORM_CODE.fullmatch(code):
            return code
        hint_vi, hint_en = (
            (f" Theo nội dung, đây là {guess}.", f" By its content it is {guess}.") if guess else ("", "")
        )
        self._tell("form-code-junk", value=written, expected=guess or "D02-TS", hint_vi=hint_vi, hint_en=hint_en)
        return guess or code

    @functools.cached_property
    def _other_names(self) -> dict[str, str]:
        """The codes under which a form is filed besides its own, such as 05A-HSB for M05A-HSB."""
        return {name: form.code for form in self.catalogue.forms(self.on) for name in form.also_called}

    def _guess(self, names: Sequence[str], source: bytes | Stored | None) -> str:
        forms = [form for form in self.catalogue.forms(self.on) if form.code != ENVELOPE]
        by_name = {name.casefold(): form.code for form in forms for name in (*form.also_called, form.code)}
        for name in names:
            stem = _STAMP.sub("", _ENDING.sub("", name))
            if code := by_name.get(without(stem, DECISION_SUFFIXES).casefold()):
                return code
        head = source if source is None or isinstance(source, bytes) else source.ends[0]
        root = _ROOT_TAG.search((head or b"")[:_ROOT_SEARCH_BYTES])
        by_root = {form.root: form.code for form in forms if form.root != ENVELOPE}
        return by_root.get(root[1].decode("ascii"), "") if root else ""


def file_pointer(form: str, number: int) -> str:
    """The XPath of the file with this number."""
    middle = "/ThongTinHoSo" if form == ENVELOPE else ""
    return f"/Hoso/NoiDung{middle}/ToKhais/FileToKhai[{number}]"


def ending_of(name: str) -> str:
    """What a file's name ends in, in small letters, such as ".pdf"; "" for nothing."""
    return match[0].lower() if (match := _ENDING.search(name)) else ""


def plain(text: str) -> str:
    """The text with single blanks."""
    return " ".join(text.split())


def number_of(text: str) -> int | None:
    """The number that a text is, if it is one and of a sensible length."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS_MAX else None


def without(code: str, suffixes: tuple[str, ...]) -> str:
    """The code without the suffix that a vendor's software has put behind it."""
    for suffix in suffixes:
        if code.endswith(suffix):
            return code.removesuffix(suffix)
    return code
