"""Why a time-stamp's key proves nothing: sentences in Vietnamese and English."""

from typing import Final

from signing.indication import SubIndication
from signing.reasons import Reason

REASONS: Final[dict[str, Reason]] = {
    "timestamp-key": Reason(
        SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
        "Khóa của “{authority}”, nơi cấp dấu thời gian, không được chấp nhận ({key}).",
        "The key of “{authority}”, which made the time-stamp, is not accepted ({key}).",
    ),
}
