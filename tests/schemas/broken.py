"""Unsigned dossiers, each broken in one way that has been met in practice, made from a good one."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable

from schemas.sample_attachments import png
from schemas.sample_people import dice

_FILE = re.compile(rb" *<FileToKhai>.*?</FileToKhai>\n", re.DOTALL)
_LENGTH = re.compile(rb"(?<=<DoDaiFile>)\d+(?=</DoDaiFile>)")
_CONTENT = re.compile(rb"(?<=<NoiDungFile>)[^<]*(?=</NoiDungFile>)")
_COUNT = re.compile(rb"(?<=<SoLuongFile>)\d+(?=</SoLuongFile>)")


def broken_dossiers(good: bytes) -> dict[str, bytes]:
    """All the broken dossiers by name. `good` is one of procedure 600 with a D02-TS and a PDF attached."""
    return {make.__name__.replace("_", "-"): make(good) for make in BREAKERS}


def unescaped_less_than(good: bytes) -> bytes:
    """An employee's name holds a bare "<", so that form D02-TS is no XML at all."""
    note = " (<18 tuổi)</HoTen>".encode()
    return in_form(good, "D02-TS", lambda form: _once(form, rb"</HoTen>", note))


def wrong_casing(good: bytes) -> bytes:
    """The first employee's MasoBHXH is spelt MaSoBHXH, as in the envelope."""

    def respell(form: bytes) -> bytes:
        column = re.search(rb"<MasoBHXH(?:/>|>[^<]*</MasoBHXH>)", form)
        assert column
        return form.replace(column[0], column[0].replace(b"MasoBHXH", b"MaSoBHXH"), 1)

    return in_form(good, "D02-TS", respell)


def impossible_date(good: bytes) -> bytes:
    """The first employee is born on 31 February."""
    return in_form(good, "D02-TS", lambda form: _column(form, b"NgaySinh", b"31/02/1990"))


def doubled_date(good: bytes) -> bytes:
    """The first employee's date of birth was written twice in a row."""
    return in_form(good, "D02-TS", lambda form: _column(form, b"NgaySinh", b"23/05/202523/05/2025"))


def missing_mandatory_form(good: bytes) -> bytes:
    """Form D02-TS, without which procedure 600 cannot be filed, is not there; the count of files says so too."""
    return _recount(good.replace(_file_of(good, "D02-TS"), b""), -1)


def unexpected_form(good: bytes) -> bytes:
    """A TK3-TS comes along, which procedure 600 has no use for."""
    told = "<Noidung_Thaydoi>Đổi địa chỉ</Noidung_Thaydoi>"
    content = b64encode(f"<TK3-TS><NoiDung>{told}</NoiDung><Cky/></TK3-TS>\n".encode())
    file = _file_of(good, "D02-TS").replace(b"D02-TS", b"TK3-TS")
    file = _LENGTH.sub(b"%d" % len(content), _CONTENT.sub(content, file))
    return _recount(_once(good, rb" *</ToKhais>", file + b"      </ToKhais>"), +1)


def truncated_base64(good: bytes) -> bytes:
    """The base64 text of D02-TS lost its last five characters on the way."""
    file = _file_of(good, "D02-TS")
    return good.replace(file, _once(file, rb".{5}</NoiDungFile>", b"</NoiDungFile>"))


def wrong_file_count(good: bytes) -> bytes:
    """SoLuongFile says one file more than there is."""
    return _recount(good, +1)


def mangled_agency(good: bytes) -> bytes:
    """The agency code has lost its leading zeros and more: 903."""
    return _column(good, b"CoQuanQuanLy", b"903")


def png_called_pdf(good: bytes) -> bytes:
    """The attachment is called .pdf and is a PNG picture."""
    return _in_file(good, b"<LoaiFile>.pdf</LoaiFile>", lambda _: png(dice("broken")))


def unknown_procedure(good: bytes) -> bytes:
    """The procedure is 699, which nobody knows."""
    return _column(good, b"MaThuTuc", b"699")


def negative_wage(good: bytes) -> bytes:
    """The first employee earns less than nothing."""
    return in_form(good, "D02-TS", lambda form: _column(form, b"TienLuong", b"-5000000"))


def unknown_reason(good: bytes) -> bytes:
    """The first employee's reason of change (PA) is ZZ, which is in no list."""
    return in_form(good, "D02-TS", lambda form: _column(form, b"PA", b"ZZ"))


def wrong_check_digit(good: bytes) -> bytes:
    """The last figure of the tax code is another one, as after a slip of the finger."""
    last = re.search(rb"(\d)</MaSoThue>", good)
    assert last
    return _once(good, rb"\d</MaSoThue>", b"%d</MaSoThue>" % ((int(last[1]) + 1) % 10))


def portal_period(good: bytes) -> bytes:
    """The period is written MMyyyy, as the portal's own JSON does, without the stroke."""
    return _once(good, rb"<KyKeKhai>(\d\d)/(\d{4})</KyKeKhai>", rb"<KyKeKhai>\1\2</KyKeKhai>")


def cut_off(good: bytes) -> bytes:
    """The second half of the dossier never arrived."""
    return good[: len(good) // 2]


BREAKERS: tuple[Callable[[bytes], bytes], ...] = (
    unescaped_less_than,
    wrong_casing,
    impossible_date,
    doubled_date,
    missing_mandatory_form,
    unexpected_form,
    truncated_base64,
    wrong_file_count,
    mangled_agency,
    png_called_pdf,
    unknown_procedure,
    negative_wage,
    unknown_reason,
    wrong_check_digit,
    portal_period,
    cut_off,
)


def _file_of(good: bytes, form: str) -> bytes:
    return _file_with(good, f"<MaToKhai>{form}</MaToKhai>".encode())


def _file_with(good: bytes, mark: bytes) -> bytes:
    return next(file for file in _FILE.findall(good) if mark in file)


def in_form(good: bytes, form: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change what one form of a dossier holds."""
    return _in_file(good, f"<MaToKhai>{form}</MaToKhai>".encode(), change)


def _in_file(good: bytes, mark: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Change what one embedded file holds, so that only that is wrong: its length is told anew."""
    file = _file_with(good, mark)
    held = _CONTENT.search(file)
    assert held
    text = b64encode(change(b64decode(held[0])))
    return good.replace(file, _LENGTH.sub(b"%d" % len(text), _CONTENT.sub(text, file)))


def _column(form: bytes, name: bytes, value: bytes) -> bytes:
    return _once(form, b"<%s>[^<]*</%s>" % (name, name), b"<%s>%s</%s>" % (name, value, name))


def _once(source: bytes, pattern: bytes, by: bytes) -> bytes:
    """Replace the first match, which must be there."""
    changed, times = re.subn(pattern, by, source, count=1)
    assert times == 1, pattern
    return changed


def _recount(good: bytes, more: int) -> bytes:
    count = _COUNT.search(good)
    assert count
    return _COUNT.sub(b"%d" % (int(count[0]) + more), good)
