"""The signature policy: which algorithms, keys and known faults are accepted, and until when."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cached_property
from typing import Final, Literal

from msgspec import Struct, structs

from signing.indication import Caution

_VIETNAM: Final = timezone(timedelta(hours=7))
_DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_ENC: Final = "http://www.w3.org/2001/04/xmlenc#"

SECOND_REFERENCE_TO_SIGNING_TIME: Final = "second-reference-to-signing-time"


EDITION: Final = "ETSI EN 319 102-1 V1.3.1"
LEGACY_RSA_BITS_MIN: Final = 1024


class Algorithm(Struct, frozen=True):
    """An accepted algorithm by its identifier; accepted up to and including `until`, or for good.

    `legacy` marks one that only the legacy switch lets pass, with a caution.
    """

    uri: str
    hash_name: str
    family: str = ""
    until: datetime | None = None
    legacy: bool = False


# Every algorithm that is built (XMLDSig 1.1 §6.1; identifiers from RFC 9231 §2): a policy chooses among these.
SIGNATURE_ALGORITHMS: Final = (
    Algorithm(_MORE + "rsa-sha256", "sha256", "rsa"),
    Algorithm(_MORE + "rsa-sha384", "sha384", "rsa"),
    Algorithm(_MORE + "rsa-sha512", "sha512", "rsa"),
    Algorithm(_MORE + "ecdsa-sha256", "sha256", "ecdsa"),
    Algorithm(_MORE + "ecdsa-sha384", "sha384", "ecdsa"),
    Algorithm(_MORE + "ecdsa-sha512", "sha512", "ecdsa"),
)
DIGEST_ALGORITHMS: Final = (
    Algorithm(_ENC + "sha256", "sha256"),
    Algorithm(_MORE + "sha384", "sha384"),
    Algorithm(_ENC + "sha512", "sha512"),
)
CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")

# What the one legacy switch lets pass besides: these two, and RSA from LEGACY_RSA_BITS_MIN on. ECDSA never had SHA-1 in
# the national profile, and HMAC proves nothing to a third party.
LEGACY_SIGNATURE_ALGORITHMS: Final = (Algorithm(_DSIG + "rsa-sha1", "sha1", "rsa", legacy=True),)
LEGACY_DIGEST_ALGORITHMS: Final = (Algorithm(_DSIG + "sha1", "sha1", legacy=True),)


class Words(Struct, frozen=True):
    """One statement for people, in both languages."""

    vi: str
    en: str


# How a policy departs from the procedures of EN 319 102-1, by name: a file may declare only what is built like that.
ADAPTATIONS: Final[dict[str, Words]] = {
    "signer-from-key-info": Words(
        "Chữ ký XMLDSig thuần không có thuộc tính signing-certificate, nên chứng thư số của người ký được lấy từ "
        "KeyInfo (EN 319 102-1 điều 5.2.3); KeyValue, nếu có, phải là cùng một khóa.",
        "Plain XMLDSig has no signing-certificate attribute, hence the signer's certificate is taken from KeyInfo "
        "(EN 319 102-1 clause 5.2.3); a KeyValue beside it must be the same key.",
    ),
    "xmldsig-not-ades": Words(
        "Quy trình dành cho chữ ký AdES được áp dụng cho cả XMLDSig thuần; khi đó định dạng được báo là “XMLDSig, not "
        "AdES”.",
        "The procedures for AdES signatures are applied to plain XMLDSig too; its format is then reported as "
        "“XMLDSig, not AdES”.",
    ),
    "no-extended-key-usage": Words(
        "Không yêu cầu phần mở rộng extendedKeyUsage nào: các tổ chức chứng thực được cấp phép ghi phần này không "
        "thống nhất.",
        "No extended key usage is asked for: licensed authorities write it in many ways.",
    ),
    "anchor-validity-asked": Words(
        "Hiệu lực của chứng thư số gốc cũng được kiểm tra, dù RFC 5280 để ngỏ.",
        "The trust anchor's own validity is checked too, though RFC 5280 leaves it open.",
    ),
    "authorities-by-constants": Words(
        "Thuật toán và khóa của tổ chức chứng thực, nơi cấp dấu thời gian và dữ liệu thu hồi được xét theo mức cố định "
        "(SHA-256, SHA-384, SHA-512; RSA từ 2048 bit), không theo ngày hết hạn ghi trong chính sách này.",
        "The algorithms and keys of authorities, time-stamps and revocation data are judged by constants (SHA-256, "
        "SHA-384, SHA-512; RSA of at least 2048 bits), not by the dates at which this policy ends algorithms.",
    ),
    "no-ocsp-nonce": Words(
        "Không đòi hỏi nonce trong trả lời OCSP: độ mới được xét theo thời điểm ghi trong trả lời.",
        "No nonce is asked for in OCSP responses: how fresh one is, is judged by the times in it.",
    ),
    "revocation-not-asked": Words(
        "Không kiểm tra trạng thái thu hồi của chứng thư số.",
        "Whether a certificate was revoked is not asked.",
    ),
}


class RsaEnd(Struct, frozen=True):
    """RSA keys shorter than `bits_below` are accepted up to and including `until`."""

    bits_below: int
    until: datetime


class Tolerance(Struct, frozen=True, kw_only=True):
    """A known fault that an operator decided to let pass, by name and up to and including a date.

    There is one: "second-reference-to-signing-time" lets a second Reference to the signature's own SigningTime pass
    unchecked, with a caution in the verdict. `why` is for the operator's records.
    """

    name: str
    until: datetime
    why: str = ""


class RevocationRule(Struct, frozen=True, kw_only=True):
    """How much must be known about revocation (EN 319 102-1 v1.3.1 §5.2.5, revocation freshness).

    Data is fresh at an instant until its nextUpdate and, besides, for at most `end_user_age_s_max` (authorities:
    `authority_age_s_max`) seconds from its thisUpdate; "next-update" leaves it to nextUpdate alone. Data without a
    nextUpdate is fresh for `without_next_update_age_s_max` at most. An OCSP response by a delegate whose own
    certificate is neither exempt (ocsp-nocheck, RFC 6960 §4.2.2.2.1) nor good by a CRL at hand counts only with
    `responder_unchecked`.
    """

    required: bool = False
    end_user_age_s_max: int | Literal["next-update"] = 7 * 24 * 3600
    authority_age_s_max: int | Literal["next-update"] = "next-update"
    without_next_update_age_s_max: int = 24 * 3600
    responder_unchecked: bool = False


# Levels of signatures, the weakest first; a policy asks for one of them at least.
LEVELS: Final = ("XMLDSig, not AdES", "XAdES-B-B", "XAdES-B-T")


class Policy(Struct, frozen=True, kw_only=True, dict=True):
    """What is asked of a signature (EN 319 102-1 v1.3.1 §5.2.4): data, so that an algorithm's end is a line of it.

    Only what is listed here *and* built is accepted. Without arguments it is what `policies/no-revocation-1.toml` says,
    which does not ask whether a certificate was revoked; `policy_file.load_policy` reads this and others.
    `sha256` (hex) is of the file's text, lines ending in LF; "" for a policy made in code, which no text describes.
    `adaptations` are names from ADAPTATIONS. `unconfirmed` are facts in it that nobody has confirmed yet, in words.
    """

    id: str = "no-revocation-1"
    title_vi: str = "Hồ sơ chữ ký quốc gia, không kiểm tra thu hồi chứng thư số"
    title_en: str = "National signature profile, revocation not asked"
    edition: str = EDITION
    adaptations: tuple[str, ...] = (
        "signer-from-key-info",
        "xmldsig-not-ades",
        "no-extended-key-usage",
        "anchor-validity-asked",
        "authorities-by-constants",
        "no-ocsp-nonce",
        "revocation-not-asked",
    )
    signature_algorithms: tuple[Algorithm, ...] = SIGNATURE_ALGORITHMS
    digest_algorithms: tuple[Algorithm, ...] = DIGEST_ALGORITHMS
    rsa_bits_min: int = 2048
    rsa_bits_max: int = 8192
    rsa_ends: tuple[RsaEnd, ...] = ()
    curves: tuple[str, ...] = CURVES
    tolerances: tuple[Tolerance, ...] = ()
    revocation: RevocationRule = RevocationRule()
    # How far another's clock (a certificate's beginning, a thisUpdate, a time-stamp) may be ahead of ours.
    clock_skew_s_max: int = 0
    # The least level of an envelope's signature, by procedure; for all others `level`.
    level: str = LEVELS[0]
    levels: dict[str, str] = {}
    # Until and including this instant rsa-sha1, SHA-1 digests and RSA from LEGACY_RSA_BITS_MIN on pass, with a caution.
    legacy_until: datetime | None = None
    unconfirmed: tuple[str, ...] = ()
    sha256: str = ""

    def level_for(self, procedure: str) -> str:
        """The least level that a dossier of this procedure must be signed with."""
        return self.levels.get(procedure, self.level)

    def tolerates(self, name: str, now: datetime) -> bool:
        """Whether the operator lets the fault `name` pass at `now`."""
        return any(one.name == name and now <= one.until for one in self.tolerances)

    def accepted_signature(self, uri: str, now: datetime) -> Algorithm | None:
        """Return the signature algorithm with that identifier if it is accepted at `now` (§5.2.8)."""
        one = self._signatures.get(uri)
        return one if one is not None and (one.until is None or now <= one.until) else None

    def accepted_digest(self, uri: str, now: datetime) -> Algorithm | None:
        """Return the digest algorithm with that identifier if it is accepted at `now` (§5.2.8)."""
        one = self._digests.get(uri)
        return one if one is not None and (one.until is None or now <= one.until) else None

    def legacy_at(self, now: datetime) -> bool:
        """Whether the legacy switch is on at `now`."""
        return self.legacy_until is not None and now <= self.legacy_until

    def rsa_bits_least(self, now: datetime) -> int:
        """The shortest RSA key that is accepted at `now`, in bits."""
        if self.legacy_at(now):
            return min(LEGACY_RSA_BITS_MIN, self.rsa_bits_min)
        return self._rsa_bits_least_without_legacy(now)

    def _rsa_bits_least_without_legacy(self, now: datetime) -> int:
        least = self.rsa_bits_min
        for one in self.rsa_ends:
            if now > one.until:
                least = max(least, one.bits_below)
        return least

    def legacy_caution(self, *algorithms: Algorithm, rsa_bits: int, now: datetime) -> Caution | None:
        """Name what passed at `now` only through the legacy switch, or return None when nothing did.

        `algorithms` are all that the signature used, wherever in it. `rsa_bits` is the signer's modulus, 0 for another
        kind of key: short is what would not be accepted that day without the switch. Authorities are not let pass: a
        certificate that is signed with SHA-1, or by a short key, breaks its chain with the switch and without it.
        """
        if self.legacy_until is None:
            return None
        least = self._rsa_bits_least_without_legacy(now)
        short = 0 < rsa_bits < least
        named = list(dict.fromkeys(one.uri.partition("#")[2] for one in algorithms if one.legacy))
        if not named and not short:
            return None
        if short:
            named.append(f"RSA {rsa_bits}")
        weak = ", ".join(named)
        until = f"{self.legacy_until.astimezone(_VIETNAM):%d/%m/%Y}"
        return Caution(
            "legacy-algorithms",
            f"Chữ ký dùng thuật toán hoặc khóa đã yếu: {weak}. Chính sách {self.id} chỉ tạm chấp nhận đến hết ngày "
            f"{until}; hãy chuyển sang SHA-256 và khóa RSA từ {least} bit.",
            f"The signature uses weak algorithms or keys: {weak}. The policy {self.id} lets them pass until {until} "
            f"only; move to SHA-256 and an RSA key of at least {least} bits.",
        )

    @cached_property
    def _signatures(self) -> dict[str, Algorithm]:
        return _by_uri(self.signature_algorithms, LEGACY_SIGNATURE_ALGORITHMS, self.legacy_until)

    @cached_property
    def _digests(self) -> dict[str, Algorithm]:
        return _by_uri(self.digest_algorithms, LEGACY_DIGEST_ALGORITHMS, self.legacy_until)


def last_instant(day: date) -> datetime:
    """The last instant of a day in Vietnam, in UTC: what holds until a day holds on that day."""
    return datetime.combine(day, time.max, _VIETNAM).astimezone(UTC)


def _by_uri(
    algorithms: tuple[Algorithm, ...], legacy: tuple[Algorithm, ...], legacy_until: datetime | None
) -> dict[str, Algorithm]:
    if legacy_until is None:
        return {one.uri: one for one in algorithms}
    switched = (structs.replace(one, until=legacy_until) for one in legacy)
    return {one.uri: one for one in (*switched, *algorithms)}
