"""Where a token's key is: a PKCS#11 URI (RFC 7512), read strictly, that never holds the PIN itself."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from msgspec import Struct

SCHEME: Final = "pkcs11:"
URI_CHARACTERS_MAX: Final = 2048

# RFC 7512 §2.3: what stands unencoded in a value, in the path and in the query.
_PATH_FREE: Final = "-._~:[]@!$'()*+,=&"
_QUERY_FREE: Final = "-._~:[]@!$'()*+,=/?|"
_PATH_VALUE: Final = re.compile(rf"(?:[A-Za-z0-9{re.escape(_PATH_FREE)}]|%[0-9A-Fa-f]{{2}})+")
_QUERY_VALUE: Final = re.compile(rf"(?:[A-Za-z0-9{re.escape(_QUERY_FREE)}]|%[0-9A-Fa-f]{{2}})+")
_OF_THE_TOKEN: Final = ("token", "serial", "manufacturer", "model")
_PATH_NAMES: Final = frozenset({*_OF_THE_TOKEN, "object", "id", "type"})
_QUERY_NAMES: Final = frozenset({"module-path", "pin-source"})
_PIN_FILE: Final = re.compile(r"file:(?://)?(/[^\0]*)")


class UriRefused(Exception):
    """The text is no PKCS#11 URI that names one key. The message names the attribute, never its value."""


class Pkcs11Uri(Struct, frozen=True, kw_only=True):
    """One key in one token: the library to load, what the token and the key are called, and the file with the PIN.

    `token`, `serial`, `manufacturer`, `model` and `object` are texts (CKA_LABEL and the token's own), `id` is CKA_ID;
    what is empty is not asked for. Without `pin_file` nobody logs in.
    """

    module_path: str
    token: str = ""
    serial: str = ""
    manufacturer: str = ""
    model: str = ""
    object: str = ""
    id: bytes = b""
    pin_file: str = ""

    def __str__(self) -> str:
        """The URI in one spelling; reading it gives the same value."""
        named = [(name, str(getattr(self, name)).encode()) for name in (*_OF_THE_TOKEN, "object")]
        path = [f"{name}={quote_from_bytes(value, _PATH_FREE)}" for name, value in named if value]
        if self.id:
            # §2.3: every byte of an id is encoded.
            path.append("id=" + "".join(f"%{byte:02X}" for byte in self.id))
        query = [f"module-path={quote_from_bytes(self.module_path.encode(), _QUERY_FREE)}"]
        if self.pin_file:
            query.append(f"pin-source=file:{quote_from_bytes(self.pin_file.encode(), _QUERY_FREE)}")
        return f"{SCHEME}{';'.join(path)}?{'&'.join(query)}"


def is_pkcs11(source: str) -> bool:
    """Whether a key's source is meant to be a URI of this scheme and not the path of a file."""
    return source[: len(SCHEME)].lower() == SCHEME


def read_uri(text: str) -> Pkcs11Uri:
    """Read `pkcs11:token=…;object=…;id=…?module-path=…&pin-source=file:/…`. Raises `UriRefused`.

    Stricter than RFC 7512: a token (`token` or `serial`), a key (`object` or `id`) and `module-path` must be named, no
    attribute that would not be looked at is let through, and none may come twice. `pin-value` (§7: it should not be
    used) is refused: a URI stands in configurations, in lists of processes and in our own history of keys.
    """
    if len(text) > URI_CHARACTERS_MAX or not text.isascii() or not is_pkcs11(text):
        raise UriRefused("not a PKCS#11 URI (RFC 7512): pkcs11:token=…;object=…?module-path=…&pin-source=file:/…")
    path, _, query = text[len(SCHEME) :].partition("?")
    found = _attributes(path, ";", _PATH_NAMES, _PATH_VALUE)
    asked = _attributes(query, "&", _QUERY_NAMES, _QUERY_VALUE)
    if found.pop("type", b"private") != b"private":
        raise UriRefused("PKCS#11 URI: type is not private, and only a private key can seal")
    identifier = found.pop("id", b"")
    texts = {name: _text(name, value) for name, value in found.items()}
    if not texts.keys() & {"token", "serial"}:
        raise UriRefused("PKCS#11 URI: neither token nor serial says which token is meant")
    if not texts.get("object") and not identifier:
        raise UriRefused("PKCS#11 URI: neither object nor id says which key is meant")
    module = _text("module-path", asked.get("module-path", b""))
    if not module.startswith("/"):
        raise UriRefused("PKCS#11 URI: module-path must be the absolute path of the token's library")
    return Pkcs11Uri(module_path=module, id=identifier, pin_file=_pin_file(asked), **texts)


def _attributes(text: str, separator: str, known: frozenset[str], shape: re.Pattern[str]) -> dict[str, bytes]:
    """Name and decoded value of each attribute (§2.3)."""
    values: dict[str, bytes] = {}
    for each in text.split(separator) if text else ():
        name, equals, value = each.partition("=")
        if name == "pin-value":
            raise UriRefused("PKCS#11 URI: pin-value is refused; put the PIN into a file and name it by pin-source")
        if name not in known or not equals:
            # What stands there is not repeated: it might be a PIN in the wrong place.
            raise UriRefused(f"PKCS#11 URI: an attribute other than {', '.join(sorted(known))}")
        if name in values:
            raise UriRefused(f"PKCS#11 URI: {name} comes twice")
        if not shape.fullmatch(value):
            raise UriRefused(f"PKCS#11 URI: {name} is empty or holds a character that must be percent-encoded")
        values[name] = unquote_to_bytes(value)
    return values


def _text(name: str, value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise UriRefused(f"PKCS#11 URI: {name} is not UTF-8") from None
    if "\0" in text:
        raise UriRefused(f"PKCS#11 URI: {name} holds a NUL")
    return text


def _pin_file(asked: dict[str, bytes]) -> str:
    """The file with the PIN; a program that prints it (§2.4: `|…`) is not run."""
    if "pin-source" not in asked:
        return ""
    named = _PIN_FILE.fullmatch(_text("pin-source", asked["pin-source"]))
    if named is None or named[1].startswith("//"):
        raise UriRefused("PKCS#11 URI: pin-source must be file: and an absolute path")
    return named[1]
