"""Tables of offices as files: what is written is read again the same, and what is wrong is told with its line."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.office_changes import compare, doubts, laid_over, lines
from gateway.office_files import COLUMNS, SHIPPED, read_csv, read_toml, write_csv, write_toml
from gateway.office_rows import Office, OfficesMistaken, Rows, Rule
from gateway.routing import OfficeTable
from tests.gateway.routing_cases import OPERATOR_FILE

ON = date(2026, 11, 23)
SHIPPED_ROWS = OfficeTable.load().rows
TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
LISTS = st.lists(st.from_regex(r"[0-9]{5}", fullmatch=True), max_size=3).map(tuple)
DAYS = st.dates(date(1995, 1, 1), date(2099, 1, 1))
OFFICES = st.builds(
    Office, code=TEXTS, name=TEXTS, parent=TEXTS, valid_from=DAYS, valid_to=st.none() | DAYS, successors=LISTS,
    certainty=st.sampled_from(["verified", "unconfirmed", "demo"]), note=TEXTS, handles=LISTS, places=LISTS,
    kind=st.sampled_from(["", "provincial", "grassroots", "district"]), predecessors=LISTS,
)  # fmt: skip
RULES = st.builds(
    Rule, id=TEXTS, procedures=LISTS, competent=st.sampled_from(["registered-agency", "place", "spread"]),
    valid_from=DAYS, title_vi=TEXTS, title_en=TEXTS, source=TEXTS, certainty=st.just("demo"),
    weights=st.dictionaries(TEXTS, st.integers(1, 9), max_size=3), under=LISTS, fallback=TEXTS,
)  # fmt: skip


def an_office(code: str, **more: object) -> Office:
    told = {"name": f"Cơ quan {code}", "parent": "", "valid_from": date(2025, 7, 1), "certainty": "demo"} | more
    return Office(code=code, **told)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(
    offices=st.lists(OFFICES, min_size=1, max_size=4).map(tuple),
    rules=st.lists(RULES, min_size=1, max_size=3).map(tuple),
)
def test_what_is_written_as_toml_is_read_again_the_same(offices: tuple[Office, ...], rules: tuple[Rule, ...]):
    rows = Rows("v", "r", offices, rules)
    content = write_toml(rows)
    assert read_toml(content, "", ()) == rows
    assert write_toml(read_toml(content, "", ())) == content


def test_ours_is_the_same_from_its_own_text_and_as_csv():
    again = OfficeTable(read_toml(write_toml(SHIPPED_ROWS), "", ()))
    assert again.version == OfficeTable.load().version
    assert read_csv(write_csv(SHIPPED_ROWS.offices), ON) == SHIPPED_ROWS.offices


def test_csv_may_name_few_columns_and_days_as_people_write_them():
    text = "\ufeffname,code,valid_to,successors,places\nCơ  sở  A,09941,31/12/2026,09942; 09943,79 26929\n"
    (one,) = read_csv(text, date(2026, 1, 1))
    assert (one.name, one.code, one.valid_from, one.valid_to) == (
        "Cơ sở A", "09941", date(2026, 1, 1), date(2026, 12, 31),
    )  # fmt: skip
    assert (one.successors, one.places, one.certainty) == (("09942", "09943"), ("79", "26929"), "unconfirmed")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("code\n09941\n", "missing columns: name"),
        ("code,name,colour\n09941,A,red\n", "unknown columns: colour"),
        ("code,name\n09941\n", "line 2: .*too many or too few"),
        ("code,name\n09941,A\n09942,B,C\n", "line 3: .*too many or too few"),
        ("code,name,valid_from\n09941,A,31/02/2026\n", "line 2"),
        ("code,name,certainty\n09941,A,sure\n", "line 2"),
        ("code,name,kind\n09941,A,big\n", "line 2"),
        ('code,name\n09941,"A\n', "line"),
    ],
)
def test_what_is_wrong_in_a_csv_is_told_with_its_line(text: str, complaint: str):
    with pytest.raises(OfficesMistaken, match=complaint):
        read_csv(text, ON)


@pytest.mark.parametrize(
    "content", [b"\xff", b"version = 1", b"[[offices]]\ncode = 1", b"version = 'a'\nx = 1\noffices = []"]
)
def test_what_is_no_table_is_refused(content: bytes):
    with pytest.raises(OfficesMistaken):
        read_toml(content, "", ())


@pytest.mark.parametrize(
    ("office", "complaint"),
    [
        (an_office("09941", predecessors=("09942",)), "names its predecessors otherwise"),
        (an_office("09941", places=("7",)), "no place code"),
        (an_office("09941", parent="09942"), "above itself"),
        (an_office("09941", name=" "), "no name"),
    ],
)
def test_offices_that_contradict_themselves_do_not_load(office: Office, complaint: str):
    other = an_office("09942", parent="09941")
    with pytest.raises(OfficesMistaken, match=complaint):
        OfficeTable(Rows("a", "b", (office, other), ()))


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"competent": "spread"}, "spreads without weights"),
        ({"weights": {"09941": 1}}, "has weights and does not spread"),
        ({"competent": "spread", "weights": {"09941": 0}}, "weight that is not"),
        ({"competent": "spread", "weights": {"09999": 1}}, "names 09999"),
        ({"fallback": "09999"}, "names 09999"),
        ({"under": ("09999",)}, "names 09999"),
    ],
)
def test_rules_that_contradict_themselves_do_not_load(changed: dict[str, object], complaint: str):
    told: dict[str, object] = {
        "id": "a", "procedures": ("600",), "competent": "registered-agency", "valid_from": ON,
        "title_vi": "x", "title_en": "x", "source": "x", "certainty": "demo",
    }  # fmt: skip
    rule = Rule(**told | changed)  # type: ignore[arg-type]
    with pytest.raises(OfficesMistaken, match=complaint):
        OfficeTable(Rows("a", "b", (an_office("09941"),), (rule,)))


def test_predecessors_follow_from_the_successors():
    assert OfficeTable.load().predecessors("09993") == ("09991", "09994")
    assert OfficeTable.load(OPERATOR_FILE).predecessors("09942") == ("09945", "09947")


def test_a_table_of_others_offices_is_served_by_our_rules_without_the_invented_ones(tmp_path: Path):
    alone = tmp_path / "offices.toml"
    alone.write_text((SHIPPED / "offices.toml").read_text("utf-8"), "utf-8")
    assert [rule.id for rule in OfficeTable.load(alone).rules] == ["registered-agency-1", "inspection-place-1"]


def test_what_a_table_changes_is_told_row_by_row():
    held = Rows("a", "r", (an_office("09941"), an_office("09942"), an_office("09943"), an_office("09944")), ())
    ended = an_office("09942", valid_to=date(2026, 12, 31), successors=("09941",))
    told = Rows("b", "r", (an_office("09941"), ended, an_office("09943", name="Tên mới"), an_office("09945")), ())
    found = compare(held, told)
    assert [each.code for each in found.added] == ["09945"]
    assert [each.code for each in found.ended] == ["09942"]
    assert [each.code for each in found.gone] == ["09944"]
    assert [(each.code, each.members) for each in found.changed] == [("09943", (("name", "Cơ quan 09943", "Tên mới"),))]
    assert (found.unchanged, found.is_none) == (1, False)
    printed = "\n".join(lines(found))
    assert "+ thêm · added: 09945" in printed
    assert "× kết thúc · ended: 09942 Cơ quan 09942 (01/07/2025 – 31/12/2026) → 09941" in printed
    assert "tên · name: Cơ quan 09943 → Tên mới" in printed
    assert compare(held, held).is_none


def test_rules_that_come_change_and_go_are_told():
    held = SHIPPED_ROWS
    first, second, third = held.rules
    other = Rule(**{name: getattr(first, name) for name in Rule.__struct_fields__} | {"id": "new-1", "title_vi": "Mới"})
    changed = Rule(**{name: getattr(second, name) for name in Rule.__struct_fields__} | {"title_vi": "Khác"})
    found = compare(held, Rows("b", "r", held.offices, (first, changed, other)))
    assert [rule.id for rule in found.rules_added] == ["new-1"]
    assert [rule.id for rule in found.rules_changed] == [second.id]
    assert [rule.id for rule in found.rules_gone] == [third.id]
    assert len(lines(found)) == 3


def test_rows_laid_over_a_table_replace_end_and_add():
    held = Rows("a", "r", (an_office("09941"), an_office("09942"), an_office("09943")), ())
    later = an_office("09941", valid_from=date(2027, 1, 1), name="Sau")
    same = an_office("09942", name="Đổi")
    rows = laid_over(held, (later, same, an_office("09944")))
    assert [(each.code, each.valid_from.year, each.name) for each in rows] == [
        ("09941", 2025, "Cơ quan 09941"), ("09942", 2025, "Đổi"), ("09943", 2025, "Cơ quan 09943"),
        ("09941", 2027, "Sau"), ("09944", 2025, "Cơ quan 09944"),
    ]  # fmt: skip
    assert rows[0].valid_to == date(2026, 12, 31)
    assert OfficeTable(Rows("b", "r", rows, ())).get("09941", date(2027, 1, 1)) == later


def test_what_is_allowed_and_doubtful_is_told():
    rows = Rows(
        "a", "r",
        (an_office("09941", kind="district"), an_office("09942", places=("98765", "00082", "26929", "99001"))), (),
    )  # fmt: skip
    told = "\n".join(doubts(rows, ON))
    assert "2 dòng mẫu" in told
    assert "districts were abolished" in told
    assert "98765 không có trong danh mục" in told
    assert "mã 00082" in told
    assert "26929" not in told
    assert "99001" not in told
    assert COLUMNS[0] == "code"
