"""Findings are worded in two languages, cut to size, and bounded in number."""

import ast
import re
import string
import unicodedata
from pathlib import Path

import pytest

import schemas
from schemas.findings import FINDINGS_MAX, MESSAGES, Place, Severity, bounded, cut, finding

ROOM = Path(schemas.__file__).parent
PARTS = ("message_vi", "message_en", "fix_vi", "fix_en")
VIETNAMESE = re.compile("[ăâđêôơưáàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ]", re.IGNORECASE)


def placeholders(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("code", MESSAGES)
def test_every_message_exists_in_both_languages_is_nfc_and_a_sentence(code):
    for part in PARTS:
        text = getattr(MESSAGES[code], part)
        assert text == text.strip() != ""
        assert unicodedata.is_normalized("NFC", text)
        assert text.endswith((".", "}", ").")), text
    for part in ("message_vi", "fix_vi"):
        assert VIETNAMESE.search(getattr(MESSAGES[code], part)), part
    for part in ("message_en", "fix_en"):
        assert not VIETNAMESE.search(getattr(MESSAGES[code], part).replace("“và”", "")), part


@pytest.mark.parametrize("code", MESSAGES)
def test_both_languages_tell_the_same_facts(code):
    message = MESSAGES[code]
    assert placeholders(message.message_vi) == placeholders(message.message_en)
    assert placeholders(message.fix_vi) == placeholders(message.fix_en)


def test_the_code_and_the_table_of_messages_name_the_same_findings():
    named = set()
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and node.value in MESSAGES:
                named.add(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "finding":
                first = node.args[0]
                assert not isinstance(first, ast.Constant) or first.value in MESSAGES, ast.unparse(node)
    for words in re.findall(r'^code = "([a-z0-9-]+)"$', (ROOM / "forms/types.toml").read_text("utf-8"), re.MULTILINE):
        assert words in MESSAGES
        named.add(words)
    assert named == set(MESSAGES)


def test_a_finding_says_file_row_employee_and_column_in_both_languages():
    place = Place(file="D02-TS.xml", row=3, row_name="Nguyễn Văn Mẫu", column="MasoBHXH", column_label="Mã số BHXH")
    told = finding("value-missing", place, {"expects_vi": "x", "expects_en": "y", "example": "z"})
    assert told.message_vi.startswith("Tệp D02-TS.xml, dòng 3 (Nguyễn Văn Mẫu), cột “Mã số BHXH” (MasoBHXH): ")
    assert told.message_en.startswith("File D02-TS.xml, row 3 (Nguyễn Văn Mẫu), column “Mã số BHXH” (MasoBHXH): ")
    assert (told.fix_vi, told.fix_en) == ("Điền x, ví dụ “z”.", "Fill in y, for example “z”.")


def test_a_value_is_cut_and_braces_in_it_mean_nothing():
    told = finding("attribute-not-allowed", value="{0.__class__}" * 50, parent="{x}")
    assert len(told.value) == 100
    assert told.value.endswith("…")
    assert "{x}" in told.message_en
    assert cut("ngắn") == "ngắn"


def test_an_unknown_code_or_word_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        finding("no-such-code")
    with pytest.raises(KeyError):
        finding("file-empty")


def test_five_hundred_findings_are_shown_and_the_rest_counted():
    one = finding("xml-nul", offset=1)
    warning = finding("row-number-gap", value="7", expected=2)
    many = [warning] * 300 + [one] * 400
    shown = bounded(many, uncounted=5)
    assert len(shown) == FINDINGS_MAX + 1
    assert sum(item.severity is Severity.ERROR for item in shown[:-1]) == 400
    assert shown[-1].code == "more-findings"
    assert shown[-1].severity is Severity.ERROR
    assert "205" in shown[-1].message_vi
    assert bounded([one] * 500) == [one] * 500
    assert bounded([warning] * 501)[-1].severity is Severity.WARNING
