"""The doors to the papers of the desk: decisions, control sheets, registers; and what a printed one is checked by."""

import base64
import hmac
import html
import re
from datetime import date
from typing import Annotated, Any, Final

from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from gateway import desk_paper_words as words
from gateway import desk_papers, paper_words
from gateway.api.caller import require, require_office, visible
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import VIETNAM, for_people, rfc3339
from gateway.desk_paper_acts import ACTS
from gateway.desk_paper_facts import instant
from gateway.desk_paper_registers import Which
from gateway.house import House
from gateway.paper_receipt import paper_key
from gateway.papers import PDF
from gateway.reading import record_reading
from storage import journal
from storage.documents import Document

CSV: Final = "text/csv"
CONTROL_SHEET: Final = "control-sheet"
# As for everything that is made for people: it runs nothing and stays nowhere.
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_PAGE_HEADERS: Final = _HEADERS | {
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'",
    "referrer-policy": "no-referrer",
}
_NAME: Final = re.compile(rf"({'|'.join(sorted(set(ACTS.values())))})-([1-9][0-9]{{0,17}})\.pdf")
_SEQ: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_NUMBER_CHARACTERS_MAX: Final = 100
First = Annotated[
    date | None,
    QueryParameter(
        name="from", description="ngày đầu, yyyy-MM-dd; không ghi: như `to` · the first day; absent: as `to`"
    ),
]
Last = Annotated[
    date | None,
    QueryParameter(name="to", description="ngày cuối, được tính; không ghi: hôm nay · the last day; absent: today"),
]
Kind = Annotated[
    Which,
    QueryParameter(
        name="kind", description="mọi hồ sơ, hoặc chỉ hồ sơ phi địa giới · all, or the non-territorial alone"
    ),
]
Part = Annotated[
    int | None,
    QueryParameter(name="part", ge=1, le=10_000, description="quyển số mấy, từ 1 · which part, from 1"),
]


class PaperListed(Struct, frozen=True, kw_only=True):
    """A paper that can be had at `path`. `report` is the number of the signed statement that it tells, `seq` that of
    its fact; a control sheet has neither, and is made afresh each time.
    """

    kind: str
    title_vi: str
    title_en: str
    path: str
    at: str | None = None
    report: str | None = None
    seq: int | None = None


class PapersListed(Struct, frozen=True):
    """The papers about a dossier."""

    papers: list[PaperListed]


class ReportShown(Struct, frozen=True, kw_only=True):
    """What the gateway sealed under a report's number, told to who holds its paper: no person, no reason is named.

    `paper_sha256` is of the paper's own file, once it was made: by it a file that is held can be compared.
    """

    report: str
    fact: str
    receipt_number: str
    dossier: str
    office: str
    reported_at: str
    due_at: str | None
    procedure: str
    unit: str
    state: str
    statement_sha256: str
    paper_sha256: str | None


@get("/v1/dossiers/{dossier:str}/papers", summary="The papers about a dossier")
async def list_papers(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> PapersListed:
    """What can be printed of what its office decided: the supplement requests, the refusal, the apology, each once; and
    the control sheet.
    """
    require(caller, "employer", "ivan", "office")
    found = await visible(house, caller, dossier)
    listed = [] if found.erased_at_us is not None else await house.run(desk_papers.papers_of, house.stores, found)
    base = f"/v1/dossiers/{found.id}"
    shown = [
        PaperListed(
            kind=one.kind,
            title_vi=words.TITLES[one.kind].vi,
            title_en=words.TITLES[one.kind].en,
            path=f"{base}/papers/{one.kind}-{one.fact.event.seq}.pdf",
            at=rfc3339(one.fact.at),
            report=one.stated.number,
            seq=one.fact.event.seq,
        )
        for one in listed
    ]
    if found.erased_at_us is None:
        title = words.TITLES[CONTROL_SHEET]
        path = f"{base}/{CONTROL_SHEET}.pdf"
        shown.append(PaperListed(kind=CONTROL_SHEET, title_vi=title.vi, title_en=title.en, path=path))
    return PapersListed(shown)


@get("/v1/dossiers/{dossier:str}/papers/{printed:str}", summary="A decision to print", media_type=PDF)
async def show_desk_paper(
    dossier: FromPath[str],
    printed: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    why: NamedDependency[str],
) -> Response[bytes]:
    """A supplement request, a refusal or an apology on paper (PDF/A), named by its kind and the number of its fact, as
    the list names it. Made when it is first asked for, and the same bytes ever after.
    """
    require(caller, "employer", "ivan", "office")
    named = _NAME.fullmatch(printed)
    if named is None:
        raise Refused("not-found")
    found = await visible(house, caller, dossier)
    document, content = await desk_papers.act_pdf(house, found, named[1], int(named[2]))
    correlation = await record_reading(house, caller, found.id, f"papers/{printed}", why)
    return _pdf(content, f"{found.statement_number}-{printed}", correlation=correlation, document=document)


@get("/v1/dossiers/{dossier:str}/control-sheet.pdf", summary="Every hand-over of a dossier, to print", media_type=PDF)
async def show_control_sheet(
    dossier: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    why: NamedDependency[str],
) -> Response[bytes]:
    """The control sheet (PDF/A): each time that the dossier changed hands or state, from whom to whom. Made afresh; it
    says up to which fact it speaks.
    """
    require(caller, "employer", "ivan", "office")
    found = await visible(house, caller, dossier)
    content = await desk_papers.control_sheet_pdf(house, found)
    correlation = await record_reading(house, caller, found.id, f"{CONTROL_SHEET}.pdf", why)
    return _pdf(content, f"{found.statement_number}-{CONTROL_SHEET}.pdf", correlation=correlation)


@get("/v1/offices/{office:str}/register.pdf", summary="The register of an office, to print", media_type=PDF)
async def show_register(
    office: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    first: First = None,
    last: Last = None,
    which: Kind = "all",
    part: Part = None,
) -> Response[bytes]:
    """The dossiers received on those days (today's, where none is named) that are the office's, or were and were passed
    on; or those of them that another office received, and what this one received for others. Made afresh (PDF/A), in
    parts of a thousand lines: one that fills several is asked for part by part.
    """
    days = _days(house, caller, office, first, last)
    _, content = await desk_papers.register_pdf(house, office, *days, which, part)
    return _pdf(content, f"{_register_name(office, *days, which)}{f'-{part}' if part else ''}.pdf")


@get("/v1/offices/{office:str}/register.csv", summary="The register of an office, as CSV", media_type=CSV)
async def show_register_csv(
    office: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    first: First = None,
    last: Last = None,
    which: Kind = "all",
) -> Response[bytes]:
    """The same register whole, as CSV (RFC 4180) in UTF-8 with its mark."""
    days = _days(house, caller, office, first, last)
    content = await desk_papers.register_csv(house, office, *days, which)
    name = f"{_register_name(office, *days, which)}.csv"
    headers = _HEADERS | {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=CSV, headers=headers)


@get("/v1/reports/{receipt_number:str}/{seq:str}", summary="Is this printed decision genuine?")
async def check_report(
    receipt_number: FromPath[str],
    seq: FromPath[str],
    house: NamedDependency[House],
    request: Request[Any, Any, Any],
    key: FromQuery[str],
) -> Response[Any]:
    """What the square code on a printed decision leads to: what the gateway sealed under that number, and where the
    dossier stands now. `key` stands in the code alone; without the right one there is nothing here.
    """
    if not _SEQ.fullmatch(seq) or len(receipt_number) > _NUMBER_CHARACTERS_MAX:
        raise Refused("not-found")
    found = await house.run(desk_papers.stated_paper, house.stores, receipt_number, int(seq))
    held = key if key.isascii() else ""
    if found is None or not hmac.compare_digest(paper_key(found[1].stated.jws), held):
        raise Refused("not-found")
    said = _report_shown(*found)
    if request.accept.best_match([MediaType.JSON, MediaType.HTML], MediaType.JSON) == MediaType.JSON:
        return Response(said, headers=_HEADERS)
    return Response(_page(said), media_type=MediaType.HTML, headers=_PAGE_HEADERS)


def _report_shown(dossier: journal.Dossier, paper: desk_papers.Paper, document: Document | None) -> ReportShown:
    return ReportShown(
        report=paper.stated.number,
        fact=paper.fact.event.type,
        receipt_number=dossier.statement_number,
        dossier=dossier.id,
        office=paper.fact.event.office,
        reported_at=rfc3339(paper.fact.at),
        due_at=paper.fact.said.due_at or None,
        procedure=dossier.procedure,
        unit=dossier.unit,
        state=dossier.state,
        statement_sha256=paper.stated.leaf.hex(),
        paper_sha256=document.sha256.hex() if document else None,
    )


def _page(said: ReportShown) -> str:
    fact, state, due = words.FACTS[said.fact], paper_words.STATES[said.state], instant(said.due_at or "")
    reported = instant(said.reported_at)
    for_eyes = {
        "fact": f"{fact.vi} / {fact.en}",
        "state": f"{state.vi} / {state.en}",
        "reported_at": for_people(reported) if reported else "",
        "due_at": for_people(due) if due else "",
    }
    rows = "".join(
        f"<tr><th>{vi}<br><small lang=en>{en}</small><td>{html.escape(str(value))}"
        for name, vi, en in words.STATED_LABELS
        if (value := for_eyes.get(name, getattr(said, name))) not in (None, "")
    )
    title = words.STATED_TITLE
    return (
        '<!doctype html><html lang="vi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title.vi}</title>"
        "<style>body{font:1.1rem/1.5 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
        "th{text-align:left;vertical-align:top;padding:.3rem 1rem .3rem 0;font-weight:normal;min-width:9rem}"
        "td{overflow-wrap:anywhere;font-weight:bold}small{color:#555}</style>"
        f"<h1>{title.vi}</h1><p lang=en><small>{title.en}</small></p><table>{rows}</table>"
        "<p>Hãy so từng dòng với bản in. Không có họ tên người và lý do nào ở đây.<br>"
        "<small lang=en>Compare each line with the paper. No person and no reason is named here.</small></p></html>"
    )


def _days(house: House, caller: Caller, office: str, first: date | None, last: date | None) -> tuple[date, date]:
    """The span that is asked for, if the caller may ask: an operator, or a client of that office."""
    require(caller, "office", "operator")
    if caller.role == "office":
        require_office(caller, office)
    today = house.clock.now().astimezone(VIETNAM).date()
    ends = last or (max(first, today) if first else today)
    begins = first or ends
    if begins > ends or ends == date.max:
        raise Refused("bad-request", f"from: {begins} > to: {ends}.")
    return begins, ends


def _register_name(office: str, first: date, last: date, which: Which) -> str:
    # The office's code came from the caller; a header holds no other letters.
    code = re.sub(r"[^0-9A-Za-z.-]", "_", office)[:_NUMBER_CHARACTERS_MAX]
    return f"register-{code}-{which}-{first:%Y%m%d}-{last:%Y%m%d}"


def _pdf(content: bytes, name: str, *, correlation: str = "", document: Document | None = None) -> Response[bytes]:
    headers = _HEADERS | {"content-disposition": f'inline; filename="{name}"'}
    if document is not None:
        headers["content-digest"] = f"sha-256=:{base64.b64encode(document.sha256).decode()}:"
    if correlation:
        headers["x-correlation-id"] = correlation
    return Response(content, media_type=PDF, headers=headers)


HANDLERS = [list_papers, show_desk_paper, show_control_sheet, show_register, show_register_csv]
OPEN_HANDLERS = [check_report]
