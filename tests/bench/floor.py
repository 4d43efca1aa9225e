"""The floor: CPU of the C primitives that a dossier cannot do without, on the pool's dossiers, in µs a dossier.

Every primitive is really done: digests are compared, signatures verified, schemas satisfied, rounds synced; a primitive
that found fault would stop the run. They are done dossier by dossier, as a server does them, not one primitive in a hot
loop; and in as many processes at once as the servers have workers, because a core whose neighbour works is slower.
Locking (AES-256-GCM) is shown beside, and is not part of the floor's sum.
"""

import argparse
import binascii
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from tests.bench import declared
from tests.bench.pool import BENCH, HOUSE, KINDS, UNITS, Kind, Pool

ROUND = 32
OF_VERIFICATION = ("parse", "base64", "xsd", "c14n", "sha256-canonical", "rsa")
OF_THE_FLOOR = (*OF_VERIFICATION, "sha256-raw", "receipt", "durable")
LOCKING = "locking"
_DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
_PADDING, _SHA256, _ES256 = padding.PKCS1v15(), SHA256(), ec.ECDSA(SHA256())
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, encoding="utf-8")
_CONTENT = "NoiDung/ThongTinHoSo/ToKhais/FileToKhai"
_CLOCK = time.thread_time_ns
# Words as many and as long as those of a receipt.
_RECEIPT = {f"member_{n}": "x" * 32 for n in range(25)}


class Floor:
    """The primitives over the first dossiers of a kind."""

    def __init__(self, kind: Kind, count: int) -> None:
        pool = Pool()
        self.raw = [bytes(one) for one in pool.dossiers(kind, 0, count)]
        self._schemas = {code: form.libxml2 for code, form in declared.forms().items()}
        self._keys: list[rsa.RSAPublicKey] = []
        for number in range(UNITS):
            certificate = x509.load_pem_x509_certificate((pool.folder / f"unit-{number}.pem").read_bytes())
            key = certificate.public_key()
            assert isinstance(key, rsa.RSAPublicKey)
            self._keys.append(key)
        self._seal = ec.generate_private_key(ec.SECP256R1())
        self._spent: dict[str, int] = {}
        self._asked: dict[str, int] = {}

    def measure(self) -> dict[str, float]:
        """All primitives over all dossiers, once; µs of CPU a dossier."""
        self._spent, self._asked = dict.fromkeys(OF_THE_FLOOR, 0), dict.fromkeys(OF_THE_FLOOR, 0)
        for number, content in enumerate(self.raw):
            self._dossier(content, self._keys[number % UNITS])
        began = _CLOCK()
        for _ in range(1000):
            _CLOCK()
        asking_ns = (_CLOCK() - began) / 1000
        told = {
            name: max(0.0, (spent - self._asked[name] * asking_ns) / 1000 / len(self.raw))
            for name, spent in self._spent.items()
        }
        told["durable"] = self._durable_us()
        began = _CLOCK()
        for content in self.raw:
            AESGCM(os.urandom(32)).encrypt(bytes(12), content, b"")
        told[LOCKING] = (_CLOCK() - began) / 1000 / len(self.raw)
        return told

    def _took(self, name: str, began: int) -> None:
        self._spent[name] += _CLOCK() - began
        self._asked[name] += 1

    def _dossier(self, content: bytes, key: rsa.RSAPublicKey) -> None:
        began = _CLOCK()
        hashlib.sha256(content).digest()
        self._took("sha256-raw", began)
        for code, text in self._document(content, "Hoso", key):
            began = _CLOCK()
            inside = binascii.a2b_base64(text, strict_mode=True)
            self._took("base64", began)
            if code in self._schemas:
                self._document(inside, code, key)
        began = _CLOCK()
        decode_dss_signature(self._seal.sign(msgspec.json.encode(_RECEIPT), _ES256))
        self._took("receipt", began)

    def _document(self, content: bytes, form: str, key: rsa.RSAPublicKey) -> list[tuple[str, str]]:
        """One document; returns the codes and texts of the files inside."""
        began = _CLOCK()
        root: etree._Element = etree.fromstring(content, _PARSER)
        self._took("parse", began)
        signature = next(root.iter(_DSIG + "Signature"))
        signed_info, value = signature[0], b64decode(signature[1].text or "")
        digest = b64decode(signed_info.findtext(f".//{_DSIG}DigestValue") or "")
        began = _CLOCK()
        # The replacement mends what libxml2 writes too much for an element in an inherited default namespace.
        signed = etree.tostring(signed_info, method="c14n").replace(b' xmlns=""', b"")
        key.verify(value, signed, _PADDING, _SHA256)
        self._took("rsa", began)
        place = signature.getparent()
        assert place is not None
        assert not signature.tail
        place.remove(signature)
        began = _CLOCK()
        canonical = etree.tostring(root.getroottree(), method="c14n", with_comments=False)
        self._took("c14n", began)
        began = _CLOCK()
        found = hashlib.sha256(canonical).digest()
        self._took("sha256-canonical", began)
        if found != digest:
            raise AssertionError("the floor does not canonicalise what was signed")
        began = _CLOCK()
        valid = self._schemas[form].validate(root)
        self._took("xsd", began)
        if not valid:
            raise AssertionError(f"the floor finds fault with {form}")
        files = [
            (file.findtext("MaToKhai") or "", file.findtext("NoiDungFile") or "") for file in root.iterfind(_CONTENT)
        ]
        del signature, signed_info, place
        # To free the tree belongs to parsing: whoever parses must.
        began = _CLOCK()
        del root
        self._took("parse", began)
        return files

    def _durable_us(self) -> float:
        """A segment written and synced, and a row each in one SQLite transaction (WAL, FULL), in rounds of ROUND."""
        rounds = [self.raw[n : n + ROUND] for n in range(0, len(self.raw), ROUND)]
        with tempfile.TemporaryDirectory(dir=BENCH) as name:
            folder = Path(name)
            database = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
            for statement in (
                "PRAGMA journal_mode=WAL",
                "PRAGMA synchronous=FULL",
                "CREATE TABLE dossier (sha256 BLOB PRIMARY KEY, pack_offset INTEGER, receipt TEXT)",
            ):
                database.execute(statement)
            segment = os.open(folder / "segment", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            began = _CLOCK()
            for bodies in rounds:
                _write_all(segment, bodies)
                os.fdatasync(segment)
                database.execute("BEGIN IMMEDIATE")
                database.executemany(
                    "INSERT INTO dossier VALUES (?, ?, ?)",
                    [(os.urandom(32), n, "r" * 1700) for n in range(len(bodies))],
                )
                database.execute("COMMIT")
            spent = _CLOCK() - began
            os.close(segment)
            database.close()
        return spent / 1000 / len(self.raw)


def _write_all(descriptor: int, bodies: Sequence[bytes]) -> None:
    written, whole = os.writev(descriptor, bodies), sum(map(len, bodies))
    while written < whole:
        written += os.write(descriptor, b"".join(bodies)[written:])


class Primitives(msgspec.Struct, frozen=True, kw_only=True):
    """What one round told: µs a dossier of each primitive, and of the project's verification of the same dossiers."""

    primitives: dict[str, float]
    verification_us: float
    verification_cold_us: float

    @property
    def floor_us(self) -> float:
        """The floor but for HTTP."""
        return sum(self.primitives[name] for name in OF_THE_FLOOR)

    @property
    def verification_over_its_primitives(self) -> float:
        return self.verification_us / sum(self.primitives[name] for name in OF_VERIFICATION)


def measure(kind: str, *, count: int, processes: int) -> Primitives:
    """One round in that many processes at once; their mean."""
    command = [sys.executable, "-m", "tests.bench.floor", f"--kind={kind}", f"--count={count}"]
    running = [
        subprocess.Popen(command, cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(processes)
    ]
    for one in running:
        assert one.stdout is not None
        one.stdout.readline()
    told = []
    for one in running:
        assert one.stdin is not None
        one.stdin.write(b"go\n")
        one.stdin.flush()
    for one in running:
        out, _ = one.communicate()
        if one.returncode:
            raise AssertionError(f"the floor of {kind} failed")
        told.append(msgspec.json.decode(out, type=Primitives))
    return Primitives(
        primitives={name: fmean(one.primitives[name] for one in told) for name in told[0].primitives},
        verification_us=fmean(one.verification_us for one in told),
        verification_cold_us=fmean(one.verification_cold_us for one in told),
    )


def main() -> None:
    """One process of a round: warm up, say so, wait for the others, measure."""
    from tests.bench.verification import Verification

    options = argparse.ArgumentParser()
    options.add_argument("--kind", required=True)
    options.add_argument("--count", type=int, required=True)
    asked = options.parse_args()
    floor = Floor(KINDS[asked.kind], asked.count)
    verification = Verification(floor.raw)
    floor.measure()
    verification.measure()
    print("ready", flush=True)
    sys.stdin.readline()
    first, verified, second = floor.measure(), verification.measure(), floor.measure()
    told = Primitives(
        primitives={name: (first[name] + second[name]) / 2 for name in first},
        verification_us=(verified + verification.measure()) / 2,
        verification_cold_us=verification.measure_cold(),
    )
    print(json.dumps(msgspec.to_builtins(told)), flush=True)


if __name__ == "__main__":
    main()
