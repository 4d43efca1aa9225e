"""Small forms, each changed in a few of the ways in which real ones go wrong, and as only malice would."""

from collections.abc import Callable
from copy import deepcopy
from random import Random

from lxml import etree

XSI = "http://www.w3.org/2001/XMLSchema-instance"
XS = "http://www.w3.org/2001/XMLSchema"
XML = "http://www.w3.org/XML/1998/namespace"
FOREIGN = "urn:foreign"
ROWS_MAX = 2
# Stands for a character reference until the document is written, as a tree has none.
_REFERENCE = "\ue000"

_LOOKS_EMPTY = ["", " ", "  ", "\t", "\n", "\r", "\u00a0", "\u200b", "\ufeff", "\u3000", "\u0085", "\u2028"]
_NUMBERS = ["0", "1", "01", "1.", ".5", "0.0", "00", "-1", "+1", "1e3", "1E3", "1_0", "0x1", "INF", "NaN", "1,5",
            "1 000", "7.500.000", "100", "100.0", "100.00001", "101", "999999999999999", "1000000000000000", "½", "²",
            "٣", "１", "7900000001", "79000000011", "079092000001"]  # fmt: skip
_DATES = ["29/02/2024", "29/02/2023", "31/04/2026", "00/01/2026", "1/1/2026", "01/13/2026", "2026-01-31", "01-01-2026",
          "31/12/2100", "31/12/1899", "01/01/2026 ", "01/01/26", "29/02/1900", "01/2026", "13/2026", "1/2026", "012026",
          "00/2026", "2026", "20260131"]  # fmt: skip
_WORDS = ["TM", "tm", "Tm", "ZZ", "true", "Nam", "Nguyễn Văn Mẫu", "Nguyê\u0303n", "x" * 101, "x" * 501, "x" * 2001,
          " x", "x ", "x  y", "x\ty", "x\ny", "😀",
          "😀" * 100, "\u202eabc", "a\u00adb", "<", "&amp;", "]]>", "' or 1=1"]  # fmt: skip
VALUES = [*_LOOKS_EMPTY, *_NUMBERS, *_DATES, *_WORDS]

# Some columns and their types in the schemas.
_TYPES = {"STT": "SoThuTu", "HoTen": "HoTen", "MasoBHXH": "MaSoBhxh", "MaSoThue": "MaSoThue", "NgayLap": "Ngay"}
_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
Change = Callable[[Random, etree._Element], None]


def small(source: bytes) -> etree._Element:
    """A good sample with at most two of each thing that may be repeated."""
    root = etree.fromstring(source, etree.XMLParser(remove_blank_text=False, strip_cdata=False))
    for parent in root.iter(etree.Element):
        seen: dict[str, int] = {}
        for child in list(parent.iterchildren(etree.Element)):
            seen[str(child.tag)] = seen.get(str(child.tag), 0) + 1
            if seen[str(child.tag)] > ROWS_MAX:
                parent.remove(child)
    return root


def mutated(rng: Random, root: etree._Element) -> tuple[bytes, tuple[str, ...]]:
    """The document changed in one to three ways, as bytes, and what was done to it."""
    changed = deepcopy(root)
    names = tuple(rng.choice(_NAMES) for _ in range(rng.choice((1, 1, 1, 2, 3))))
    for name in names:
        CHANGES[name](rng, changed)
    text = etree.tostring(changed, encoding="unicode")
    if rng.random() < 0.1:
        text = f"<!-- before --><?before it?>{text}<!-- after -->"
    return text.replace(
        _REFERENCE, rng.choice(("&#48;", "&#x39;", "&#65;", "&#32;", "&#10;", "&#13;", "&#160;"))
    ).encode(), names


def _elements(root: etree._Element) -> list[etree._Element]:
    return list(root.iter(etree.Element))


def _below(rng: Random, root: etree._Element) -> etree._Element:
    """Some element other than the root, mostly; the root when it has none."""
    return rng.choice(_elements(root)[1:] or [root])


def _column(rng: Random, root: etree._Element) -> etree._Element:
    """Some element that holds no other."""
    return rng.choice([one for one in root.iter(etree.Element) if not len(one)] or [root])


def _group(rng: Random, root: etree._Element) -> etree._Element:
    """Some element that holds others."""
    return rng.choice([one for one in root.iter(etree.Element) if len(one)] or [root])


def _rename(element: etree._Element, name: str) -> None:
    try:
        element.tag = name
    except ValueError:
        element.tag = "_"


def _local(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def rename_case(rng: Random, root: etree._Element) -> None:
    """Capitals where there are none, or the other way about."""
    element = rng.choice(_elements(root))
    name = _local(element)
    at = rng.randrange(len(name))
    _rename(element, rng.choice((name.lower(), name.upper(), name.swapcase(), name[:at] + name[at:].swapcase())))


def rename_near(rng: Random, root: etree._Element) -> None:
    """One letter more, less or other."""
    element = rng.choice(_elements(root))
    name = _local(element)
    at = rng.randrange(len(name))
    _rename(
        element,
        rng.choice((name[:at] + name[at + 1 :], name[:at] + "x" + name[at:], name + "1", f"{name}_", f"_{name}")),
    )


def rename_other(rng: Random, root: etree._Element) -> None:
    """Another element's name, or one that nobody has."""
    names = [_local(one) for one in _elements(root)]
    _rename(_below(rng, root), rng.choice([*names, "La", "TrườngLạ"]))


def remove(rng: Random, root: etree._Element) -> None:
    element = _below(rng, root)
    if (parent := element.getparent()) is not None:
        parent.remove(element)


def remove_children(rng: Random, root: etree._Element) -> None:
    element = _group(rng, root)
    for child in list(element):
        element.remove(child)


def repeat(rng: Random, root: etree._Element) -> None:
    element = _below(rng, root)
    if (parent := element.getparent()) is not None:
        parent.insert(rng.choice((parent.index(element), len(parent))), deepcopy(element))


def move(rng: Random, root: etree._Element) -> None:
    element = _below(rng, root)
    if (parent := element.getparent()) is not None:
        parent.insert(rng.randrange(len(parent)), element)


def move_elsewhere(rng: Random, root: etree._Element) -> None:
    element, target = _below(rng, root), _group(rng, root)
    if element not in {*target.iterancestors(), target}:
        target.append(element)


def insert(rng: Random, root: etree._Element) -> None:
    """A child that does not belong there."""
    parent = _group(rng, root)
    parent.insert(rng.randrange(len(parent) + 1), etree.Element(rng.choice(("La", _local(_below(rng, root))))))


def nest(rng: Random, root: etree._Element) -> None:
    """An element inside a column."""
    column = _column(rng, root)
    etree.SubElement(column, rng.choice(("b", _local(column)))).tail = rng.choice(("", "1"))


def value(rng: Random, root: etree._Element) -> None:
    """Any value anywhere."""
    _column(rng, root).text = rng.choice(VALUES)


def value_near(rng: Random, root: etree._Element) -> None:
    """The value that is there, slightly wrong."""
    column = rng.choice([one for one in root.iter(etree.Element) if not len(one) and one.text] or [_column(rng, root)])
    text = column.text or ""
    at = rng.randrange(len(text) + 1)
    odd = rng.choice(
        ["_", " ", "\t", "\n", "\r", "\u00a0", "\u200b", "\u200f", "\ufeff", "\u0301", "-", "+", ".", "e1", "0", "٣"]
    )
    column.text = rng.choice(
        (
            text[:at] + odd + text[at:], odd + text, text + odd, text.translate(_ARABIC), text.translate(_WIDE),
            text * 2, text[:at], text[at:], text.lower(), text.upper(), text.replace("/", "-"), text[::-1],
        )
    )  # fmt: skip


def value_blank(rng: Random, root: etree._Element) -> None:
    """A column that looks empty."""
    _column(rng, root).text = rng.choice(_LOOKS_EMPTY)


def value_long(rng: Random, root: etree._Element) -> None:
    """Far too long, or long only by blanks."""
    column = _column(rng, root)
    text = column.text or "1"
    column.text = rng.choice(
        (text * 3_000, text + " " * 3_000, " " * 3_000 + text, "\n" * 30_000, "1" * 30_000, "a" * 30_000)
    )


def stray_text(rng: Random, root: etree._Element) -> None:
    """Words, or what looks like blanks, between elements."""
    group = _group(rng, root)
    child = rng.choice(list(group) or [group])
    if child is not root:
        child.tail = rng.choice(["chữ", "0", *_LOOKS_EMPTY])


def attribute(rng: Random, root: etree._Element) -> None:
    element = rng.choice(_elements(root))
    name = rng.choice(("a", "type", "nil", f"{{{FOREIGN}}}a", f"{{{XML}}}lang", f"{{{XML}}}space", f"{{{XSI}}}other"))
    element.set(name, rng.choice(("", "vi", "default", "a1", "1")))


def attribute_location(rng: Random, root: etree._Element) -> None:
    """Where a schema is said to be: hints that nobody follows."""
    name = rng.choice(("schemaLocation", "noNamespaceSchemaLocation"))
    rng.choice(_elements(root)).set(
        f"{{{XSI}}}{name}", rng.choice(("", "a", "urn:a b.xsd", "urn:a b.xsd c", "b.xsd", "a b c d"))
    )


def attribute_nil(rng: Random, root: etree._Element) -> None:
    element = rng.choice(_elements(root))
    element.set(f"{{{XSI}}}nil", rng.choice(("true", "false", "1", "0", "", "maybe", " true ")))
    if rng.random() < 0.5:
        element.text = None


def attribute_type(rng: Random, root: etree._Element) -> None:
    """Another type claimed for an element: unknown, built in, or one of the schema's own."""
    element = rng.choice(_elements(root))
    claimed = ["La", "xs:string", "xs:token", "xs:anyType", "xs:anySimpleType", "xs:integer", "nowhere:T", "", "a b",
               ":", "Tien", "Tien", "VanBan", "SoThuTu", "HoTen"]  # fmt: skip
    element.set(f"{{{XSI}}}type", rng.choice(claimed))
    if rng.random() < 0.8:
        _declare(root, {"xs": XS, "xsi": XSI})


def attribute_type_declared(rng: Random, root: etree._Element) -> None:
    """The very type claimed that an element has: nothing is wrong with that."""
    if columns := [one for one in root.iter(*_TYPES) if not len(one)]:
        column = rng.choice(columns)
        column.set(f"{{{XSI}}}type", _TYPES[_local(column)])


def namespace_element(rng: Random, root: etree._Element) -> None:
    element = rng.choice(_elements(root))
    element.tag = f"{{{FOREIGN}}}{_local(element)}"


def namespace_all(rng: Random, root: etree._Element) -> None:
    """The whole form in some namespace, as with an xmlns on its root."""
    for element in _elements(root):
        element.tag = f"{{{FOREIGN}}}{_local(element)}"


def namespace_unused(rng: Random, root: etree._Element) -> None:
    """Prefixes declared and not used, as .NET's serializer does."""
    _declare(root, rng.choice(({"xsi": XSI, "xsd": XS}, {"a": FOREIGN}, {"xsi": FOREIGN})))


def _declare(root: etree._Element, prefixes: dict[str, str]) -> None:
    """Declare prefixes below the root's own tag: lxml lets no element learn any, so one child is made anew."""
    for child in list(root.iterchildren(etree.Element)):
        twin = etree.Element(child.tag, child.attrib, nsmap={**child.nsmap, **prefixes})
        twin.text, twin.tail = child.text, child.tail
        twin.extend(list(child))
        root.replace(child, twin)


def comment(rng: Random, root: etree._Element) -> None:
    _noise(rng, root, etree.Comment(" ghi chú "))


def instruction(rng: Random, root: etree._Element) -> None:
    _noise(rng, root, etree.PI("php", "echo 1"))


def _noise(rng: Random, root: etree._Element, node: etree._Element) -> None:
    """Put a comment or processing instruction into a value, cutting it in two, or between elements."""
    element = rng.choice(_elements(root))
    if len(element):
        element.insert(rng.randrange(len(element) + 1), node)
        return
    text = element.text or ""
    at = rng.randrange(len(text) + 1)
    element.text, node.tail = text[:at], text[at:] + rng.choice(("", "", "9", " "))
    element.append(node)


def cdata(rng: Random, root: etree._Element) -> None:
    column = _column(rng, root)
    column.text = etree.CDATA(rng.choice((column.text or "", "", " ", "<b>", "1")))


def cdata_between(rng: Random, root: etree._Element) -> None:
    """CDATA where only elements may stand, which even blank is character data."""
    group = _group(rng, root)
    group.text = etree.CDATA(rng.choice(("", " ", "x")))


def reference(rng: Random, root: etree._Element) -> None:
    """A character written as a reference."""
    column = _column(rng, root)
    text = column.text or ""
    at = rng.randrange(len(text) + 1)
    column.text = text[:at] + _REFERENCE + text[at + 1 :]


def open_content(rng: Random, root: etree._Element) -> None:
    """Things in the place of the signature, where anything may stand."""
    place = next((one for one in root.iter("Cky", "CKy_Dvi")), None)
    if place is None:
        place = etree.SubElement(root, rng.choice(("Cky", "CKy_Dvi")))
    anything = etree.SubElement(place, rng.choice(("x", f"{{{FOREIGN}}}x", root.tag)))
    anything.set(rng.choice(("a", f"{{{XSI}}}type", f"{{{XSI}}}nil", "Id")), rng.choice(("La", "true", "xs:string")))
    anything.text = rng.choice(("", "x", None))
    place.text = rng.choice((None, None, None, " ", "chữ"))


def no_change(rng: Random, root: etree._Element) -> None:
    """Nothing: good forms are among them."""


_CHANGES: tuple[Change, ...] = (
    rename_case, rename_near, rename_other, remove, remove_children, repeat, move, move_elsewhere, insert, nest, value,
    value_near, value_blank, value_long, stray_text, attribute, attribute_location, attribute_nil, attribute_type,
    attribute_type_declared, namespace_element, namespace_all, namespace_unused, comment, instruction, cdata,
    cdata_between, reference, open_content, no_change,
)  # fmt: skip
CHANGES = {one.__name__.replace("_", "-"): one for one in _CHANGES}
# Values go wrong more often than anything else, and there are more kinds of them.
_NAMES = [*CHANGES, "value", "value", "value-near", "value-near", "value-near"]
