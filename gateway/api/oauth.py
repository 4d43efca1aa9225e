"""The token door: OAuth 2.0 client credentials (RFC 6749 §4.4), by secret or by a signed assertion (RFC 7523)."""

import base64
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from msgspec import Struct

from gateway.assertion import AssertionUnfit, read_assertion
from gateway.callers import BudgetSpent, Issued, NotKnown
from gateway.house import House
from storage.database import DatabaseAway

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PATH = "/oauth/token"
FORM_BYTES_MAX = 16 * 1024
AWAY_RETRY_AFTER_S = 5
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


@post(PATH, summary="Get an access token", status_code=200, request_max_body_size=FORM_BYTES_MAX)
async def token(request: Request[Any, Any, Any], house: NamedDependency[House]) -> Response[Any]:
    """`grant_type=client_credentials` by HTTP Basic, or by `client_assertion` (private_key_jwt). Tokens are short."""
    try:
        issued = await _grant(request, house)
    except Denied as denied:
        return _denied(denied.error, denied.description)
    except NotKnown:
        return _denied("invalid_client", "unknown client, wrong secret or key, or assertion used before")
    except BudgetSpent as spent:
        return _later(429, "too many requests from this client, or wrong secrets for it", spent.retry_after_s)
    except DatabaseAway:
        return _later(503, "the database is away", AWAY_RETRY_AFTER_S)
    granted = Granted(access_token=issued.token, token_type="Bearer", expires_in=issued.life_s)  # noqa: S106 - its type
    return Response(granted, headers=_NO_STORE)


async def _grant(request: Request[Any, Any, Any], house: House) -> Issued:
    now = house.clock.now()
    try:
        body = await request.body()
    except HTTPException as error:
        if error.status_code != 413:  # noqa: PLR2004
            raise
        raise Denied("invalid_request", f"the form is larger than {FORM_BYTES_MAX} bytes") from None
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
        # By its token endpoint or by the issuer that stands before it (RFC 7523 §3 item 3).
        named = house.settings.token_url
        try:
            shown = read_assertion(assertion, audiences=(named, named.removesuffix(PATH)), now=now)
        except AssertionUnfit as unfit:
            raise Denied("invalid_client", str(unfit)) from None
        _same_client(form, shown.client)
        return await house.run(house.callers.by_assertion, shown, now)
    client, secret = _basic(authorization)
    _same_client(form, client)
    return await house.run(house.callers.by_secret, client, secret, now)


def _basic(authorization: str) -> tuple[str, str]:
    """Client id and secret of HTTP Basic, each form-encoded (RFC 6749 §2.3.1)."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise Denied("invalid_client", "authenticate by HTTP Basic or by client_assertion")
    try:
        client, colon, secret = base64.b64decode(credentials.strip(), validate=True).decode("utf-8").partition(":")
    except ValueError:
        raise Denied("invalid_client", "the Basic credentials cannot be read") from None
    if not colon:
        raise Denied("invalid_client", "the Basic credentials cannot be read")
    return unquote_plus(client), unquote_plus(secret)


def _same_client(form: dict[str, str], client: str) -> None:
    """A `client_id` is not needed; one that is there names the client that proves itself (RFC 7521 §4.2)."""
    if form.get("client_id", client) != client:
        raise Denied("invalid_request", "client_id is not the client that authenticates")


def _denied(error: str, description: str) -> Response[Any]:
    status = 401 if error == "invalid_client" else 400
    headers = dict(_NO_STORE)
    if status == 401:  # noqa: PLR2004
        headers["www-authenticate"] = 'Basic realm="motcua", charset="UTF-8"'
    return Response({"error": error, "error_description": description}, status_code=status, headers=headers)


def _later(status: int, description: str, retry_after_s: int) -> Response[Any]:
    """RFC 6749 §5.2 has no word of its own for "come back later"; §4.1.2.1 has."""
    answer = {"error": "temporarily_unavailable", "error_description": description}
    return Response(answer, status_code=status, headers={"retry-after": str(retry_after_s), **_NO_STORE})


HANDLERS = [token]
