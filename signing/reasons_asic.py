"""Why a container was refused, as sentences that tell its sender what to do, Vietnamese and English."""

from typing import Final

from signing.indication import SubIndication
from signing.reasons import Reason

_FORMAT: Final = SubIndication.FORMAT_FAILURE
_PROFILE: Final = SubIndication.SIG_CONSTRAINTS_FAILURE

_AGAIN_VI: Final = "Hãy tạo lại gói ASiC-E bằng phần mềm ký số hiện hành rồi nộp lại."
_AGAIN_EN: Final = "Make the ASiC-E container again with current signing software and submit it."


def _format(vi: str, en: str) -> Reason:
    return Reason(_FORMAT, f"{vi} {_AGAIN_VI}", f"{en} {_AGAIN_EN}")


ZIP_REASONS: Final[dict[str, Reason]] = {
    "container-not-zip": _format(
        "Tệp không phải là gói ZIP, hoặc đã bị cắt mất phần cuối.",
        "The file is not a ZIP container, or its end was cut.",
    ),
    "container-after-end": _format(
        "Sau điểm kết thúc của gói ZIP còn {bytes} byte thừa.",
        "There are {bytes} bytes after the end of the container.",
    ),
    "container-before-start": _format(
        "Trước tệp đầu tiên của gói ZIP có {bytes} byte lạ.",
        "There are {bytes} bytes before the container's first file.",
    ),
    "container-bytes-between": _format(
        "Gói ZIP chứa {bytes} byte không thuộc tệp nào trong danh mục.",
        "The container holds {bytes} bytes that belong to none of its listed files.",
    ),
    "container-overlap": _format(
        "Vùng dữ liệu của “{entry}” chồng lên tệp khác trong gói.",
        "“{entry}” overlaps with another file of the container.",
    ),
    "container-entry-outside": _format(
        "“{entry}” chỉ tới vùng nằm ngoài gói, hoặc không có phần đầu của tệp tại đó.",
        "“{entry}” points outside the container, or to where no file begins.",
    ),
    "container-directory-lies": _format(
        "Danh mục của gói ZIP không khớp với chính nó (số tệp, kích thước hoặc vị trí).",
        "The container's directory does not hold together (number of files, size or place).",
    ),
    "container-multi-disk": _format(
        "Gói ZIP bị chia thành nhiều phần.", "The container is split into several parts, which is not accepted."
    ),
    "container-zip64": _format(
        "“{entry}” dùng phần mở rộng ZIP64; gói dưới 4 GiB không cần và không được dùng.",
        "“{entry}” uses ZIP64, which a container below 4 GiB does not need and may not use.",
    ),
    "container-comment": _format(
        "Chú thích của “{entry}” quá dài hoặc chứa ký tự không in được.",
        "The comment of “{entry}” is too long or holds what cannot be printed.",
    ),
    "container-extra": _format(
        "Trường mở rộng (extra field) của “{entry}” bị hỏng hoặc quá dài.",
        "The extra fields of “{entry}” are broken or too long.",
    ),
    "container-too-many-entries": Reason(
        _PROFILE,
        "Gói chứa {found} tệp; tối đa là {most}. Hãy bớt tệp hoặc chia hồ sơ, ký lại rồi nộp.",
        "The container holds {found} files; at most {most} are accepted. Leave some out or split the dossier, sign "
        "again and submit.",
    ),
    "container-name-repeated": Reason(
        _PROFILE,
        "Tên “{entry}” và “{other}” trùng nhau (có thể chỉ khác chữ hoa, dấu tổ hợp hoặc mã %), nên có thể mở nhầm "
        "tệp. Hãy đổi tên một tệp, ký lại rồi nộp.",
        "The names “{entry}” and “{other}” are one (they may differ in case, composed letters or %-codes only), so "
        "that one could be opened for the other. Rename one, sign again and submit.",
    ),
    "container-name-unsafe": Reason(
        _PROFILE,
        "Tên tệp “{entry}” không an toàn: rỗng, quá dài, là đường dẫn tuyệt đối, có “..”, “\\”, “:”, ký tự điều khiển "
        "hoặc kết thúc bằng dấu chấm, dấu cách. Hãy đổi tên, ký lại rồi nộp.",
        "The name “{entry}” is not safe: empty, too long, absolute, with “..”, “\\”, “:” or controls, or ending with a "
        "dot or blank. Rename the file, sign again and submit.",
    ),
    "container-name-encoding": Reason(
        _PROFILE,
        "Tên tệp “{entry}” có dấu nhưng gói không ghi rõ là UTF-8. Hãy dùng phần mềm ghi tên UTF-8 hoặc đặt tên không "
        "dấu, ký lại rồi nộp.",
        "The name “{entry}” is not ASCII, and the container does not say that it is UTF-8, or it is not. Use software "
        "that writes UTF-8 names, or a name without accents; sign again and submit.",
    ),
    "container-name-override": _format(
        "“{entry}” mang thêm một tên khác trong trường mở rộng (Unicode Path).",
        "“{entry}” has another name in an extra field (Unicode Path).",
    ),
    "container-header-differs": _format(
        "Phần đầu của “{entry}” không khớp với danh mục của gói ({field}).",
        "The header of “{entry}” differs from the container's directory ({field}).",
    ),
    "container-descriptor": _format(
        "Phần mô tả dữ liệu (data descriptor) của “{entry}” sai hoặc không được phép.",
        "The data descriptor of “{entry}” lies or may not be there.",
    ),
    "container-encrypted": Reason(
        _PROFILE,
        "“{entry}” bị đặt mật khẩu (mã hóa). Hãy bỏ mật khẩu, ký lại rồi nộp.",
        "“{entry}” is encrypted. Take the password off, sign again and submit.",
    ),
    "container-method": Reason(
        _PROFILE,
        "“{entry}” nén theo phương pháp {method}; chỉ chấp nhận không nén hoặc Deflate. Hãy nén lại, ký lại rồi nộp.",
        "“{entry}” is packed by method {method}; only stored and deflate are accepted. Pack it so, sign and submit.",
    ),
    "container-flags": _format(
        "“{entry}” mang cờ ZIP không được chấp nhận.", "“{entry}” carries ZIP flags that are not accepted."
    ),
    "container-version": _format(
        "“{entry}” đòi hỏi phiên bản ZIP mới hơn 6.3.", "“{entry}” asks for a version of ZIP beyond 6.3."
    ),
    "container-link": Reason(
        _PROFILE,
        "“{entry}” là liên kết hoặc tệp đặc biệt, không phải tệp thường. Hãy thay bằng chính tệp đó, ký lại rồi nộp.",
        "“{entry}” is a link or special file, not a plain one. Put the file itself there, sign again and submit.",
    ),
    "container-folder-with-content": _format(
        "Thư mục “{entry}” lại có nội dung như một tệp.", "The folder “{entry}” has content as if it were a file."
    ),
    "container-too-large": Reason(
        _PROFILE,
        "“{entry}” làm gói vượt giới hạn {mib_max} MiB sau khi giải nén. Hãy giảm dung lượng, ký lại rồi nộp.",
        "“{entry}” takes the container beyond {mib_max} MiB when unpacked. Make it smaller, sign again and submit.",
    ),
    "container-ratio": Reason(
        _PROFILE,
        "“{entry}” bung ra hơn {most} lần khi giải nén, giống tệp phá hoại (zip bomb). Hãy đưa tệp vào gói ở dạng "
        "không nén, ký lại rồi nộp.",
        "“{entry}” grows more than {most} times when unpacked, as only a zip bomb does. Put the file in without "
        "compression, sign again and submit.",
    ),
    "container-size-lies": _format(
        "Kích thước thật của “{entry}” khác kích thước ghi trong gói.",
        "The real size of “{entry}” is not the one that the container states.",
    ),
    "container-deflate": _format(
        "Dữ liệu nén của “{entry}” bị hỏng, bị cắt hoặc có phần thừa.",
        "The compressed content of “{entry}” is broken, cut or followed by something.",
    ),
    "container-checksum": _format(
        "“{entry}” sai mã kiểm tra CRC-32: tệp đã hỏng hoặc bị sửa trong gói.",
        "“{entry}” fails its checksum (CRC-32): it was damaged or changed inside the container.",
    ),
}

REASONS: Final[dict[str, Reason]] = ZIP_REASONS | {
    # EN 319 162-1 Annex A.1, §4.4
    "container-mimetype": _format(
        "Tệp đầu tiên của gói phải là “mimetype”, không nén, không trường mở rộng, nội dung đúng "
        "“application/vnd.etsi.asic-e+zip”.",
        "The container's first file must be “mimetype”, stored, without extra field, and hold exactly "
        "“application/vnd.etsi.asic-e+zip”.",
    ),
    "container-no-signature": Reason(
        _FORMAT,
        "Gói chưa có chữ ký số (META-INF/signatures….xml). Hãy ký số gói rồi nộp lại.",
        "The container has no signature (META-INF/signatures….xml). Sign it and submit it again.",
    ),
    "container-too-many-signatures": Reason(
        _PROFILE,
        "Gói có {found} tệp chữ ký; tối đa là {most}. Hãy bỏ các chữ ký thừa rồi nộp lại.",
        "The container has {found} signature files; at most {most} are accepted. Take out those not needed and submit.",
    ),
    "container-not-judged": Reason(
        _PROFILE,
        "“{entry}” là chữ ký CAdES, dấu thời gian hoặc bản kê ASiCManifest, cổng không thẩm tra loại này. Hãy ký gói "
        "bằng XAdES (META-INF/signatures….xml) và bỏ tệp đó.",
        "“{entry}” is a CAdES signature, a time assertion or an ASiCManifest, which are not judged here. Sign the "
        "container with XAdES (META-INF/signatures….xml) and leave that file out.",
    ),
    "container-foreign-metadata": Reason(
        _PROFILE,
        "META-INF chứa “{entry}”, không phải tệp chữ ký hay manifest.xml và không được chữ ký nào bảo vệ. Hãy bỏ tệp "
        "này rồi nộp lại.",
        "META-INF holds “{entry}”, neither a signature nor manifest.xml and protected by no signature. Take it out and "
        "submit again.",
    ),
    "container-folder": Reason(
        _PROFILE,
        "Gói có mục thư mục “{entry}”; chỉ META-INF/ được phép. Hãy bỏ mục thư mục này rồi nộp lại.",
        "The container has an entry for the folder “{entry}”; only META-INF/ may have one. Take it out and "
        "submit again.",
    ),
    "container-no-data": Reason(
        _FORMAT,
        "Gói không chứa tệp dữ liệu nào. Hãy đưa hồ sơ vào gói, ký lại rồi nộp.",
        "The container holds no data. Put the dossier into it, sign again and submit.",
    ),
    "container-signature-unreadable": Reason(
        _FORMAT,
        "Tệp chữ ký “{entry}” không phải XML UTF-8 hợp lệ không có DTD. Hãy ký lại bằng phần mềm ký số hiện hành.",
        "The signature file “{entry}” is not well-formed UTF-8 XML without a DTD. Sign again with current software.",
    ),
    "container-manifest-unreadable": _format(
        "META-INF/manifest.xml không phải bản kê OpenDocument hợp lệ.",
        "META-INF/manifest.xml is not a valid OpenDocument manifest.",
    ),
    "container-manifest-differs": _format(
        "META-INF/manifest.xml không khớp với các tệp trong gói: “{entry}”.",
        "META-INF/manifest.xml does not agree with the container's files: “{entry}”.",
    ),
    "container-entry-not-signed": Reason(
        _PROFILE,
        "Chữ ký không bao gồm “{entry}”, tệp này có thể đã được thêm sau khi ký. Hãy bỏ tệp này hoặc ký lại toàn "
        "bộ gói.",
        "The signature does not cover “{entry}”, which may have been added after signing. Take it out, or sign the "
        "whole container again.",
    ),
    # What a dossier's container holds
    "container-no-envelope": Reason(
        _FORMAT,
        "Gói không có tệp “{entry}” (phong bì hồ sơ). Hãy đặt phong bì với đúng tên này, ký lại rồi nộp.",
        "The container has no “{entry}” (the dossier's envelope). Put the envelope in under this name, sign again and "
        "submit.",
    ),
    "container-foreign-entry": Reason(
        _PROFILE,
        "“{entry}” không được phong bì nêu tên (TenFile với NoiDungFile trống), hoặc nằm trong thư mục. Hãy khai tệp "
        "trong phong bì hoặc bỏ ra, ký lại rồi nộp.",
        "“{entry}” is not named by the envelope (TenFile with an empty NoiDungFile), or lies in a folder. Name it "
        "there or take it out, sign again and submit.",
    ),
    "container-file-missing": Reason(
        _PROFILE,
        "Phong bì nêu tên “{entry}” với NoiDungFile trống nhưng gói không có tệp này. Hãy thêm tệp, ký lại rồi nộp.",
        "The envelope names “{entry}” with an empty NoiDungFile, and the container does not hold it. Add it, sign "
        "again and submit.",
    ),
    "container-file-named-twice": Reason(
        _PROFILE,
        "Phong bì nêu tên “{entry}” nhiều hơn một lần. Hãy để mỗi tệp một tên riêng, ký lại rồi nộp.",
        "The envelope names “{entry}” more than once. Give each file its own name, sign again and submit.",
    ),
}
