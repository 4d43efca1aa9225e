"""The description of the interface as a page to read and to print: no script, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.api.described_doors import ROLE_WORDS
from gateway.api.problems import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Json = dict[str, Any]

_RETRY = {
    "never": ("không gửi lại", "do not repeat"),
    "same-request": ("gửi lại y nguyên", "repeat as it is"),
    "after": ("đợi rồi gửi lại", "wait, then repeat"),
}
_OF_EVERY_PROBLEM = ("X-Correlation-Id", "Content-Language")
_EVERY_PROBLEM = (
    "Mỗi lỗi mang `X-Correlation-Id` (hãy báo mã này khi cần trợ giúp) và `Content-Language` · "
    "every problem carries `X-Correlation-Id` (name it when you ask for help) and `Content-Language`"
)
_STYLE = """
:root{--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--tint:#f6f8fa;--link:#0b57a4}
*{box-sizing:border-box}
body{font:1rem/1.55 system-ui,"Noto Sans","Segoe UI",Roboto,Arial,sans-serif;color:var(--ink);background:#fff;
 max-width:64rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{margin:0 0 .5rem}h2{margin:3rem 0 1rem;padding-bottom:.3rem;border-bottom:2px solid var(--ink)}
h3{margin:0 0 .3rem;font-size:1.15rem}h4{margin:1rem 0 .3rem;font-size:.95rem}p{margin:.4rem 0}
a{color:var(--link)}code,pre{font-family:ui-monospace,"Noto Sans Mono",Consolas,monospace;font-size:.9em}
pre{background:var(--tint);border:1px solid var(--line);padding:.7rem;white-space:pre-wrap;overflow-wrap:anywhere}
code{overflow-wrap:anywhere}
.en{color:var(--soft)}article{border:1px solid var(--line);border-radius:.4rem;padding:1rem;margin:1rem 0}
.door{font-size:1.05rem;margin:.3rem 0}.door b{display:inline-block;min-width:3.4rem;padding:0 .4rem;margin-right:.4rem;
 border:1px solid currentColor;border-radius:.25rem;text-align:center;font-size:.85rem}
.get{color:#0a5c36}.post{color:#8a3b00}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{border:1px solid var(--line);padding:.35rem .5rem;text-align:left;vertical-align:top}
th{background:var(--tint)}thead th{font-weight:600}tbody th{font-weight:400;white-space:nowrap}
.wide{overflow-x:auto}nav ul{padding-left:1.2rem;columns:2;column-gap:2rem}nav li{break-inside:avoid;margin:.15rem 0}
:target{outline:3px solid #e3b341}
@media(max-width:40rem){nav ul{columns:1}tbody th{white-space:normal}}
@media print{html{font-size:9.5pt}body{max-width:none;padding:0}
 a{color:inherit;text-decoration:none}h2,h3,h4{break-after:avoid}
 article{border:0;border-top:1px solid var(--line);border-radius:0;padding:.6rem 0}tr,pre{break-inside:avoid}
 .wide{overflow:visible}thead{display:table-header-group}@page{margin:16mm}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_FIRST_STEPS = """curl -u CLIENT_ID:CLIENT_SECRET -d grant_type=client_credentials https://GATEWAY/oauth/token
curl -H "Authorization: Bearer ACCESS_TOKEN" -H "Content-Type: application/xml" \\
     --data-binary @hoso.xml https://GATEWAY/v1/dossiers"""


def page(document: Json) -> str:
    """The whole page, from the OpenAPI document alone."""
    audiences = [
        (tag["name"], tag["description"], list(_operations(document, tag["name"]))) for tag in document["tags"]
    ]
    body = [
        f"<header><h1>{escape(document['info']['title'])} · v{escape(document['info']['version'])}</h1>",
        _paragraphs(document["info"]["description"]),
        '<p>OpenAPI 3.1: <a href="/schema/openapi.json">/schema/openapi.json</a></p></header>',
        _contents(audiences),
        '<section id="first-steps"><h2>' + _both("Bắt đầu · First steps") + f"</h2><pre>{escape(_FIRST_STEPS)}</pre>",
        "<p>"
        + _both("Mỗi tài khoản chỉ thấy hồ sơ của mình · Each client sees its own dossiers only")
        + "</p></section>",
    ]
    for name, title, operations in audiences:
        body.append(f'<section id="{escape(name)}"><h2>{_both(title)}</h2>')
        body += [_article(document, method, path, operation) for method, path, operation in operations]
        body.append("</section>")
    body += [_problems(), _schemas(document["components"]["schemas"])]
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(document['info']['title'])}: giao diện lập trình</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>"
    )


def _operations(document: Json, tag: str) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if tag in operation["tags"]:
                yield method, path, operation


def _contents(audiences: Iterable[tuple[str, str, list[tuple[str, str, Json]]]]) -> str:
    parts = ['<nav aria-label="Mục lục"><h2>', _both("Mục lục · Contents"), "</h2>"]
    for name, title, operations in audiences:
        parts.append(f'<p><a href="#{escape(name)}"><strong>{_both(title)}</strong></a></p><ul>')
        parts += [
            f'<li><a href="#{escape(one["operationId"])}"><code>{method.upper()} {escape(path)}</code></a> '
            f"{escape(one['summary'].partition(' · ')[0])}</li>"
            for method, path, one in operations
        ]
        parts.append("</ul>")
    parts.append('<p><a href="#problems"><strong>' + _both("Các mã lỗi · Problems") + "</strong></a> · ")
    parts.append('<a href="#schemas"><strong>' + _both("Cấu trúc dữ liệu · Schemas") + "</strong></a></p></nav>")
    return "".join(parts)


def _article(document: Json, method: str, path: str, operation: Json) -> str:
    name = escape(operation["operationId"])
    parts = [
        f'<article id="{name}"><h3>{_both(operation["summary"])}</h3>',
        f'<p class="door"><b class="{method}">{method.upper()}</b><code>{escape(path)}</code></p>',
        _paragraphs(operation["description"]),
        f"<p>{_who(operation)}</p>",
    ]
    if parameters := [_found(document, one) for one in operation.get("parameters", [])]:
        rows = [
            (
                f"<code>{escape(one['name'])}</code>",
                _place(one),
                _shape(one["schema"]),
                _both(one.get("description", "")),
            )
            for one in parameters
        ]
        parts += [
            _title("Tham số · Parameters"),
            _table(("Tên · Name", "Ở đâu · In", "Kiểu · Type", "Ý nghĩa · Meaning"), rows),
        ]
    if body := operation.get("requestBody"):
        parts += [_title("Nội dung gửi · Body"), _paragraphs(body.get("description", ""))]
        for kind, one in body["content"].items():
            inline = "properties" in one["schema"]
            parts.append(f"<p><code>{escape(kind)}</code>{'' if inline else ' ' + _shape(one['schema'])}</p>")
            parts.append(_fields(one["schema"]) if inline else "")
    answers = [_answer(status, one) for status, one in operation["responses"].items()]
    parts += [
        _title("Trả lời · Answers"),
        _table(("HTTP", "Khi nào · When", "Nội dung · Content"), answers),
        "</article>",
    ]
    return "".join(parts)


def _who(operation: Json) -> str:
    roles = operation.get("x-roles")
    if roles is None:
        return _both("Không cần mã truy cập · No access token is needed")
    vi, en = (", ".join(words) for words in zip(*(ROLE_WORDS[role] for role in roles), strict=True))
    return _both(f"Dành cho: {vi} · For: {en}")


def _place(parameter: Json) -> str:
    must = " <strong>bắt buộc</strong>" if parameter.get("required") else ""
    return f"{escape(parameter['in'])}{must}"


def _answer(status: str, answer: Json) -> tuple[str, ...]:
    when = "<br>".join(_both(line) for line in answer["description"].split("\n"))
    for code in answer.get("x-problem-codes", []):
        when = when.replace(f"<code>{code}</code>", f'<a href="#problem-{code}"><code>{code}</code></a>')
    kinds = "<br>".join(
        f"<code>{escape(kind)}</code> {_shape(one['schema'])}" for kind, one in answer["content"].items()
    )
    # What every problem carries is told once, with the problems.
    told = _OF_EVERY_PROBLEM if "x-problem-codes" in answer else ()
    headers = ", ".join(f"<code>{escape(name)}</code>" for name in answer.get("headers", {}) if name not in told)
    return status, when, f'{kinds}<br><span class="en">{headers}</span>' if headers else kinds


def _problems() -> str:
    rows = [
        (
            f'<a id="problem-{code}" href="/problems/{code}"><code>{code}</code></a>',
            str(kind.status),
            _both(" · ".join(_RETRY[kind.retry])),
            _remedy(kind),
        )
        for code, kind in KINDS.items()
    ]
    table = _table(("Mã · Code", "HTTP", "Gửi lại? · Retry?", "Ý nghĩa và cách xử lý · Meaning and remedy"), rows)
    title = _both("Các mã lỗi · Problems")
    return f'<section id="problems"><h2>{title}</h2><p>{_both(_EVERY_PROBLEM)}</p>{table}</section>'


def _remedy(kind: Kind) -> str:
    vi = f"<strong>{escape(kind.title_vi)}.</strong> {_prose(kind.remedy_vi)}"
    en = f"<strong>{escape(kind.title_en)}.</strong> {_prose(kind.remedy_en)}"
    return f'{vi}<br><span lang="en" class="en">{en}</span>'


def _schemas(schemas: Json) -> str:
    parts = ['<section id="schemas"><h2>', _both("Cấu trúc dữ liệu · Schemas"), "</h2>"]
    for name, schema in schemas.items():
        told = schema.get("description", "")
        parts.append(f'<article id="schema-{escape(name)}"><h3><code>{escape(name)}</code></h3>')
        parts.append(f'<p lang="en" class="en">{_prose(told)}</p>' if told else "")
        parts.append(_fields(schema) if "properties" in schema else f"<p>{_shape(schema)}</p>")
        parts.append("</article>")
    return "".join([*parts, "</section>"])


def _fields(schema: Json) -> str:
    must = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(name)}</code>{' *' if name in must else ''}",
            _shape(field),
            _both(field.get("description", "")),
        )
        for name, field in schema["properties"].items()
    ]
    return _table(("Tên (* bắt buộc) · Name (* required)", "Kiểu · Type", "Ý nghĩa · Meaning"), rows)


def _shape(schema: Json) -> str:
    """What may stand there, in a few characters."""
    if reference := schema.get("$ref"):
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " | ".join(map(_shape, schema[choice]))
    if "const" in schema:
        return f"<code>{escape(msgspec.json.encode(schema['const']).decode().strip(chr(34)))}</code>"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"[{_shape(schema.get('items', {}))}, …]"
    if schema.get("type") == "object" and "properties" in schema:
        fields = "; ".join(f"<code>{escape(name)}</code>: {_shape(one)}" for name, one in schema["properties"].items())
        return f"{{{fields}}}"
    if schema.get("format") == "binary":
        return "byte"
    kind = str(schema.get("type", "JSON"))
    limits = (
        [f"{schema.get('minimum', '…')}–{schema.get('maximum', '…')}"] if {"minimum", "maximum"} & schema.keys() else []
    )
    limits += [str(schema[key]) for key in ("format", "pattern") if key in schema]
    limits += [f"= {schema['default']}"] if schema.get("default") not in (None, "") else []
    return escape(" ".join([kind, *limits]))


def _found(document: Json, parameter: Json) -> Json:
    reference = parameter.get("$ref")
    found: Json = document["components"]["parameters"][reference.rpartition("/")[2]] if reference else parameter
    return found


def _title(words: str) -> str:
    return f"<h4>{_both(words)}</h4>"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    titles = "".join(f'<th scope="col">{_both(title)}</th>' for title in head)
    lines = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>'


def _paragraphs(text: str) -> str:
    """Vietnamese first; what follows is English."""
    vi, _, en = text.partition("\n\n")
    shown = f"<p>{_both(vi)}</p>" if vi else ""
    return shown + (f'<p lang="en" class="en">{_prose(en)}</p>' if en else "")


def _both(words: str) -> str:
    """`Vietnamese · English`, the English marked as such."""
    vi, dot, en = words.partition(" · ")
    return _prose(vi) + (f' <span lang="en" class="en">· {_prose(en)}</span>' if dot else "")


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
