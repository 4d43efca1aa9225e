"""Name constraints of certification paths: which names an authority may certify (RFC 5280 §4.2.1.10)."""

import unicodedata
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from signing.indication import Refusal

# Subtrees times names that one path may ask to compare; what needs more is refused.
COMPARISONS_MAX: Final = 20_000

_UNDERSTOOD: Final = (
    x509.DirectoryName,
    x509.DNSName,
    x509.RFC822Name,
    x509.UniformResourceIdentifier,
    x509.IPAddress,
)
_Rdn = frozenset[tuple[x509.ObjectIdentifier, str | bytes]]


class _Malformed(Exception):
    """A name to which its kind of constraint cannot be applied; never leaves this module."""


def fault_of_names(path: tuple[x509.Certificate, ...]) -> Refusal | None:
    """Check every name of a path (leaf first) against all constraints above it (RFC 5280 §6.1.3 (b), (c), §6.1.4 (g)).

    The anchor's own constraints bind too: whoever configured it meant it as it is. An authority's certificate in its
    own name is exempt (§6.1.3 (b)); the leaf never is. A kind of name that is not understood refuses only where it is
    constrained and occurs (§4.2.1.10), whether the extension is critical or not. May raise what cryptography raises
    for extensions that cannot be read.
    """
    comparisons = 0
    for depth in range(len(path) - 1, 0, -1):
        constraints = _constraints_of(path[depth])
        if constraints is None:
            continue
        authority = path[depth].subject.rfc4514_string()[:200]
        subtrees = (tuple(constraints.permitted_subtrees or ()), tuple(constraints.excluded_subtrees or ()))
        whole = constraints.public_bytes() in path[depth].public_bytes(Encoding.DER)
        for below in range(depth - 1, -1, -1):
            certificate = path[below]
            if below and certificate.subject == certificate.issuer:
                continue
            for kind, value in _names_of(certificate):
                comparisons += len(subtrees[0]) + len(subtrees[1])
                # Distances (minimum, maximum) must not be there (§4.2.1.10); cryptography passes over them.
                if comparisons > COMPARISONS_MAX or not whole:
                    code = "name-constraint-unknown"
                else:
                    code = _fault_of_name(kind, value, *subtrees)
                if code:
                    shown = certificate.subject.rfc4514_string()[:200]
                    fields = {"name": _shown(kind, value), "certificate": shown, "authority": authority}
                    return Refusal(code, fields)
    return None


def _constraints_of(certificate: x509.Certificate) -> x509.NameConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None


def _names_of(certificate: x509.Certificate) -> Iterator[tuple[type[x509.GeneralName], object]]:
    """The subject, its e-mail addresses (§4.2.1.10), and all alternative names: kind and value."""
    if list(certificate.subject):
        yield x509.DirectoryName, certificate.subject
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
        yield x509.RFC822Name, str(attribute.value)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for name in names:
        yield type(name), name.value


def _fault_of_name(
    kind: type[x509.GeneralName],
    value: object,
    permitted: tuple[x509.GeneralName, ...],
    excluded: tuple[x509.GeneralName, ...],
) -> str:
    within = [one for one in permitted if isinstance(one, kind)]
    without = [one for one in excluded if isinstance(one, kind)]
    if not within and not without:
        return ""
    if kind not in _UNDERSTOOD:
        return "name-constraint-unknown"
    try:
        if any(_matches(value, one, exclusion=True) for one in without):
            return "name-not-permitted"
        if within and not any(_matches(value, one, exclusion=False) for one in within):
            return "name-not-permitted"
    except _Malformed:
        return "name-not-permitted"
    return ""


def _matches(value: object, subtree: x509.GeneralName, *, exclusion: bool) -> bool:
    """Whether a name of the subtree's kind lies in it. Raises _Malformed."""
    match value, subtree:
        case x509.Name(), x509.DirectoryName():
            wanted, found = _rdns(subtree.value), _rdns(value)
            return found[: len(wanted)] == wanted
        case ((IPv4Address() | IPv6Address()), x509.IPAddress()):
            # A subtree is a network; written as an address it says nothing that can be compared.
            network = subtree.value
            if not isinstance(network, IPv4Network | IPv6Network):
                raise _Malformed
            return value in network
        case str(), x509.DNSName():
            return _is_host_within(value.lower(), subtree.value.lower(), exclusion=exclusion)
        case str(), x509.RFC822Name():
            return _is_mailbox_within(value, subtree.value)
        case str(), x509.UniformResourceIdentifier():
            return _is_exact_or_below(_host_of(value), subtree.value.lower())
        case _:
            raise _Malformed


def _rdns(name: x509.Name) -> list[_Rdn]:
    """A name as it is compared (RFC 5280 §7.1): without regard to case, to blanks, and to how letters are composed."""
    return [frozenset((one.oid, _folded(one.value)) for one in rdn) for rdn in name.rdns]


def _folded(value: str | bytes) -> str | bytes:
    if isinstance(value, bytes):
        return value
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _is_host_within(host: str, subtree: str, *, exclusion: bool) -> bool:
    """DNS: the host itself and all below it; with a leading dot only those below; an empty subtree is all."""
    host = host.removesuffix(".")
    if exclusion and host.startswith("*.") and ("." + subtree.lstrip(".")).endswith(host[1:]):
        return True  # the wildcard reaches into what is excluded
    if subtree.startswith("."):
        return host.endswith(subtree)
    return not subtree or host == subtree or host.endswith("." + subtree)


def _is_mailbox_within(mailbox: str, subtree: str) -> bool:
    """E-mail: one mailbox (its local part exactly), all of one host, or with a leading dot all hosts below."""
    local, at, host = mailbox.rpartition("@")
    if not at or not local or not host:
        raise _Malformed
    wanted_local, at, wanted = subtree.rpartition("@")
    if at:
        return local == wanted_local and host.lower() == wanted.lower()
    return not wanted or _is_exact_or_below(host.lower(), wanted.lower())


def _is_exact_or_below(host: str, subtree: str) -> bool:
    return host.endswith(subtree) and host != subtree if subtree.startswith(".") else host == subtree


def _host_of(uri: str) -> str:
    """The host of a URI; one without a host, or with an address for one, is refused under constraints (§4.2.1.10)."""
    try:
        host = urlsplit(uri).hostname
    except ValueError:
        host = None
    if not host or ":" in host or host.replace(".", "").isdigit():
        raise _Malformed
    return host.removesuffix(".")


def _shown(kind: type[x509.GeneralName], value: object) -> str:
    if isinstance(value, x509.Name):
        return value.rfc4514_string()[:200]
    return str(value)[:200] if kind in _UNDERSTOOD else kind.__name__
