"""Containers of a whole dossier that two readers would read apart, that burst, or that hold what nobody signed."""

import io
import zipfile
from collections.abc import Callable
from typing import Final

from lxml import etree

from signing.asic import ENVELOPE as ENVELOPE_ENTRY
from signing.asic_manifest import MANIFEST, make_manifest
from signing.indication import SubIndication
from signing.sign_xades import sign_detached
from tests.signing.attacks.bench import ENVELOPE, FORM, Attack, Bench
from tests.signing.attacks.structure import replaced
from tests.signing.workshop import DSIG, NOW
from tests.signing.zip_forging import UTF8, Member, build, deflate, extra_field

SIGNATURE_FILE: Final = "META-INF/signatures001.xml"
SOURCE: Final = "APPNOTE.TXT 6.3.10; ISO/IEC 21320-1"
ASIC: Final = "ETSI EN 319 162-1"
MIB: Final = 1024 * 1024
Members = dict[str, Member]
Change = Callable[[Bench, Members], bytes]


def members(bench: Bench, container: bytes | None = None) -> Members:
    """The entries of the rightly signed container, to be put together again otherwise.

    Without its manifest, which is optional and would find many an addition first.
    """
    with zipfile.ZipFile(io.BytesIO(container or bench.container())) as opened:
        return {
            name: Member(name, opened.read(name), method=0 if name == "mimetype" else 8)
            for name in opened.namelist()
            if name != MANIFEST
        }


def entry(name: str, content: bytes = b"<Hoso/>", **how: object) -> Change:
    """The container with one more entry, before the signature file."""

    def make(_: Bench, there: Members) -> bytes:
        return build(*there.values(), Member(name, content, **how))  # type: ignore[arg-type]

    return make


def other_envelope(bench: Bench) -> bytes:
    """The envelope of the container with another month in it."""
    return ENVELOPE.evil(bench.with_form(bench.signed(FORM)))


def doubled(first: bool) -> Change:
    """The envelope twice under one name: some readers take the first, some the last."""

    def make(bench: Bench, there: Members) -> bytes:
        evil = Member(ENVELOPE_ENTRY, other_envelope(bench), method=8)
        entries = list(there.values())
        return build(*entries[:1], evil, *entries[1:]) if first else build(*entries, evil)

    return make


def replaced_entry(name: str, how: Callable[[Bench, Member], Member]) -> Change:
    return lambda bench, there: build(*(there | {name: how(bench, there[name])}).values())


def named_otherwise(local_name: bytes) -> Change:
    """Two names for one entry: one in front of it, one in the directory."""

    def make(bench: Bench, there: Members) -> bytes:
        return build(*there.values(), Member("phu-luc.xml", other_envelope(bench), local_name=local_name))

    return make


def overlapping(bench: Bench, there: Members) -> bytes:
    """One more entry in the directory, whose local header lies inside another's content."""
    inner = Member("b.xml", other_envelope(bench))
    outer = Member("a.bin", inner.local_record() + inner.content)
    before = build(*there.values(), outer)
    at = before.index(inner.local_record(), before.index(outer.local_record()))
    return build(*there.values(), outer, Member("b.xml", inner.content, central={"offset": at}))


def same_place(_: Bench, there: Members) -> bytes:
    """Fifield's better bomb: many entries of the directory share one content."""
    content = Member("a", b"\0" * 90_000, method=8)
    at = build(*there.values(), content).index(content.local_record())
    more = (Member(f"a{number}", b"", data=b"", central={"offset": at}) for number in range(50))
    return build(*there.values(), content, *more)


def unsigned_swap(name: str) -> Change:
    return replaced_entry(name, lambda bench, one: Member(one.name, other_envelope(bench), method=8))


def resigned(entries: Callable[[Bench, Members], dict[str, bytes]]) -> Change:
    """The holder signs those entries alone, and the container holds more."""

    def make(bench: Bench, there: Members) -> bytes:
        one = bench.holder
        signature = sign_detached(entries(bench, there), one.key, one.certificate, NOW)
        return build(*(there | {SIGNATURE_FILE: Member(SIGNATURE_FILE, signature, method=8)}).values())

    return make


def in_signature(change: Callable[[Bench, etree._Element], None]) -> Change:
    """The signature file's tree changed after signing."""

    def make(bench: Bench, there: Members) -> bytes:
        root = etree.fromstring(there[SIGNATURE_FILE].content)
        change(bench, root)
        made = etree.tostring(root, xml_declaration=True, encoding="utf-8")
        return build(*(there | {SIGNATURE_FILE: Member(SIGNATURE_FILE, made, method=8)}).values())

    return make


def second_signature(_: Bench, root: etree._Element) -> None:
    root.append(etree.fromstring(etree.tostring(root[0], with_tail=False)))


def wrapped_signature(_: Bench, root: etree._Element) -> None:
    signature = root[0]
    box = etree.SubElement(etree.Element(f"{{{DSIG}}}Signature"), f"{{{DSIG}}}Object")
    outer = box.getparent()
    assert outer is not None
    root.append(outer)
    box.append(signature)


def reference_elsewhere(uri: str) -> Callable[[Bench, etree._Element], None]:
    def change(_: Bench, root: etree._Element) -> None:
        next(root.iter(f"{{{DSIG}}}Reference")).set("URI", uri)

    return change


def text_changed(old: bytes, new: bytes) -> Change:
    return replaced_entry(SIGNATURE_FILE, lambda _, one: Member(one.name, replaced(one.content, old, new), method=8))


def bombs() -> dict[str, tuple[Change, str]]:
    zeros = b"\0" * (60 * MIB)
    inner = build(Member("a", b"\0" * 4 * MIB, method=8))
    return {
        "60 MiB of zeros": (entry("bom.bin", zeros, method=8), "container-ratio"),
        "forty bombs of a little less than a mebibyte": (
            lambda _, there: build(*there.values(), *(Member(f"{n}", b"\0" * 900_000, method=8) for n in range(40))),
            "container-ratio",
        ),
        "a bomb that says it is small": (
            entry("bom.bin", zeros[: 8 * MIB], method=8, local={"size": 90}, central={"size": 90}),
            "container-size-lies",
        ),
        "many entries of the directory share one content (Fifield 2019)": (same_place, "container-overlap"),
        "more entries than anybody needs": (
            lambda _, there: build(*there.values(), *(Member(f"{n}", b"") for n in range(1000))),
            "container-too-many-entries",
        ),
        "a container in a container in a container": (
            entry("trong.zip", build(Member("b.zip", inner))),
            "container-foreign-entry",
        ),
        "a bomb as signature file": (
            lambda _, there: build(
                *(one for name, one in there.items() if name != SIGNATURE_FILE),
                Member(SIGNATURE_FILE, b" " * 40 * MIB, method=8),
            ),
            "container-ratio",
        ),
        "a deflated stream without end": (
            entry(
                "bom.bin", b"", method=8, data=deflate(zeros[:MIB])[:-10], local={"size": MIB}, central={"size": MIB}
            ),
            "container-deflate",
        ),
    }


def unzip_slips() -> dict[str, tuple[Change, str]]:
    names = (
        "../../x.xml", "a/../../x.xml", "/etc/x.xml", "C:\\x.xml", "..\\x.xml", "a\\..\\..\\x.xml", "./x.xml",
        "a//x.xml",
        "~/x.xml:y", "\\\\127.0.0.1\\x", "x.xml\0.exe", "x\u202elmx.exe", "x.xml ", "x.xml.",
    )  # fmt: skip
    made: dict[str, tuple[Change, str]] = {f"a name {name!r}": (entry(name), "container-name-unsafe") for name in names}
    link = {"attributes": 0o120777 << 16}
    # Harmless as they are, and yet nobody named them.
    for name in ("%2e%2e/x.xml", "CON"):
        made[f"a name {name!r}"] = (entry(name), "container-foreign-entry")
    made["a symbolic link"] = (entry("x.xml", b"/etc/passwd", central=link), "container-link")
    made["a folder with content"] = (entry("x/", b"abc"), "container-folder-with-content")
    return made


def doubles() -> dict[str, tuple[Change, str]]:
    repeated = "container-name-repeated"
    return {
        "the envelope twice, another first": (doubled(first=True), repeated),
        "the envelope twice, another last": (doubled(first=False), repeated),
        "in other capitals": (entry(ENVELOPE_ENTRY.upper()), repeated),
        "in another composition": (
            entry("BHXHDienTu\u2024xml".replace("\u2024", ".").replace("D", "\uff24")),
            repeated,
        ),
        "in percent-coding": (entry(ENVELOPE_ENTRY.replace("D", "%44")), repeated),
        "a folder of its name": (entry(f"{ENVELOPE_ENTRY}/x"), repeated),
        "the signature file twice": (lambda _, there: build(*there.values(), there[SIGNATURE_FILE]), repeated),
        "another name in front": (named_otherwise(ENVELOPE_ENTRY.encode()), "container-header-differs"),
        "another name as Unicode Path": (
            entry("b.txt", local_extra=extra_field(0x7075, b"\1\0\0\0\0" + ENVELOPE_ENTRY.encode())),
            "container-name-override",
        ),
        "an entry inside another": (overlapping, "container-overlap"),
        "two entries in one place": (
            lambda _, there: build(*there.values(), Member("b", central={"offset": 0})),
            "container-overlap",
        ),
        "something before the first entry": (
            lambda _, there: build(*there.values(), prefix=b"MZ" + b"\0" * 62),
            "container-before-start",
        ),
        "something behind the end": (lambda _, there: build(*there.values(), suffix=b"x"), "container-after-end"),
        "a second directory behind the first": (
            lambda bench, there: build(*there.values()) + build(Member(ENVELOPE_ENTRY, other_envelope(bench))),
            "container-before-start",
        ),
        "bytes between entries": (
            lambda _, there: build(*there.values(), Member("b", before=b"PK\x03\x04")),
            "container-bytes-between",
        ),
        "a name in no encoding": (entry("x.xml", flags=UTF8, local_name=b"\xff"), "container-header-differs"),
    }


def unsigned_entries() -> dict[str, tuple[Change, str, SubIndication | None]]:
    constraints, hash_failure = SubIndication.SIG_CONSTRAINTS_FAILURE, SubIndication.HASH_FAILURE
    format_failure = SubIndication.FORMAT_FAILURE
    return {
        "an entry that the manifest does not name": (
            lambda _, there: build(
                *there.values(), Member("them.pdf"), Member(MANIFEST, make_manifest([ENVELOPE_ENTRY]))
            ),
            "container-manifest-differs", None,
        ),
        "the envelope swapped": (unsigned_swap(ENVELOPE_ENTRY), "entry-digest", hash_failure),
        "an entry added": (entry("them.pdf", b"%PDF"), "container-entry-not-signed", constraints),
        "no signature file": (
            lambda _, there: build(*(one for name, one in there.items() if name != SIGNATURE_FILE)),
            "container-no-signature", None,
        ),
        "a signature file without a signature": (
            replaced_entry(SIGNATURE_FILE, lambda _, one: Member(one.name, b"<XAdESSignatures/>")),
            "signatures-file", format_failure,
        ),
        "a signature over something else": (
            resigned(lambda bench, _: {ENVELOPE_ENTRY: other_envelope(bench)}), "entry-digest", hash_failure
        ),
        "an unsigned kind of signature beside it": (entry("META-INF/signature.p7s"), "container-not-judged", None),
        "a stranger in META-INF": (entry("META-INF/x.xml"), "container-foreign-metadata", None),
    }  # fmt: skip


def signature_files() -> dict[str, tuple[str, Change, str, SubIndication | None]]:
    constraints, format_failure = SubIndication.SIG_CONSTRAINTS_FAILURE, SubIndication.FORMAT_FAILURE
    wrapping, external = "signature wrapping", "external references"
    return {
        "a second Signature in the signature file": (
            "moved or second signatures", in_signature(second_signature), "signatures-file", format_failure
        ),
        "the Signature in another's Object": (
            wrapping, in_signature(wrapped_signature), "signatures-file", format_failure
        ),
        "a Reference to a page": (
            external, in_signature(reference_elsewhere("http://127.0.0.1:9/x")), "entry-uri", constraints
        ),
        "a Reference to a file": (
            external, in_signature(reference_elsewhere("file:///etc/hostname")), "entry-uri", constraints
        ),
        "a Reference to a parent folder": (
            external, in_signature(reference_elsewhere("../BHXHDienTu.xml")), "entry-uri", constraints
        ),
        "a Reference without a name": (external, in_signature(reference_elsewhere("")), "entry-uri", constraints),
        "a comment in a digest": (
            "comment tricks in text", text_changed(b"DigestValue>", b"DigestValue><!---->"),
            "signature-structure", format_failure,
        ),
        "a DTD in the signature file": (
            "entity and expansion bombs", text_changed(b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>'),
            "container-signature-unreadable", format_failure,
        ),
    }  # fmt: skip


def attacks() -> list[Attack]:
    made: list[Attack] = []

    def add(name: str, kind: str, change: Change, code: str, sub: SubIndication | None, source: str) -> None:
        made.append(
            Attack(
                name=f"{name}, container", kind=kind, source=source, level="container",
                make=lambda bench: change(bench, members(bench)), code=code, sub=sub,
            )
        )  # fmt: skip

    for name, (change, code) in bombs().items():
        add(name, "ZIP bombs", change, code, None, "Fifield 2019, A better zip bomb; CVE-2019-9674")
    for name, (change, code) in unzip_slips().items():
        add(name, "slip", change, code, None, "Snyk 2018, Zip Slip; CVE-2018-1002200")
    for name, (change, code) in doubles().items():
        add(
            name,
            "duplicate and overlapping entries",
            change,
            code,
            None,
            f"{SOURCE}; CVE-2013-4787 (Android Master Key)",
        )
    for name, (change, code, sub) in unsigned_entries().items():
        add(name, "unsigned additions", change, code, sub, ASIC)
    for name, (kind, change, code, sub) in signature_files().items():
        add(name, kind, change, code, sub, ASIC)
    return made
