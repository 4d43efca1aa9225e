"""Why a signature was refused, as sentences that tell the signer what to do: one table, Vietnamese and English."""

from typing import Final

from msgspec import Struct

from signing.indication import SubIndication


class Reason(Struct, frozen=True):
    """A reason's place in EN 319 102-1 and its two sentences; `{…}` are filled from a Refusal's fields."""

    sub_indication: SubIndication
    vi: str
    en: str


_FORMAT: Final = SubIndication.FORMAT_FAILURE
_PROFILE: Final = SubIndication.SIG_CONSTRAINTS_FAILURE
_CRYPTO: Final = SubIndication.CRYPTO_CONSTRAINTS_FAILURE
_PATH: Final = SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE

PASSED_VI: Final = "Chữ ký số hợp lệ."
PASSED_EN: Final = "The signature is valid."

REASONS: Final[dict[str, Reason]] = {
    # EN 319 102-1 §5.2.2 format checking
    "no-signature": Reason(
        _FORMAT,
        "Chưa có chữ ký số tại {path}. Hãy ký số tài liệu rồi nộp lại.",
        "There is no signature at {path}. Sign the document and submit it again.",
    ),
    "signature-structure": Reason(
        _FORMAT,
        "Cấu trúc chữ ký số không đúng chuẩn XMLDSig tại phần tử {where}. Hãy ký lại bằng phần mềm ký số hiện hành; "
        "nếu vẫn lỗi, báo cho nhà cung cấp phần mềm.",
        "The signature is not built as XMLDSig demands, at element {where}. Sign again with current signing software; "
        "if that does not help, tell its vendor.",
    ),
    "not-canonical": Reason(
        _FORMAT,
        "Tài liệu không thể chuẩn hóa (C14N) để kiểm tra chữ ký, thường do khai báo không gian tên (xmlns) là đường "
        "dẫn tương đối. Hãy sửa khai báo xmlns rồi ký lại.",
        "The document has no canonical form (C14N), usually because an xmlns is a relative address. Correct the xmlns "
        "declaration and sign again.",
    ),
    # Outside the profile: EN 319 102-1 §5.2.8, signature constraints
    "several-signatures": Reason(
        _PROFILE,
        "Tài liệu chứa {count} chữ ký số; chỉ chấp nhận đúng một chữ ký, đặt tại {path}. Hãy xóa các chữ ký thừa rồi "
        "ký lại một lần.",
        "The document holds {count} signatures; exactly one is accepted, at {path}. Remove them and sign once.",
    ),
    "signature-misplaced": Reason(
        _PROFILE,
        "Chữ ký số không nằm tại {path}. Hãy ký lại và đặt chữ ký đúng vị trí này.",
        "The signature does not stand at {path}. Sign again, with the signature in that place.",
    ),
    "signature-place-repeated": Reason(
        _PROFILE,
        "Phần tử {path} xuất hiện nhiều hơn một lần nên không xác định được vị trí chữ ký. Hãy chỉ để một phần tử rồi "
        "ký lại.",
        "The element {path} occurs more than once, so that the signature's place is not clear. Keep one, and sign "
        "again.",
    ),
    "signature-not-alone": Reason(
        _PROFILE,
        "Phần tử {path} chứa nội dung khác ngoài chữ ký số. Hãy để trống phần tử này rồi ký lại.",
        "The element {path} holds something besides the signature. Empty it and sign again.",
    ),
    "several-references": Reason(
        _PROFILE,
        "Chữ ký số có {count} tham chiếu (Reference); chỉ chấp nhận một tham chiếu tới toàn bộ tài liệu (URI rỗng). "
        "Hãy ký lại theo cấu hình ký hồ sơ bảo hiểm xã hội.",
        "The signature has {count} References; only one is accepted, to the whole document (empty URI). Sign again "
        "with the profile for social-insurance dossiers.",
    ),
    "reference-not-whole": Reason(
        _PROFILE,
        "Chữ ký số tham chiếu tới “{uri}” chứ không phải toàn bộ tài liệu (URI rỗng), nên không bảo vệ hết nội dung. "
        "Hãy ký lại toàn bộ tài liệu.",
        "The signature refers to “{uri}” and not to the whole document (empty URI), hence does not protect all of it. "
        "Sign the whole document.",
    ),
    "second-reference-signing-time": Reason(
        _PROFILE,
        "Chữ ký số có thêm tham chiếu thứ hai tới thời điểm ký ({uri}). Mã băm của nó đúng, nhưng quy định ký hồ sơ "
        "chỉ cho phép một tham chiếu tới toàn bộ tài liệu. Hãy ký lại không kèm tham chiếu này.",
        "The signature has a second Reference, to its signing time ({uri}). Its digest is right, but the profile "
        "allows only the Reference to the whole document. Sign again without it.",
    ),
    "second-reference-without-namespaces": Reason(
        SubIndication.HASH_FAILURE,
        "Chữ ký số có thêm tham chiếu thứ hai tới thời điểm ký ({uri}), và mã băm của nó được tính khi bỏ qua các "
        "khai báo xmlns của tài liệu nên sai theo chuẩn XMLDSig; nội dung hồ sơ không bị thay đổi. Đây là lỗi của "
        "phiên bản phần mềm ký số từ xa: hãy cập nhật phần mềm hoặc ký bằng USB token rồi nộp lại.",
        "The signature has a second Reference, to its signing time ({uri}), whose digest was computed without the "
        "document's namespace declarations and is wrong by XMLDSig; the content itself is unchanged. This is a fault "
        "of that version of the remote-signing software: update it, or sign with a token, and submit again.",
    ),
    "second-reference-digest": Reason(
        SubIndication.HASH_FAILURE,
        "Chữ ký số có thêm tham chiếu thứ hai tới thời điểm ký ({uri}) và thời điểm ký này đã bị thay đổi hoặc băm "
        "sai. Hãy ký lại, không kèm tham chiếu này.",
        "The signature has a second Reference, to its signing time ({uri}), and that was changed or wrongly digested. "
        "Sign again without it.",
    ),
    "second-reference-elsewhere": Reason(
        _PROFILE,
        "Chữ ký số có thêm tham chiếu thứ hai tới “{uri}”, không phải thời điểm ký của chính chữ ký. Chỉ chấp nhận "
        "một tham chiếu tới toàn bộ tài liệu. Hãy ký lại.",
        "The signature has a second Reference, to “{uri}”, which is not its own signing time. Only the Reference to "
        "the whole document is accepted. Sign again.",
    ),
    "transform-not-accepted": Reason(
        _PROFILE,
        "Phép biến đổi (Transform) của chữ ký không được chấp nhận: {transforms}. Chỉ dùng enveloped-signature, có "
        "thể kèm C14N 1.0 hoặc Exclusive C14N 1.0 không chú thích. Hãy đổi cấu hình rồi ký lại.",
        "The signature's Transforms are not accepted: {transforms}. Use enveloped-signature alone, or followed by "
        "C14N 1.0 or Exclusive C14N 1.0 without comments. Change the signing profile and sign again.",
    ),
    "c14n-not-accepted": Reason(
        _PROFILE,
        "Thuật toán chuẩn hóa {algorithm} không được chấp nhận. Hãy dùng C14N 1.0 hoặc Exclusive C14N 1.0 không chú "
        "thích rồi ký lại.",
        "The canonicalisation {algorithm} is not accepted. Use C14N 1.0 or Exclusive C14N 1.0 without comments and "
        "sign again.",
    ),
    "c14n-with-prefix-list": Reason(
        _PROFILE,
        "Exclusive C14N kèm danh sách tiền tố (InclusiveNamespaces PrefixList) không được chấp nhận. Hãy bỏ danh sách "
        "này rồi ký lại.",
        "Exclusive C14N with an InclusiveNamespaces PrefixList is not accepted. Leave the list out and sign again.",
    ),
    # Algorithms: EN 319 102-1 §5.2.8, cryptographic constraints
    "signature-algorithm": Reason(
        _CRYPTO,
        "Thuật toán ký {algorithm} không được chấp nhận. Hãy dùng RSA hoặc ECDSA với SHA-256, SHA-384 hay SHA-512 rồi "
        "ký lại.",
        "The signature algorithm {algorithm} is not accepted. Use RSA or ECDSA with SHA-256, SHA-384 or SHA-512 and "
        "sign again.",
    ),
    "digest-algorithm": Reason(
        _CRYPTO,
        "Thuật toán băm {algorithm} không được chấp nhận. Hãy dùng SHA-256, SHA-384 hay SHA-512 rồi ký lại.",
        "The digest algorithm {algorithm} is not accepted. Use SHA-256, SHA-384 or SHA-512 and sign again.",
    ),
    "key-size": Reason(
        _CRYPTO,
        "Khóa ký RSA dài {bits} bit; chỉ chấp nhận từ {least} đến {most} bit. Hãy dùng chứng thư số có khóa phù hợp.",
        "The RSA key has {bits} bits; {least} to {most} are accepted. Use a certificate with such a key.",
    ),
    "curve-not-accepted": Reason(
        _CRYPTO,
        "Đường cong {curve} không được chấp nhận. Hãy dùng chứng thư số với khóa P-256, P-384 hoặc P-521.",
        "The curve {curve} is not accepted. Use a certificate with a key on P-256, P-384 or P-521.",
    ),
    "key-not-accepted": Reason(
        _CRYPTO,
        "Loại khóa {key} trong chứng thư số không được chấp nhận. Hãy dùng chứng thư số có khóa RSA hoặc ECDSA.",
        "The certificate's kind of key, {key}, is not accepted. Use a certificate with an RSA or ECDSA key.",
    ),
    # EN 319 102-1 §5.2.3 identification of the signing certificate
    "no-certificate": Reason(
        SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
        "Chữ ký số không kèm chứng thư số của người ký (X509Certificate). Hãy bật tùy chọn kèm chứng thư số rồi ký "
        "lại.",
        "The signature does not carry the signer's certificate (X509Certificate). Let your software include it and "
        "sign again.",
    ),
    "certificate-unreadable": Reason(
        SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
        "Không đọc được chứng thư số kèm trong chữ ký. Hãy ký lại; nếu vẫn lỗi, liên hệ nơi cấp chứng thư số.",
        "The certificate in the signature cannot be read. Sign again; if that does not help, ask its issuer.",
    ),
    "several-certificates": Reason(
        SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
        "Chữ ký số kèm nhiều chứng thư số của người dùng nên không biết ai ký. Hãy chỉ kèm chứng thư số của người ký.",
        "The signature carries several end-user certificates, so that the signer is not clear. Include the signer's "
        "only.",
    ),
    "key-value-differs": Reason(
        SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
        "Khóa công khai (KeyValue) không khớp với chứng thư số đi kèm. Hãy ký lại bằng đúng chứng thư số.",
        "The public key (KeyValue) is not the certificate's. Sign again with the certificate that you mean.",
    ),
    # EN 319 102-1 §5.2.6 X.509 certificate validation
    "not-yet-valid": Reason(
        SubIndication.NOT_YET_VALID,
        "Chứng thư số chỉ có hiệu lực từ {date}. Hãy ký và nộp lại từ thời điểm đó.",
        "The certificate is valid only from {date}. Sign and submit from then on.",
    ),
    "expired": Reason(
        SubIndication.OUT_OF_BOUNDS_NO_POE,
        "Chứng thư số đã hết hạn ngày {date}, và không có bằng chứng tin cậy rằng chữ ký được tạo trước đó. Hãy gia "
        "hạn chứng thư số rồi ký lại.",
        "The certificate expired on {date}, and there is no trusted proof that the signature was made before. Renew "
        "the certificate and sign again.",
    ),
    "no-chain": Reason(
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
        "Chứng thư số do “{issuer}” cấp, không nối được tới tổ chức chứng thực được tin cậy. Hãy dùng chứng thư số "
        "của tổ chức chứng thực công cộng được cấp phép.",
        "The certificate was issued by “{issuer}”, which does not lead to a trusted authority. Use a certificate of a "
        "licensed public authority.",
    ),
    "anchor-signs": Reason(
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        "Chứng thư số gốc không được dùng để ký hồ sơ. Hãy ký bằng chứng thư số của người sử dụng.",
        "A root certificate may not sign dossiers. Sign with an end-user certificate.",
    ),
    "authority-signs": Reason(
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        "Chứng thư số của tổ chức chứng thực (CA) không được dùng để ký hồ sơ. Hãy ký bằng chứng thư số của người sử "
        "dụng.",
        "An authority's certificate (CA) may not sign dossiers. Sign with an end-user certificate.",
    ),
    "key-usage": Reason(
        SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        "Chứng thư số không cho phép ký số (keyUsage thiếu digitalSignature và nonRepudiation). Hãy dùng chứng thư số "
        "được cấp để ký.",
        "The certificate does not allow signing (keyUsage has neither digitalSignature nor nonRepudiation). Use a "
        "certificate that was issued for signing.",
    ),
    "issuer-not-authority": Reason(
        _PATH,
        "Chứng thư số “{certificate}” do “{authority}” ký, mà chứng thư đó không có quyền cấp chứng thư (CA).",
        "The certificate “{certificate}” is signed by “{authority}”, which is not allowed to issue certificates.",
    ),
    "path-too-long": Reason(
        _PATH,
        "Chuỗi chứng thực dài hơn mức “{authority}” cho phép (pathLen).",
        "The chain is longer than “{authority}” allows (pathLen).",
    ),
    "critical-extension": Reason(
        _PATH,
        "Chứng thư số “{certificate}” có phần mở rộng bắt buộc mà hệ thống chưa xử lý được.",
        "The certificate “{certificate}” has a critical extension that is not understood here.",
    ),
    "chain-signature": Reason(
        _PATH,
        "Chứng thư số “{certificate}” không thật sự do “{authority}” ký. Hãy liên hệ nơi cấp chứng thư số.",
        "The certificate “{certificate}” was not really signed by “{authority}”. Ask its issuer.",
    ),
    "chain-unreadable": Reason(
        _PATH,
        "Không đọc được chứng thư số “{authority}” trong chuỗi chứng thực.",
        "The certificate “{authority}” in the chain cannot be read.",
    ),
    "authority-out-of-validity": Reason(
        _PATH,
        "Chứng thư số của tổ chức chứng thực “{authority}” hết hạn hoặc chưa có hiệu lực. Hãy liên hệ tổ chức này để "
        "được cấp chứng thư số mới.",
        "The authority's certificate “{authority}” has expired or is not yet valid. Ask it for a new certificate.",
    ),
    "chain-algorithm": Reason(
        _CRYPTO,
        "Chứng thư số “{certificate}” được ký bằng thuật toán hoặc khóa đã yếu (SHA-1, RSA dưới 2048 bit). Hãy xin "
        "cấp chứng thư số mới.",
        "The certificate “{certificate}” is signed with a weak algorithm or key (SHA-1, RSA below 2048 bits). Ask for "
        "a new certificate.",
    ),
    # EN 319 102-1 §5.2.7 cryptographic verification
    "digest-differs": Reason(
        SubIndication.HASH_FAILURE,
        "Nội dung tài liệu đã thay đổi sau khi ký. Hãy ký lại bản cuối cùng và không sửa, không định dạng lại sau khi "
        "ký.",
        "The document was changed after signing. Sign the final version, and neither edit nor reformat it afterwards.",
    ),
    "digest-differs-indentation": Reason(
        SubIndication.HASH_FAILURE,
        "Tài liệu bị định dạng lại (thụt dòng, thêm bớt khoảng trắng giữa các thẻ) sau khi ký; giá trị các trường "
        "không đổi. Hãy nộp đúng tệp mà phần mềm ký số đã tạo, không mở và lưu lại.",
        "The document was re-indented after signing (blanks between tags were added or removed); its values did not "
        "change. Submit the very file that the signing software made, without opening and saving it.",
    ),
    "digest-differs-comments": Reason(
        SubIndication.HASH_FAILURE,
        "Phần mềm ký đã tính mã băm kèm cả chú thích (comment) của tài liệu. Hãy bỏ chú thích rồi ký lại.",
        "The signing software digested the document with its comments. Leave the comments out and sign again.",
    ),
    "digest-differs-method": Reason(
        SubIndication.HASH_FAILURE,
        "Tài liệu được chuẩn hóa khác với thuật toán ghi trong chữ ký: lẫn inclusive với exclusive C14N, hoặc khai báo "
        "xmlns không dùng bị thêm sau khi ký. Giá trị các trường không đổi. Hãy nộp đúng tệp phần mềm ký đã tạo; nếu "
        "vẫn lỗi, báo nhà cung cấp phần mềm.",
        "The document was canonicalised otherwise than the signature says: inclusive and exclusive C14N were mixed up, "
        "or an unused xmlns was added after signing. Its values did not change. Submit the very file that the signing "
        "software made; if that does not help, tell its vendor.",
    ),
    "digest-differs-namespaces": Reason(
        SubIndication.HASH_FAILURE,
        "Các khai báo xmlns không dùng (như xsi, xsd) của phần tử gốc bị thêm hoặc bỏ sau khi ký. Hãy nộp đúng tệp mà "
        "phần mềm ký số đã tạo.",
        "Unused xmlns declarations of the root (such as xsi, xsd) were added or removed after signing. Submit the "
        "very file that the signing software made.",
    ),
    "digest-differs-unicode": Reason(
        SubIndication.HASH_FAILURE,
        "Chữ có dấu trong tài liệu bị đổi cách mã hóa (Unicode dựng sẵn và tổ hợp) sau khi ký. Hãy dùng Unicode dựng "
        "sẵn rồi ký lại.",
        "Accented letters were recoded after signing (composed and decomposed Unicode). Use composed letters (NFC) "
        "and sign again.",
    ),
    "signature-value": Reason(
        SubIndication.SIG_CRYPTO_FAILURE,
        "Giá trị chữ ký không đúng với chứng thư số: chữ ký bị sửa, hoặc được tạo bằng khóa khác. Hãy ký lại.",
        "The signature value does not fit the certificate: it was changed, or made with another key. Sign again.",
    ),
    "signature-value-der": Reason(
        SubIndication.SIG_CRYPTO_FAILURE,
        "Chữ ký ECDSA được mã hóa kiểu DER; XMLDSig đòi hỏi hai số r và s nối liền, mỗi số {octets} byte. Hãy cập "
        "nhật phần mềm ký rồi ký lại.",
        "The ECDSA signature is DER-encoded; XMLDSig demands r and s side by side, {octets} bytes each. Update the "
        "signing software and sign again.",
    ),
    "signature-value-length": Reason(
        SubIndication.SIG_CRYPTO_FAILURE,
        "Giá trị chữ ký dài {found} byte thay vì {octets} byte. Hãy ký lại.",
        "The signature value has {found} bytes instead of {octets}. Sign again.",
    ),
    "algorithm-and-key": Reason(
        SubIndication.SIG_CRYPTO_FAILURE,
        "Thuật toán ký {algorithm} không dùng được với loại khóa của chứng thư số. Hãy ký lại bằng đúng chứng thư số.",
        "The signature algorithm {algorithm} does not go with the certificate's kind of key. Sign with the right "
        "certificate.",
    ),
}
