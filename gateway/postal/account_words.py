"""What the account of paper says in words: its columns, and what does not meet."""

from __future__ import annotations

from typing import Final

FLOW_WORDS: Final[dict[str, tuple[str, str]]] = {
    "announced": ("Đã báo trước", "announced"),
    "unannounced": ("Không báo trước", "unannounced"),
    "outbound": ("Gửi trả", "outbound"),
}
COLUMN_WORDS: Final[dict[str, tuple[str, str]]] = {
    "announced": ("tổng", "in all"),
    "cancelled": ("đã hủy", "cancelled"),
    "never_posted": ("chưa gửi", "never posted"),
    "posted": ("đã gửi", "posted"),
    "delivered": ("đã phát", "delivered"),
    "returned": ("hoàn lại", "returned"),
    "lost": ("mất", "lost"),
    "on_the_way": ("trên đường", "on the way"),
    "opened": ("đã mở", "opened"),
    "unopened": ("chưa mở", "unopened"),
    "filed": ("đã thành hồ sơ", "filed"),
    "waiting": ("chờ người xử lý", "waiting for a person"),
}
_RULES: Final[dict[str, tuple[str, str]]] = {
    "item-state": (
        "trạng thái trong bảng khác các sự kiện của bưu chính ({told})",
        "its row does not say what its handlings amount to ({told})",
    ),
    "received-undelivered": (
        "bản kê ghi đã nhận mà bưu chính chưa báo phát ({told})",
        "received by a manifest, but no delivery was told ({told})",
    ),
    "opened-undelivered": (
        "đã mở mà bưu chính chưa báo phát ({told})",
        "opened, but no delivery was told ({told})",
    ),
    "handed-unposted": (
        "bưu chính đã nhận theo bản kê mà chưa báo nhận gửi",
        "taken by the post by a manifest, but no posting was told",
    ),
    "filed-unopened": ("đã thành hồ sơ mà không có bưu gửi nào được mở", "filed, though no item of it was opened"),
    "filed-nowhere": ("ghi là đã thành hồ sơ mà không có hồ sơ", "said to be filed, but there is no such dossier"),
    "came-unfiled": ("đã có hồ sơ mà vẫn ghi là chưa đến", "the dossier is there, but is still said to be awaited"),
    "identity": ("{flow}, {column}: {told}", "{flow}, {column}: {told}"),
    "count": (
        "{flow}, {column}: đếm theo bảng và theo sự kiện khác nhau ({told})",
        "{flow}, {column}: counted by the rows and by what was told they differ ({told})",
    ),
}


def account_words(rule: str, *, flow: str, column: str, told: str) -> tuple[str, str]:
    """What does not meet, in Vietnamese and English."""
    flows, columns = FLOW_WORDS.get(flow, ("", "")), COLUMN_WORDS.get(column, ("", ""))
    vi, en = _RULES[rule]
    return (
        vi.format(flow=flows[0], column=columns[0], told=told),
        en.format(flow=flows[1], column=columns[1], told=told),
    )
