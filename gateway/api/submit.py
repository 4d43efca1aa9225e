"""The employer's door: a dossier is submitted, or only checked.

The submission is the one route that month ends hang on, so it stands in front of the framework (`app.Door`); the same
function serves the documented handler in `dossiers.py`.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct, structs

from gateway import ids
from gateway.about import HALF
from gateway.api import views
from gateway.api.body import Body, Spool, check_declared, read_body
from gateway.api.caller import allowance_headers, identify, language_of, require
from gateway.api.problems import Answer, Refused, RefusedDossier, answer_of, answer_with, problem_of
from gateway.api.submit_upload import Asked, names_upload, submit_upload
from gateway.clock import VIETNAM, from_us, rfc3339
from gateway.faults import log_fault
from gateway.judge import ASIC_E, Filing, Spooled, Submission
from gateway.postal.other_half import other_half
from gateway.report import (
    FindingShown,
    PaperShown,
    SignatureShown,
    VerdictShown,
    read_report,
    report_of,
    shown_findings,
    shown_papers,
    shown_verdict,
)
from storage.pieces import WHOLE_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gateway.about import About
    from gateway.callers import Caller
    from gateway.house import House
    from gateway.judge import Refusal
    from gateway.report import Language
    from gateway.settle import Settled

XML = "application/xml"
MEDIA_TYPES = {b"application/xml": XML, b"text/xml": XML, b"application/vnd.etsi.asic-e+zip": ASIC_E}
_BATCH = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_JSON = (b"content-type", b"application/json")
_LOG = logging.getLogger("motcua.requests")
_FAULTS = logging.getLogger("motcua.faults")


async def submit(
    house: House,
    scope: Mapping[str, Any],
    receive: Callable[[], Awaitable[Any]],
    sent_about: Callable[[Caller], Awaitable[About]] | None = None,
) -> Answer:
    """Receive one dossier: steps 1 and 12 of the line. Never raises: what goes wrong is an answer.

    `sent_about` finds the dossier that this one is a supplement to, or a withdrawal of.
    """
    headers = dict(scope["headers"])
    language = language_of(_text(headers.get(b"accept-language")))
    correlation = ids.correlation_id()
    try:
        # (1) The caller is known; the body is streamed, hashed on the way, under a limit.
        authorization = _text(headers.get(b"authorization"))
        caller, allowance = await identify(house, authorization, "business", house.clock.now())
        require(caller, "employer", "ivan")
        asked = _asked(scope["query_string"], is_about=sent_about is not None)
        about = await sent_about(caller) if sent_about else None
        if asked.half_of:
            about, asked = await _of_other_half(house, asked, caller)
        if names_upload(headers):
            settled = await submit_upload(house, caller, headers, receive, asked, about)
        else:
            settled = await _receive(house, caller, headers, receive, asked, about)
        _check_about(about, settled)
        answer = _answer(settled, language, correlation)
        answer.headers.extend(allowance_headers(allowance))
        _log(caller, answer.status, correlation, settled)
    except Exception as error:
        answer = answer_of(error, language, correlation)
        # A sender whose body was not read to its end cannot go on with this connection.
        answer.headers.append((b"connection", b"close"))
        if answer.status == 500:  # noqa: PLR2004
            log_fault(_FAULTS, f"fault {correlation}", error)
        _LOG.info("submit status=%d correlation=%s refused=%s", answer.status, correlation, type(error).__name__)
    return answer


def _check_about(about: About | None, settled: Settled) -> None:
    """The same bytes serve once: what was received as something else does nothing for this dossier."""
    dossier = settled.dossier
    if about is None or dossier.pack is None or dossier.about == about.dossier:
        return
    # Of two halves the one that came first is the dossier itself.
    if about.purpose != HALF or dossier.id != about.dossier:
        raise Refused("received-before", f"{dossier.statement_number}.")


async def _receive(
    house: House,
    caller: Caller,
    headers: Mapping[bytes, bytes],
    receive: Callable[[], Awaitable[Any]],
    asked: Asked,
    about: About | None,
) -> Settled:
    """The dossier is the body."""
    with Spool(house.spool) as spool, house.intake.arriving() as joined:
        body = await receive_body(house, headers, receive, spool)
        # (2) The line's clock is read once, when the dossier is wholly here: that is its time of receipt.
        received_at = house.clock.now()
        is_spooled = body.size_bytes > WHOLE_BYTES_MAX
        async with house.room_for(body.is_large and not is_spooled):
            submission = Submission(
                content=b"" if is_spooled else body.content(),
                spooled=Spooled(body.file(), body.size_bytes) if is_spooled else None,
                sha256=body.sha256,
                submitter=caller.client,
                received_at=received_at,
                batch=asked.batch,
                half_of=asked.paper,
                media_type=media_type_of(headers),
                about=about,
            )
            return await house.intake.receive(submission, caller, joined)


async def receive_body(
    house: House, headers: Mapping[bytes, bytes], receive: Callable[[], Awaitable[Any]], spool: Spool
) -> Body:
    """The dossier's bytes. Raises what `api.body` raises, and 415."""
    limits = house.container_limits if media_type_of(headers) == ASIC_E else house.limits
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refused("media-type", "Content-Encoding.")
    check_declared(headers.get(b"content-length"), limits)
    return await read_body(receive, _text(headers.get(b"content-digest")), limits, spool)


def media_type_of(headers: Mapping[bytes, bytes]) -> str:
    """What the body is said to be: an envelope, or a container. Raises 415."""
    said = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    media_type = MEDIA_TYPES.get(said)
    if media_type is None:
        raise Refused("media-type", f"Content-Type: {said.decode('latin-1') or '(none)'}.")
    return media_type


def _answer(settled: Settled, language: Language, correlation: str) -> Answer:
    """(12) 201 and the receipt; 200 and the identical receipt; 202 and the receipt while it waits to be judged; 422 or
    403 and the signed notice.
    """
    dossier = settled.dossier
    if dossier.pack is None:
        return _refused(settled, language, correlation)
    status = 202 if dossier.state == "pending" else 201 if settled.fresh else 200
    location = f"/v1/dossiers/{dossier.id}".encode()
    headers = [_JSON, (b"location", location), (b"x-correlation-id", correlation.encode())]
    return Answer(status, headers, views.received(dossier))


def _refused(settled: Settled, language: Language, correlation: str) -> Answer:
    dossier = settled.dossier
    report = read_report(dossier.report)
    problem = RefusedDossier(
        **msgspec.structs.asdict(problem_of(report.refused, language, correlation)),
        dossier=dossier.id,
        sha256=dossier.sha256.hex(),
        received_at=rfc3339(from_us(dossier.received_at_us)),
        verdict=shown_verdict(report, language),
        findings=shown_findings(report.findings, language),
        notice_number=dossier.statement_number,
        notice=dossier.statement,
    )
    return answer_with(problem, language)


def _asked(query: bytes, *, is_about: bool) -> Asked:
    if not query:
        return Asked()
    said = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    batch, half_of = said.get("batch"), said.get("half_of")
    if batch is not None and (len(batch) != 1 or not _BATCH.fullmatch(batch[0])):
        raise Refused("bad-request", "batch: 1…9999.")
    if half_of is not None and (len(half_of) != 1 or not half_of[0]):
        raise Refused("bad-request", "half_of: d-….")
    if half_of is not None and is_about:
        # A supplement or a withdrawal is no half.
        raise Refused("bad-request", "half_of: POST /v1/dossiers.")
    return Asked(batch=int(batch[0]) if batch else None, half_of=half_of[0] if half_of else "")


async def _of_other_half(house: House, asked: Asked, caller: Caller) -> tuple[About | None, Asked]:
    """The dossier whose electronic half this is; or, before its paper has come, the announcement that it belongs to."""
    on = house.clock.now().astimezone(VIETNAM).date()

    def look() -> tuple[About, bool]:
        with house.database.read() as tx:
            return other_half(tx, asked.half_of, caller, on)

    found, has_come = await house.run(look)
    return (found, asked) if has_come else (None, structs.replace(asked, paper=found))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _log(caller: Caller, status: int, correlation: str, settled: Settled) -> None:
    if _LOG.isEnabledFor(logging.INFO):
        _LOG.info(
            "submit status=%d correlation=%s client=%s sha256=%s size_bytes=%d",
            status, correlation, caller.client, settled.dossier.sha256.hex(), settled.dossier.size_bytes,
        )  # fmt: skip


class Checked(Struct, frozen=True, kw_only=True):
    """The report of a check: what a submission of these bytes would be told. One that `waits` would be received, and
    judged when revocation data is at hand.
    """

    ok: bool
    waits: bool
    sha256: str
    verdict: VerdictShown | None
    signatures: tuple[SignatureShown, ...]
    papers: list[PaperShown]
    findings: list[FindingShown]


async def check(
    house: House, caller: Caller, scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]]
) -> Filing | Refusal:
    """Judge a dossier and keep nothing. Raises what `receive_body` raises."""
    with Spool(house.spool) as spool:
        body = await receive_body(house, dict(scope["headers"]), receive, spool)
        received_at = house.clock.now()
        is_spooled = body.size_bytes > WHOLE_BYTES_MAX
        async with house.room_for(body.is_large and not is_spooled):
            submission = Submission(
                content=b"" if is_spooled else body.content(),
                spooled=Spooled(body.file(), body.size_bytes) if is_spooled else None,
                sha256=body.sha256,
                submitter=caller.client,
                received_at=received_at,
                media_type=media_type_of(dict(scope["headers"])),
            )
            return await house.intake.judge(submission, caller)


def checked(outcome: Filing | Refusal, language: Language) -> Checked:
    """The report of a judgement, in one language."""
    report = report_of(outcome.verdicts, outcome.findings)
    verdict = shown_verdict(report, language)
    return Checked(
        ok=isinstance(outcome, Filing),
        waits=isinstance(outcome, Filing) and outcome.waits,
        sha256=outcome.submission.sha256.hex(),
        verdict=verdict,
        signatures=verdict.signatures if verdict else (),
        papers=shown_papers(outcome.papers if isinstance(outcome, Filing) else (), language),
        findings=shown_findings(report.findings, language),
    )
