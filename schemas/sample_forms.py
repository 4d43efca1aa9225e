"""Forms D02-TS, TK1-TS and D01-TS, written for employees who do not exist."""

from collections.abc import Callable, Mapping
from datetime import date
from html import escape
from typing import Final

from schemas.sample_people import Employee, later, plain
from schemas.sample_words import words

# .NET's serializer declares both on each root, whether they are used or not; signatures are computed with them.
ROOT_NAMESPACES: Final = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
)
DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>\n'

_POSITIONS: Final = ("nql", "cmktbc", "cmktbt", "khac")


def element(name: str, text: str) -> str:
    """An element with that text, or an empty one."""
    return f"<{name}>{escape(text, quote=False)}</{name}>" if text else f"<{name}/>"


def day_of(day: date | None) -> str:
    """dd/MM/yyyy, or nothing."""
    return f"{day.day:02d}/{day.month:02d}/{day.year:04d}" if day else ""


def month_of(day: date | None) -> str:
    """MM/yyyy, or nothing."""
    return f"{day.month:02d}/{day.year:04d}" if day else ""


def d02_ts(employees: list[Employee], period: date, unit_name: str) -> bytes:
    """The list of employees: one LaoDong each, all columns present, in document order."""
    new = sum(employee.new for employee in employees)
    gone = sum(employee.gone for employee in employees)
    counts = {"SoToBiaSoBHXH": str(new), "SoToRoiSoBHXH": str(gone), "SoTheBHYT": str(new)}
    rows = "".join(_row("LaoDong", _d02_columns(employee, period, unit_name)) for employee in employees)
    return _form("D02-TS", f"{_row('ThongTinKhac', counts)}<NoiDung>\n{rows}</NoiDung>\n")


def tk1_ts(employees: list[Employee], period: date, unit_name: str) -> bytes:
    """The declarations of the newly registered, one LaoDong each; the first employee is always among them."""
    del period, unit_name
    new = (employee for employee in employees if employee.new)
    rows = "".join(
        _row("LaoDong", _tk1_columns(place, employee), _household(employee)) for place, employee in enumerate(new, 1)
    )
    return _form("TK1-TS", f"<NoiDung>\n{rows}</NoiDung>\n")


def d01_ts(employees: list[Employee], period: date, unit_name: str) -> bytes:
    """The list of the papers that prove the changes: a contract, a decision; none is issued after the month begins."""
    texts = words().texts
    proved = (employee for employee in employees if employee.change.paper)
    rows = "".join(
        _row("ThongTin", _d01_columns(place, employee, period, unit_name)) for place, employee in enumerate(proved, 1)
    )
    head = element("TenBangKe", texts.list_title) + element("KemTheo", texts.list_with)
    return _form("D01-TS", f"<NoiDung>{head}<BangKe>\n{rows}</BangKe></NoiDung>\n")


Writer = Callable[[list[Employee], date, str], bytes]
WRITERS: Final[Mapping[str, Writer]] = {"D02-TS": d02_ts, "TK1-TS": tk1_ts, "D01-TS": d01_ts}


def _form(root: str, inside: str) -> bytes:
    return f"{DECLARATION}<{root} {ROOT_NAMESPACES}>\n{inside}<Cky/>\n</{root}>\n".encode()


def _row(name: str, columns: Mapping[str, str], inside: str = "") -> str:
    lines = "".join([f"  {element(column, text)}\n" for column, text in columns.items()])
    return f"<{name}>\n{lines}{inside}</{name}>\n"


def _remark(employee: Employee) -> str:
    return employee.change.remark.format(
        number=employee.paper,
        mark=employee.change.mark,
        day=day_of(employee.day),
        start=day_of(employee.start),
        end=day_of(employee.end),
    )


def _last_month(employee: Employee, period: date) -> date | None:
    """DenThang: the month of a leaving, or the last month of an absence."""
    if employee.gone:
        return period
    return later(employee.end, 0) if employee.end else None


def _d02_columns(employee: Employee, period: date, unit_name: str) -> dict[str, str]:
    codes = words().codes
    region = employee.home.province.wage_region
    return {
        "STT": str(employee.row),
        "HoTen": employee.name,
        "MasoBHXH": employee.insurance_number,
        "ChucVu": employee.job.title,
        "NoiLamViec": unit_name,
        "TienLuong": str(employee.wage),
        "PhuCapCV": "0",
        "PhuCapTNVK": "0",
        "PhuCapTNNghe": "0",
        "PhuCapLuong": str(employee.allowance),
        "PhuCapBosung": "0",
        "TuThang": month_of(period),
        "DenThang": month_of(_last_month(employee, period)),
        "Ghichu": _remark(employee),
        "PA": employee.change.code,
        "TyleDong": codes.rate,
        "TinhLai": "0",
        "DaCoSo": "0" if employee.new else "1",
        "MucHuong": codes.benefit_level,
        "MaPhongBan": employee.department,
        "MavungSS": region,
        "MavungLTT": region,
        "ID": str(employee.row),
        "Loai": employee.change.kind,
        "CoGiamChet": "1" if employee.died else "0",
        "NgayChet": day_of(employee.died),
        "NgaySinh": day_of(employee.born),
        "GioiTinh": codes.male if employee.male else codes.female,
        "CMND": employee.personal_id,
        **_d02_ranges(employee),
    }


def _d02_ranges(employee: Employee) -> dict[str, str]:
    left, hired = day_of(employee.left), day_of(employee.hired)
    ranges = {}
    for position in _POSITIONS:
        holds = position == employee.job.position
        ranges[f"Vtvl_{position}_tungay"] = hired if holds else ""
        ranges[f"Vtvl_{position}_denngay"] = left if holds else ""
    ranges["Nndh_tungay"] = hired if employee.hazardous else ""
    ranges["Nndh_denngay"] = left if employee.hazardous else ""
    begins, ends = day_of(employee.contract_from), day_of(employee.contract_to)
    ranges["Hdld_tungay"] = begins if employee.contract == "open" else ""
    for column, kind in (("Hdld_xdth", "fixed"), ("Hdld_khac", "other")):
        ranges[f"{column}_tungay"] = begins if employee.contract == kind else ""
        ranges[f"{column}_denngay"] = ends if employee.contract == kind else ""
    return ranges


def _tk1_columns(place: int, employee: Employee) -> dict[str, str]:
    known = words()
    codes, hospital = known.codes, known.places.hospitals[employee.row % len(known.places.hospitals)]
    family, _, rest = employee.name.partition(" ")
    return {
        "STT": str(place),
        "HoTen": employee.name,
        "NgaySinh": day_of(employee.born),
        "GioiTinh": codes.male if employee.male else codes.female,
        "QuocTich": codes.country,
        "DanToc": codes.ethnicity,
        "Matinh_KS": employee.birth.province.code,
        "Mahuyen_KS": "",
        "Maxa_KS": employee.birth.ward.code,
        "Diachi_NN": employee.home.line,
        "Matinh_NN": employee.home.province.code,
        "Mahuyen_NN": "",
        "Maxa_NN": employee.home.ward.code,
        "Ten_ChaMe_Giamho": "",
        "MasoBHXH": employee.insurance_number,
        "Dienthoai_LH": employee.phone,
        "CMND": employee.personal_id,
        "Maho_Giadinh": "",
        "Mucdong": "",
        "Phuongthuc": "",
        "MaTinhBenhVien": hospital.province,
        "MaBenhVien": hospital.code,
        "Noidung_Thaydoi": known.texts.registered,
        "HosoKemtheo": employee.change.paper,
        "CCNS": codes.birth_precision,
        "ID": str(employee.row),
        "Diachi_KS": f"{employee.birth.ward.name}, {employee.birth.province.name}",
        "Email_LH": f"{plain(rest).replace(' ', '').lower()}.{plain(family).lower()}{employee.row}@example.com",
    }


def _household(employee: Employee) -> str:
    """The annex on the household, which a first registration needs: the employee is the head of it."""
    return _row(
        "PhuLuc",
        {
            "Hoten_Chuho": employee.name,
            "DienThoai": employee.phone,
            "SoGiayTo": employee.personal_id,
            "LoaiGiayTo": words().codes.identity_paper,
            "MaTinh": employee.home.province.code,
            "MaHuyen": "",
            "MaXa": employee.home.ward.code,
            "MaThon": "",
            "Maso_HoGiadinh": "",
            "Diachi_HK": employee.home.line,
            "DSThanhVien": "",
        },
    )


def _d01_columns(place: int, employee: Employee, period: date, unit_name: str) -> dict[str, str]:
    return {
        "STT": str(place),
        "HoTen": employee.name,
        "MasoBHXH": employee.insurance_number,
        "TenLoaiVanBan": employee.change.paper,
        "SoVanBan": f"{employee.paper}/{employee.change.mark}",
        # A contract may begin in the days after the list is filed, but it is signed by then.
        "NgayBanHanh": day_of(min(employee.day, period)),
        "NgayHieuLuc": day_of(employee.day),
        "CoQuanBanHanh": unit_name,
        "TrichYeu": _remark(employee),
        "NoiDungThamDinh": "",
    }
