"""The command that prints forms as their paper looks: one form, or a whole dossier with its cover sheet first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from lxml import etree

from gateway.cli_terms import (
    DONE,
    CannotWork,
    Commands,
    Parser,
    a_day,
    aside,
    command,
    read_file,
    settings,
    write_file,
)
from gateway.clock import VIETNAM, SystemClock
from gateway.judge import ASIC_E, Refusal, Submission, open_dossier
from gateway.notice import notice
from gateway.opened import catalogue_here
from schemas import printed, printed_html, validate, xml
from schemas.envelope import open_envelope, peek
from schemas.findings import Finding

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from gateway.judge import Filing
    from schemas.catalogue import Catalogue
    from schemas.envelope import Envelope
    from schemas.envelope_files import EnvelopeFile
    from schemas.form import Form
    from schemas.printed_page import Language, Page

_ENVELOPE: Final = "Hoso"
_ZIP: Final = b"PK\x03\x04"
_HTML: Final = (".html", ".htm")
_PDF: Final = (".pdf",)


def declare(commands: Commands[Parser]) -> None:
    """Declare `print`."""
    make = command(
        commands,
        "print",
        _print,
        says="In tờ khai như mẫu giấy, ra PDF hoặc HTML: để người đọc soát trước khi ký, hay khi giải quyết.",
        tells="Print forms as their paper looks, as PDF or HTML: for a check before signing, or for an officer.",
        example="""
            motcua print hoso.xml -o hoso.pdf                  # bảng kê, rồi mọi tờ khai · cover sheet, then every form
            motcua print hoso.xml -o hoso.html --with-findings # đánh dấu chỗ sai · wrong places are marked
            motcua print hoso.xml --form D02-TS -o d02.pdf     # chỉ một tờ khai · one form of it
            motcua print D02-TS-595.xml -o d02.pdf             # tệp tờ khai · the form's own file
        """,
    )
    make.add_argument("file", metavar="FILE", help="tờ khai hoặc hồ sơ, hoặc - · a form or a dossier, or -")
    make.add_argument("-o", "--output", metavar="OUT", help=".pdf hoặc .html (mặc định: FILE.pdf) · where to write")
    make.add_argument("--form", metavar="CODE", help="chỉ in tờ khai này · this form alone, such as D02-TS")
    make.add_argument(
        "--with-findings", action="store_true", help="đánh số chỗ sai và kể ra bên dưới · number what is wrong"
    )
    make.add_argument(
        "--lang", choices=("vi", "en"), default="vi", help="ngôn ngữ của lỗi (mặc định: vi) · language of findings"
    )
    make.add_argument("--on", type=a_day, metavar="DAY", help="theo mẫu có hiệu lực ngày này · forms in force that day")


def write_notice(outcome: Filing | Refusal, output: str, language: Language, *, content_alone: bool = False) -> None:
    """Write the printable notice of a judgement to a .pdf or .html. Raises CannotWork."""
    made = notice(outcome, language, content_alone=content_alone)
    write_file(output, made.html().encode() if _is_html(output) else made.pdf())


def _print(asked: argparse.Namespace) -> int:
    now = SystemClock().now()
    output = asked.output or ("-" if asked.file == "-" else str(Path(asked.file).with_suffix(".pdf")))
    as_html = _is_html(output)
    pages = _pages(asked, read_file(asked.file), now)
    write_file(output, printed_html.html(pages).encode() if as_html else printed.pdf(pages, now))
    if output != "-":
        aside(f"Đã in · printed {', '.join(page.name for page in pages)} → {output}")
    return DONE


def _is_html(output: str) -> bool:
    """Whether HTML is asked for, by the file's ending. Raises CannotWork for an ending that is neither."""
    ending = Path(output).suffix.lower()
    if output != "-" and ending not in (*_HTML, *_PDF):
        raise CannotWork(f"{output}: chỉ .pdf hoặc .html · write to a .pdf or a .html")
    return ending in _HTML


def _pages(asked: argparse.Namespace, content: bytes, now: datetime) -> list[Page]:
    on: date = asked.on or now.astimezone(VIETNAM).date()
    catalogue = catalogue_here(settings(), on)
    desk = _Desk(asked, catalogue, on)
    if not content.startswith(_ZIP):
        root = xml.parse(content, file=Path(asked.file).name)
        if isinstance(root, Finding):
            raise CannotWork(root.message_vi)
        if root.tag != _ENVELOPE:
            return [desk.alone(root)]
    kind = ASIC_E if content.startswith(_ZIP) else "application/xml"
    opened = open_dossier(Submission(content=content, sha256=b"", submitter="", received_at=now, media_type=kind))
    if isinstance(opened, Refusal):
        raise CannotWork(opened.findings[0].message_vi)
    envelope, found = open_envelope(opened.root, catalogue=catalogue, on=on, beside=opened.beside)
    if envelope is None:
        # Another form whose root is Hoso: its code must be said.
        return [desk.alone(opened.root)]
    return desk.dossier(envelope, opened.root, found)


class _Desk:
    """Prints what is asked for, by the forms in force on one day."""

    def __init__(self, asked: argparse.Namespace, catalogue: Catalogue, on: date) -> None:
        self._asked, self._catalogue, self._on = asked, catalogue, on

    def alone(self, root: etree._Element) -> Page:
        """One form that came without an envelope."""
        form = self._form_of(root)
        found: Sequence[Finding] = ()
        if self._asked.with_findings:
            facts = self._catalogue.facts(self._on)
            found = validate.validate_form(root, form, file=Path(self._asked.file).name, facts=facts)
        return self._page(form, root, {}, found)

    def dossier(self, envelope: Envelope, root: etree._Element, found: list[Finding]) -> list[Page]:
        """The cover sheet and every form of a dossier, or the one that is asked for."""
        header = peek(root)
        read: list[tuple[EnvelopeFile, Form, etree._Element]] = []
        for file in envelope.files:
            form = self._catalogue.form(file.form, self._on)
            tree = xml.parse(file.content, file=file.name, form=file.form) if form else None
            if isinstance(tree, Finding):
                aside(f"Không in được · not printed: {tree.message_vi}")
                found.append(tree)
            elif form is not None and tree is not None:
                read.append((file, form, tree))
        facts = validate.facts_of(envelope, header, read, self._catalogue, self._on)
        columns = dict(header.columns)
        pages: list[Page] = []
        for file, form, tree in read:
            if self._asked.form not in (None, form.code):
                continue
            if tree.tag != form.root:
                aside(f"Không in được {file.name}: không phải là {form.code} · not printed: it is no {form.code}")
                continue
            about: Sequence[Finding] = ()
            if self._asked.with_findings:
                about = validate.validate_form(tree, form, file=file.name, facts=facts)
            pages.append(self._page(form, tree, columns, about))
        found += validate.validate_dossier(envelope, self._catalogue, self._on)
        cover = self._catalogue.form(envelope.form, self._on)
        if cover is not None and self._asked.form in (None, cover.code):
            pages.insert(0, self._page(cover, root, columns, found if self._asked.with_findings else ()))
        if not pages:
            there = ", ".join(dict.fromkeys([envelope.form, *(form.code for _, form, _ in read)]))
            raise CannotWork(
                f"hồ sơ không có tờ khai {self._asked.form} để in: có {there} · that form is not there to be printed"
            )
        return pages

    def _page(self, form: Form, root: etree._Element, header: Mapping[str, str], found: Sequence[Finding]) -> Page:
        return printed.render(
            form,
            root,
            lists=self._catalogue.lists,
            on=self._on,
            beside=printed.Beside(header=header),
            findings=found,
            language=self._asked.lang,
        )

    def _form_of(self, root: etree._Element) -> Form:
        """Which form it is: by the code that is asked for, else by its root."""
        forms = [form for form in self._catalogue.forms(self._on) if form.root == root.tag]
        if self._asked.form:
            forms = [form for form in forms if form.code == self._asked.form]
        if len(forms) != 1:
            known = ", ".join(form.code for form in self._catalogue.forms(self._on))
            raise CannotWork(
                f"<{str(root.tag)[:60]}>: không biết là tờ khai nào; chọn --form trong {known} · say which with --form"
            )
        return forms[0]
