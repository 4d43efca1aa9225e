"""The token door: OAuth 2.0 client credentials (RFC 6749 §4.4), by secret or by a signed assertion (RFC 7523)."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from msgspec import Struct

from gateway.callers import Issued, NotKnown
from gateway.house import House
from signing.seal import SealBroken, open_jws
from storage.database import DatabaseAway

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
AUDIENCE_SUFFIX = "/oauth/token"
ASSERTION_LIFE_S_MAX = 600
CLOCK_SKEW_S = 30
FORM_BYTES_MAX = 16 * 1024
_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


class Granted(Struct, frozen=True, kw_only=True):
    """A successful answer (RFC 6749 §5.1)."""

    access_token: str
    token_type: str
    expires_in: int


class Denied(Exception):
    """An RFC 6749 §5.2 error."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error, description)
        self.error, self.description = error, description


class Claims(Struct, frozen=True):
    """What an assertion must say (RFC 7523 §3)."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    jti: str
    nbf: float = 0.0


@post("/oauth/token", summary="Get an access token", status_code=200)
async def token(request: Request[Any, Any, Any], house: NamedDependency[House]) -> Response[Any]:
    """`grant_type=client_credentials` by HTTP Basic, or by `client_assertion` (private_key_jwt). Tokens are short."""
    try:
        issued = await _grant(request, house)
    except Denied as denied:
        return _denied(denied.error, denied.description, basic=True)
    except NotKnown:
        return _denied("invalid_client", "unknown client, wrong secret, or assertion used before", basic=True)
    except DatabaseAway:
        return Response(
            {"error": "temporarily_unavailable"}, status_code=503, headers={"retry-after": "5", **_NO_STORE}
        )
    granted = Granted(access_token=issued.token, token_type="Bearer", expires_in=issued.life_s)  # noqa: S106 - its type
    return Response(granted, headers=_NO_STORE)


async def _grant(request: Request[Any, Any, Any], house: House) -> Issued:
    now = house.clock.now()
    body = await request.body()
    if len(body) > FORM_BYTES_MAX:
        raise Denied("invalid_request", "the form is too large")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Denied("invalid_request", "a parameter is repeated")
    if form.get("grant_type") != "client_credentials":
        raise Denied("unsupported_grant_type", "grant_type must be client_credentials")
    authorization = request.headers.get("authorization", "")
    if assertion := form.get("client_assertion"):
        if authorization or form.get("client_assertion_type") != ASSERTION_TYPE:
            raise Denied("invalid_request", "one way of authentication, with its client_assertion_type")
        claims = await _claims(assertion, house, now)
        ends = datetime.fromtimestamp(claims.exp, UTC) + timedelta(seconds=CLOCK_SKEW_S)
        return await house.run(house.callers.by_assertion, claims.sub, claims.jti, ends, now)
    client, secret = _basic(authorization)
    return await house.run(house.callers.by_secret, client, secret, now)


def _basic(authorization: str) -> tuple[str, str]:
    """Client id and secret of HTTP Basic, each form-encoded (RFC 6749 §2.3.1)."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise Denied("invalid_client", "authenticate by HTTP Basic or by client_assertion")
    try:
        client, colon, secret = base64.b64decode(credentials.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Denied("invalid_client", "the Basic credentials cannot be read") from None
    if not colon:
        raise Denied("invalid_client", "the Basic credentials cannot be read")
    return unquote_plus(client), unquote_plus(secret)


async def _claims(assertion: str, house: House, now: datetime) -> Claims:
    """The claims of an assertion that the client's registered key signed. Raises `Denied`, `NotKnown`."""
    try:
        payload = assertion.split(".")[1]
        claimed = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=Claims)
        key = await house.run(house.callers.key_of, claimed.sub)
        claims = msgspec.json.decode(open_jws(assertion, key), type=Claims)
    except (IndexError, ValueError, msgspec.MsgspecError, SealBroken):
        raise Denied("invalid_client", "the assertion is not one of this client's") from None
    seconds = now.timestamp()
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != claims.sub:
        raise Denied("invalid_client", "iss and sub must both be the client")
    if not any(audience.endswith(AUDIENCE_SUFFIX) for audience in audiences):
        raise Denied("invalid_client", f"aud must be this gateway's {AUDIENCE_SUFFIX}")
    if not seconds - CLOCK_SKEW_S < claims.exp <= seconds + ASSERTION_LIFE_S_MAX + CLOCK_SKEW_S:
        raise Denied("invalid_client", f"exp must lie ahead, by at most {ASSERTION_LIFE_S_MAX} s")
    if claims.nbf > seconds + CLOCK_SKEW_S:
        raise Denied("invalid_client", "the assertion is not valid yet")
    if not 1 <= len(claims.jti) <= 200:  # noqa: PLR2004
        raise Denied("invalid_client", "jti must hold 1 to 200 characters")
    return claims


def _denied(error: str, description: str, *, basic: bool) -> Response[Any]:
    status = 401 if error == "invalid_client" else 400
    headers = dict(_NO_STORE)
    if basic and status == 401:  # noqa: PLR2004
        headers["www-authenticate"] = 'Basic realm="motcua", charset="UTF-8"'
    return Response({"error": error, "error_description": description}, status_code=status, headers=headers)


HANDLERS = [token]
