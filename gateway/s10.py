"""Item numbers as the Universal Postal Union's standard S10 writes them: read, checked, and what they say."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

from msgspec import Struct

CHARACTERS_MAX: Final = 40
_LOOKED_AT_CHARACTERS_MAX: Final = 400
_SHAPE: Final = re.compile(r"([A-Z]{2})([0-9]{8})([0-9])([A-Z]{2})", re.ASCII)
# What people and programs put between the groups of a number.
_BETWEEN: Final = re.compile(r"[\s.\-_]+")
_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)
_MODULUS: Final = 11
# The first service letter, as far as it says what kind of item it is (UPU S10, service indicators).
SERVICES: Final[dict[str, tuple[str, str]]] = {
    "C": ("Bưu kiện", "parcel"),
    "E": ("EMS (chuyển phát nhanh)", "EMS (express mail)"),
    "L": ("Thư theo dõi, chuyển nhanh", "tracked or express letter"),
    "M": ("Túi M", "M bag"),
    "R": ("Thư bảo đảm (ghi số)", "registered letter"),
    "U": ("Thư không theo dõi", "untracked letter"),
    "V": ("Thư khai giá", "insured letter"),
}
_SERVICE_UNKNOWN: Final = ("Dịch vụ khác", "another service")
HOME: Final = "VN"

WhyCode = Literal["not-s10", "bad-check-digit"]


class S10(Struct, frozen=True):
    """An item number whose check digit holds: service letters, eight digits of its series, check digit, country."""

    service: str
    serial: str
    check: str
    country: str

    @property
    def number(self) -> str:
        """The number as it is kept and compared: 13 characters, capitals, nothing between."""
        return self.service + self.serial + self.check + self.country

    @property
    def meaning(self) -> tuple[str, str]:
        """What kind of item its service letters stand for, in Vietnamese and English."""
        return SERVICES.get(self.service[0], _SERVICE_UNKNOWN)

    @property
    def is_home(self) -> bool:
        """Whether it was numbered in Vietnam."""
        return self.country == HOME


class Why(Struct, frozen=True, kw_only=True):
    """Why a text is no S10 number. `written` is the text with capitals and nothing between. With `bad-check-digit` the
    shape is right and `expected` the digit that its series asks for: that refuses what a machine read off a label, and
    questions what a person typed, for clerks' lists hold placeholders that never had a right one.
    """

    code: WhyCode
    written: str
    vi: str
    en: str
    expected: str = ""


def parse(text: str) -> S10 | Why:
    """Read an item number; spaces, dots, hyphens and small letters are put right, nothing else is.

    The check digit (UPU S10) tells every digit that was mistaken for another and every two neighbours that changed
    places, but where the standard writes two things alike: remainders 0 and 6 are both written 5, so that an error
    which turns one into the other goes unseen; and of the swaps with the check digit itself 4 in 110 do.
    """
    written = tidy(text)
    found = _SHAPE.fullmatch(written)
    if found is None:
        return Why(
            code="not-s10",
            written=written,
            vi="Không phải số hiệu bưu gửi S10: hai chữ, chín chữ số, hai chữ (như RR473124829VN).",
            en="Not an S10 item number: two letters, nine digits, two letters (like RR473124829VN).",
        )
    service, serial, check, country = found.groups()
    if check != (expected := check_digit(serial)):
        return Why(
            code="bad-check-digit",
            written=written,
            vi=f"Số kiểm tra của {written} là {check}, đúng ra phải là {expected}: đọc lại từng chữ số trên nhãn.",
            en=f"The check digit of {written} is {check}, not {expected}: read the label again, digit by digit.",
            expected=expected,
        )
    return S10(service, serial, check, country)


def check_digit(serial: str) -> str:
    """The check digit of eight digits (UPU S10): 11 less the weighted sum's remainder by 11; 10 is written 0, 11 5."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, serial, strict=True))
    found = _MODULUS - total % _MODULUS
    return {10: "0", 11: "5"}.get(found, str(found))


def tidy(text: str) -> str:
    """A typed or scanned number in capitals with nothing between its groups."""
    joined = _BETWEEN.sub("", unicodedata.normalize("NFKC", text[:_LOOKED_AT_CHARACTERS_MAX]))
    # One more than a number has, so that nothing long becomes one by being cut; and no letter becomes two.
    return "".join(one.upper() if one.isascii() else one for one in joined[: CHARACTERS_MAX + 1])
