"""A signature policy as a file: read, checked word by word, and known by the digest of its text."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field, structs

from signing.policy import (
    ADAPTATIONS,
    CURVES,
    DIGEST_ALGORITHMS,
    EDITION,
    LEGACY_DIGEST_ALGORITHMS,
    LEGACY_SIGNATURE_ALGORITHMS,
    LEVELS,
    SECOND_REFERENCE_TO_SIGNING_TIME,
    SIGNATURE_ALGORITHMS,
    Algorithm,
    Policy,
    RevocationRule,
    RsaEnd,
    Tolerance,
    last_instant,
)

POLICY_BYTES_MAX: Final = 64 * 1024
RSA_BITS_LEAST: Final = 2048
RSA_BITS_MOST: Final = 16384
CLOCK_SKEW_S_MOST: Final = 3600

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_TOLERABLE: Final = frozenset({SECOND_REFERENCE_TO_SIGNING_TIME})


class PolicyUnusable(Exception):
    """A policy cannot be read, or says something that is not understood; the message is one line for the operator.

    Trying again changes nothing until the file has been mended. Nothing in a policy is passed over: an unknown word
    might be the one that somebody relies on.
    """


class _ListedAlgorithm(Struct, forbid_unknown_fields=True):
    uri: str
    until: object = None


class _RsaEnd(Struct, forbid_unknown_fields=True):
    bits_below: int
    until: object


class _Rsa(Struct, forbid_unknown_fields=True):
    bits_min: int
    bits_max: int
    end: list[_RsaEnd] = []


class _Level(Struct, forbid_unknown_fields=True):
    default: str
    procedures: dict[str, str] = {}


class _Tolerance(Struct, forbid_unknown_fields=True):
    name: str
    until: object
    why: str = ""


class _Legacy(Struct, forbid_unknown_fields=True):
    until: object


class _File(Struct, forbid_unknown_fields=True):
    """A policy file, as it is written."""

    id: str
    title_vi: str
    title_en: str
    edition: str
    adaptations: list[str]
    curves: list[str]
    clock_skew_s_max: int
    rsa: _Rsa
    level: _Level
    revocation: dict[str, object]
    signature_algorithms: list[_ListedAlgorithm] = field(name="signature_algorithm")
    digest_algorithms: list[_ListedAlgorithm] = field(name="digest_algorithm")
    tolerances: list[_Tolerance] = field(name="tolerance", default_factory=list)
    legacy: _Legacy | None = None
    unconfirmed: list[str] = []


def load_policy(name_or_path: str | Path) -> Policy:
    """Return the policy of that name ("national-1", "no-revocation-1"), or the one in the file at that path.

    A text without a slash and without ".toml" is a name. Raises PolicyUnusable.
    """
    text = str(name_or_path)
    policy = read_policy(policy_text(name_or_path), text)
    if _is_name(name_or_path) and policy.id != text:
        raise PolicyUnusable(f"policy {text}: its id says {policy.id}")
    return policy


def policy_text(name_or_path: str | Path) -> bytes:
    """Return the text of a policy as its `sha256` is taken of it; the names are those of `load_policy`.

    Raises PolicyUnusable when there is none.
    """
    text = str(name_or_path)
    if _is_name(name_or_path):
        source = resources.files("signing").joinpath("policies", f"{text}.toml")
        if not source.is_file():
            raise PolicyUnusable(f"policy {text}: there is none of that name; there are {', '.join(policy_names())}")
        return canonical_text(source.read_bytes())
    try:
        with Path(name_or_path).open("rb") as file:
            return canonical_text(file.read(POLICY_BYTES_MAX + 1))
    except OSError as error:
        raise PolicyUnusable(f"policy {text}: {error.strerror or error}") from error


def _is_name(name_or_path: str | Path) -> bool:
    return isinstance(name_or_path, str) and _NAME.fullmatch(name_or_path) is not None


def policy_names() -> tuple[str, ...]:
    """The names of the policies that are built in."""
    folder = resources.files("signing").joinpath("policies")
    return tuple(sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")))


def canonical_text(content: bytes) -> bytes:
    """A policy file's bytes as they are digested: without a byte order mark, lines ending in LF."""
    return content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")


def read_policy(content: bytes, where: str) -> Policy:
    """Read a policy file's bytes; `where` is named in what goes wrong. Raises PolicyUnusable."""
    if len(content) > POLICY_BYTES_MAX:
        raise PolicyUnusable(f"policy {where}: longer than {POLICY_BYTES_MAX} bytes")
    canonical = canonical_text(content)
    try:
        return _policy(tomllib.loads(canonical.decode()), hashlib.sha256(canonical).hexdigest())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise PolicyUnusable(f"policy {where}: not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise PolicyUnusable(f"policy {where}: {error}") from error
    except _Wrong as error:
        raise PolicyUnusable(f"policy {where}: {error}") from error


class _Wrong(Exception):
    """What is wrong with a value, and where in the file."""


def _policy(table: Mapping[str, object], sha256: str) -> Policy:
    file = msgspec.convert(table, _File)
    if not _NAME.fullmatch(file.id):
        raise _Wrong("id: lower-case letters, digits and hyphens, 64 at most")
    if file.edition != EDITION:
        raise _Wrong(f"edition: {EDITION} is what is built, not {file.edition}")
    if not 0 <= file.clock_skew_s_max <= CLOCK_SKEW_S_MOST:
        raise _Wrong(f"clock_skew_s_max: 0 to {CLOCK_SKEW_S_MOST} seconds")
    revocation = _revocation(file.revocation)
    adaptations = _chosen("adaptations", file.adaptations, ADAPTATIONS)
    if ("revocation-not-asked" in adaptations) is revocation.required:
        raise _Wrong('adaptations: "revocation-not-asked" stands there exactly when revocation.required is false')
    if not (RSA_BITS_LEAST <= file.rsa.bits_min <= file.rsa.bits_max <= RSA_BITS_MOST):
        raise _Wrong(f"rsa: bits_min and bits_max are {RSA_BITS_LEAST} to {RSA_BITS_MOST}; 1024 is for [legacy] alone")
    return Policy(
        id=file.id,
        title_vi=file.title_vi,
        title_en=file.title_en,
        edition=file.edition,
        adaptations=adaptations,
        signature_algorithms=_algorithms(
            "signature_algorithm", file.signature_algorithms, SIGNATURE_ALGORITHMS, LEGACY_SIGNATURE_ALGORITHMS
        ),
        digest_algorithms=_algorithms(
            "digest_algorithm", file.digest_algorithms, DIGEST_ALGORITHMS, LEGACY_DIGEST_ALGORITHMS
        ),
        rsa_bits_min=file.rsa.bits_min,
        rsa_bits_max=file.rsa.bits_max,
        rsa_ends=tuple(RsaEnd(one.bits_below, _until("rsa.end", one.until)) for one in file.rsa.end),
        curves=_chosen("curves", file.curves, CURVES),
        tolerances=tuple(_tolerance(one) for one in file.tolerances),
        revocation=revocation,
        clock_skew_s_max=file.clock_skew_s_max,
        level=_level("level.default", file.level.default),
        levels={code: _level(f"level.procedures.{code}", level) for code, level in file.level.procedures.items()},
        legacy_until=_until("legacy", file.legacy.until) if file.legacy else None,
        unconfirmed=tuple(file.unconfirmed),
        sha256=sha256,
    )


def _algorithms(
    key: str, listed: list[_ListedAlgorithm], built: tuple[Algorithm, ...], legacy: tuple[Algorithm, ...]
) -> tuple[Algorithm, ...]:
    by_uri = {one.uri: one for one in built}
    switched = {one.uri for one in legacy}
    found: dict[str, Algorithm] = {}
    for one in listed:
        if one.uri in switched:
            raise _Wrong(f"{key}: {one.uri} passes through [legacy] alone")
        if one.uri not in by_uri:
            raise _Wrong(f"{key}: {one.uri} is not built; there are {', '.join(by_uri)}")
        if one.uri in found:
            raise _Wrong(f"{key}: {one.uri} stands twice")
        until = None if one.until is None else _until(f"{key} {one.uri}", one.until)
        found[one.uri] = structs.replace(by_uri[one.uri], until=until)
    if not found:
        raise _Wrong(f"{key}: one at least")
    return tuple(found.values())


def _until(key: str, value: object) -> datetime:
    """Return the last instant of the day; a date with a time would leave open whose midnight is meant."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise _Wrong(f"{key}: until is a date like 2026-12-31, without quotes and without a time, not {value!r}")
    return last_instant(value)


def _chosen(key: str, listed: list[str], built: Mapping[str, object] | tuple[str, ...]) -> tuple[str, ...]:
    for one in listed:
        if one not in built:
            raise _Wrong(f"{key}: {one} is not known; there are {', '.join(built)}")
    if len(set(listed)) != len(listed):
        raise _Wrong(f"{key}: one stands twice")
    return tuple(listed)


def _level(key: str, level: str) -> str:
    if level not in LEVELS:
        raise _Wrong(f'{key}: "{level}" is not a level; there are {", ".join(LEVELS)}')
    return level


def _tolerance(listed: _Tolerance) -> Tolerance:
    if listed.name not in _TOLERABLE:
        raise _Wrong(f"tolerance: {listed.name} is not known; there is {', '.join(sorted(_TOLERABLE))}")
    return Tolerance(name=listed.name, until=_until(f"tolerance {listed.name}", listed.until), why=listed.why)


def _revocation(table: Mapping[str, object]) -> RevocationRule:
    """Read the rule's own fields, whatever they are; msgspec alone would pass over those that it does not have."""
    if unknown := set(table) - set(RevocationRule.__struct_fields__):
        raise _Wrong(f"revocation: {', '.join(sorted(unknown))} is not known")
    if "required" not in table:
        raise _Wrong("revocation: required is true or false")
    rule = msgspec.convert(table, RevocationRule)
    for name in RevocationRule.__struct_fields__:
        value = getattr(rule, name)
        if name.endswith("_s_max") and isinstance(value, int) and value < 0:
            raise _Wrong(f"revocation: {name} is a number of seconds, not {value}")
    return rule
