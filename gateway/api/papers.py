"""The doors to the printable receipt, to who read a dossier, and to what a printed receipt is checked by."""

import base64
import hmac
import html
from typing import Annotated, Any, Final
from urllib.parse import unquote

from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from gateway import paper_words
from gateway.api.caller import require, visible
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import for_people, from_us, rfc3339
from gateway.house import House
from gateway.ids import leaf
from gateway.paper_receipt import paper_key, statement_of
from gateway.papers import OF_JUDGEMENT, OF_RECEIPT, PDF, receipt_pdf
from gateway.reading import ReasonTooLong, reason, record_reading
from gateway.receipt import Receipt
from storage import documents, journal, readings

# As for everything that is made for people: it runs nothing and stays nowhere.
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_PAGE_HEADERS: Final = _HEADERS | {
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'",
    "referrer-policy": "no-referrer",
}
_EVERYTHING: Final = journal.Scope(everything=True)
_NUMBER_CHARACTERS_MAX: Final = 100
Which = Annotated[int | None, QueryParameter(name="paper", ge=OF_RECEIPT, le=OF_JUDGEMENT)]
After = Annotated[int, QueryParameter(ge=0, le=2**63 - 1)]


class ReadingShown(Struct, frozen=True, kw_only=True):
    """A time that something of the dossier was given out. `why` is the reader's word, or own, work or unsaid; "" once
    that word went with the erased dossier.
    """

    number: int
    at: str
    client: str
    role: str
    what: str
    why: str
    correlation: str


class ReadingPage(Struct, frozen=True):
    """A page of readings; ask on with `after=next`."""

    readings: list[ReadingShown]
    next: int


class StatementShown(Struct, frozen=True, kw_only=True):
    """What a receipt or notice of this gateway says, told to who holds its paper: no person is named."""

    receipt_number: str
    kind: str
    dossier: str
    received_at: str
    sha256: str
    size_bytes: int
    procedure: str
    unit: str
    competent_office: str
    due_at: str | None
    statement_sha256: str
    judgement_number: str | None
    state: str


def why_of(request: Request[Any, Any, Any]) -> str:
    """The caller's reason for reading, from `?why=` or the header Reading-Reason (percent-encoded UTF-8 where it is no
    ASCII); "" when it gave none.
    """
    said = request.query_params.get("why") or unquote(request.headers.get("reading-reason", ""))
    try:
        return reason(said)
    except ReasonTooLong as error:
        raise Refused("bad-request", f"why: {error}.") from None


@get("/v1/dossiers/{dossier:str}/receipt.pdf", summary="The receipt to print", media_type=PDF)
async def show_receipt_pdf(
    dossier: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    why: NamedDependency[str],
    which: Which = None,
) -> Response[bytes]:
    """The receipt, or the notice of refusal, on paper (PDF/A), with a code that a telephone reads. Made when it is
    first asked for, and the same bytes ever after. One that had to wait for its judgement has two: `paper=1` is the
    receipt's, 2 the judgement's; without it the latest.
    """
    require(caller, "employer", "ivan", "office")
    found = await visible(house, caller, dossier)
    number = which or (OF_RECEIPT if found.judgement is None else OF_JUDGEMENT)
    if number == OF_JUDGEMENT and found.judgement is None:
        raise Refused("not-found")
    document, content = await receipt_pdf(house, found, number)
    correlation = await record_reading(house, caller, found.id, "receipt.pdf", why)
    headers = _HEADERS | {
        "content-digest": f"sha-256=:{base64.b64encode(document.sha256).decode()}:",
        "content-disposition": f'inline; filename="{found.statement_number}-{number}.pdf"',
        "x-correlation-id": correlation,
    }
    return Response(content, media_type=PDF, headers=headers)


@get("/v1/dossiers/{dossier:str}/readings", summary="Who read the dossier")
async def list_readings(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller], after: After = 0
) -> ReadingPage:
    """Every time that content of the dossier was given out: to which client, when, what and why, in the order in which
    it was written down, after number `after`. An office sees its own readings only.
    """
    require(caller, "employer", "ivan", "office")
    found = await visible(house, caller, dossier)
    alone = caller.client if caller.role == "office" else None

    def look() -> ReadingPage:
        with house.database.read() as tx:
            page = readings.of(tx, found.id, after, client=alone)
        return ReadingPage([_shown(one) for one in page], page[-1].number if page else after)

    return await house.run(look)


@get("/v1/receipts/{receipt_number:str}", summary="Is this printed receipt genuine?")
async def check_paper(
    receipt_number: FromPath[str], house: NamedDependency[House], request: Request[Any, Any, Any], key: FromQuery[str]
) -> Response[Any]:
    """What the square code on a printed receipt leads to: what the gateway signed under that number, and where the
    dossier stands now. `key` stands in the code alone; without the right one there is nothing here.
    """
    found = await house.run(_by_number, house, receipt_number)
    if found is None or not found.statement or not hmac.compare_digest(paper_key(found.statement), _ascii(key)):
        raise Refused("not-found")
    said = _statement(found)
    if request.accept.best_match([MediaType.JSON, MediaType.HTML], MediaType.JSON) == MediaType.JSON:
        return Response(said, headers=_HEADERS)
    return Response(_page(said, found), media_type=MediaType.HTML, headers=_PAGE_HEADERS)


def _by_number(house: House, number: str) -> journal.Dossier | None:
    if len(number) > _NUMBER_CHARACTERS_MAX:
        return None
    with house.database.read() as tx:
        named = documents.about(tx, number)
        return journal.dossier(tx, named, _EVERYTHING) if named else None


def _ascii(key: str) -> str:
    return key if key.isascii() else ""


def _statement(dossier: journal.Dossier) -> StatementShown:
    said = statement_of(dossier)
    return StatementShown(
        receipt_number=dossier.statement_number,
        kind="receipt" if isinstance(said, Receipt) else "notice",
        dossier=dossier.id,
        received_at=rfc3339(from_us(dossier.received_at_us)),
        sha256=dossier.sha256.hex(),
        size_bytes=dossier.size_bytes,
        procedure=said.procedure,
        # What a refused dossier says of its unit proves nothing.
        unit=dossier.unit,
        competent_office=dossier.competent_office,
        due_at=rfc3339(from_us(dossier.due_at_us)) if dossier.due_at_us is not None else None,
        statement_sha256=leaf(dossier.statement).hex(),
        judgement_number=dossier.judgement_number,
        state=dossier.state,
    )


_LABELS: Final = (
    ("receipt_number", "Số", "Number"),
    ("state", "Trạng thái hiện nay", "State now"),
    ("received_at", "Thời điểm nhận", "Received at"),
    ("procedure", "Thủ tục", "Procedure"),
    ("unit", "Mã đơn vị", "Unit code"),
    ("competent_office", "Cơ quan giải quyết", "Competent office"),
    ("due_at", "Hạn trả kết quả", "Result due by"),
    ("sha256", "SHA-256 của hồ sơ", "SHA-256 of the dossier"),
    ("size_bytes", "Số byte", "Size in bytes"),
    ("statement_sha256", "SHA-256 của bản điện tử", "SHA-256 of the electronic original"),
    ("judgement_number", "Số kết luận", "Judgement"),
    ("dossier", "Mã hồ sơ", "Dossier id"),
)
_TITLES: Final = {
    "receipt": ("Cổng đã cấp biên nhận này", "This gateway issued this receipt"),
    "notice": ("Cổng đã cấp thông báo không tiếp nhận này", "This gateway issued this notice of refusal"),
}


def _page(said: StatementShown, found: journal.Dossier) -> str:
    title_vi, title_en = _TITLES[said.kind]
    state = paper_words.STATES[said.state]
    for_eyes = {
        "state": f"{state.vi} / {state.en}",
        "received_at": f"{from_us(found.received_at_us):%d/%m/%Y %H:%M:%S}",
        "due_at": for_people(from_us(found.due_at_us)) if found.due_at_us is not None else "",
    }
    rows = "".join(
        f"<tr><th>{vi}<br><small lang=en>{en}</small><td>{html.escape(str(value))}"
        for name, vi, en in _LABELS
        if (value := for_eyes.get(name, getattr(said, name))) not in (None, "")
    )
    return (
        '<!doctype html><html lang="vi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title_vi}</title>"
        "<style>body{font:1.1rem/1.5 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
        "th{text-align:left;vertical-align:top;padding:.3rem 1rem .3rem 0;font-weight:normal;min-width:9rem}"
        "td{overflow-wrap:anywhere;font-weight:bold}small{color:#555}</style>"
        f"<h1>{title_vi}</h1><p lang=en><small>{title_en}</small></p><table>{rows}</table>"
        "<p>Hãy so từng dòng với bản in. Không có họ tên người nào ở đây.<br>"
        "<small lang=en>Compare each line with the paper. No person is named here.</small></p></html>"
    )


def _shown(one: readings.Reading) -> ReadingShown:
    return ReadingShown(
        number=one.number,
        at=rfc3339(from_us(one.at_us)),
        client=one.client,
        role=one.role,
        what=one.what,
        why=one.why,
        correlation=one.correlation,
    )


HANDLERS = [show_receipt_pdf, list_readings]
OPEN_HANDLERS = [check_paper]
