"""What a verified statement says, in sentences for people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from gateway.cli_terms import thousands
from gateway.clock import for_people
from gateway.erasure import Tombstone
from gateway.log_opening import OriginSaid
from gateway.office_statement import Reported
from gateway.receipt import Handover, Judgement, Notice, Receipt

if TYPE_CHECKING:
    from gateway.verify_statement import Statement


def sentences(said: Statement) -> list[str]:
    """The statement in a few lines, Vietnamese first."""
    match said:
        case Receipt():
            return _receipt(said)
        case Notice():
            return _notice(said)
        case Judgement():
            return _judgement(said)
        case Handover():
            at = _at(said.taken_at)
            return [
                f"Bàn giao số {said.handover}: cơ quan {said.office} đã nhận hồ sơ {said.dossier} lúc {at}.",
                f"Hand-over {said.handover}: office {said.office} took dossier {said.dossier} at {at}.",
                f"SHA-256 {said.sha256}; biên nhận · receipt {said.receipt}, SHA-256 {said.receipt_sha256}",
            ]
        case Reported():
            at = _at(said.reported_at)
            return [
                f"Báo cáo số {said.report}: {said.fact} (trạng thái {said.national}), {said.office}, lúc {at}.",
                f"Report {said.report}: {said.fact} (state {said.national}), by {said.office}, at {at}.",
                f"SHA-256 {said.sha256}; biên nhận · receipt {said.receipt}, SHA-256 {said.receipt_sha256}",
            ]
        case Tombstone():
            at = _at(said.erased_at)
            return [
                f"Xóa số {said.erasure}: nội dung hồ sơ {said.dossier} ({said.receipt}) đã bị xóa lúc {at}.",
                f"Erasure {said.erasure}: the content of dossier {said.dossier} ({said.receipt}) was erased at {at}.",
                f"SHA-256 {said.sha256}; văn bản · statement SHA-256 {said.statement_sha256}",
            ]
        case OriginSaid():
            at = _at(said.opened_at)
            return [
                f"Nhật ký minh bạch {said.origin}, mở lúc {at}, khóa {said.vkey}.",
                f"The transparency log {said.origin}, opened at {at}, under the key {said.vkey}.",
            ]


def _receipt(said: Receipt) -> list[str]:
    at = _at(said.received_at)
    due = _at(said.due_at) if said.due_at else "—"
    return [
        f"Biên nhận số {said.receipt}: cổng đã tiếp nhận hồ sơ {said.dossier} lúc {at}.",
        f"Receipt {said.receipt}: the gateway accepted dossier {said.dossier} at {at}.",
        f"{thousands(said.size_bytes)} byte, SHA-256 {said.sha256}",
        f"Thủ tục · procedure {said.procedure_version}, kỳ · period {said.period or '—'}, đợt · batch {said.batch}",
        f"Đơn vị · unit {said.unit or '—'}, MST {said.tax_code}, người nộp · submitter {said.submitter}",
        f"Chữ ký · signature {said.verdict} ({said.policy})",
        f"Cơ quan giải quyết · competent office {said.competent_office}, hẹn trả · due {due}",
    ]


def _notice(said: Notice) -> list[str]:
    at, size = _at(said.received_at), thousands(said.size_bytes)
    why = " ".join(filter(None, (said.code, said.verdict, said.sub_indication)))
    return [
        f"Thông báo số {said.notice}: cổng KHÔNG tiếp nhận {size} byte nhận lúc {at} ({why}).",
        f"Notice {said.notice}: {size} bytes received at {at} were NOT accepted ({why}).",
        f"SHA-256 {said.sha256}",
        *(f"- {one.message}" for one in said.findings),
    ]


def _judgement(said: Judgement) -> list[str]:
    at, judged = _at(said.received_at), _at(said.judged_at)
    verdict = " ".join(filter(None, (said.state, said.verdict, said.sub_indication)))
    return [
        f"Kết luận số {said.judgement}, lúc {judged}: hồ sơ {said.dossier} (biên nhận {said.receipt}) {verdict}.",
        f"Judgement {said.judgement} of {judged} on what was received at {at} under {said.receipt}: {verdict}.",
        f"SHA-256 {said.sha256}; biên nhận · receipt SHA-256 {said.receipt_sha256}",
        *(f"- {one.message}" for one in said.findings),
    ]


def _at(text: str) -> str:
    return for_people(datetime.fromisoformat(text))
