"""Why a signature inside an attachment was refused: sentences in Vietnamese and English."""

from typing import Final

from signing.indication import SubIndication
from signing.reasons import Reason

_FORMAT: Final = SubIndication.FORMAT_FAILURE

REASONS: Final[dict[str, Reason]] = {
    # EN 319 102-1 §5.2.2 format checking; ISO 32000-2 §12.8
    "pdf-signature-structure": Reason(
        _FORMAT,
        "Chữ ký trong PDF viết sai cấu trúc ({where}). Hãy ký lại tệp gốc bằng phần mềm ký số hiện hành.",
        "The signature in the PDF is not built as the standard demands ({where}). Sign the original again with current "
        "signing software.",
    ),
    "pdf-byte-range": Reason(
        _FORMAT,
        "Phạm vi ký (ByteRange) của PDF không bao trọn nội dung quanh chính chữ ký. Tệp đã bị ghép hoặc ký sai; hãy ký "
        "lại tệp gốc.",
        "The PDF's signed range (ByteRange) leaves out more than the signature itself. The file was put together or "
        "wrongly signed; sign the original again.",
    ),
    "pdf-not-whole": Reason(
        _FORMAT,
        "Chữ ký chỉ bảo vệ một phần của bản PDF mà nó thuộc về. Hãy ký lại toàn bộ tệp gốc.",
        "The signature protects only a part of the revision of the PDF that it belongs to. Sign the whole original "
        "again.",
    ),
    "pdf-changed-after-signing": Reason(
        _FORMAT,
        "Nội dung PDF đã bị sửa sau khi ký (cập nhật nối thêm), nên tệp này không còn là tệp đã ký. Hãy nộp đúng tệp "
        "đã ký, hoặc ký lại.",
        "The PDF was changed after signing (by an update at its end): it is no longer the file that was signed. Submit "
        "the signed file itself, or sign again.",
    ),
    "pdf-change-not-permitted": Reason(
        _FORMAT,
        "Người ký đã khóa PDF, không cho phép thay đổi kiểu này sau khi ký. Hãy nộp đúng tệp đã ký.",
        "The signer certified the PDF and does not permit such a change after signing. Submit the signed file itself.",
    ),
    # EN 319 102-1 §5.2.3 identification of the signing certificate
    "pdf-signer-unknown": Reason(
        SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
        "Chữ ký trong PDF không kèm đúng chứng thư số của người ký. Hãy ký lại, kèm chứng thư số.",
        "The signature in the PDF does not carry its signer's certificate. Sign again, with the certificate.",
    ),
    # EN 319 102-1 §5.2.7 cryptographic verification
    "pdf-digest": Reason(
        SubIndication.HASH_FAILURE,
        "Nội dung PDF khác với nội dung đã ký. Hãy nộp đúng tệp đã ký, hoặc ký lại.",
        "The PDF's content differs from what was signed. Submit the signed file itself, or sign again.",
    ),
    # EN 319 102-1 §5.2.8 signature acceptance
    "pdf-sub-filter": Reason(
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        "Chữ ký trong PDF thuộc loại “{filter}” không được chấp nhận. Hãy ký lại theo PAdES (ETSI.CAdES.detached).",
        "The signature in the PDF is of the kind “{filter}”, which is not accepted. Sign again as PAdES "
        "(ETSI.CAdES.detached).",
    ),
}
