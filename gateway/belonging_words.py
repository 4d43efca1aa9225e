"""What is said when signer, unit and submitter do not belong together: one sentence for each thing that differs."""

from __future__ import annotations

from datetime import date
from typing import Final

from schemas.findings import WORD_CHARACTERS_MAX, Finding, Message, Severity, cut

ENVELOPE: Final = "Hoso"
UNIT_POINTER: Final = "/Hoso/NoiDung/ThongTinDonVi/MaSoBHXH"
TAX_CODE_POINTER: Final = "/Hoso/NoiDung/ThongTinDonVi/MaSoThue"
IVAN_POINTER: Final = "/Hoso/NoiDung/ThongTinIVAN/MaIVAN"
IVAN_POINTER_OF_BARE: Final = "/Hoso/NoiDung/MaIVan"
_SIGN_AGAIN_VI: Final = "Ký lại bằng chứng thư số của chính đơn vị (trường UID của chủ thể phải có MST:{expected})."
_SIGN_AGAIN_EN: Final = "Sign again with the unit's own certificate (its subject's UID must hold MST:{expected})."
_BIND_VI: Final = "Ký lại bằng chứng thư đã đăng ký, hoặc đề nghị cơ quan vận hành cổng đăng ký chứng thư này."
_BIND_EN: Final = "Sign again with a registered certificate, or ask the gateway's operator to register this one."


def _error(vi: str, en: str, fix_vi: str, fix_en: str) -> Message:
    return Message(severity=Severity.ERROR, message_vi=vi, message_en=en, fix_vi=fix_vi, fix_en=fix_en)


# What stands behind a "/" tells the sentences of one code apart.
SENTENCES: Final[dict[str, Message]] = {
    "not-your-unit": _error(
        "Tài khoản gửi không được đăng ký nộp hồ sơ cho đơn vị “{unit}”.",
        "The submitting client is not registered for unit “{unit}”.",
        "Kiểm tra mã đơn vị, hoặc đề nghị cơ quan vận hành cổng gắn đơn vị này với tài khoản.",
        "Check the unit code, or ask the gateway's operator to register the unit for this client.",
    ),
    "mandate-ended": _error(
        "Ủy quyền nộp hồ sơ thay đơn vị “{unit}” của tài khoản này có hiệu lực đến hết ngày {day}{reference_vi}.",
        "This client's mandate to submit for unit “{unit}” ended on {day}{reference_en}.",
        "Gửi cơ quan vận hành cổng ủy quyền mới của đơn vị rồi nộp lại. Hồ sơ đã nộp trước đó vẫn tra cứu được.",
        "Send the gateway's operator the unit's new mandate, then submit again. What you submitted stays visible.",
    ),
    "mandate-not-begun": _error(
        "Ủy quyền nộp hồ sơ thay đơn vị “{unit}” của tài khoản này chỉ có hiệu lực từ ngày {day}{reference_vi}.",
        "This client's mandate to submit for unit “{unit}” begins on {day}{reference_en}.",
        "Nộp lại từ ngày {day}, hoặc để đơn vị tự nộp.",
        "Submit again from {day} on, or let the unit submit itself.",
    ),
    "ivan-code-differs": _error(
        "Mã I-VAN “{written}” trong hồ sơ không phải mã “{expected}” của tài khoản gửi.",
        "I-VAN code “{written}” in the dossier is not the submitting client's code “{expected}”.",
        "Ghi mã I-VAN {expected}, đủ các số 0 ở đầu, rồi ký lại.",
        "Write I-VAN code {expected} with its leading zeros, then sign again.",
    ),
    "unit-unknown": _error(
        "Mã đơn vị “{unit}” không có trong sổ đăng ký đơn vị tại ngày nhận hồ sơ.",
        "Unit “{unit}” is not in the register of units on the day of receipt.",
        "Kiểm tra mã đơn vị (7 ký tự); đơn vị mới thì nộp tờ khai 04 trước.",
        "Check the unit code (7 characters); a new unit files form 04 first.",
    ),
    "tax-code-differs": _error(
        "Mã số thuế “{written}” không phải của đơn vị {unit} theo sổ đăng ký.",
        "Tax code “{written}” is not the one registered for unit {unit}.",
        "Ghi mã số thuế đã đăng ký của đơn vị, hoặc đề nghị cập nhật sổ đăng ký.",
        "Write the unit's registered tax code, or ask for the register to be updated.",
    ),
    "signer-tax-code-differs": _error(
        "Người ký tệp “{file}” là {holder_vi}: mã số thuế {held} không phải “{expected}” của đơn vị.",
        "“{file}” was signed by {holder_en}: tax code {held} is not the unit's “{expected}”.",
        _SIGN_AGAIN_VI,
        _SIGN_AGAIN_EN,
    ),
    "signer-no-tax-code": _error(
        "Người ký tệp “{file}” là {holder_vi}: chứng thư số không mang mã số thuế nào.",
        "“{file}” was signed by {holder_en}: the certificate holds no tax code.",
        _SIGN_AGAIN_VI,
        _SIGN_AGAIN_EN,
    ),
    "signer-no-tax-code/personal": _error(
        "Người ký tệp “{file}” là {holder_vi}: đây là chứng thư số cá nhân ({held}), không mang mã số thuế của đơn vị.",
        "“{file}” was signed by {holder_en}: this is a person's certificate ({held}) without the unit's tax code.",
        "Ký lại bằng chứng thư số cấp cho đơn vị (trường UID của chủ thể phải có MST:{expected}), "
        "không dùng chứng thư cá nhân.",
        "Sign again with the certificate issued to the unit (its subject's UID must hold MST:{expected}), "
        "not with a person's.",
    ),
    "signer-no-tax-code/budget": _error(
        "Người ký tệp “{file}” là {holder_vi}: chứng thư số chỉ mang mã đơn vị có quan hệ với ngân sách ({held}), "
        "không mang mã số thuế.",
        "“{file}” was signed by {holder_en}: the certificate holds only a budget unit code ({held}) and no tax code.",
        "Đề nghị tổ chức chứng thực cấp chứng thư số có MST:{expected} trong trường UID, rồi ký lại.",
        "Ask the authority for a certificate with MST:{expected} in the subject's UID, then sign again.",
    ),
    "signer-is-parent": _error(
        "Người ký tệp “{file}” là {holder_vi}: mã số thuế {held} của trụ sở chính, không phải “{expected}”.",
        "“{file}” was signed by {holder_en}: tax code {held} is the head office's, not the branch's “{expected}”.",
        "Ký lại bằng chứng thư số của chi nhánh (UID có MST:{expected}), hoặc đề nghị cơ quan vận hành cổng cho phép "
        "trụ sở chính ký thay chi nhánh này.",
        "Sign again with the branch's own certificate (UID MST:{expected}), or ask the gateway's operator to let the "
        "head office sign for this branch.",
    ),
    "signer-is-branch": _error(
        "Người ký tệp “{file}” là {holder_vi}: mã số thuế {held} của chi nhánh, không phải “{expected}”.",
        "“{file}” was signed by {holder_en}: tax code {held} is a branch's, not the head office's “{expected}”.",
        "Ký lại bằng chứng thư số của trụ sở chính (UID có MST:{expected}); hồ sơ của chi nhánh thì ghi mã đơn vị của "
        "chi nhánh.",
        "Sign again with the head office's certificate (UID MST:{expected}); if it is the branch's dossier, write the "
        "branch's unit code.",
    ),
    "certificate-not-registered": _error(
        "Đơn vị {unit} chỉ nhận chữ ký của chứng thư số đã đăng ký; người ký tệp “{file}” là {holder_vi}, "
        "chứng thư chưa đăng ký.",
        "Unit {unit} takes only registered certificates; “{file}” was signed by {holder_en}, which is not registered.",
        _BIND_VI,
        _BIND_EN,
    ),
    "certificate-not-registered/late": _error(
        "Người ký tệp “{file}” là {holder_vi}, chứng thư chưa đăng ký cho đơn vị {unit}. Không được coi là gia hạn của "
        "chứng thư sê-ri {earlier}: bắt đầu ngày {begins}, quá {days_max} ngày sau khi chứng thư đó hết hạn ({ended}).",
        "“{file}” was signed by {holder_en}, which is not registered for unit {unit}. It does not count as a renewal "
        "of serial {earlier}: it begins on {begins}, more than {days_max} days after that one expired ({ended}).",
        _BIND_VI,
        _BIND_EN,
    ),
    "certificate-not-registered/early": _error(
        "Người ký tệp “{file}” là {holder_vi}, chứng thư chưa đăng ký cho đơn vị {unit}. Nó không thể là gia hạn của "
        "chứng thư sê-ri {earlier}, vì được cấp trước (bắt đầu ngày {begins}).",
        "“{file}” was signed by {holder_en}, which is not registered for unit {unit}. It cannot be a renewal of serial "
        "{earlier}, for it was issued earlier (it begins on {begins}).",
        _BIND_VI,
        _BIND_EN,
    ),
    "certificate-binding-ended": _error(
        "Người ký tệp “{file}” là {holder_vi}{via_vi}: đăng ký ký cho đơn vị {unit} chỉ đến hết ngày {day}.",
        "“{file}” was signed by {holder_en}{via_en}: its registration for unit {unit} ended on {day}.",
        _BIND_VI,
        _BIND_EN,
    ),
    "certificate-binding-ended/withdrawn": _error(
        "Người ký tệp “{file}” là {holder_vi}{via_vi}: đăng ký ký cho đơn vị {unit} đã bị gỡ ngày {day}.",
        "“{file}” was signed by {holder_en}{via_en}: its registration for unit {unit} was withdrawn on {day}.",
        "Ký lại bằng chứng thư đang được đăng ký; nếu gỡ nhầm, đề nghị cơ quan vận hành cổng đăng ký lại.",
        "Sign again with a certificate that is registered; if it was withdrawn by mistake, ask the operator to "
        "register it again.",
    ),
    "certificate-binding-not-begun": _error(
        "Người ký tệp “{file}” là {holder_vi}{via_vi}: đăng ký ký cho đơn vị {unit} chỉ có hiệu lực từ ngày {day}.",
        "“{file}” was signed by {holder_en}{via_en}: its registration for unit {unit} begins on {day}.",
        "Nộp lại từ ngày {day}, hoặc ký lại bằng chứng thư đang được đăng ký.",
        "Submit again from {day} on, or sign again with a certificate that is registered now.",
    ),
    "certificate-renewed": Message(
        severity=Severity.WARNING,
        message_vi="Người ký tệp “{file}” là {holder_vi}, hết hạn {expires}: được nhận là bản gia hạn của chứng thư "
        "sê-ri {earlier} đã đăng ký cho đơn vị {unit}.",
        message_en="“{file}” was signed by {holder_en}, expiring {expires}: taken as the renewal of serial {earlier}, "
        "which is registered for unit {unit}.",
        fix_vi="Không phải làm gì. Nếu đơn vị không có chứng thư này, báo ngay cơ quan vận hành cổng để gỡ.",
        fix_en="Nothing to do. If the unit has no such certificate, tell the gateway's operator at once.",
    ),
}


def say(
    key: str, *, file: str = ENVELOPE, column: str = "", pointer: str = "", value: str = "", **words: str
) -> Finding:
    """The finding of that sentence. A word given as a pair `x_vi`, `x_en` is in its own language."""
    message = SENTENCES[key]
    told = {name: cut(word, WORD_CHARACTERS_MAX) for name, word in words.items()} | {"file": cut(file)}
    return Finding(
        code=key.partition("/")[0],
        severity=message.severity,
        file=file,
        column=column,
        pointer=pointer,
        value=cut(value),
        message_vi=message.message_vi.format_map(told),
        message_en=message.message_en.format_map(told),
        fix_vi=message.fix_vi.format_map(told),
        fix_en=message.fix_en.format_map(told),
    )


def day_for_people(day: date | str) -> str:
    """A day (or its ISO 8601 text) as dd/MM/yyyy."""
    return (date.fromisoformat(day) if isinstance(day, str) else day).strftime("%d/%m/%Y")
