"""The door to Typst: every letter, the same bytes, nothing evaluated, nothing loaded before it is needed."""

import subprocess
import sys
import unicodedata
from datetime import UTC, datetime

import pytest

from schemas import printed, typeset
from schemas.printed_page import Page, Words
from tests.schemas.pdf_text import sheets

AT = datetime(2026, 1, 20, 2, 29, tzinfo=UTC)
_TONES = ("", "\u0300", "\u0301", "\u0309", "\u0303", "\u0323")
VIETNAMESE = "đĐ" + "".join(unicodedata.normalize("NFC", v + t) for v in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY" for t in _TONES)


def page(*lines: str, manner="plain", title="T") -> Page:
    return Page(name="T", title=title, blocks=(Words(lines, manner),))


def text(*pages: Page) -> str:
    return "".join(sheets(printed.pdf(pages, AT)))


@pytest.mark.parametrize("manner", ["plain", "heading", "note", "alarm"])
def test_every_vietnamese_letter_is_drawn_in_every_manner_of_writing(manner):
    assert len(set(VIETNAMESE)) == 146
    drawn = text(page(" ".join(VIETNAMESE), manner=manner))
    assert " ".join(VIETNAMESE).replace(" ", "") in drawn.replace(" ", "")
    assert "\ufffd" not in drawn


def test_whatever_the_fonts_are_said_to_have_they_have():
    # PDF/UA-1 refuses a document with a letter that has no glyph, so that this compiles only when all have one.
    letters = sorted(typeset._HAVE - {" "})
    drawn = text(
        page(" ".join(letters)), page(" ".join(letters), manner="heading"), page(" ".join(letters), manner="note")
    )
    assert not [letter for letter in letters if letter not in drawn and unicodedata.category(letter)[0] not in "ZM"]


def test_a_letter_that_no_font_has_is_written_by_its_number():
    assert "Lý [U+6F22] [U+1F600]" in text(page("Lý 漢 😀"))


def test_the_same_content_and_instant_give_the_same_bytes():
    first = printed.pdf([page("một")], AT)
    assert printed.pdf([page("một")], AT) == first
    assert printed.pdf([page("hai")], AT) != first
    assert printed.pdf([page("một")], AT.replace(minute=30)) != first


def test_the_same_bytes_come_out_of_a_process_of_its_own():
    pages = [page("một", "漢", '#panic("no")')]
    assert printed.pdf(pages, AT, apart=True) == printed.pdf(pages, AT)


def test_a_failure_in_a_process_of_its_own_is_the_same_failure():
    for template, content in (("no-such", []), ("page", [])):
        with pytest.raises(typeset.TypesetError) as here:
            typeset.pdf(template, content, AT)
        with pytest.raises(typeset.TypesetError) as apart:
            typeset.pdf_apart(template, content, AT)
        assert str(apart.value) == str(here.value)


def test_what_would_hold_up_others_is_refused_at_once():
    with pytest.raises(typeset.TooLongError) as refused:
        typeset.pdf_apart("page", ["x" * typeset.APART_SIZE_BYTES_MAX], AT)
    assert str(typeset.APART_SIZE_BYTES_MAX) in str(refused.value)


def test_it_is_made_for_keeping_and_for_those_who_hear_it():
    made = printed.pdf([page("một")], AT)
    assert b"<pdfaid:part>2</pdfaid:part>" in made
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in made
    assert b"<pdfuaid:part>1</pdfuaid:part>" in made


def test_nothing_that_is_written_in_a_form_is_markup():
    said = '#panic("no") *b* _i_ $x$ <label> @ref // = head #import "@preview/x:1.0.0" \\ `raw` #read("page.typ")'
    assert said in text(page(said))


def test_a_template_that_is_not_there_or_content_that_it_does_not_know_is_one_kind_of_failure():
    with pytest.raises(typeset.TypesetError, match=r"no-such\.typ"):
        typeset.pdf("no-such", [], AT)
    with pytest.raises(typeset.TypesetError, match=r"page\.typ"):
        typeset.pdf("page", [], AT)


def test_far_too_much_text_is_refused():
    with pytest.raises(typeset.TypesetError, match="more than"):
        typeset.pdf("page", ["x" * typeset.SIZE_BYTES_MAX], AT)


def test_a_long_word_may_break_and_a_short_one_may_not():
    assert typeset.breakable("ngắn gọn", 4) == "ngắn gọn"
    broken = typeset.breakable("một 123456789", 4)
    assert broken == "một " + typeset.BREAK_HERE.join("123456789")
    assert typeset.breakable("MMMM", 3.5) != "MMMM"


def test_who_does_not_print_never_loads_the_library():
    code = (
        "import sys, gateway.notice, gateway.cli_print, schemas.printed, schemas.printed_html;"
        "sys.exit('typst' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
