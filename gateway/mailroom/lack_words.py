"""What keeps a page or a paper dossier waiting, in words for the mail room's clerks, in Vietnamese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.mailroom import matching_words
from gateway.postal.pieces import KINDS

if TYPE_CHECKING:
    from gateway.mailroom.matching import Missing
    from gateway.mailroom.settling import Lack

# Why a page is where it is: what the matching says, and what follows from where its dossier stands.
WHYS: Final[dict[str, tuple[str, str]]] = {
    **matching_words.WHYS,
    "late": (
        "Hồ sơ đã lập mà chưa có trang này: người phụ trách quyết định có thêm vào không",
        "Its dossier was made without this page: a person decides whether it is added",
    ),
    "unannounced": (
        "Bưu gửi chưa được khai báo: nhập dữ liệu hồ sơ rồi gắn với số hiệu bưu gửi",
        "Nobody announced the item: key in what it is, and bind it to the item's number",
    ),
}


def lack_words(lack: Lack) -> tuple[str, str]:
    """What a dossier lacks, as a sentence."""
    if lack.missing is None:
        return (
            f"Bưu gửi {lack.item} của hồ sơ này chưa được mở",
            f"Item {lack.item}, which holds more of this dossier, was not opened yet",
        )
    return _missing(lack.missing)


def _missing(one: Missing) -> tuple[str, str]:
    pages = ", ".join(map(str, one.pages))
    if one.what == "cover":
        return (f"Thiếu trang {pages} của phiếu gửi kèm", f"Page {pages} of the cover sheet is missing")
    if one.what == "printed":
        return (
            f"Tờ khai thứ {one.form}: thiếu trang {pages} trong {one.wanted} trang",
            f"Form {one.form}: page {pages} of {one.wanted} is missing",
        )
    if one.what == "loose":
        return (
            f"Giấy tờ kèm theo: có {one.found} trang, đã khai báo {one.wanted} trang",
            f"Supporting papers: {one.found} pages are there, {one.wanted} were announced",
        )
    vi, en = next((words for kind, words in KINDS.items() if kind == one.kind), (one.kind, one.kind))
    return (
        f"{vi}: đếm được {one.found}, đã khai báo {one.wanted}",
        f"{en}: {one.found} counted, {one.wanted} announced",
    )
