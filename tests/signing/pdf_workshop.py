"""A workshop for signed PDFs: right ones, made by pyHanko, and forged ones, put together from their bytes."""

import hashlib
import io
import re
from collections.abc import Callable

from asn1crypto import cms, keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils import generic, writer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing.attachments import AttachmentSignatures, judge_attachment
from signing.demo_pki import Holder
from signing.indication import Verdict
from signing.policy import Policy
from signing.trust import TrustStore
from tests.signing.workshop import NOW

PADES, PKCS7 = SigSeedSubFilter.PADES, SigSeedSubFilter.ADOBE_PKCS7_DETACHED
_RANGE = re.compile(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)( *)\]")


def page(text: str = "Hop dong lao dong") -> bytes:
    """A document of one page that says `text`, with a second content stream that nothing shows yet."""
    out = writer.PdfFileWriter(stream_xrefs=False)
    shown = out.add_object(generic.StreamObject(stream_data=f"BT ({text}) Tj ET".encode()))
    one = writer.PageObject(contents=shown, media_box=(0, 0, 595, 842))
    out.insert_page(one)
    hidden = out.add_object(generic.StreamObject(stream_data=b"BT (Luong 99999999) Tj ET"))
    out.root["/Shadow"] = hidden
    return _written(out)


def sign(
    content: bytes,
    holder: Holder,
    *,
    field: str = "ChuKy",
    sub_filter: SigSeedSubFilter = PADES,
    certify: MDPPerm | None = None,
    md: str = "sha256",
    pss: bool = False,
    reserved: int = 16_384,
) -> bytes:
    meta = signers.PdfSignatureMetadata(
        field_name=field,
        md_algorithm=md,
        subfilter=sub_filter,
        certify=certify is not None,
        docmdp_permissions=certify or MDPPerm.FILL_FORMS,
    )
    update = IncrementalPdfFileWriter(io.BytesIO(content))
    return signers.sign_pdf(update, meta, signer_of(holder, pss=pss), bytes_reserved=reserved).getvalue()


def signer_of(holder: Holder, *, pss: bool = False) -> signers.SimpleSigner:
    return signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(holder.certificate.public_bytes(Encoding.DER)),
        signing_key=keys.PrivateKeyInfo.load(
            holder.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        ),
        cert_registry=SimpleCertificateStore(),
        prefer_pss=pss,
    )


def updated(content: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """Append a revision, as an editor does that saves quickly."""
    update = IncrementalPdfFileWriter(io.BytesIO(content))
    change(update)
    return _written(update)


def show_other_text(update: IncrementalPdfFileWriter) -> None:
    shown = update.root["/Pages"]["/Kids"][0]
    shown["/Contents"] = update.add_object(generic.StreamObject(stream_data=b"BT (Luong 99999999) Tj ET"))
    update.update_container(shown)


def show_the_shadow(update: IncrementalPdfFileWriter) -> None:
    """Show what stood there when it was signed, and was not shown."""
    shown = update.root["/Pages"]["/Kids"][0]
    shown["/Contents"] = update.root.raw_get("/Shadow")
    update.update_container(shown)


def byte_range(content: bytes) -> tuple[int, int, int]:
    """The end of the first part, the begin and the end of the second, of the last signature."""
    found = list(_RANGE.finditer(content))[-1]
    first, second, length = (int(found[number]) for number in (2, 3, 4))
    return first, second, second + length


def with_range(content: bytes, *numbers: int | str) -> bytes:
    """Write another ByteRange, in the same room."""
    found = list(_RANGE.finditer(content))[-1]
    written = "/ByteRange [" + " ".join(map(str, numbers))
    room = found.end() - found.start() - len(written) - 1
    assert room >= 0
    return content[: found.start()] + written.encode() + b" " * room + b"]" + content[found.end() :]


def contents_of(content: bytes) -> bytes:
    first, second, _ = byte_range(content)
    return bytes.fromhex(content[first + 1 : second - 1].decode())


def with_contents(content: bytes, contents: bytes) -> bytes:
    """Put another CMS into the room of the last signature's."""
    first, second, _ = byte_range(content)
    return content[: first + 1] + contents.hex().encode().ljust(second - first - 2, b"0") + content[second - 1 :]


def signed_anew(content: bytes, holder: Holder, *numbers: int) -> bytes:
    """Let the signer really sign a ByteRange of the forger's choice."""
    ranged = with_range(content, *numbers)
    _, first, second, length = numbers
    digest = hashlib.sha256(ranged[:first] + ranged[second : second + length]).digest()
    return with_contents(ranged, cms_over(digest, holder).dump())


def cms_over(digest: bytes, holder: Holder) -> cms.ContentInfo:
    import asyncio

    return asyncio.run(signer_of(holder).async_sign(digest, "sha256", use_pades=True))


def changed_cms(content: bytes, change: Callable[[cms.ContentInfo], None]) -> bytes:
    info = cms.ContentInfo.load(contents_of(content)).copy()
    change(info)
    return with_contents(content, info.dump())


def judged(content: bytes, trust: TrustStore, *, kind: str = ".pdf", **more: object) -> AttachmentSignatures:
    given = {"policy": Policy(), "now": NOW} | more
    return judge_attachment(content, name="a.pdf", kind=kind, trust=trust, **given)


def verdict(content: bytes, trust: TrustStore, **more: object) -> Verdict:
    found = judged(content, trust, **more)
    assert (found.format, found.state) == ("PAdES", "judged"), found
    (one,) = found.verdicts
    return one


def _written(out: writer.BasePdfFileWriter) -> bytes:
    kept = io.BytesIO()
    out.write(kept)
    return kept.getvalue()
