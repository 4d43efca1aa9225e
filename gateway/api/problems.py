"""The one table from what can go wrong to an RFC 9457 problem, in Vietnamese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.about import NotOpen
from gateway.api.body import BodyTooLarge, DigestDiffers, DigestUnreadable, SenderGone, SenderSlow, SpoolFull
from gateway.api.problem_kind import Kind, Retry
from gateway.api.problem_kinds import KINDS
from gateway.callers import BudgetSpent, NotKnown
from gateway.contents import ContentErased
from gateway.desk import PickupForged
from gateway.desk_papers import PaperNotThere, RegisterInParts, RegisterTooLong
from gateway.ids import NumbersExhausted
from gateway.intake import Poisonous
from gateway.mailroom.filing import FiledBefore, NotAsSeen
from gateway.mailroom.opening import NotInMailRoom, OpenedOtherwise, OpeningUnfit
from gateway.mailroom.reading import ScanUnreadable
from gateway.mailroom.scanning import ScanNotNow, ScanRefused, ScansTooMany
from gateway.outgoing import AddressRefused
from gateway.postal.announce import AnnouncementMoved, AnnouncementNotThere, AnnouncementUnfit
from gateway.postal.custody import OriginalUnknown
from gateway.postal.items import BoundElsewhere, ItemMoved, ItemNotThere, ItemUnfit, NumberRefused
from gateway.postal.manifest_said import ManifestUnfit, SignatureForged
from gateway.postal.manifests import AlreadySettled, ManifestForbidden, ManifestNotThere
from gateway.postal.pickup_sending import PickupNotOffered
from gateway.postal.pools import PoolEmpty
from gateway.postal.returns import NotOutbound, ReturnSettled, ReturnUnfit
from gateway.postal.same_case import CaseUnknown
from gateway.printing import NothingToPrint
from gateway.repeated import KeyReused
from gateway.report_rules import ReportUnfit
from gateway.reports import NotTheirs
from gateway.results import ResultRefused
from gateway.scanner import ScannerAway
from gateway.states import IllegalTransition
from gateway.supplements import NotThere
from gateway.track import NotTracked
from gateway.uploads import (
    MetadataUnreadable,
    UploadBusy,
    UploadElsewhere,
    UploadGone,
    UploadIncomplete,
    UploadOffsetDiffers,
    UploadReceived,
    UploadsFull,
    UploadsTooMany,
    UploadTooLarge,
)
from gateway.webhook import WebhookRefused, WebhooksTooMany, WebhookUnknown
from schemas.paper_codes import SheetsChanged
from schemas.typeset import TooLongError
from signing.seal import SealAway
from storage.database import DatabaseAway, TextUnfit
from storage.originals import OriginalElsewhere
from storage.vault import ContentCorrupt, ContentMissing, VaultAway, VaultFull
from storage.work import LeaseLost

if TYPE_CHECKING:
    from gateway.report import FindingShown, Language, VerdictShown

__all__ = [
    "KINDS",
    "Answer",
    "Kind",
    "Problem",
    "Refused",
    "RefusedDossier",
    "Retry",
    "answer_of",
    "answer_with",
    "code_of",
    "problem_of",
]

RETRY_AFTER_S = 5
MEDIA_TYPE = b"application/problem+json"

# From exception to kind; the first that fits. What is not here is `internal`, with an id and no text.
_OF_EXCEPTION: tuple[tuple[type[Exception], str], ...] = (
    (BodyTooLarge, "body-too-large"),
    (SenderSlow, "sender-too-slow"),
    (SenderGone, "body-incomplete"),
    (DigestDiffers, "digest-differs"),
    (DigestUnreadable, "bad-request"),
    (SpoolFull, "store-full"),
    (NotKnown, "unauthorized"),
    (BudgetSpent, "too-many-requests"),
    (LeaseLost, "lease-lost"),
    (UploadGone, "not-found"),
    (UploadReceived, "upload-received"),
    (UploadElsewhere, "upload-elsewhere"),
    (UploadBusy, "upload-busy"),
    (UploadOffsetDiffers, "upload-offset-differs"),
    (UploadIncomplete, "upload-incomplete"),
    (UploadTooLarge, "body-too-large"),
    (UploadsTooMany, "uploads-too-many"),
    (UploadsFull, "store-full"),
    (MetadataUnreadable, "bad-request"),
    (KeyReused, "key-reused"),
    (NotTheirs, "not-found"),
    (NotThere, "not-found"),
    (NotOpen, "not-open"),
    (IllegalTransition, "cannot-follow"),
    (ReportUnfit, "report-unfit"),
    (ResultRefused, "result-refused"),
    (PickupForged, "pickup-forged"),
    (PaperNotThere, "not-found"),
    (RegisterTooLong, "register-too-long"),
    (RegisterInParts, "register-in-parts"),
    (NotTracked, "not-tracked"),
    (WebhookUnknown, "not-found"),
    (WebhookRefused, "webhook-refused"),
    (AddressRefused, "address-refused"),
    (WebhooksTooMany, "webhooks-too-many"),
    (AnnouncementNotThere, "not-found"),
    (AnnouncementUnfit, "announcement-unfit"),
    (AnnouncementMoved, "announcement-moved"),
    (ManifestNotThere, "not-found"),
    (ManifestForbidden, "forbidden"),
    (ManifestUnfit, "manifest-unfit"),
    (SignatureForged, "manifest-forged"),
    (AlreadySettled, "manifest-settled"),
    (NotInMailRoom, "not-found"),
    (OpenedOtherwise, "opened-otherwise"),
    (OpeningUnfit, "opening-unfit"),
    (ScanRefused, "scan-unreadable"),
    (ScanUnreadable, "scan-unreadable"),
    (ScanNotNow, "scan-not-read-yet"),
    (ScansTooMany, "scans-too-many"),
    (NotAsSeen, "not-as-seen"),
    (FiledBefore, "paper-filed"),
    (NotOutbound, "not-found"),
    (OriginalUnknown, "not-found"),
    (CaseUnknown, "not-found"),
    (ReturnUnfit, "return-unfit"),
    (ReturnSettled, "return-settled"),
    (OriginalElsewhere, "original-elsewhere"),
    (NumberRefused, "item-number-refused"),
    (BoundElsewhere, "item-bound"),
    (ItemMoved, "item-moved"),
    (ItemUnfit, "item-unfit"),
    (ItemNotThere, "not-found"),
    (PoolEmpty, "pool-empty"),
    (PickupNotOffered, "pickup-not-offered"),
    (VaultFull, "store-full"),
    (VaultAway, "store-away"),
    (SealAway, "store-away"),
    (ScannerAway, "scanner-away"),
    (DatabaseAway, "database-away"),
    (TextUnfit, "bad-request"),
    (ContentErased, "content-erased"),
    (ContentMissing, "content-unreadable"),
    (ContentCorrupt, "content-unreadable"),
    (TooLongError, "too-long-for-pdf"),
    (SheetsChanged, "forms-changed"),
    (NothingToPrint, "not-found"),
    (NumbersExhausted, "numbers-exhausted"),
    (Poisonous, "internal"),
)
# Whose own words may be shown: they speak of the request, never of our inside.
_SPEAKS = (
    ReturnUnfit, OriginalElsewhere,
    AnnouncementUnfit,
    BodyTooLarge, SenderSlow, SenderGone, DigestDiffers, DigestUnreadable, UploadTooLarge, UploadsTooMany,
    UploadOffsetDiffers, UploadIncomplete, MetadataUnreadable, ReportUnfit, ResultRefused, IllegalTransition,
    ManifestUnfit, ManifestForbidden, SignatureForged,
    OpenedOtherwise, OpeningUnfit, ScanRefused, ScanNotNow, ScansTooMany, NotAsSeen, FiledBefore,
    NumberRefused, BoundElsewhere, ItemMoved, ItemUnfit,
    PickupForged, NotOpen, RegisterTooLong, RegisterInParts, WebhookRefused, AddressRefused,
)  # fmt: skip


class Refused(Exception):
    """A handler's own refusal: a kind, and what it is about."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


class Problem(Struct, frozen=True, kw_only=True):
    """The body of an RFC 9457 problem (§3), with our members: `code`, `correlation_id` and whether to try again."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    correlation_id: str
    retry: Retry


class RefusedDossier(Problem, frozen=True, kw_only=True):
    """The problem of a refused dossier: everything that is wrong, and the signed notice that says so."""

    dossier: str
    sha256: str
    received_at: str
    verdict: VerdictShown | None
    findings: list[FindingShown]
    notice_number: str
    notice: str


class Answer(Struct, frozen=True):
    """A whole HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def code_of(error: Exception) -> str:
    """The kind of problem that an exception is."""
    if isinstance(error, Refused):
        return error.code
    return next((code for kind, code in _OF_EXCEPTION if isinstance(error, kind)), "internal")


def answer_of(error: Exception, language: Language, correlation_id: str) -> Answer:
    """The answer to a request that failed."""
    code = code_of(error)
    detail = error.detail if isinstance(error, Refused) else str(error) if isinstance(error, _SPEAKS) else ""
    kind = KINDS[code]
    headers = _headers(language, correlation_id)
    if isinstance(error, BudgetSpent):
        headers += [
            (b"retry-after", b"%d" % error.retry_after_s),
            (b"ratelimit-limit", b"%d" % error.limit),
            (b"ratelimit-remaining", b"0"),
            (b"ratelimit-reset", b"%d" % error.retry_after_s),
        ]
    elif kind.retry == "after":
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    if code == "unauthorized":
        headers.append((b"www-authenticate", b'Bearer realm="motcua"'))
    problem = problem_of(code, language, correlation_id, detail)
    return Answer(kind.status, headers, msgspec.json.encode(problem))


def answer_with(problem: Problem, language: Language) -> Answer:
    """The answer that carries a problem which its handler filled in."""
    return Answer(problem.status, _headers(language, problem.correlation_id), msgspec.json.encode(problem))


def problem_of(code: str, language: Language, correlation_id: str, detail: str = "") -> Problem:
    """A problem of that kind, in one language."""
    kind = KINDS[code]
    remedy = kind.remedy_vi if language == "vi" else kind.remedy_en
    return Problem(
        type=f"/problems/{code}",
        title=kind.title_vi if language == "vi" else kind.title_en,
        status=kind.status,
        detail=f"{detail} {remedy}".strip(),
        code=code,
        correlation_id=correlation_id,
        retry=kind.retry,
    )


def _headers(language: Language, correlation_id: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", MEDIA_TYPE),
        (b"content-language", language.encode()),
        (b"x-correlation-id", correlation_id.encode()),
    ]
