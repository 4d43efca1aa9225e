"""Asking a time-stamp authority (RFC 3161): the bytes to send it, and the token in what it answers."""

from __future__ import annotations

from typing import Final, cast

from asn1crypto import tsp  # type: ignore[import-untyped]
from msgspec import Struct
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from signing.timestamp import TOKEN_BYTES_MAX

REQUEST_MEDIA_TYPE: Final = "application/timestamp-query"
RESPONSE_BYTES_MAX: Final = TOKEN_BYTES_MAX + 1024
_GRANTED: Final = ("granted", "granted_with_mods")
# What a reader of hostile DER says about it.
_BAD_DER: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)


class TimestampRefused(Exception):
    """The authority's answer is no token, or not to this request. Asking again later is safe."""


class TimestampRequest(Struct, frozen=True):
    """A request as it is sent (DER), and the number by which the answer is known to be to it."""

    der: bytes
    nonce: int | None


def timestamp_request(covered: bytes) -> TimestampRequest:
    """Ask for a token over the SHA-256 of these bytes, with the authority's certificate in it (RFC 3161 §2.4.1)."""
    request = TimestampRequestBuilder(data=covered, hash_algorithm=HashAlgorithm.SHA256).build()
    return TimestampRequest(request.as_bytes(), request.nonce)


def token_from(answer: bytes, request: TimestampRequest) -> bytes:
    """The bare token (ContentInfo, DER) in an authority's answer (RFC 3161 §2.4.2). What it proves is not judged here.

    Raises `TimestampRefused`.
    """
    if len(answer) > RESPONSE_BYTES_MAX:
        raise TimestampRefused(f"an answer of {len(answer)} bytes")
    try:
        response = tsp.TimeStampResp.load(answer, strict=True)
        status = response["status"]["status"].native
        if status not in _GRANTED:
            raise TimestampRefused(f"the authority answered: {status}")
        token = response["time_stamp_token"]
        nonce = token["content"]["encap_content_info"]["content"].parsed["nonce"].native
        der = cast("bytes", token.dump())
    except _BAD_DER as error:
        raise TimestampRefused("the answer is no time-stamp response") from error
    if nonce != request.nonce:
        raise TimestampRefused("the answer is to another request")
    return der
