"""The steps of the schemas room put together as a line would, and small documents to try them on."""

import re
from base64 import b64encode
from datetime import date
from pathlib import Path

from lxml import etree

import schemas
from schemas import envelope, validate, xml
from schemas.catalogue import Catalogue
from schemas.findings import Finding

CATALOGUE = Catalogue.load()
ON = date(2026, 1, 20)
FORMS = Path(schemas.__file__).parent / "forms"
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\nstartxref\n0\n%%EOF\n"


def sample(name, form="D02-TS", version="595"):
    return (FORMS / form / version / "samples" / f"{name}.xml").read_text("utf-8")


GOOD = sample("valid-two-employees")


def tree(content):
    root = xml.parse(content.encode() if isinstance(content, str) else content, file="t.xml")
    assert isinstance(root, etree._Element), root
    return root


def form_findings(content, form="D02-TS"):
    return validate.validate_form(
        tree(content), CATALOGUE.form(form, ON), file=f"{form}.xml", facts=CATALOGUE.facts(ON)
    )


def changed(old, new, source=GOOD):
    assert old in source, old
    return source.replace(old, new, 1)


def file(code="D02-TS", name="D02-TS-595.xml", kind=".xml", content=GOOD, length=None, text=None):
    content = content.encode() if isinstance(content, str) else content
    text = b64encode(content).decode() if text is None else text
    length = len(text) if length is None else length
    return (
        f"<FileToKhai><MaToKhai>{code}</MaToKhai><MoTaToKhai/><TenFile>{name}</TenFile><LoaiFile>{kind}</LoaiFile>"
        f"<DoDaiFile>{length}</DoDaiFile><NoiDungFile>{text}</NoiDungFile></FileToKhai>"
    )


def dossier(*files, **columns):
    """An envelope with these files and with these columns set."""
    source = sample("valid-no-files", "Hoso", "1")
    source = re.sub(r"<ToKhais>\s*</ToKhais>", lambda _: f"<ToKhais>{''.join(files)}</ToKhais>", source)
    for name, value in {"SoLuongFile": len(files), **columns}.items():
        source, times = re.subn(rf"<{name}>[^<]*</{name}>", f"<{name}>{value}</{name}>", source, count=1)
        assert times == 1, name
    return source


def opened(source):
    return envelope.open_envelope(tree(source), catalogue=CATALOGUE, on=ON)


def reference(name="HopDong.pdf", sha256=b"\x07" * 32, code="CT-DK", **more):
    """A file of which only the digest is told."""
    return file(code, name, "urn:sha256", sha256, **more)


def judge(source, catalogue=CATALOGUE, on=ON, *, is_supplement=False):
    """All findings of a dossier, as a line would gather them."""
    content = source.encode() if isinstance(source, str) else source
    root = xml.parse(content, file="Hoso")
    if isinstance(root, Finding):
        return [root]
    box, found = envelope.open_envelope(root, catalogue=catalogue, on=on)
    if box is None:
        return found
    read = []
    for item in box.files:
        form = catalogue.form(item.form, on)
        if form is None or item.refers_to is not None:
            continue
        inner = xml.parse(item.content, file=item.name, form=item.form)
        if isinstance(inner, Finding):
            found.append(inner)
        else:
            read.append((item, form, inner))
    facts = validate.facts_of(box, envelope.peek(root), read, catalogue, on, is_supplement=is_supplement)
    for item, form, inner in read:
        found += validate.validate_form(inner, form, file=item.name, facts=facts)
    return found + validate.validate_dossier(box, catalogue, on, is_supplement=is_supplement)


def codes(findings):
    return [item.code for item in findings]
