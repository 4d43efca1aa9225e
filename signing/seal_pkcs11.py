"""A seal key that never leaves its token (PKCS#11 2.40): a smart card, an HSM, or SoftHSM.

A library is told once in a process that it is used (C_Initialize), without threads of its own to reckon with, so that
every call into it is made under one lock. Tokens log in per process, and after a fork nothing of the parent's holds:
the library, its sessions and its logins are therefore kept in one place here and opened when they are needed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from threading import RLock
from typing import TYPE_CHECKING, Final, TypeVar

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import (
    NoSuchKey,
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    TokenNotPresent,
    TokenNotRecognised,
    UserAlreadyLoggedIn,
)
from pkcs11.types import SignMixin

from signing.pkcs11_uri import Pkcs11Uri, UriRefused, read_uri
from signing.signer import PROBE, PublicKey, SealAway, SealBroken, SealKeyUnusable, check_signature, jwk_of, prove

if TYPE_CHECKING:
    from collections.abc import Callable

    from pkcs11._pkcs11 import lib

T = TypeVar("T")

PIN_BYTES_MAX: Final = 256
_PIN_UNSAFE_MODE: Final = stat.S_IRWXO | stat.S_IWGRP
_PIN_REFUSED: Final = (PinIncorrect, PinInvalid, PinLenRange, PinLocked, PinExpired)
# CKA_EC_PARAMS: the curve's object identifier; for Ed25519 also its name (PKCS#11 3.0 §2.3.5).
_P256: Final = frozenset({bytes.fromhex("06082a8648ce3d030107")})
_ED25519: Final = frozenset({bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519"})
_P256_POINT_OCTETS: Final = 65
_ED25519_POINT_OCTETS: Final = 32
_DER_OCTET_STRING: Final = 0x04


class _Module:
    """One PKCS#11 library in this process, and a logged-in session for each token of it that is used."""

    def __init__(self, path: str) -> None:
        self.lock = RLock()
        self.generation = 0
        self.inherited = False
        self._path = path
        self._library: lib | None = None
        self._sessions: dict[tuple[str, ...], pkcs11.Session] = {}
        # Digests of PINs that a token refused: three wrong ones lock it, so that none is tried twice.
        self._refused: dict[tuple[str, ...], bytes] = {}

    def session(self, uri: Pkcs11Uri) -> pkcs11.Session:
        """The token's session, opened if there is none. The lock is held by whoever calls."""
        if self.inherited:
            self.restart()
        named = (uri.token, uri.serial, uri.manufacturer, uri.model)
        if named not in self._sessions:
            self._sessions[named] = self._open(uri, named)
        return self._sessions[named]

    def twice(self, step: Callable[[], T]) -> T:
        """Do it; after a fault of the library, which makes all that is open worthless, begin afresh and do it again.

        The lock is held by whoever calls. Raises `PKCS11Error` when it fails again.
        """
        try:
            return step()
        except PKCS11Error:
            self.restart()
            return step()

    def restart(self) -> None:
        """Forget every session, and let the library look at its slots afresh (C_Finalize, C_Initialize)."""
        self.generation += 1
        self._sessions.clear()
        self.inherited = False
        if self._library is not None:
            # What cannot be ended any more (the token is gone, or it was begun before a fork) need not be.
            with suppress(PKCS11Error):
                self._library.finalize()
            self._library.initialize()

    def _load(self) -> lib:
        if not os.access(self._path, os.R_OK):
            raise SealKeyUnusable(f"PKCS#11 library {self._path}: not there, or not readable")
        try:
            return pkcs11.lib(self._path)
        except PKCS11Error as error:
            # What the library itself says (C_Initialize) is of a kind of its own; the loader's word is not.
            if type(error) is not PKCS11Error:
                raise
            raise SealKeyUnusable(f"{self._path}: not a PKCS#11 library") from None

    def _open(self, uri: Pkcs11Uri, named: tuple[str, ...]) -> pkcs11.Session:
        if self._library is None:
            self._library = self._load()
        tokens = [token for token in _tokens(self._library) if _is_meant(token, uri)]
        if not tokens:
            # A library may know no more slots than it found when it was begun (PKCS#11 2.40 §5.5, C_GetSlotList).
            self.restart()
            tokens = [token for token in _tokens(self._library) if _is_meant(token, uri)]
        if len(tokens) > 1:
            raise SealKeyUnusable(f"{uri}: {len(tokens)} tokens are called so; name its serial")
        if not tokens:
            raise SealAway(f"{uri}: there is no such token now")
        (token,) = tokens
        if not uri.pin_file:
            return token.open()
        pin = _pin(uri.pin_file)
        digest = hashlib.sha256(pin.encode()).digest()
        if self._refused.get(named) == digest:
            raise SealKeyUnusable(f"{uri}: the token refused this PIN before; it is not tried again")
        try:
            return token.open(user_pin=pin)
        except UserAlreadyLoggedIn:
            # Somebody else in this process has; a login is for all its sessions.
            return token.open()
        except _PIN_REFUSED as error:
            self._refused[named] = digest
            raise SealKeyUnusable(f"{uri}: the token refuses the PIN ({type(error).__name__})") from None


_MODULES: dict[str, _Module] = {}


def _after_fork() -> None:
    """In a child: whatever the parent opened is not ours (PKCS#11 2.40 §5.4), and its locks may be held by nobody."""
    for module in _MODULES.values():
        module.lock = RLock()
        module.inherited = True
        module.generation += 1


os.register_at_fork(after_in_child=_after_fork)


class Pkcs11SealKey:
    """A P-256 or Ed25519 key that stays in its token; the token signs, we name and check."""

    def __init__(self, uri: Pkcs11Uri | str) -> None:
        """Find the key and its public half, and sign a probe.

        Raises SealAway when the token is not there now (trying again is safe), SealKeyUnusable when an operator must
        mend something: library, PIN, no such key, several, of another kind, readable from outside, or not the one that
        the public key belongs to.
        """
        try:
            self._uri = read_uri(uri) if isinstance(uri, str) else uri
        except UriRefused as error:
            raise SealKeyUnusable(str(error)) from None
        self._module = _MODULES.setdefault(self._uri.module_path, _Module(self._uri.module_path))
        self._key: SignMixin | None = None
        self._generation = -1
        with self._module.lock:
            try:
                self._jwk = jwk_of(self._module.twice(self._find))
            except NoSuchKey:
                hidden = "" if self._uri.pin_file else "; without pin-source a token hides what is private"
                raise SealKeyUnusable(f"{self._uri}: the token holds no such private key{hidden}") from None
            except PKCS11Error as error:
                raise SealAway(f"{self._uri}: {type(error).__name__}") from None
            self._alg = self._jwk["alg"]
            self._kid = self._jwk["kid"]
            prove(self)

    @property
    def kid(self) -> str:
        """The key's RFC 7638 thumbprint."""
        return self._kid

    @property
    def alg(self) -> str:
        """The JOSE algorithm of the key."""
        return self._alg

    def sign(self, payload: bytes) -> bytes:
        """Return the raw JOSE signature over `payload`. Raises SealAway; trying again is safe.

        After a fault the session is opened and the PIN given anew, once; the token that is there then must hold the
        very key that was there before.
        """
        with self._module.lock:
            try:
                return self._module.twice(lambda: self._signed(payload))
            except PKCS11Error as error:
                raise SealAway(f"{self._uri}: {type(error).__name__}") from None
            except SealKeyUnusable as error:
                raise SealAway(str(error)) from None
            except SealBroken as error:
                self._generation = -1
                raise SealAway(f"{self._uri}: {error}") from None

    def public_jwk(self) -> dict[str, str]:
        """Return the public key as a JWK."""
        return dict(self._jwk)

    def _signed(self, payload: bytes) -> bytes:
        if self._generation != self._module.generation:
            # The session is another one than before: another token may be called the same.
            if jwk_of(self._find()) != self._jwk:
                self._generation = -1
                raise SealAway(f"{self._uri}: another key is there now, not {self._kid}")
            check_signature(self._jwk, PROBE, self._sign(PROBE))
        return self._sign(payload)

    def _sign(self, payload: bytes) -> bytes:
        if self._key is None:
            raise NoSuchKey
        if self._alg == "Ed25519":
            return self._key.sign(payload, mechanism=Mechanism.EDDSA)
        # Hashed here: not every token knows CKM_ECDSA_SHA256, every one knows CKM_ECDSA; it gives r and s side by side.
        return self._key.sign(hashlib.sha256(payload).digest(), mechanism=Mechanism.ECDSA)

    def _find(self) -> PublicKey:
        """Take hold of the private key; returns its public half."""
        session = self._module.session(self._uri)
        wanted: dict[Attribute, object] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        wanted |= {Attribute.LABEL: self._uri.object} if self._uri.object else {}
        wanted |= {Attribute.ID: self._uri.id} if self._uri.id else {}
        # Every search is read to its end: one that is left open blocks the session.
        keys = list(session.get_objects(wanted))
        if not keys:
            raise NoSuchKey
        if len(keys) > 1:
            raise SealKeyUnusable(f"{self._uri}: several keys are called so; name its id")
        (key,) = keys
        if not isinstance(key, SignMixin):
            raise SealKeyUnusable(f"{self._uri}: the token does not let this key sign (CKA_SIGN is false)")
        if _attribute(key, Attribute.KEY_TYPE) not in (KeyType.EC, KeyType.EC_EDWARDS):
            raise SealKeyUnusable(f"{self._uri}: neither P-256 nor Ed25519")
        if _attribute(key, Attribute.SENSITIVE) is False:
            raise SealKeyUnusable(f"{self._uri}: the token gives this private key away (CKA_SENSITIVE is false)")
        public = self._public(session, key)
        self._key, self._generation = key, self._module.generation
        return public

    def _public(self, session: pkcs11.Session, key: pkcs11.Object) -> PublicKey:
        """The public half: the token's public key object, else its certificate, of the same CKA_ID, else CKA_LABEL."""
        identifier = _attribute(key, Attribute.ID)
        same = {Attribute.ID: identifier} if identifier else {Attribute.LABEL: self._uri.object}
        for found in list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, **same})):
            if (public := _point(found)) is not None:
                return public
        for found in list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE, **same})):
            with suppress(ValueError, TypeError):
                certified = x509.load_der_x509_certificate(bytes(found[Attribute.VALUE])).public_key()
                if isinstance(certified, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
                    return certified
        raise SealKeyUnusable(f"{self._uri}: neither a P-256 or Ed25519 public key nor a certificate beside the key")


def _tokens(library: lib) -> list[pkcs11.Token]:
    tokens = []
    for slot in library.get_slots(token_present=True):
        with suppress(TokenNotPresent, TokenNotRecognised):
            tokens.append(slot.get_token())
    return tokens


def _is_meant(token: pkcs11.Token, uri: Pkcs11Uri) -> bool:
    """Whether every attribute that the URI names is the token's (RFC 7512 §2.5)."""
    pairs = (
        (uri.token, token.label),
        (uri.serial, token.serial.decode("utf-8", "replace")),
        (uri.manufacturer, token.manufacturer_id),
        (uri.model, token.model),
    )
    return all(not asked or asked == held.rstrip() for asked, held in pairs)


def _pin(path: str) -> str:
    """The PIN in its file, without the line's end. No exception of ours or of a cause holds it."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
        with open(path, "rb") as file:  # noqa: PTH123
            content = file.read(PIN_BYTES_MAX + 2)
    except OSError as error:
        raise SealKeyUnusable(f"PIN file {path}: {error.strerror}") from None
    if mode & _PIN_UNSAFE_MODE:
        raise SealKeyUnusable(f"PIN file {path}: mode {mode & 0o777:o} lets others at it; chmod 600")
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    try:
        pin = content.decode()
    except UnicodeDecodeError:
        pin = ""
    if not pin or len(content) > PIN_BYTES_MAX or not pin.isprintable():
        raise SealKeyUnusable(f"PIN file {path}: not one line with a PIN")
    return pin


def _attribute(found: pkcs11.Object, attribute: Attribute) -> object:
    """An attribute's value; None where the token does not tell."""
    with suppress(PKCS11Error):
        return found[attribute]
    return None


def _point(found: pkcs11.Object) -> PublicKey | None:
    """The key of a public key object (PKCS#11 3.0 §2.3.3, §2.3.5); None when it is of another kind."""
    curve, held = _attribute(found, Attribute.EC_PARAMS), _attribute(found, Attribute.EC_POINT)
    if not isinstance(curve, bytes) or not isinstance(held, bytes):
        return None
    try:
        if curve in _P256:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bare(held, _P256_POINT_OCTETS))
        if curve in _ED25519:
            return ed25519.Ed25519PublicKey.from_public_bytes(_bare(held, _ED25519_POINT_OCTETS))
    except ValueError:
        return None
    return None


def _bare(held: bytes, octets: int) -> bytes:
    """The point itself: the standard wraps it in an OCTET STRING, and some tokens do not."""
    return held[2:] if held[:2] == bytes((_DER_OCTET_STRING, octets)) and len(held) == octets + 2 else held
