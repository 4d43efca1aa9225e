"""Why a signature does not hold, when the cause was found and proven: what happened, and how to mend it."""

from typing import Final

from signing.indication import SubIndication
from signing.reasons import Reason

_HASH: Final = SubIndication.HASH_FAILURE
_VALUE: Final = SubIndication.SIG_CRYPTO_FAILURE
_KEY: Final = SubIndication.NO_SIGNING_CERTIFICATE_FOUND

_THE_FILE_VI: Final = "Hãy nộp đúng tệp mà phần mềm ký số đã tạo, không mở và lưu lại bằng chương trình khác."
_THE_FILE_EN: Final = "Submit the very file that the signing software made, without opening and saving it elsewhere."
_AGAIN_VI: Final = "Hãy khôi phục giá trị đã ký, hoặc ký lại bản mới."
_AGAIN_EN: Final = "Restore the signed value, or sign the new version."
_VENDOR_VI: Final = "Đây là lỗi của phần mềm ký số: hãy cập nhật phần mềm rồi ký lại; nếu vẫn lỗi, báo nhà cung cấp."
_VENDOR_EN: Final = (
    "This is a fault of the signing software: update it and sign again; if that does not help, tell its vendor."
)

REASONS: Final[dict[str, Reason]] = {
    # How it was written: every value is as it was signed.
    "digest-differs-indentation-part": Reason(
        _HASH,
        f"Một phần của tài liệu, tại {{place_vi}}, bị định dạng lại (thụt dòng, khoảng trắng giữa các thẻ) sau khi ký; "
        f"giá trị các trường không đổi. {_THE_FILE_VI}",
        f"One part of the document, {{place_en}}, was re-indented after signing (blanks between tags); its values did "
        f"not change. {_THE_FILE_EN}",
    ),
    "digest-differs-namespaces-and-indentation": Reason(
        _HASH,
        "Tài liệu được một chương trình đọc vào rồi ghi lại sau khi ký: khoảng trắng giữa các thẻ và khai báo xmlns "
        f"của phần tử gốc bị đổi; giá trị các trường không đổi. {_THE_FILE_VI}",
        "After signing, a program read the document and wrote it again: blanks between tags and the root's xmlns "
        f"declarations changed, its values did not. {_THE_FILE_EN}",
    ),
    "digest-differs-returns-lost": Reason(
        _HASH,
        "Phần mềm ký đã ký văn bản có ký tự xuống dòng CR (&#13;), nhưng khi lưu hoặc gửi tệp, các ký tự này bị mất; "
        "giá trị các trường không đổi. Hãy cấu hình phần mềm dùng xuống dòng LF trước khi ký, rồi ký lại.",
        "The signing software signed a text with carriage returns (CR, &#13;), and these were lost when the file was "
        "saved or sent; its values did not change. Let the software use LF line ends before it signs, and sign again.",
    ),
    "digest-differs-returns-added": Reason(
        _HASH,
        "Một chương trình đã chèn ký tự xuống dòng CR (&#13;) vào tài liệu sau khi ký; giá trị các trường không đổi. "
        f"{_THE_FILE_VI}",
        "A program put carriage returns (CR, &#13;) into the document after signing; its values did not change. "
        f"{_THE_FILE_EN}",
    ),
    "digest-differs-base64-lines": Reason(
        _HASH,
        "Đoạn base64 tại {place_vi} bị ngắt dòng hoặc nối dòng lại sau khi ký; tệp đính kèm không đổi. "
        f"{_THE_FILE_VI}",
        "The base64 text at {place_en} was broken into lines, or its lines were joined, after signing; the attached "
        f"file did not change. {_THE_FILE_EN}",
    ),
    "digest-differs-charset": Reason(
        _HASH,
        "Tài liệu UTF-8 bị một chương trình đọc nhầm bằng bảng mã {charset} rồi lưu lại sau khi ký, nên chữ có dấu "
        f"thành ký tự lạ. {_THE_FILE_VI}",
        "After signing, a program read this UTF-8 document as {charset} and saved it, so that accented letters became "
        f"odd characters. {_THE_FILE_EN}",
    ),
    "digest-differs-entities-doubled": Reason(
        _HASH,
        f"Ký tự đặc biệt trong tài liệu bị mã hóa thêm một lần sau khi ký (ví dụ “&” thành “&amp;”). {_THE_FILE_VI}",
        "Special characters in the document were escaped once more after signing (“&” became “&amp;”, for example). "
        f"{_THE_FILE_EN}",
    ),
    "digest-differs-entities-undone": Reason(
        _HASH,
        "Khi ký, ký tự đặc biệt trong tài liệu đã bị mã hóa hai lần (ví dụ “&amp;” thay cho “&”), sau đó được sửa lại. "
        "Hãy ký lại bản đã sửa.",
        "When it was signed, special characters in the document were escaped twice (“&amp;” instead of “&”, for "
        "example); that was put right afterwards. Sign the corrected version again.",
    ),
    "digest-differs-instruction": Reason(
        _HASH,
        "Một chỉ thị xử lý <?{name} …?> được thêm vào tài liệu sau khi ký; chữ ký bảo vệ cả chỉ thị này. Hãy xóa chỉ "
        "thị đó, hoặc thêm trước khi ký rồi ký lại.",
        "A processing instruction <?{name} …?> was added to the document after signing, and the signature covers "
        "those too. Remove it, or add it before you sign and sign again.",
    ),
    "digest-differs-attribute-added": Reason(
        _HASH,
        f"Thuộc tính {{name}} được thêm vào tài liệu sau khi ký; giá trị các trường không đổi. {_THE_FILE_VI}",
        f"The attribute {{name}} was added to the document after signing; its values did not change. {_THE_FILE_EN}",
    ),
    "digest-differs-attribute-removed": Reason(
        _HASH,
        f"Thuộc tính {{name}} của phần tử gốc bị bỏ sau khi ký; giá trị các trường không đổi. {_THE_FILE_VI}",
        f"The root's attribute {{name}} was dropped after signing; the document's values did not change. "
        f"{_THE_FILE_EN}",
    ),
    "digest-differs-namespaces-added": Reason(
        _HASH,
        f"Khai báo {{names}} được thêm vào phần tử gốc sau khi ký; giá trị các trường không đổi. {_THE_FILE_VI}",
        f"The declaration {{names}} was added to the root after signing; the document's values did not change. "
        f"{_THE_FILE_EN}",
    ),
    "digest-differs-namespaces-removed": Reason(
        _HASH,
        f"Khai báo {{names}} của phần tử gốc bị bỏ sau khi ký; giá trị các trường không đổi. {_THE_FILE_VI}",
        f"The root's declaration {{names}} was dropped after signing; the document's values did not change. "
        f"{_THE_FILE_EN}",
    ),
    "digest-differs-namespaces-changed": Reason(
        _HASH,
        f"Các khai báo {{names}} của phần tử gốc bị đổi sau khi ký; giá trị các trường không đổi. {_THE_FILE_VI}",
        f"The root's declarations {{names}} were changed after signing; the document's values did not change. "
        f"{_THE_FILE_EN}",
    ),
    "digest-differs-namespaces-moved": Reason(
        _HASH,
        f"Khai báo {{names}} bị chuyển sang phần tử khác sau khi ký; giá trị các trường không đổi. {_THE_FILE_VI}",
        f"The declaration {{names}} was moved to another element after signing; the document's values did not change. "
        f"{_THE_FILE_EN}",
    ),
    # The signing software's fault: the document is as it was.
    "digest-differs-hash": Reason(
        _HASH,
        "Mã băm trong chữ ký được tính bằng {found}, không phải thuật toán ghi trong DigestMethod; tài liệu không bị "
        f"thay đổi. {_VENDOR_VI}",
        "The digest in the signature was computed with {found} and not with the algorithm that DigestMethod names; the "
        f"document did not change. {_VENDOR_EN}",
    ),
    "digest-differs-raw": Reason(
        _HASH,
        "Mã băm được tính trên các byte của tệp chứ không phải trên dạng chuẩn hóa (C14N) của tài liệu; tài liệu không "
        f"bị thay đổi. {_VENDOR_VI}",
        "The digest was computed over the file's bytes and not over the document's canonical form (C14N); the document "
        f"did not change. {_VENDOR_EN}",
    ),
    "digest-differs-place": Reason(
        _HASH,
        "Mã băm được tính trước khi phần tử chứa chữ ký được thêm vào tài liệu; các giá trị không đổi. Hãy tạo sẵn "
        f"phần tử chứa chữ ký (để trống) rồi ký lại. {_VENDOR_VI}",
        "The digest was computed before the element that holds the signature was put into the document; its values "
        f"did not change. Make that element first, empty, and sign again. {_VENDOR_EN}",
    ),
    # The order of work
    "digest-differs-form-signed-later": Reason(
        _HASH,
        "Hồ sơ được ký trước khi tờ khai bên trong được ký ({files}): chữ ký của tờ khai làm thay đổi hồ sơ. Hãy ký "
        "các tờ khai trước, rồi mới ký hồ sơ.",
        "The dossier was signed before the form inside it was ({files}), and the form's signature changed the dossier. "
        "Sign the forms first, the dossier last.",
    ),
    "digest-differs-form-saved": Reason(
        _HASH,
        "Tờ khai bên trong ({files}) bị lưu lại sau khi ký hồ sơ: dấu BOM, ký tự xuống dòng hoặc khoảng trắng cuối tệp "
        "bị đổi; nội dung không đổi. Hãy ký lại hồ sơ sau khi đã đính kèm tờ khai.",
        "The form inside ({files}) was saved again after the dossier was signed: its byte order mark, line ends or "
        "last blanks changed, its content did not. Sign the dossier again, after the form is attached.",
    ),
    "digest-differs-form-edited": Reason(
        _HASH,
        "Tờ khai bên trong ({file}) bị sửa sau khi ký: trường {place_vi} khi ký là {signed_vi}, nay là {now_vi}; ngoài "
        "ra hồ sơ không đổi. Hãy khôi phục giá trị đã ký, hoặc ký lại tờ khai rồi ký lại hồ sơ.",
        "The form inside ({file}) was edited after signing: {place_en} was {signed_en} when it was signed and is "
        "{now_en} now; nothing else changed. Restore the signed value, or sign the form again and then the dossier.",
    ),
    "digest-differs-lengths": Reason(
        _HASH,
        "{place_vi} bị ghi lại sau khi ký: khi ký là {signed_vi}, nay là {now_vi}. Hãy ghi độ dài và số lượng tệp "
        "trước, rồi mới ký hồ sơ.",
        "{place_en} was rewritten after signing: {signed_en} when it was signed, {now_en} now. Fill in lengths and "
        "counts first, and sign the dossier last.",
    ),
    # Edited
    "digest-differs-field": Reason(
        _HASH,
        f"Trường {{place_vi}} bị sửa sau khi ký: khi ký là {{signed_vi}}, nay là {{now_vi}}. Các trường khác không "
        f"đổi. {_AGAIN_VI}",
        f"The field {{place_en}} was edited after signing: {{signed_en}} when it was signed, {{now_en}} now. All "
        f"others are unchanged. {_AGAIN_EN}",
    ),
    "digest-differs-column": Reason(
        _HASH,
        f"Cột {{column}} bị viết lại ở {{count}} dòng sau khi ký; ví dụ {{place_vi}}: khi ký là {{signed_vi}}, nay là "
        f"{{now_vi}}. {_AGAIN_VI}",
        f"The column {{column}} was rewritten in {{count}} rows after signing; {{place_en}}, for example: "
        f"{{signed_en}} when it was signed, {{now_en}} now. {_AGAIN_EN}",
    ),
    "digest-differs-fields": Reason(
        _HASH,
        f"{{count}} trường bị viết lại theo cùng một cách sau khi ký; ví dụ {{place_vi}}: khi ký là {{signed_vi}}, nay "
        f"là {{now_vi}}. {_AGAIN_VI}",
        f"{{count}} fields were rewritten in the same way after signing; {{place_en}}, for example: {{signed_en}} when "
        f"it was signed, {{now_en}} now. {_AGAIN_EN}",
    ),
    "digest-differs-exchanged": Reason(
        _HASH,
        f"Giá trị của hai trường bị đổi chỗ cho nhau sau khi ký: {{place_vi}} khi ký là {{one_vi}}, {{there_vi}} khi "
        f"ký là {{two_vi}}. {_AGAIN_VI}",
        f"Two fields exchanged their values after signing: when it was signed, {{place_en}} was {{one_en}} and "
        f"{{there_en}} was {{two_en}}. {_AGAIN_EN}",
    ),
    "digest-differs-element-added": Reason(
        _HASH,
        f"Phần tử rỗng {{place_vi}} được thêm vào sau khi ký. {_THE_FILE_VI}",
        f"The empty element {{place_en}} was added after signing. {_THE_FILE_EN}",
    ),
    "digest-differs-elements-added": Reason(
        _HASH,
        f"{{count}} phần tử rỗng được thêm vào sau khi ký, ví dụ {{place_vi}}; các giá trị không đổi. {_THE_FILE_VI}",
        f"{{count}} empty elements were added after signing, {{place_en}} for example; the values did not change. "
        f"{_THE_FILE_EN}",
    ),
    "digest-differs-element-removed": Reason(
        _HASH,
        f"Một hay nhiều phần tử rỗng của {{place_vi}} bị bỏ sau khi ký; các giá trị không đổi. {_THE_FILE_VI}",
        f"One or more empty elements of {{place_en}} were dropped after signing; the values did not change. "
        f"{_THE_FILE_EN}",
    ),
    "digest-differs-elements-removed": Reason(
        _HASH,
        f"{{count}} phần tử rỗng bị bỏ sau khi ký, ví dụ trong {{place_vi}}; các giá trị không đổi. {_THE_FILE_VI}",
        f"{{count}} empty elements were dropped after signing, of {{place_en}} for example; the values did not change. "
        f"{_THE_FILE_EN}",
    ),
    "digest-differs-row-added": Reason(
        _HASH,
        "{place_vi} được thêm vào sau khi ký. Hãy bỏ phần này, hoặc ký lại bản mới.",
        "{place_en} was added after signing. Take it out, or sign the new version.",
    ),
    "digest-differs-rows-exchanged": Reason(
        _HASH,
        "{place_vi} bị đổi chỗ với dòng kế tiếp sau khi ký. Hãy khôi phục thứ tự đã ký, hoặc ký lại bản mới.",
        "{place_en} and the row below it changed places after signing. Restore the signed order, or sign the new "
        "version.",
    ),
    # The value: XMLDSig 1.1 §3.2.2
    "signature-value-context": Reason(
        _VALUE,
        "Giá trị chữ ký được tính trên SignedInfo tách khỏi tài liệu, thiếu các khai báo xmlns của phần tử cha mà "
        f"thuật toán chuẩn hóa đòi hỏi (hoặc dùng Exclusive C14N thay vì C14N); nội dung hồ sơ không đổi. {_VENDOR_VI}",
        "The value was made over a SignedInfo outside its document, without the xmlns declarations of its ancestors "
        "that its canonicalisation demands (or with exclusive instead of inclusive C14N); the content did not change. "
        f"{_VENDOR_EN}",
    ),
    "signature-value-inclusive": Reason(
        _VALUE,
        "SignedInfo được chuẩn hóa bằng C14N thường (inclusive), trong khi chữ ký ghi Exclusive C14N; nội dung hồ sơ "
        f"không đổi. {_VENDOR_VI}",
        "SignedInfo was canonicalised inclusively, while the signature names exclusive C14N; the content did not "
        f"change. {_VENDOR_EN}",
    ),
    "signature-value-indentation": Reason(
        _VALUE,
        "Chính chữ ký (phần SignedInfo) bị định dạng lại, thụt dòng hoặc ngắt dòng sau khi ký; nội dung hồ sơ không "
        f"đổi. {_THE_FILE_VI}",
        "The signature itself (SignedInfo) was re-indented or broken into lines after signing; the content did not "
        f"change. {_THE_FILE_EN}",
    ),
    "signature-value-raw": Reason(
        _VALUE,
        "Giá trị chữ ký được tính trên SignedInfo chưa chuẩn hóa (C14N), đúng như các byte trong tệp; nội dung hồ sơ "
        f"không đổi. {_VENDOR_VI}",
        "The value was made over SignedInfo as its bytes stand in the file and not over its canonical form (C14N); the "
        f"content did not change. {_VENDOR_EN}",
    ),
    "signature-value-over-document": Reason(
        _VALUE,
        "Giá trị chữ ký được tính trực tiếp trên tài liệu, không phải trên SignedInfo như XMLDSig đòi hỏi. "
        f"{_VENDOR_VI}",
        f"The value was made over the document itself and not over SignedInfo, as XMLDSig demands. {_VENDOR_EN}",
    ),
    "signature-value-over-digest": Reason(
        _VALUE,
        "Giá trị chữ ký được tính trên mã băm của tài liệu (DigestValue), không phải trên SignedInfo như XMLDSig đòi "
        f"hỏi. {_VENDOR_VI}",
        "The value was made over the document's digest (DigestValue) and not over SignedInfo, as XMLDSig demands. "
        f"{_VENDOR_EN}",
    ),
    "signature-value-hash": Reason(
        _VALUE,
        f"Giá trị chữ ký được tạo với {{found}}, trong khi chữ ký ghi {{declared}}; nội dung hồ sơ không đổi. "
        f"{_VENDOR_VI}",
        f"The value was made with {{found}}, while the signature says {{declared}}; the content did not change. "
        f"{_VENDOR_EN}",
    ),
    "signature-value-pss": Reason(
        _VALUE,
        f"Giá trị chữ ký được tạo bằng RSA-PSS ({{found}}), trong khi chữ ký ghi RSA PKCS#1 v1.5. {_VENDOR_VI}",
        f"The value was made with RSA-PSS ({{found}}), while the signature says RSA PKCS#1 v1.5. {_VENDOR_EN}",
    ),
    "signature-value-no-digest-info": Reason(
        _VALUE,
        f"Giá trị chữ ký RSA thiếu phần nhận dạng thuật toán băm (DigestInfo) mà PKCS#1 v1.5 đòi hỏi. {_VENDOR_VI}",
        f"The RSA value lacks the name of its hash (DigestInfo) that PKCS#1 v1.5 demands. {_VENDOR_EN}",
    ),
    "signature-value-order": Reason(
        _VALUE,
        "Hai số r và s của chữ ký ECDSA bị ghi ngược thứ tự (s trước r); XMLDSig đòi hỏi r trước, mỗi số {octets} "
        f"byte. {_VENDOR_VI}",
        "The numbers r and s of the ECDSA signature stand in the wrong order (s first); XMLDSig demands r first, "
        f"{{octets}} bytes each. {_VENDOR_EN}",
    ),
    "signature-value-little-endian": Reason(
        _VALUE,
        f"Các byte của giá trị chữ ký bị ghi ngược (little-endian); XMLDSig đòi hỏi byte cao trước. {_VENDOR_VI}",
        f"The value's bytes are reversed (little-endian); XMLDSig demands the most significant first. {_VENDOR_EN}",
    ),
    "signature-value-other-content": Reason(
        _VALUE,
        "Giá trị chữ ký đúng là do khóa của chứng thư số này tạo ra, nhưng cho một SignedInfo khác: chữ ký của tài "
        "liệu khác bị chép sang, hoặc SignedInfo (ví dụ DigestValue) bị sửa sau khi ký. Hãy ký lại.",
        "The value was truly made with this certificate's key, but over another SignedInfo: it was copied from another "
        "document, or SignedInfo (its DigestValue, for example) was changed after signing. Sign again.",
    ),
    "signature-value-key-value": Reason(
        _KEY,
        "Chữ ký được tạo bằng khóa ghi trong KeyValue, không phải khóa của chứng thư số đi kèm: phần mềm đã kèm nhầm "
        "chứng thư số (ví dụ của USB token khác). Hãy chọn đúng chứng thư số rồi ký lại.",
        "The signature was made with the key in KeyValue and not with that of the certificate beside it: the software "
        "included the wrong certificate (another token's, for example). Choose the right one and sign again.",
    ),
    "signature-value-other-certificate": Reason(
        _KEY,
        "Chữ ký kèm nhiều chứng thư số và được tạo bằng khóa của “{certificate}”. Hãy chỉ kèm chứng thư số đó rồi ký "
        "lại.",
        "The signature carries several certificates and was made with the key of “{certificate}”. Include that one "
        "only, and sign again.",
    ),
}
