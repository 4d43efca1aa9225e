"""The parties' doors to what was judged of signatures: the validation report, and the judgement that came later."""

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.api.caller import visible
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.contents import ContentErased
from gateway.house import House
from gateway.validation import NothingJudged, NotKept, Validation, proof_of, validation_of
from storage import journal

XML = "application/xml"
NOT_KEPT = (
    "Hồ sơ được kết luận khi cổng chưa lưu báo cáo kiểm tra chữ ký. "
    "This dossier was judged before validation reports were kept."
)


@get("/v1/dossiers/{dossier:str}/validation", summary="The validation report")
async def show_validation(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Everything that was judged of every signature, and what it rests on: algorithms, digests, chains, revocation data
    with its age and source, times, the policy by its SHA-256. JSON, version 1; the same at every time of asking.
    """
    found = await _validation(house, caller, dossier)
    return Response(found.report.keep(), media_type="application/json")


@get("/v1/dossiers/{dossier:str}/validation.xml", summary="The validation report, ETSI TS 119 102-2", media_type=XML)
async def show_validation_xml(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The same as an ETSI TS 119 102-2 V1.4.1 ValidationReport, with certificates and revocation data inside."""
    found = await _validation(house, caller, dossier, whole=True)
    return Response(await house.run_apart(found.as_xml), media_type=XML)


@get("/v1/dossiers/{dossier:str}/proofs/{sha256:str}", summary="A proof", media_type="application/octet-stream")
async def show_proof(
    dossier: FromPath[str], sha256: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The very bytes (DER) of a certificate, CRL, OCSP response or time-stamp that the report names."""
    found = _judged(await visible(house, caller, dossier))
    content = await house.run_apart(proof_of, house.database, found, sha256)
    if content is None:
        raise Refused("not-found")
    return Response(content, media_type="application/octet-stream")


@get("/v1/dossiers/{dossier:str}/judgement", summary="The judgement", media_type="application/jose")
async def show_judgement(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Response[str]:
    """What was judged of a dossier that had to wait: a compact JWS that names its receipt. 404 for all others."""
    found = await visible(house, caller, dossier)
    if found.judgement is None:
        raise Refused("not-found")
    if not found.judgement:
        # It quoted findings, and went with the content; the tombstone names its digest.
        raise ContentErased(found.id)
    return Response(found.judgement, media_type="application/jose")


async def _validation(house: House, caller: Caller, dossier: str, *, whole: bool = False) -> Validation:
    found = _judged(await visible(house, caller, dossier))
    try:
        return await house.run_apart(validation_of, house.database, found, house.tables.policy, whole=whole)
    except NothingJudged:
        raise Refused("not-found") from None
    except NotKept:
        raise Refused("not-found", NOT_KEPT) from None


def _judged(dossier: journal.Dossier) -> journal.Dossier:
    """The dossier, whose report is there still. Raises `ContentErased`."""
    if dossier.erased_at_us is not None:
        raise ContentErased(dossier.id)
    return dossier


HANDLERS = [show_validation, show_validation_xml, show_proof, show_judgement]
