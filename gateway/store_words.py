"""What the vault's store was seen to do when it was probed, in words for whoever runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.vault import Mark, Standing

MARKS: dict[Mark, tuple[str, str]] = {
    "overwrites-by-version": (
        "kho đặt phiên bản mới lên tên đã có; phiên bản cũ vẫn còn, gói cùng tên thì cùng nội dung: không mất gì",
        "the store lays a newer version on a name that is taken; the older stays, and one name means the same bytes",
    ),
    "several-winners": (
        "kho báo cho nhiều bên cùng ghi một tên rằng ai cũng là đầu tiên; tên gói suy từ nội dung nên vô hại",
        "the store tells several writers of one name that they were first; packs are named by their bytes: no harm",
    ),
    "checksums-ignored": (
        "kho không kiểm tổng kiểm nào; mỗi lượt ghi được đọc lại trước khi xác nhận, nên chậm hơn",
        "the store looks at no checksum; every round is read back before it is acknowledged, and so takes longer",
    ),
    "lists-late": (
        "kho liệt kê chậm; chỉ khi dựng lại chỉ mục mới cần liệt kê, khi đó hãy chờ",
        "the store lists late; lists are needed only to rebuild the index: wait then",
    ),
    "lists-refused": (
        "kho không cho liệt kê; nếu mất sổ thì không dựng lại được chỉ mục từ kho",
        "the store refuses lists; if the journal is lost the index cannot be rebuilt from the store",
    ),
    "lock-can-be-lifted": (
        "khóa GOVERNANCE: ai có quyền bỏ qua thì vẫn xóa được; COMPLIANCE thì không",
        "a GOVERNANCE lock: whoever has the right to bypass it can delete; with COMPLIANCE nobody can",
    ),
}


def told_of(standing: Standing) -> str:
    """One line on a store that passed its probe: what it minds, what it locks, and where it falls short."""
    said = [_lock(standing)] if standing.store == "s3" else []
    if standing.minds:
        said.append(f"từ chối tổng kiểm sai · refuses wrong checksums: {', '.join(standing.minds)}")
    said += [f"LƯU Ý · MARKED {mark}: {vi} · {en}" for mark in standing.marks for vi, en in [MARKS[mark]]]
    return "; ".join(said)


def _lock(standing: Standing) -> str:
    if not standing.lock:
        return "không khóa gói · packs are not locked"
    return f"khóa gói đã thử, giữ được (số ngày) · packs are locked, and the lock was proved (days): {standing.lock}"
