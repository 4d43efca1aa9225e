"""The back office's door, further: what it did with a dossier, and to whom it passes one on."""

import binascii
from base64 import b64decode
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from gateway import reports, transfers
from gateway.api.caller import doors_for
from gateway.api.once import once_of
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.house import House
from gateway.report_rules import Asked, Report, ResultFile
from gateway.reports import Written

BODY_BYTES_MAX = 48 * 1024 * 1024
FILES_MAX = 20
ASKED_MAX = 200
_TAKES: dict[str, Any] = {"status_code": 200}
Short = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=4000)]
At = Annotated[datetime, Meta(tz=True)]


class Missing(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a supplement request asks for, and why."""

    what: Annotated[str, Meta(min_length=1, max_length=1000)]
    why: Annotated[str, Meta(max_length=2000)] = ""


class ResultSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of the result: its bytes in base64, signed by the agency in its own format (PAdES, XML-DSig, ASiC-E)."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    media_type: Literal["application/pdf", "application/xml", "application/vnd.etsi.asic-e+zip"]
    content: str
    result_number: Short = ""
    electronic_code: Short = ""
    replaces: Annotated[int, Meta(ge=1)] | None = None


class ReportSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the office did. `state` is the national state (1 to 10): 2 numbered, 3 declined, 4 in work, 5 supplement
    requested, 6 a fee is asked for, 7 withdrawn, 8 stopped, 9 finished, 10 returned. `new_due_at` makes it an apology
    with a new date, which is named once; `corrects` a correction of an earlier fact.
    """

    state: Annotated[int, Meta(ge=1, le=10)]
    department: Short = ""
    officer: Short = ""
    at: At | None = None
    until: At | None = None
    reason: Text = ""
    national_code: Short = ""
    bhxh_number: Short = ""
    supplement: Annotated[list[Missing], Meta(max_length=ASKED_MAX)] = []
    results: Annotated[list[ResultSent], Meta(max_length=FILES_MAX)] = []
    returned_by: Literal["", "electronic", "post", "both"] = ""
    corrects: Annotated[int, Meta(ge=1)] | None = None
    new_due_at: At | None = None


class TransferSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the dossier goes, and why: another office, or another department of this one."""

    office: Annotated[str, Meta(max_length=20)] = ""
    department: Short = ""
    officer: Short = ""
    until: At | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=4000)]


@post(
    "/v1/dossiers/{dossier:str}/reports",
    summary="Report what was done",
    request_max_body_size=BODY_BYTES_MAX,
    **_TAKES,
    **doors_for("office"),
)
async def report(
    request: Request[Any, Any, Any],
    dossier: FromPath[str],
    data: JSONBody[ReportSent],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """Written, signed and put into the log; the employer sees it at once. A supplement request lists everything that is
    missing: a second one counts as overdue. With an Idempotency-Key the same request is given the same answer.
    """
    said = Report(
        **{name: getattr(data, name) for name in Report.__struct_fields__ if name not in ("supplement", "results")},
        supplement=tuple(Asked(one.what, one.why) for one in data.supplement),
        results=tuple(map(_file, data.results)),
    )
    once = once_of(request, f"report\0{dossier}".encode(), msgspec.json.encode(data), msgspec.json.encode)
    written = await house.run_apart(
        reports.report,
        house.stores,
        house.tables,
        dossier,
        caller,
        said,
        house.clock.now(),
        once,
        refuse_unsigned=not house.settings.unsigned_results,
    )
    return _answer(written)


@post(
    "/v1/dossiers/{dossier:str}/transfers",
    summary="Pass a dossier on",
    request_max_body_size=64 * 1024,
    **_TAKES,
    **doors_for("office", "operator"),
)
async def transfer(
    request: Request[Any, Any, Any],
    dossier: FromPath[str],
    data: JSONBody[TransferSent],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """To another office, which is offered it at once, or to another department. The time of receipt and the due date
    stand. An office passes on what it has; an operator whatever went astray.
    """
    said = transfers.Transfer(**{name: getattr(data, name) for name in TransferSent.__struct_fields__})
    once = once_of(request, f"transfer\0{dossier}".encode(), msgspec.json.encode(data), msgspec.json.encode)
    written = await house.run(
        transfers.transfer, house.stores, house.tables, dossier, caller, said, house.clock.now(), once
    )
    return _answer(written)


def _answer(written: Written | bytes) -> Response[bytes]:
    body = written if isinstance(written, bytes) else msgspec.json.encode(written)
    return Response(body, media_type="application/json")


def _file(sent: ResultSent) -> ResultFile:
    try:
        content = b64decode(sent.content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("bad-request", f"results: {sent.name}: base64.") from error
    return ResultFile(
        name=sent.name,
        media_type=sent.media_type,
        content=content,
        result_number=sent.result_number,
        electronic_code=sent.electronic_code,
        replaces=sent.replaces,
    )


HANDLERS = [report, transfer]
