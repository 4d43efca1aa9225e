"""xmlschema is asked about refused parts only, within bounds, never raises, and reads the schemas as our model does."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree
from msgspec import structs

from schemas.explain import explain
from schemas.form import read_form
from schemas.second_opinion import (
    ELEMENTS_ASKED_MAX,
    OPINIONS_MAX,
    PARTS_MAX,
    REASON_CHARACTERS_MAX,
    VALUE_CHARACTERS_ASKED_MAX,
    Opinion,
    compiles,
    opinions,
    unexplained,
)
from tests.schemas.differential import document, every_form
from tests.schemas.judging import CATALOGUE, GOOD, ON, changed, sample, tree

D02 = CATALOGUE.form("D02-TS", ON)
BAD_ROW = "<LaoDong><STT>x</STT><HoTen></HoTen><MasoBHXH>1</MasoBHXH><ChucVu/><PA>zz</PA></LaoDong>"
ROW = "/D02-TS/NoiDung/LaoDong[1]"


def named(root, form=D02):
    """The paths of libxml2's own complaints."""
    schema = etree.XMLSchema(etree.parse(form.folder / "form.xsd"))
    schema.validate(root)
    return [entry.path for entry in schema.error_log]


def asked(source, form=D02):
    root = tree(source)
    return opinions(root, form, named(root, form))


@pytest.mark.parametrize("form", every_form(), ids=lambda form: form.version)
def test_xmlschema_compiles_each_schema_and_reads_it_as_our_model_does(form):
    assert compiles(form) == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('name="HoTen" type="HoTen"', 'name="HoTen" type="HoTen" minOccurs="0"', "/D02-TS/NoiDung/LaoDong/HoTen"),
        ('name="MasoBHXH"', 'name="MaSoBHXH"', "/D02-TS/NoiDung/LaoDong"),
        ('name="LaoDong" maxOccurs="unbounded"', 'name="LaoDong"', "/D02-TS/NoiDung/LaoDong"),
        ('<xs:enumeration value="TM"/>', "", "/D02-TS/NoiDung/LaoDong/PA"),
        ('<xs:pattern value="[01]?"/>', '<xs:pattern value="[012]?"/>', "/D02-TS/NoiDung/LaoDong/TinhLai"),
        ('<xs:maxLength value="500"/>', '<xs:maxLength value="501"/>', "/D02-TS/NoiDung/LaoDong/ChucVu"),
        ('<xs:restriction base="xs:token">', '<xs:restriction base="xs:string">', "/D02-TS/NoiDung/LaoDong/HoTen"),
        ('<xs:minLength value="1"/>', "", "/D02-TS/NoiDung/LaoDong/HoTen"),
    ],
)
def test_where_the_two_readings_of_a_schema_differ_is_told(tmp_path, old, new, place):
    source = (D02.folder / "form.xsd").read_text("utf-8")
    assert old in source
    (tmp_path / "form.xsd").write_text(source.replace(old, new, 1), "utf-8")
    told = compiles(structs.replace(D02, folder=tmp_path))
    assert told
    assert told[0].startswith(f"{place}: ")


def test_a_schema_that_xmlschema_cannot_read_is_told_and_gives_no_opinion(tmp_path):
    (tmp_path / "form.xsd").write_text('<schema xmlns="urn:other"/>', "utf-8")
    broken = structs.replace(D02, folder=tmp_path)
    assert compiles(broken)
    assert opinions(tree(GOOD), broken, [ROW]) == []
    gone = structs.replace(D02, folder=tmp_path / "gone")
    assert compiles(gone)


def test_an_opinion_names_the_place_the_line_the_reason_and_the_value():
    source = changed("<TinhLai>0<", "<TinhLai> 5 <")
    assert asked(source) == [
        Opinion(
            path="/D02-TS/NoiDung[1]/LaoDong[1]/TinhLai[1]",
            line=source[: source.index("<TinhLai>")].count("\n") + 1,
            reason="value doesn't match any pattern of ['[01]?']",
            value="5",
        )
    ]


def test_of_a_row_everything_is_told_though_libxml2_named_one_thing():
    root = tree(sample("invalid-many-in-one-row"))
    assert len(named(root)) == 1
    found = opinions(root, D02, named(root))
    assert [one.path.rpartition("/")[2] for one in found] == ["PA[1]", "CoGiamChet[1]", "NgaySinh[1]", "LaoDong[1]"]
    assert found[-1].reason.startswith("Unexpected child with tag 'MaSoBHXH' at position 3.")
    assert found[-1].value == "MaSoBHXH"


def test_only_the_rows_that_were_named_are_judged():
    source = GOOD.replace("7900000001", "12").replace("7900000002", "34")
    root = tree(source)
    found = opinions(root, D02, ["/D02-TS/NoiDung/LaoDong[2]/MasoBHXH"])
    assert [(one.path, one.value) for one in found] == [("/D02-TS/NoiDung[1]/LaoDong[2]/MasoBHXH[1]", "34")]
    assert opinions(root, D02, []) == []
    assert opinions(tree(GOOD), D02, [ROW]) == []


def test_above_the_rows_only_the_children_themselves_are_judged():
    broken_row = GOOD.replace("7900000001", "12")
    root = tree(broken_row.replace("<NoiDung>", "<NoiDung><La/>", 1))
    found = opinions(root, D02, ["/D02-TS/NoiDung/La"])
    assert [(one.path, one.value) for one in found] == [("/D02-TS/NoiDung[1]", "La")]


def test_a_form_without_its_content_is_told():
    found = asked("<D02-TS><NoiDung/></D02-TS>")
    assert found == [
        Opinion(
            "/D02-TS/NoiDung[1]", 1, "The content of element 'NoiDung' is not complete. Tag 'LaoDong' expected.", ""
        )
    ]


def test_a_group_beside_the_rows_is_judged_whole():
    found = asked(changed("<SoTheBHYT>", "<SoTheBHYT>x"))
    assert [(one.path, one.value[0]) for one in found] == [("/D02-TS/ThongTinKhac[1]/SoTheBHYT[1]", "x")]


@pytest.mark.parametrize("noise", ["<!-- c -->", "<?p q?>", "<![CDATA[]]>"])
def test_a_comment_inside_a_value_does_not_hide_what_follows(noise):
    assert opinions(tree(changed("7900000001", f"79000{noise}00001")), D02, [ROW]) == []
    (found,) = asked(changed("7900000001", f"7900000001{noise}9"))
    assert found.value == "79000000019"


def test_what_xmlschema_cannot_judge_it_has_no_opinion_of():
    source = changed("<PA>", '<PA xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="La">')
    assert named(tree(source)) == [f"{ROW}/PA"]
    assert asked(source) == []


def test_the_signature_is_not_looked_into():
    root = tree(sample("valid-signature-with-plain-object"))
    assert opinions(root, D02, ["/D02-TS", "/D02-TS/Cky", "/D02-TS/Cky/ds:Signature/x"]) == []


@pytest.mark.parametrize(
    "path",
    ["", "/", "x", "//", "/D02-LT", "/D02-TS/*[3]", "/D02-TS/NoiDung/LaoDong[0]", "/D02-TS/NoiDung/LaoDong[99999]/PA",
     "/D02-TS/NoiDung/LaoDong[x]", "/D02-TS/NoiDung/LaoDong[]]", "/D02-TS/p:NoiDung[2]", "/D02-TS/NoiDung/LaoDong[²]",
     "/D02-TS/NoiDung/LaoDong[1]/PA[7]/a/b/c"],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_followed_as_far_as_it_goes(path):
    assert opinions(tree(GOOD), D02, [path]) == []


def test_another_root_is_no_business_of_this_form():
    assert opinions(tree("<D02-LT/>"), D02, ["/D02-LT"]) == []


def test_parts_elements_opinions_and_words_are_bounded():
    row = BAD_ROW
    root = tree("<D02-TS><NoiDung>" + row * 300 + "</NoiDung></D02-TS>")
    found = opinions(root, D02, [f"/D02-TS/NoiDung/LaoDong[{number}]" for number in range(1, 301)])
    assert len(found) == OPINIONS_MAX
    one_mistake = changed("7900000001", "12")[GOOD.index("<LaoDong>") : GOOD.index("</NoiDung>") - 8]
    root = tree("<D02-TS><NoiDung>" + one_mistake * 100 + "</NoiDung></D02-TS>")
    every_row = [f"/D02-TS/NoiDung/LaoDong[{number}]/PA" for number in range(1, 201, 2)]
    assert len(opinions(root, D02, every_row)) == PARTS_MAX
    wide = "<LaoDong>" + "<La/>" * ELEMENTS_ASKED_MAX + "</LaoDong>"
    root = tree("<D02-TS><NoiDung>" + wide + row + "</NoiDung></D02-TS>")
    assert opinions(root, D02, [ROW]) == []
    found = asked(changed("<PA>TM</PA>", f"<L{'a' * 1000}/>"))
    assert found
    assert all(len(one.reason) <= REASON_CHARACTERS_MAX and "\n" not in one.reason for one in found)
    assert all(len(one.value) <= 100 for one in found)


def test_a_value_without_end_is_cut_before_a_pattern_sees_it():
    long = "9" * 2_000_000
    began = time.perf_counter()
    found = asked(changed("7900000001", long))
    assert time.perf_counter() - began < 5
    assert len(found) == 1
    assert len(found[0].value) == 100
    assert max(item.characters_max or 0 for item in columns()) < VALUE_CHARACTERS_ASKED_MAX


def columns():
    def below(element):
        if element.type is not None:
            yield element.type
        for child in element.children:
            yield from below(child)

    return [type_ for form in every_form() for type_ in below(form.model)]


def test_whatever_libxml2_refuses_the_second_opinion_is_asked_of_without_harm():
    said = refused = 0
    for form in every_form():
        for number in range(60):
            root = etree.fromstring(document(form, number)[0])
            if form.schema(root):
                continue
            refused += 1
            said += bool(opinions(root, form, named(root, form)))
    assert refused > 100
    # The rest are an unknown root or xsi:type, or one of the known differences.
    assert said > refused * 0.75


def test_many_threads_get_the_same_opinion_though_the_schema_was_not_compiled_yet():
    fresh = structs.replace(D02, folder=D02.folder / "." / ".." / D02.folder.name)
    root_sources = [changed("<PA>TM<", f"<PA>Z{number}<") for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda source: opinions(tree(source), fresh, [ROW]), root_sources))
    assert [[one.value for one in each] for each in found] == [[f"Z{number}"] for number in range(40)]


def test_an_opinion_is_explained_when_a_finding_speaks_of_its_place():
    row = Opinion("/D02-TS/NoiDung[1]/LaoDong[2]", 1, "", "")
    column = Opinion("/D02-TS/NoiDung[1]/LaoDong[2]/PA[1]", 1, "", "")
    both = [row, column]
    assert unexplained(both, []) == both
    assert unexplained(both, ["/D02-TS/NoiDung[1]/LaoDong[2]/PA[1]"]) == []
    assert unexplained(both, ["/D02-TS/NoiDung/LaoDong[2]/TuThang"]) == [column]
    assert unexplained(both, ["/D02-TS/NoiDung[1]/LaoDong[2]/PA[1]/@loai"]) == [row]
    assert unexplained(both, ["/D02-TS/NoiDung[1]/LaoDong[1]/PA[1]"]) == both


@pytest.mark.parametrize("path", sorted(D02.folder.glob("samples/invalid-*.xml")), ids=lambda path: path.stem)
def test_our_own_findings_explain_whatever_xmlschema_says_of_the_samples(path):
    root = tree(path.read_bytes())
    pointers = [item.pointer for item in explain(root, D02, file="f")[0]]
    assert unexplained(opinions(root, D02, named(root)), pointers) == []


def test_a_form_in_another_folder_has_its_own_schema(tmp_path):
    folder = tmp_path / "D02-TS" / "595"
    folder.mkdir(parents=True)
    for file in D02.folder.glob("form.*"):
        text = file.read_text("utf-8").replace('<xs:pattern value="[01]?"/>', '<xs:pattern value="[012]?"/>')
        (folder / file.name).write_text(text, "utf-8")
    root = tree(changed("<TinhLai>0<", "<TinhLai>2<"))
    assert opinions(root, read_form(folder / "form.toml"), [ROW]) == []
    assert len(opinions(root, D02, [ROW])) == 1
