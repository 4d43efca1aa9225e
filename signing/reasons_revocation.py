"""What is said about revocation and about the rules of certification paths: to signers, and of data to operators."""

from typing import Final

from msgspec import Struct

from signing.indication import SubIndication
from signing.reasons import Reason

_PATH: Final = SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE

REASONS: Final[dict[str, Reason]] = {
    # EN 319 102-1 §5.2.6.4: the status of the certificates
    "revoked": Reason(
        SubIndication.REVOKED_NO_POE,
        "Chứng thư số “{certificate}” đã bị thu hồi từ {date}; lý do: {reason_vi}. Không có bằng chứng tin cậy rằng "
        "chữ ký được tạo trước đó. Hãy ký lại bằng chứng thư số đang có hiệu lực.",
        "The certificate “{certificate}” was revoked as of {date}; reason: {reason_en}. There is no trusted proof that "
        "the signature was made before. Sign again with a certificate in force.",
    ),
    "authority-revoked": Reason(
        SubIndication.REVOKED_CA_NO_POE,
        "Chứng thư số của tổ chức chứng thực “{certificate}” đã bị thu hồi từ {date}; lý do: {reason_vi}. Hãy liên hệ "
        "nơi cấp để được đổi chứng thư số rồi ký lại.",
        "The authority's certificate “{certificate}” was revoked as of {date}; reason: {reason_en}. Ask your issuer "
        "for another certificate and sign again.",
    ),
    "on-hold": Reason(
        SubIndication.TRY_LATER,
        "Chứng thư số “{certificate}” đang bị tạm dừng từ {date}. Hãy liên hệ nơi cấp chứng thư số để được khôi phục, "
        "sau đó nộp lại.",
        "The certificate “{certificate}” is suspended since {date}. Ask its issuer to reinstate it, then submit again.",
    ),
    "revocation-missing": Reason(
        SubIndication.TRY_LATER,
        "Chưa có dữ liệu thu hồi (CRL, OCSP) của chứng thư số “{certificate}” nên chưa thể kết luận về chữ ký. Không "
        "cần ký lại: chữ ký được kiểm tra lại khi có dữ liệu.",
        "There is no revocation data (CRL, OCSP) yet about the certificate “{certificate}”, so that the signature is "
        "undecided. There is no need to sign again: it is judged again when there is.",
    ),
    "revocation-stale": Reason(
        SubIndication.TRY_LATER,
        "Dữ liệu thu hồi (CRL, OCSP) của chứng thư số “{certificate}” đã cũ (phát hành {date}) nên chưa thể kết luận "
        "về chữ ký. Không cần ký lại: chữ ký được kiểm tra lại khi có dữ liệu mới.",
        "The revocation data (CRL, OCSP) about the certificate “{certificate}” is too old (issued {date}), so that the "
        "signature is undecided. There is no need to sign again: it is judged again when there is newer.",
    ),
    # RFC 5280 §6.1.3 (b) and (c), §6.1.4 (a), (g) and (i)
    "name-not-permitted": Reason(
        _PATH,
        "Tên “{name}” trong chứng thư số “{certificate}” nằm ngoài phạm vi mà “{authority}” được phép cấp (name "
        "constraints). Hãy liên hệ nơi cấp chứng thư số.",
        "The name “{name}” in the certificate “{certificate}” is outside of what “{authority}” may certify (name "
        "constraints). Ask its issuer.",
    ),
    "name-constraint-unknown": Reason(
        _PATH,
        "“{authority}” giới hạn tên theo cách mà hệ thống chưa xử lý được, và giới hạn này liên quan đến chứng thư số "
        "“{certificate}” ({name}).",
        "“{authority}” constrains names in a way that is not understood here, and that bears on the certificate "
        "“{certificate}” ({name}).",
    ),
    "policy-constraints": Reason(
        _PATH,
        "Chứng thư số “{certificate}” có ràng buộc chính sách ({extension}) mà hệ thống chưa xử lý được. Hãy báo cho "
        "nơi vận hành hệ thống.",
        "The certificate “{certificate}” constrains policies ({extension}) in a way that is not worked out here. Tell "
        "the operator of this system.",
    ),
}

# RFC 5280 §5.3.1, in words
WHY_REVOKED: Final[dict[str, tuple[str, str]]] = {
    "unspecified": ("không nêu lý do", "none given"),
    "keyCompromise": ("lộ khóa bí mật", "the private key was compromised"),
    "cACompromise": ("lộ khóa của tổ chức chứng thực", "the authority's key was compromised"),
    "affiliationChanged": ("thông tin thuê bao đã thay đổi", "the holder's particulars have changed"),
    "superseded": ("đã được thay bằng chứng thư số khác", "another certificate has replaced it"),
    "cessationOfOperation": ("ngừng hoạt động", "the holder has ceased operation"),
    "certificateHold": ("tạm dừng", "suspended"),
    "removeFromCRL": ("đã được khôi phục", "reinstated"),
    "privilegeWithdrawn": ("bị rút quyền", "a privilege was withdrawn"),
    "aACompromise": ("lộ khóa của tổ chức cấp thuộc tính", "the attribute authority's key was compromised"),
}


class Unusable(Struct, frozen=True):
    """Why a CRL or an OCSP response is not used, for operators; `{…}` are filled from a Refusal's fields."""

    vi: str
    en: str


UNUSABLE: Final[dict[str, Unusable]] = {
    "crl-too-large": Unusable("CRL lớn hơn {most} byte.", "The CRL is larger than {most} bytes."),
    "crl-malformed": Unusable("Không đọc được CRL.", "The CRL cannot be read."),
    "crl-delta": Unusable("CRL bổ sung (delta) không được dùng.", "Delta CRLs are not used."),
    "crl-indirect": Unusable(
        "CRL gián tiếp (indirect), do tổ chức khác phát hành, không được dùng.", "Indirect CRLs are not used."
    ),
    "crl-partial": Unusable(
        "CRL chỉ cho một số lý do hoặc cho chứng thư thuộc tính không được dùng.",
        "CRLs for some reasons only, or for attribute certificates, are not used.",
    ),
    "crl-critical-extension": Unusable(
        "CRL có phần mở rộng bắt buộc chưa xử lý được ({oid}).",
        "The CRL has a critical extension that is not understood here ({oid}).",
    ),
    "crl-issuer-unknown": Unusable(
        "CRL do “{issuer}” phát hành, không có trong các tổ chức chứng thực đã biết.",
        "The CRL is by “{issuer}”, which is not among the authorities known.",
    ),
    "crl-signature": Unusable(
        "CRL không do “{issuer}” ký, hoặc đã bị sửa.", "The CRL is not signed by “{issuer}”, or was changed."
    ),
    "crl-issuer-purpose": Unusable(
        "“{issuer}” không có quyền ký CRL (keyUsage thiếu cRLSign).",
        "“{issuer}” may not sign CRLs (keyUsage without cRLSign).",
    ),
    "revocation-issuer-validity": Unusable(
        "Chứng thư số của “{issuer}” không có hiệu lực khi dữ liệu thu hồi được phát hành.",
        "The certificate of “{issuer}” was not valid when the revocation data was issued.",
    ),
    "revocation-algorithm": Unusable(
        "Dữ liệu thu hồi được ký bằng thuật toán hoặc khóa không được chấp nhận.",
        "The revocation data is signed with an algorithm or key that is not accepted.",
    ),
    "revocation-older": Unusable(
        "Đã có dữ liệu thu hồi mới hơn.", "There is newer revocation data already; this is not used."
    ),
    "revocation-from-the-future": Unusable(
        "Dữ liệu thu hồi ghi thời điểm phát hành ở tương lai: {date}.",
        "The revocation data says that it was issued in the future: {date}.",
    ),
    "revocation-contradicts": Unusable(
        "Phản hồi OCSP nói chứng thư số còn tốt, trong khi nó đã bị thu hồi.",
        "The OCSP response calls a certificate good that was revoked before.",
    ),
    "revocation-too-much": Unusable(
        "Đã giữ quá nhiều CRL; CRL này không được dùng.", "Too many CRLs are held already; this one is not used."
    ),
    "ocsp-too-large": Unusable(
        "Phản hồi OCSP lớn hơn {most} byte, hoặc nêu quá nhiều chứng thư số.",
        "The OCSP response is larger than {most} bytes, or names too many certificates.",
    ),
    "ocsp-malformed": Unusable("Không đọc được phản hồi OCSP.", "The OCSP response cannot be read."),
    "ocsp-no-answer": Unusable("Máy chủ OCSP không trả lời: {answer}.", "The OCSP responder gave no answer: {answer}."),
    "ocsp-unknown": Unusable(
        "Máy chủ OCSP không biết chứng thư số này.", "The OCSP responder does not know the certificate."
    ),
    "ocsp-critical-extension": Unusable(
        "Phản hồi OCSP có phần mở rộng bắt buộc chưa xử lý được ({oid}).",
        "The OCSP response has a critical extension that is not understood here ({oid}).",
    ),
    "ocsp-issuer-unknown": Unusable(
        "Phản hồi OCSP nói về chứng thư số của một tổ chức chứng thực chưa biết.",
        "The OCSP response is about certificates of an authority that is not known.",
    ),
    "ocsp-signature": Unusable(
        "Phản hồi OCSP không do “{issuer}” ký, hoặc đã bị sửa.",
        "The OCSP response is not signed by “{issuer}”, or was changed.",
    ),
    "ocsp-responder-unknown": Unusable(
        "Phản hồi OCSP không do “{issuer}” hay người được tổ chức này ủy quyền ký.",
        "The OCSP response is signed neither by “{issuer}” nor by a delegate of it that it carries.",
    ),
    "ocsp-delegate-of-another": Unusable(
        "Chứng thư số của máy chủ OCSP “{responder}” không do “{issuer}” cấp trực tiếp.",
        "The OCSP responder's certificate “{responder}” was not issued directly by “{issuer}”.",
    ),
    "ocsp-delegate-purpose": Unusable(
        "Chứng thư số “{responder}” không được cấp riêng để ký phản hồi OCSP.",
        "The certificate “{responder}” was not issued for signing OCSP responses, and for that alone.",
    ),
    "ocsp-delegate-validity": Unusable(
        "Chứng thư số của máy chủ OCSP “{responder}” không có hiệu lực khi phản hồi được tạo.",
        "The OCSP responder's certificate “{responder}” was not valid when the response was made.",
    ),
}
