"""Why a XAdES signature, a time-stamp or a co-signed document was refused: sentences in Vietnamese and English."""

from typing import Final

from signing.indication import SubIndication
from signing.reasons import Reason

_FORMAT: Final = SubIndication.FORMAT_FAILURE
_PROFILE: Final = SubIndication.SIG_CONSTRAINTS_FAILURE
_UNKNOWN_SIGNER: Final = SubIndication.NO_SIGNING_CERTIFICATE_FOUND

REASONS: Final[dict[str, Reason]] = {
    # EN 319 102-1 §5.2.2 format checking; EN 319 132-1 §4
    "signed-properties-astray": Reason(
        _FORMAT,
        "Thuộc tính XAdES ({where}) không nằm đúng chỗ trong chữ ký số, hoặc có nhiều hơn một. Hãy ký lại tài liệu gốc "
        "bằng phần mềm ký số hiện hành.",
        "XAdES properties ({where}) stand outside their place in the signature, or more than once. Sign the original "
        "document again with current signing software.",
    ),
    "id-repeated": Reason(
        _FORMAT,
        "Mã định danh (Id) “{id}” của chữ ký số xuất hiện nhiều lần trong tài liệu nên không rõ chữ ký bảo vệ phần "
        "nào. Hãy ký lại tài liệu gốc.",
        "The signature's Id “{id}” occurs more than once in the document, so that it is not clear what was signed. "
        "Sign the original document again.",
    ),
    "signed-property-missing": Reason(
        _PROFILE,
        "Chữ ký XAdES thiếu thuộc tính bắt buộc {property} (mức B-B). Hãy chọn đúng mức XAdES baseline B-B rồi ký lại.",
        "The XAdES signature lacks the property {property}, which level B-B demands. Choose XAdES baseline B-B and "
        "sign again.",
    ),
    "signed-property-unknown": Reason(
        _PROFILE,
        "Chữ ký XAdES có thuộc tính được ký {property} mà cổng không xử lý được. Hãy bỏ thuộc tính này rồi ký lại.",
        "The XAdES signature has a signed property, {property}, that is not understood here. Leave it out and sign "
        "again.",
    ),
    "signature-policy": Reason(
        SubIndication.SIGNATURE_POLICY_NOT_AVAILABLE,
        "Chữ ký XAdES viện dẫn chính sách ký “{policy}” mà cổng không có. Hãy ký lại không kèm chính sách ký.",
        "The XAdES signature names the signature policy “{policy}”, which is not available here. Sign again without a "
        "policy.",
    ),
    # EN 319 102-1 §5.2.7 cryptographic verification
    "own-part-digest": Reason(
        SubIndication.HASH_FAILURE,
        "Phần {part} của chữ ký số đã bị thay đổi sau khi ký, hoặc được băm sai. Hãy ký lại; nếu vẫn lỗi, báo nhà cung "
        "cấp phần mềm.",
        "The signature's own {part} was changed after signing, or wrongly digested. Sign again; if that does not help, "
        "tell the software's vendor.",
    ),
    # EN 319 102-1 §5.2.3 identification of the signing certificate
    "signing-certificate-differs": Reason(
        _UNKNOWN_SIGNER,
        "Chứng thư số kèm theo (KeyInfo) không phải chứng thư mà người ký đã ghi trong thuộc tính được ký "
        "(SigningCertificate). Hãy ký lại bằng đúng chứng thư số.",
        "The certificate in KeyInfo is not the one that the signed properties name (SigningCertificate). Sign again "
        "with the certificate that you mean.",
    ),
    # EN 319 102-1 §5.2.8, §5.5: levels and time-stamps
    "level-too-low": Reason(
        _PROFILE,
        "Chữ ký đạt mức {found}; thủ tục này đòi hỏi ít nhất mức {needed}. Hãy ký lại ở mức {needed}.",
        "The signature is of level {found}; this procedure asks for {needed} at least. Sign again at that level.",
    ),
    "timestamp-order": Reason(
        SubIndication.TIMESTAMP_ORDER_FAILURE,
        "Dấu thời gian ghi {time}, muộn hơn hiện tại. Hãy xin dấu thời gian lại từ tổ chức cấp có đồng hồ đúng.",
        "The time-stamp says {time}, which is still to come. Get a time-stamp from an authority whose clock is right.",
    ),
    "timestamp-before-certificate": Reason(
        SubIndication.TIMESTAMP_ORDER_FAILURE,
        "Dấu thời gian ghi {time}, trước khi chứng thư số của người ký có hiệu lực ({date}). Hãy ký lại.",
        "The time-stamp says {time}, before the signer's certificate began to be valid ({date}). Sign again.",
    ),
    # A token that proves nothing (RFC 3161); said as a caution, or where a token was demanded
    "timestamp-unreadable": Reason(
        _FORMAT, "Không đọc được dấu thời gian (RFC 3161).", "The time-stamp token (RFC 3161) cannot be read."
    ),
    "timestamp-signer": Reason(
        _UNKNOWN_SIGNER,
        "Dấu thời gian không kèm đúng một chứng thư số của tổ chức cấp.",
        "The time-stamp does not carry exactly one certificate of its authority.",
    ),
    "timestamp-no-anchors": Reason(
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
        "Cổng chưa khai báo tổ chức cấp dấu thời gian nào được tin cậy.",
        "No trusted time-stamp authority is configured here.",
    ),
    "timestamp-untrusted": Reason(
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
        "Dấu thời gian do “{authority}” cấp, không nối được tới tổ chức cấp dấu thời gian được tin cậy.",
        "The time-stamp is by “{authority}”, which does not lead to a trusted time-stamp authority.",
    ),
    "timestamp-out-of-validity": Reason(
        SubIndication.OUT_OF_BOUNDS_NO_POE,
        "Chứng thư số của “{authority}” không có hiệu lực tại thời điểm cấp dấu thời gian, hoặc nay đã hết hiệu lực.",
        "The certificate of “{authority}” was not valid when the time-stamp was made, or is no longer valid now.",
    ),
    "timestamp-purpose": Reason(
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        "Chứng thư số của “{authority}” không được cấp riêng cho việc cấp dấu thời gian (extendedKeyUsage).",
        "The certificate of “{authority}” is not for time-stamping alone (extendedKeyUsage, critical).",
    ),
    "timestamp-revoked": Reason(
        SubIndication.REVOKED_NO_POE,
        "Chứng thư số của “{authority}”, nơi cấp dấu thời gian, đã bị thu hồi.",
        "The certificate of “{authority}”, which made the time-stamp, was revoked.",
    ),
    "timestamp-hash": Reason(
        SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
        "Dấu thời gian dùng hàm băm {algorithm} không được chấp nhận.",
        "The time-stamp uses the hash {algorithm}, which is not accepted.",
    ),
    "timestamp-imprint": Reason(
        SubIndication.HASH_FAILURE,
        "Dấu thời gian được cấp cho nội dung khác.",
        "The time-stamp is over something else.",
    ),
    "timestamp-signature": Reason(
        SubIndication.SIG_CRYPTO_FAILURE,
        "Chữ ký của dấu thời gian không đúng.",
        "The time-stamp's own signature does not hold.",
    ),
    "timestamp-accuracy": Reason(
        _PROFILE,
        "Dấu thời gian có sai số {seconds} giây, quá {most} giây.",
        "The time-stamp may be {seconds} seconds off, more than {most}.",
    ),
    # Detached signatures (EN 319 162-1)
    "signatures-file": Reason(
        _FORMAT,
        "Tệp chữ ký không phải XAdESSignatures với đúng một chữ ký XAdES. Hãy tạo lại gói ASiC-E.",
        "The signature file is not XAdESSignatures with exactly one XAdES signature. Make the ASiC-E container again.",
    ),
    "entry-uri": Reason(
        _PROFILE,
        "Chữ ký tham chiếu tới “{uri}”, không phải tên một tệp trong gói. Hãy tạo lại gói ASiC-E.",
        "The signature refers to “{uri}”, which is not the plain name of a file in the container. Make the ASiC-E "
        "container again.",
    ),
    "entry-repeated": Reason(
        _PROFILE,
        "Chữ ký tham chiếu nhiều lần tới “{entry}”. Hãy tạo lại gói ASiC-E.",
        "The signature refers to “{entry}” more than once. Make the ASiC-E container again.",
    ),
    "entry-missing": Reason(
        SubIndication.SIGNED_DATA_NOT_FOUND,
        "Tệp “{entry}” mà chữ ký bảo vệ không có trong gói. Hãy nộp gói đầy đủ.",
        "The file “{entry}” that was signed is not in the container. Submit the whole container.",
    ),
    "entry-digest": Reason(
        SubIndication.HASH_FAILURE,
        "Tệp “{entry}” trong gói đã bị thay đổi sau khi ký. Hãy nộp đúng gói đã ký, hoặc ký lại.",
        "The file “{entry}” in the container was changed after signing. Submit the very container that was signed, or "
        "sign again.",
    ),
    # Co-signed documents
    "signature-undeclared": Reason(
        _PROFILE,
        "Tài liệu có chữ ký số nằm ngoài các vị trí quy định ({places}). Hãy bỏ chữ ký đó rồi ký lại.",
        "The document has a signature outside the places for one ({places}). Remove it and sign again.",
    ),
    "place-added-after-signing": Reason(
        SubIndication.HASH_FAILURE,
        "Phần tử dành cho chữ ký {places} được thêm vào sau khi đơn vị đã ký, nên chữ ký của đơn vị không còn đúng. "
        "Hãy tạo sẵn phần tử này trước khi ký.",
        "The element for the signature at {places} was added after the unit had signed, so that the unit's signature "
        "no longer holds. Have that element there before signing.",
    ),
}
