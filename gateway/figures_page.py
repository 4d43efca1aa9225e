"""The public statistics as a page: Vietnamese first, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Final

from gateway.clock import for_people
from gateway.figures_public import OTHERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.figures_public import MonthTotal, Statistics, StatisticsRow

_STYLE: Final = """
:root{--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--tint:#f6f8fa;--link:#0b57a4;--bar:#b9d3ea}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,"Noto Sans","Segoe UI",Roboto,Arial,sans-serif;color:var(--ink);background:#fff;
 max-width:64rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{margin:0 0 .2rem;font-size:1.7rem;line-height:1.25}h2{margin:2.2rem 0 .6rem;font-size:1.25rem}
p{margin:.4rem 0}a{color:var(--link)}.en,small{color:var(--soft)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.94rem}
th,td{border-bottom:1px solid var(--line);padding:.4rem .6rem;text-align:left;vertical-align:top}
thead th{background:var(--tint);font-weight:600;border-bottom:2px solid var(--ink)}thead small{font-weight:400}
tbody th{font-weight:400}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.of th{font-weight:600;background:var(--tint)}
.bar{display:inline-block;width:5rem;height:.6rem;margin-right:.5rem;background:var(--tint);
 border:1px solid var(--line)}.bar i{display:block;height:100%;background:var(--bar)}
[aria-current]{font-weight:600;color:inherit;text-decoration:none}
dl{margin:.4rem 0}dt{font-weight:600;margin-top:.5rem}dd{margin:0}
@media(max-width:40rem){body{padding:1rem .6rem}th,td{padding:.35rem .4rem}.bar{display:none}}
@media print{body{max-width:none;padding:0;font-size:10pt}a{color:inherit;text-decoration:none}
 tr{break-inside:avoid}thead{display:table-header-group}.wide{overflow:visible}@page{margin:16mm}}
"""
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_NONE: Final = "<span title='quá ít đơn vị để công bố · too few employers to tell'>–</span>"
_NAMES: Final = {
    "received": ("Tiếp nhận", "Received"),
    "on_time_percent": ("Đúng hạn", "On time"),
    "working_days_median": ("Thời gian giải quyết", "Time taken"),
}
_TERMS: Final = {**_NAMES, "units_min": ("Nhóm nhỏ", "Small groups")}


def statistics_page(made: Statistics, month: str) -> str:
    """The page: every month in a line, and the groups of `month`."""
    time = for_people(datetime.fromisoformat(made.at))
    body = [
        "<h1>Thống kê hồ sơ bảo hiểm xã hội điện tử</h1>",
        '<p lang="en" class="en">Statistics of electronic social-insurance dossiers</p>',
        f"<p>Số liệu đến <strong>{time}</strong>, sự kiện số {_number(made.upto_seq)}; làm lại mỗi giờ.",
        "Không có dữ liệu cá nhân.",
        '<span lang="en" class="en">· Up to that time and fact number; made again every hour; no personal data.</span>',
        '</p><p>Tải về · <span lang="en" class="en">Download</span>: <a href="/v1/statistics.csv">CSV</a> ·',
        '<a href="/v1/statistics">JSON</a></p>',
        _section("Theo tháng", "By month"),
        _months(made.months, month),
    ]
    rows = [row for row in made.rows if row.month == month]
    if rows:
        shown = month_for_people(month)
        body += [
            _section(f"Tháng {shown}, theo cơ quan và thủ tục", f"{shown}, by office and procedure"),
            _groups(rows),
        ]
    body += [_section("Các số này nói gì", "What the figures mean"), _terms(made)]
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>Thống kê hồ sơ bảo hiểm xã hội điện tử</title><style>{_STYLE}</style></head>"
        f"<body>{' '.join(body)}</body></html>"
    )


def month_for_people(month: str) -> str:
    """2026-03 as 03/2026."""
    year, _, number = month.partition("-")
    return f"{number}/{year}"


def _section(vi: str, en: str) -> str:
    return f'<h2>{escape(vi)} <small lang="en">· {escape(en)}</small></h2>'


def _heads(first: str, first_en: str) -> str:
    heads = [f'<th scope="col">{first}<br><small lang="en">{first_en}</small></th>']
    heads += [f'<th scope="col" class="n">{vi}<br><small lang="en">{en}</small></th>' for vi, en in _NAMES.values()]
    return f"<thead><tr>{''.join(heads)}</tr></thead>"


def _months(months: Iterable[MonthTotal], chosen: str) -> str:
    lines = []
    for one in months:
        name = month_for_people(one.month)
        current = ' aria-current="page"' if one.month == chosen else ""
        link = f'<a href="/statistics?month={escape(one.month)}"{current}>{escape(name)}</a>'
        lines.append(f'<tr><th scope="row">{link}</th>{_cells(one)}</tr>')
    if not lines:
        return '<p>Chưa có số liệu nào. <span lang="en" class="en">· There are no figures yet.</span></p>'
    return f'<div class="wide"><table>{_heads("Tháng", "Month")}<tbody>{"".join(lines)}</tbody></table></div>'


def _groups(rows: Iterable[StatisticsRow]) -> str:
    lines, office = [], None
    for row in rows:
        if row.office != office:
            office = row.office
            lines.append(f'<tr class="of"><th scope="rowgroup" colspan="4">{_office(row)}</th></tr>')
        lines.append(f'<tr><th scope="row">{_procedure(row)}</th>{_cells(row)}</tr>')
    return (
        f'<div class="wide"><table>{_heads("Cơ quan, thủ tục", "Office, procedure")}'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _office(row: StatisticsRow) -> str:
    if row.office == OTHERS:
        return 'Các cơ quan khác, gộp lại <small lang="en">· other offices, together</small>'
    return f"{escape(row.office)} {escape(row.office_name)}".strip()


def _procedure(row: StatisticsRow) -> str:
    if row.procedure == OTHERS:
        return 'Các thủ tục khác, gộp lại <small lang="en">· other procedures, together</small>'
    return f"{escape(row.procedure)} {escape(row.procedure_title)}".strip()


def _cells(one: MonthTotal | StatisticsRow) -> str:
    percent, days = one.on_time_percent, one.working_days_median
    shown = _NONE
    if percent is not None:
        shown = f'<span class="bar" aria-hidden="true"><i style="width:{percent}%"></i></span>{percent} %'
    time = _NONE if days is None else f"{days:.1f}".replace(".", ",") + " ngày"
    cells = (_number(one.received), shown, time)
    return "".join(f'<td class="n">{cell}</td>' for cell in cells)


def _terms(made: Statistics) -> str:
    parts = ["<dl>"]
    for name, (vi, en) in _TERMS.items():
        told = made.definitions[name]
        least = f" ({made.units_min})" if name == "units_min" else ""
        parts.append(f'<dt>{vi}{least} <small lang="en">· {en}</small></dt>')
        parts.append(f'<dd>{escape(told.vi)}<br><small lang="en">{escape(told.en)}</small></dd>')
    return "".join([*parts, "</dl>"])


def _number(number: int) -> str:
    return f"{number:,}".replace(",", ".")
