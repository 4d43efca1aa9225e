"""The parties' doors to the parts of a dossier, decoded, and to the question whether a document is held already."""

from typing import Annotated, Any, Final
from urllib.parse import quote

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from gateway import once_only
from gateway.api.caller import require, visible
from gateway.api.content import Outgoing
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import VIETNAM
from gateway.house import House
from gateway.part_content import OpenedPart, PartUnknown, open_part
from gateway.reading import record_reading
from schemas.envelope_files import ending_of

NUMBER_MAX: Final = 9999
_SHA256_HEX_LENGTH: Final = 64
_UNKNOWN: Final = "application/octet-stream"
_KINDS: Final = {
    ".pdf": "application/pdf",
    ".xml": "application/xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# Somebody else made it: it is saved, not shown, and runs nothing.
_HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
}
OfUnit = Annotated[str | None, QueryParameter(name="unit", max_length=30)]


class DocumentHeld(Struct, frozen=True):
    """Whether a document need not be sent again."""

    sha256: str
    held: bool


@get("/v1/dossiers/{dossier:str}/parts/{number:int}", summary="One file of the dossier")
async def show_part(
    request: Request[Any, Any, Any],
    dossier: FromPath[str],
    number: FromPath[int],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    why: NamedDependency[str],
) -> Response[Any]:
    """The decoded bytes of the file with that number in the envelope, streamed; all of them, or one `Range`. Of one
    that refers to a document held already, the bytes of that document.
    """
    require(caller, "employer", "ivan", "office")
    found = await visible(house, caller, dossier)
    if not 1 <= number <= NUMBER_MAX:
        raise Refused("not-found")
    try:
        opened = await house.run_apart(open_part, house.stores, found, number, house.tables.catalogue)
    except PartUnknown:
        raise Refused("not-found") from None
    kind = ending_of(opened.part.name) if opened.holder is None else opened.holder.kind
    outgoing = Outgoing(house, request, opened.content, _KINDS.get(kind, _UNKNOWN))
    await outgoing.prepare()
    if not outgoing.carries_content:
        return _kept_apart(outgoing.answer(), opened)
    if opened.holder is not None:
        # It leaves that dossier, too: its parties read who was given it.
        await record_reading(house, caller, opened.holder.dossier, f"parts/{opened.holder.number}", why)
    return _kept_apart(outgoing.answer(await record_reading(house, caller, found.id, f"parts/{number}", why)), opened)


@get("/v1/documents", summary="Do you hold this document?")
async def find_document(
    sha256: FromQuery[str], house: NamedDependency[House], caller: NamedDependency[Caller], unit: OfUnit = None
) -> DocumentHeld:
    """Whether a supporting paper with these bytes is held, so that a dossier of that unit (without one: of any that the
    caller speaks for) may refer to it. A stranger's document is not held.
    """
    require(caller, "employer", "ivan")
    try:
        digest = bytes.fromhex(sha256)
    except ValueError:
        digest = b""
    if len(sha256) != _SHA256_HEX_LENGTH or len(digest) * 2 != _SHA256_HEX_LENGTH:
        raise Refused("bad-request", "sha256: 64 hex digits.")
    on = house.clock.now().astimezone(VIETNAM).date()

    def look() -> bool:
        with house.database.read() as tx:
            return once_only.is_held(tx, digest, client=caller.client, unit=unit, on=on)

    return DocumentHeld(digest.hex(), await house.run(look))


def _kept_apart(answer: Response[Any], opened: OpenedPart) -> Response[Any]:
    # RFC 6266 §4.3, RFC 8187.
    answer.headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(opened.part.name, safe='')}"
    answer.headers.update(_HEADERS)
    return answer


HANDLERS = [show_part, find_document]
