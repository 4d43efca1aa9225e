"""The interface describes itself: one OpenAPI 3.1 document, whole, made from the handlers, the structs and one table.

What the framework can see of a handler (path, query, JSON bodies, typed answers) it writes itself; what goes past it
(raw bodies, headers, problems, who may ask) is declared in `described_doors`. A test holds the whole against real
answers.
"""

from __future__ import annotations

import sys
import typing
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, OAuthFlow, OAuthFlows, SecurityScheme, Tag
from msgspec import Struct

from gateway import report
from gateway.api import oauth, postal_announcements, submit, submit_upload, uploads
from gateway.api.described_doors import AUDIENCES, BEHIND, DOORS
from gateway.api.described_page import page
from gateway.api.described_shapes import Door, Said, bytes_of
from gateway.api.described_words import HEADERS, MEANINGS, PARAMETERS
from gateway.api.problems import KINDS, MEDIA_TYPE, Problem, RefusedDossier
from gateway.callers import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from litestar import Request
    from litestar.handlers import HTTPRouteHandler

Json = dict[str, Any]

PATH = "/schema"
_MIB = 1024 * 1024
_INT64_MAX = 2**63 - 1
# The kinds whose problem is a refusal of the dossier itself, with its findings and signed notice.
_OF_DOSSIERS = frozenset({"not-your-unit", "malformed", "signature-refused", "findings"})
# The kinds whose problem has members of its own.
_WITH_MEMBERS = {"announcement-refused": "AnnouncementProblem"}
# Schemas that bodies and problems name.
_NAMED = {"UploadNamed", "AnnouncementSent", "AnnouncementProblem"}
_TOLD = (
    "Cổng tiếp nhận hồ sơ bảo hiểm xã hội đã ký số. Mỗi hồ sơ được nhận đúng một lần và có biên nhận mang chữ ký của "
    "cổng; mọi lỗi của một hồ sơ được nêu trong một lần. Lỗi viết theo RFC 9457, bằng tiếng Việt hoặc tiếng Anh theo "
    "`Accept-Language`; thời điểm viết theo RFC 3339, múi giờ +07:00."
    "\n\n"
    "An intake gateway for signed social-insurance dossiers. Each dossier is received exactly once and has a receipt "
    "that the gateway signs; everything that is wrong with a dossier is told in one pass. Problems are written as "
    "RFC 9457 asks, in Vietnamese or English by `Accept-Language`; times are RFC 3339 with offset +07:00."
)
_TOKEN_FORM: Json = {
    "type": "object",
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_id": {
            "type": "string",
            "description": "không cần; nếu ghi thì phải là tài khoản đang xác thực · "
            "not needed; one that is there must be the client that authenticates",
        },
        "client_assertion_type": {"const": oauth.ASSERTION_TYPE},
        "client_assertion": {
            "type": "string",
            "description": "JWT do tài khoản ký, thay cho HTTP Basic (RFC 7523) · "
            "a JWT that the client signed, instead of HTTP Basic (RFC 7523)",
        },
    },
    "required": ["grant_type"],
    "dependentRequired": {
        "client_assertion": ["client_assertion_type"],
        "client_assertion_type": ["client_assertion"],
    },
}
_OAUTH_ERROR: Json = {
    "title": "OAuthError",
    "description": "An error of the token door (RFC 6749 §5.2).",
    "type": "object",
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
    "required": ["error"],
}


def config(body_bytes_max: int) -> OpenAPIConfig:
    """What the framework is to be given: the document at `/schema/openapi.json`, the page at `/schema`."""
    return OpenAPIConfig(
        title="motcua",
        version="1",
        description=_TOLD,
        path=PATH,
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        tags=[Tag(name=name, description=_both(*words)) for name, words in AUDIENCES.items()],
        security=[{"oauth2": []}, {"bearer": []}],
        components=Components(security_schemes=_schemes()),
        render_plugins=[_Page(body_bytes_max), _Document(body_bytes_max)],
    )


def complete(generated: Json, body_bytes_max: int) -> Json:
    """The document that the framework generated, completed; the given one is left as it is."""
    document = deepcopy(generated)
    components: Json = document["components"]
    components["headers"] = {
        name: {"description": _both(vi, en), "schema": schema} for name, (vi, en, schema) in HEADERS.items()
    }
    components["parameters"] = PARAMETERS
    components["schemas"] = _schemas(components["schemas"])
    _add_behind(document["paths"])
    for item in document["paths"].values():
        for operation in item.values():
            _complete_operation(operation, body_bytes_max)
    return document


def _add_behind(paths: Json) -> None:
    """The doors that the framework cannot see, because another takes their paths: their endings, made whole."""
    for path, item in list(paths.items()):
        for method, operation in item.items():
            for ending, name in BEHIND.get(operation["operationId"], {}).items():
                said = {"operationId": name, "summary": "", "description": ""}
                paths[path + ending] = {method: deepcopy(operation) | said}


class _Document(JsonRenderPlugin):
    """The document as JSON. It does not change while the process lives, so it is made once."""

    def __init__(self, body_bytes_max: int) -> None:
        super().__init__()
        self._body_bytes_max = body_bytes_max
        self._rendered = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:  # noqa: ARG002 - the framework's
        if not self._rendered:
            self._rendered = msgspec.json.encode(complete(openapi_schema, self._body_bytes_max))
        return self._rendered


class _Page(OpenAPIRenderPlugin):
    """The document as a page that loads nothing from elsewhere; made once."""

    def __init__(self, body_bytes_max: int) -> None:
        super().__init__(path="/")
        self._body_bytes_max = body_bytes_max
        self._rendered = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:  # noqa: ARG002 - the framework's
        if not self._rendered:
            self._rendered = page(complete(openapi_schema, self._body_bytes_max)).encode()
        return self._rendered


def _operation_id(handler: HTTPRouteHandler, http_method: str, path: list[Any]) -> str:  # noqa: ARG001 - the framework's
    """The handler's own name: short, and it stays when a path moves."""
    return str(handler.handler_name)


def _schemes() -> dict[str, Any]:
    flow = OAuthFlow(token_url="/oauth/token", scopes={})  # noqa: S106 - an address
    return {
        "oauth2": SecurityScheme(
            type="oauth2",
            description=_both("OAuth 2.0 theo RFC 6749 mục 4.4", "OAuth 2.0 client credentials, RFC 6749 §4.4"),
            flows=OAuthFlows(client_credentials=flow),
        ),
        "bearer": SecurityScheme(
            type="http",
            scheme="bearer",
            description=_both("Mã truy cập lấy tại /oauth/token", "the access token that /oauth/token gave"),
        ),
        "client_basic": SecurityScheme(
            type="http",
            scheme="basic",
            description=_both("client_id và client_secret, chỉ tại /oauth/token", "only at /oauth/token"),
        ),
    }


def _complete_operation(operation: Json, body_bytes_max: int) -> None:
    name = operation["operationId"]
    # A door that the table forgot stays closed in the description, as it is in fact.
    door = DOORS.get(name) or Door(audience="parties", roles=ROLES)
    operation["tags"] = [door.audience]
    operation["summary"] = _both(door.vi, door.en or operation.get("summary", ""))
    told_en = door.told_en or " ".join(operation.get("description", "").split())
    operation["description"] = "\n\n".join(told for told in (door.told_vi, told_en) if told)
    if not door.roles:
        operation["security"] = [{"client_basic": []}, {}] if door.body == "token" else []
    else:
        operation["x-roles"] = list(door.roles)
    if door.body:
        operation["requestBody"] = _body(door.body, body_bytes_max)
    parameters = [_parameter(one) for one in operation.get("parameters", [])]
    parameters += [_ref("parameters", one) for one in door.parameters]
    if door.roles or door.problems:
        parameters.append(_ref("parameters", "Accept-Language"))
    if parameters:
        operation["parameters"] = parameters
    told = {str(status): _answer(said) for status, said in door.answers.items()} or _seen(operation)
    operation["responses"] = dict(sorted((_problems(operation, door) | told).items()))
    operation.pop("deprecated", None)


def _parameter(generated: Json) -> Json:
    """A parameter as the framework saw it, with its meaning and without what is always false."""
    noise = ("deprecated", "allowEmptyValue", "allowReserved")
    parameter = {key: value for key, value in generated.items() if key not in noise}
    schema: Json = parameter["schema"]
    schema.pop("description", None)
    _make_whole(schema)
    if parameter["name"] in MEANINGS:
        parameter["description"] = _both(*MEANINGS[parameter["name"]])
    if parameter["name"] == "sha256":
        schema["pattern"] = "^[0-9A-Fa-f]{64}$"
    return parameter


def _make_whole(schema: Json) -> None:
    """The framework writes the bounds of integers as floats, and rounds the largest past the type's end."""
    if schema.get("type") == "integer":
        for key in schema.keys() & {"minimum", "maximum"}:
            schema[key] = min(int(schema[key]), _INT64_MAX)


def _body(kind: str, body_bytes_max: int) -> Json:
    if kind == "token":
        return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _TOKEN_FORM}}}
    if kind == "part":
        told = _both("Các byte của phần này", "the bytes of this part")
        return {"required": False, "description": told, "content": {uploads.PART: {"schema": bytes_of(uploads.PART)}}}
    if kind == "announcement":
        told = _both("Phong bì, bảng, hoặc JSON", "an envelope, a sheet, or JSON")
        raw = (*postal_announcements.XML, postal_announcements.XLSX, postal_announcements.CSV)
        ways: Json = {postal_announcements.JSON: {"schema": _ref("schemas", "AnnouncementSent")}}
        ways |= {one: {"schema": bytes_of(one)} for one in raw}
        return {"required": True, "description": told, "content": ways}
    if kind == "scan":
        told = _both("Tệp quét: PDF, TIFF hoặc JPEG, tối đa 300 trang", "a scan: PDF, TIFF or JPEG, up to 300 pages")
        scans = ("application/pdf", "image/tiff", "image/jpeg")
        return {"required": True, "description": told, "content": {one: {"schema": bytes_of(one)} for one in scans}}
    most = f"{body_bytes_max} byte" if body_bytes_max % _MIB else f"{body_bytes_max // _MIB} MiB"
    told = _both(
        f"Các byte của phong bì Hoso đã ký, đúng như đã ký; tối đa {most} (gói ASiC-E: đến Tus-Max-Size của "
        "/v1/uploads)",
        f"the bytes of the signed envelope, just as they were signed; {most} at most (an ASiC-E container: up to the "
        "Tus-Max-Size of /v1/uploads)",
    )
    content: Json = {name.decode(): {"schema": bytes_of(name.decode())} for name in submit.MEDIA_TYPES}
    if kind == "dossier-or-upload":
        content[submit_upload.JSON.decode()] = {"schema": _ref("schemas", "UploadNamed")}
    return {"required": True, "description": told, "content": content}


def _answer(said: Said) -> Json:
    answer: Json = {"description": _both(*said.words), "content": {}}
    if said.schema:
        schema = _ref("schemas", said.schema) if isinstance(said.schema, str) else said.schema
        answer["content"] = {said.media_type: {"schema": schema}}
    answer["content"] |= {one: {"schema": bytes_of(one)} for one in said.or_as}
    if said.headers:
        answer["headers"] = {name: _ref("headers", name) for name in said.headers}
    return answer


def _seen(operation: Json) -> Json:
    """The good answers as the framework saw them."""
    return {
        status: {"description": _both("Kết quả", "the answer"), "content": seen["content"]}
        for status, seen in operation["responses"].items()
        if status < "400"
    }


def _problems(operation: Json, door: Door) -> Json:
    """The answers that say no, one for each status."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(set(_codes(operation, door))):
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {str(status): _problem(status, codes) for status, codes in by_status.items()}


def _codes(operation: Json, door: Door) -> Iterator[str]:
    """Every kind of problem that the door can answer with."""
    yield "internal"
    yield from door.problems
    if door.roles:
        yield from ("unauthorized", "too-many-requests", "database-away")
        if len(door.roles) < len(ROLES):
            yield "forbidden"
    if "requestBody" in operation and door.body != "token":
        yield from ("bad-request", "body-too-large")
    if "parameters" in operation:
        yield "bad-request"


def _problem(status: int, codes: list[str]) -> Json:
    headers = ["X-Correlation-Id", "Content-Language"]
    if any(KINDS[code].retry == "after" for code in codes):
        headers.append("Retry-After")
    headers += {401: ["WWW-Authenticate"], 429: [name for name in HEADERS if name.startswith("RateLimit-")]}.get(
        status, []
    )
    kinds = {"RefusedDossier" if code in _OF_DOSSIERS else _WITH_MEMBERS.get(code, "Problem") for code in codes}
    refs = [_ref("schemas", name) for name in sorted(kinds, reverse=True)]
    return {
        "description": "\n".join(f"`{code}`: {_both(KINDS[code].title_vi, KINDS[code].title_en)}" for code in codes),
        "headers": {name: _ref("headers", name) for name in headers},
        "content": {MEDIA_TYPE.decode(): {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}}},
        "x-problem-codes": codes,
    }


def _schemas(generated: Json) -> Json:
    """The structs' own schemas, with their docstrings; what is no struct as the framework saw it."""
    structs = {
        name: kind
        for module in _doors()
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, Struct)
    }
    named = {_named(said.schema) for door in DOORS.values() for said in door.answers.values()} | _NAMED
    wanted = [structs[name] for name in sorted((named | generated.keys()) & structs.keys())]
    _, written = msgspec.json.schema_components(
        [*wanted, Problem, _with_hints(RefusedDossier)], ref_template="#/components/schemas/{name}"
    )
    schemas = generated | written | {"OAuthError": deepcopy(_OAUTH_ERROR)}
    for name, schema in schemas.items():
        for field, of_field in schema.get("properties", {}).items():
            _describe_field(name, field, of_field)
    return dict(sorted(schemas.items()))


def _doors() -> list[ModuleType]:
    """The modules of the doors, which import every shape that they speak in."""
    return [module for name, module in sorted(sys.modules.items()) if name.startswith(__name__.rpartition(".")[0])]


def _named(schema: str | Json) -> str:
    """The name of the schema that is spoken of, directly or as what a list holds; "" for one that is written out."""
    told = schema if isinstance(schema, str) else str(schema.get("items", schema).get("$ref", ""))
    return told.rpartition("/")[2]


def _describe_field(struct: str, field: str, schema: Json) -> None:
    _make_whole(schema)
    if meaning := MEANINGS.get(f"{struct}.{field}") or MEANINGS.get(field):
        schema["description"] = _both(*meaning)
    if field == "sha256":
        schema["pattern"] = "^[0-9a-f]{64}$"
    if field.endswith("_at") or field in ("at", "since", "lease_until"):
        schema["format"] = "date-time"


def _with_hints(struct: type[Struct]) -> type[Struct]:
    """The same struct with its annotations resolved: its module imports some of their names for the checker alone."""
    hints = typing.get_type_hints(struct, localns=vars(report), include_extras=True)
    fields = [(name, hints[name]) for name in struct.__struct_fields__]
    return msgspec.defstruct(struct.__name__, fields, namespace={"__doc__": struct.__doc__}, kw_only=True)


def _both(vi: str, en: str) -> str:
    return " · ".join(words for words in (vi, en) if words)


def _ref(group: str, name: str) -> Json:
    return {"$ref": f"#/components/{group}/{name}"}
