"""Forms printed with codes: every sheet says where it belongs, and what is printed without codes stays as it was."""

from functools import lru_cache

import pytest

from gateway.mailroom.codes import PageCode, Printed, check_page, read_code
from gateway.postal.printed_forms import ToPrint, count_forms, forms_pdf, pages_of
from gateway.printing import NothingToPrint
from schemas import printed, printed_coded
from schemas.paper_codes import SheetCode, SheetsChanged, sheets_of
from schemas.printed_page import Page, Words
from tests.postal.papers import AT, ON, XML, announced, codes_on, content, counted, sheets
from tests.schemas.judging import CATALOGUE
from tests.schemas.pdf_text import sheets as texts

SEEDS = (1, 2)
MORE = 25


def to_print(seed: int = 1, **changes: object) -> ToPrint:
    row = announced(seed, printed=counted(seed))
    given = {
        "dossier": row.id,
        "digest": row.digest,
        "content": content(seed),
        "media_type": XML,
        "printed": counted(seed),
    }
    return ToPrint(**given | changes)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def two() -> tuple[list[ToPrint], bytes]:
    asked = [to_print(seed) for seed in SEEDS]
    return asked, forms_pdf(asked, CATALOGUE, ON, AT, apart=False)


def test_every_sheet_of_every_form_of_each_dossier_is_read_back_and_belongs() -> None:
    asked, made = two()
    wanted = [
        (one.dossier, form.number, page, form.pages)
        for one in asked
        for form in one.printed
        for page in range(1, form.pages + 1)
    ]
    digests = {one.dossier: one.digest for one in asked}
    found = []
    for picture in sheets(made):
        (text,) = codes_on(picture)
        read = read_code(text)
        assert isinstance(read, PageCode)
        assert check_page(read, digests[read.dossier])
        assert not any(check_page(read, digest) for named, digest in digests.items() if named != read.dossier)
        found.append((read.dossier, read.number, read.page, read.pages))
    assert found == wanted
    assert len({form.form for form in asked[0].printed}) >= 2


def test_a_sheet_tells_people_where_it_belongs_too() -> None:
    asked, made = two()
    first, one = texts(made)[0], asked[0]
    squeezed = "".join(first.split())
    for said in (one.dossier, f"tờ khai 1/{len(one.printed)}", f"trang 1/{one.printed[0].pages}", one.printed[0].form):
        assert "".join(said.split()) in squeezed
    assert "(Ký,ghirõhọtên,đóngdấu)" in "".join("".join(text.split()) for text in texts(made))


def test_a_form_of_many_sheets_is_counted_as_it_is_set() -> None:
    long = content(5, MORE)
    forms = count_forms(long, XML, CATALOGUE, ON, AT, apart=False)
    assert max(form.pages for form in forms) > 2
    made = forms_pdf([to_print(content=long, printed=forms)], CATALOGUE, ON, AT, apart=False)
    assert sheets_of(made) == tuple(form.pages for form in forms)


def test_the_same_dossiers_give_the_same_bytes_also_apart_and_the_same_counts() -> None:
    asked, made = two()
    assert forms_pdf(asked, CATALOGUE, ON, AT, apart=True) == made
    assert count_forms(content(1), XML, CATALOGUE, ON, AT, apart=True) == counted(1)


@pytest.mark.parametrize("wrong", ["fewer", "more", "other"])
def test_forms_that_are_not_as_they_were_counted_are_not_printed(wrong: str) -> None:
    first, *rest = counted(1)
    forms = {
        "fewer": tuple(rest),
        "more": (Printed(number=first.number, form=first.form, pages=first.pages + 1), *rest),
        "other": (Printed(number=first.number, form="TK3-TS", pages=first.pages), *rest),
    }[wrong]
    with pytest.raises(SheetsChanged):
        forms_pdf([to_print(printed=forms)], CATALOGUE, ON, AT, apart=False)


@pytest.mark.parametrize("nothing", [b"", b"<no", b"<Hoso/>", b"<Khac><A/></Khac>"])
def test_what_has_no_forms_is_counted_as_none_and_not_printed(nothing: bytes) -> None:
    assert count_forms(nothing, XML, CATALOGUE, ON, AT) == ()
    with pytest.raises(NothingToPrint):
        forms_pdf([to_print(content=nothing, printed=())], CATALOGUE, ON, AT)


def test_the_envelopes_own_list_is_not_among_the_forms() -> None:
    assert "Hoso" not in [page.name for page in pages_of(content(1), XML, CATALOGUE, ON)]


def test_codes_change_the_foot_of_a_sheet_alone() -> None:
    page = Page(name="X", title="MỘT TỜ KHAI", blocks=(Words(("một", "hai")),), landscape=True, size="a3")
    code = SheetCode(code="MOTCUA1/P/X", line="dòng một", fine="dòng hai")
    plain, coded = printed.pdf([page], AT), printed_coded.pdf([page], [[code]], AT)
    (before,), (after,) = texts(plain), texts(coded)
    assert "MỘT TỜ KHAI" in before
    assert "dòng một" in after
    assert after.replace("dòng một", "").replace("dòng hai", "").split() == before.replace("XTrang 1/1", "").split()
