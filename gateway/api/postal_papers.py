"""The doors to what is printed for an announcement: its cover sheets, and its forms to be signed by hand."""

import base64
import hashlib
from typing import Annotated, Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from gateway.api.caller import doors_for
from gateway.callers import Caller, Role
from gateway.house import House
from gateway.postal import announced_papers

PDF: Final = "application/pdf"
# As for everything that is made for people: it runs nothing and stays nowhere.
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_PARTIES: Final[tuple[Role, ...]] = ("employer", "ivan", "office")
Which = Annotated[str | None, QueryParameter(max_length=40)]


@get(
    "/v1/postal/announcements/{announcement:str}/cover.pdf",
    summary="The cover sheets to print",
    media_type=PDF,
    **doors_for(*_PARTIES),
)
async def show_covers(
    announcement: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller], dossier: Which = None
) -> Response[bytes]:
    """One cover sheet for each dossier of the announcement (PDF/A, A4), or for `dossier` alone: the office's address, a
    QR code that we signed, the dossier's id as Code 128, and the list of papers to put in. What was cancelled has none.
    """
    made = await announced_papers.covers(house, caller, announcement, dossier)
    return _answer(made, f"{announcement}-cover.pdf")


@get(
    "/v1/postal/announcements/{announcement:str}/forms.pdf",
    summary="The forms to print and sign by hand",
    media_type=PDF,
    **doors_for(*_PARTIES),
)
async def show_announced_forms(
    announcement: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller], dossier: Which = None
) -> Response[bytes]:
    """All forms of the announcement's dossiers as their paper looks (PDF/A), or those of `dossier` alone, with places
    for signatures by hand and a code of its own on every page. An office has those of what it announced itself.
    """
    made = await announced_papers.forms(house, caller, announcement, dossier)
    return _answer(made, f"{announcement}-forms.pdf")


def _answer(content: bytes, name: str) -> Response[bytes]:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    headers = _HEADERS | {
        "content-digest": f"sha-256=:{digest}:",
        "content-disposition": f'inline; filename="{name}"',
    }
    return Response(content, media_type=PDF, headers=headers)


HANDLERS = [show_covers, show_announced_forms]
