"""A real PKCS#11 token, SoftHSM, in a folder of the run's own: tokens, keys in them, and what can befall them.

The library reads its configuration when it is loaded, so that a process has one; every test makes a token of its own.
Keys are made by another process, as an operator makes them: this one must not be logged in for it.
"""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.debian import debian_tool

PACKAGE = "softhsm2"
LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"
PROGRAM = "/usr/bin/softhsm2-util"
PIN = "geheim-4711"
SO_PIN = "12345678"
_numbers = itertools.count(1)
_begun: list["SoftHsm"] = []

# Makes key pairs in a token: library, token, PIN, then kind, label and id of each; "…-bare" leaves the public key out.
_MAKE = """
import sys, pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
library, label, pin, *wanted = sys.argv[1:]
kinds = {
    "p256": (KeyType.EC, "06082a8648ce3d030107", Mechanism.EC_KEY_PAIR_GEN),
    "p384": (KeyType.EC, "06052b81040022", Mechanism.EC_KEY_PAIR_GEN),
    "ed25519": (KeyType.EC_EDWARDS, "06032b6570", Mechanism.EC_EDWARDS_KEY_PAIR_GEN),
}
with pkcs11.lib(library).get_token(token_label=label).open(user_pin=pin, rw=True) as session:
    for kind, name, identifier in zip(*[iter(wanted)] * 3):
        kind, _, how = kind.partition("-")
        private = {Attribute.SENSITIVE: how != "open", Attribute.EXTRACTABLE: how == "open"}
        private |= {Attribute.SIGN: how != "mute"}
        if kind == "rsa":
            public, _ = session.generate_keypair(
                KeyType.RSA, 2048, store=True, label=name, id=bytes.fromhex(identifier), private_template=private
            )
        else:
            key_type, curve, mechanism = kinds[kind]
            domain = session.create_domain_parameters(
                key_type, {Attribute.EC_PARAMS: bytes.fromhex(curve)}, local=True
            )
            public, _ = domain.generate_keypair(
                mechanism=mechanism, store=True, label=name, id=bytes.fromhex(identifier), private_template=private
            )
        if how == "bare":
            public.destroy()
"""
# Puts a certificate for the private key of an id into a token: library, token, PIN, id, file with the DER.
_CERTIFY = """
import sys, pkcs11
from pkcs11 import Attribute, CertificateType, ObjectClass
library, label, pin, identifier, path = sys.argv[1:]
with pkcs11.lib(library).get_token(token_label=label).open(user_pin=pin, rw=True) as session:
    session.create_object({
        Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
        Attribute.TOKEN: True, Attribute.ID: bytes.fromhex(identifier), Attribute.LABEL: "certificate",
        Attribute.SUBJECT: b"0\\0", Attribute.VALUE: open(path, "rb").read(),
    })
"""
# Takes every object with a label out of a token: library, token, PIN, label.
_DESTROY = """
import sys, pkcs11
from pkcs11 import Attribute
library, label, pin, name = sys.argv[1:]
with pkcs11.lib(library).get_token(token_label=label).open(user_pin=pin, rw=True) as session:
    for found in list(session.get_objects({Attribute.LABEL: name})):
        found.destroy()
"""


class SoftHsm:
    """The library, and the folder that its tokens are in."""

    def __init__(self, folder: Path) -> None:
        self.library = debian_tool([PACKAGE], LIBRARY).path
        self._program = debian_tool([PACKAGE], PROGRAM)
        self.tokens = folder / "tokens"
        self.tokens.mkdir()
        self.configuration = folder / "softhsm2.conf"
        self.configuration.write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )

    def token(self, *keys: tuple[str, str, str]) -> "Token":
        """A new token with keys: kind, label, id in hexadecimal."""
        label = f"token-{next(_numbers)}"
        words = ["--init-token", "--free", "--module", str(self.library), "--label", label]
        words += ["--so-pin", SO_PIN, "--pin", PIN]
        self.run([str(self._program.path), *words], self._program.environment)
        token = Token(self, label)
        if keys:
            token.make(*keys)
        return token

    def change_pin(self, label: str, before: str, after: str) -> None:
        script = "import sys, pkcs11; s = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open("
        script += "user_pin=sys.argv[3], rw=True); s.set_pin(sys.argv[3], sys.argv[4])"
        self.python(script, label, before, after)

    def python(self, script: str, *words: str) -> str:
        return self.run([sys.executable, "-c", script, str(self.library), *words], {})

    def run(self, command: list[str], environment: dict[str, str]) -> str:
        inherited = {**os.environ, **environment, "SOFTHSM2_CONF": str(self.configuration)}
        done = subprocess.run(command, env=inherited, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def away(self) -> Iterator[None]:
        """As if the token were pulled out: nothing of it can be read or used."""
        elsewhere = self.tokens.with_name("pulled-out")
        self.tokens.rename(elsewhere)
        try:
            yield
        finally:
            elsewhere.rename(self.tokens)


class Token:
    """One token, its PIN in a file as an operator keeps it."""

    def __init__(self, hsm: SoftHsm, label: str) -> None:
        self.hsm, self.label = hsm, label
        self.pin_file = hsm.configuration.with_name(f"{label}.pin")
        self.pin_file.touch(mode=0o600)
        self.pin_file.write_text(PIN + "\n")

    def uri(self, label: str = "", identifier: str = "") -> str:
        named = [f"object={label}"] if label else []
        named += ["id=" + "".join(f"%{byte:02x}" for byte in bytes.fromhex(identifier))] if identifier else []
        query = f"module-path={self.hsm.library}&pin-source=file:{self.pin_file}"
        return f"pkcs11:token={self.label};{';'.join(named)}?{query}"

    def make(self, *keys: tuple[str, str, str]) -> None:
        self.hsm.python(_MAKE, self.label, PIN, *itertools.chain(*keys))

    def certify(self, identifier: str, certificate: Path) -> None:
        self.hsm.python(_CERTIFY, self.label, PIN, identifier, str(certificate))

    def destroy(self, label: str) -> None:
        self.hsm.python(_DESTROY, self.label, PIN, label)


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHsm:
    """The run's SoftHSM. The variable stays: the library may read it again whenever it is begun anew."""
    # One for the run, whichever modules ask for it.
    if not _begun:
        _begun.append(SoftHsm(tmp_path_factory.mktemp("softhsm")))
        os.environ["SOFTHSM2_CONF"] = str(_begun[0].configuration)
    return _begun[0]
