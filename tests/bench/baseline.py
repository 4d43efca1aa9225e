"""What both baselines do alike: who calls, what no schema or signature library checks, and keeping what was accepted.

It is the plain way: one file and one row a dossier, each durable before the answer. Whatever the project checks is
checked here too; `test_bench.py` holds both baselines to it.
"""

import base64
import binascii
import hashlib
import json
import os
import sqlite3
import threading
import time
import unicodedata
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID
from lxml import etree
from stdnum.vn import mst

from tests.bench import declared

SCHEMA = """
CREATE TABLE client (token_sha256 BLOB PRIMARY KEY, name TEXT, requests_per_minute_max INTEGER, ends_at INTEGER);
CREATE TABLE client_unit (client TEXT, unit TEXT, PRIMARY KEY (client, unit));
CREATE TABLE unit (code TEXT, tax_code TEXT, office TEXT, valid_from TEXT, valid_to TEXT,
  PRIMARY KEY (code, valid_from));
CREATE TABLE dossier (id TEXT PRIMARY KEY, sha256 BLOB UNIQUE, size INTEGER, client TEXT, unit TEXT, procedure TEXT,
  period TEXT, batch INTEGER, received_at TEXT, office TEXT, due_at TEXT, path TEXT, wrapped_key BLOB, report TEXT,
  receipt TEXT);
CREATE INDEX dossier_batch ON dossier (unit, procedure, period, batch);
"""
RECEIPT_TYPE = "baseline-receipt+jws"
_VIETNAM_HOURS = 7


class Unwelcome(Exception):
    """The request ends here, with that status."""

    def __init__(self, status: int, *faults: str) -> None:
        super().__init__(status, *faults)
        self.status, self.faults = status, faults


class Signed:
    """A document whose signature holds: what was signed, and the tax codes of who signed."""

    def __init__(self, root: etree._Element, certificate: x509.Certificate) -> None:
        uids = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
        self.root = root
        self.certificate_sha256 = certificate.fingerprint(SHA256()).hex()
        self.tax_codes = [str(uid.value).removeprefix("MST:") for uid in uids]


class Judged(NamedTuple):
    """A dossier that may be kept."""

    content: bytes
    sha256: bytes
    client: str
    head: dict[str, str]
    unit: dict[str, str]
    certificate_sha256: str
    parts: list[dict[str, Any]]
    warnings: list[str]
    received_at: datetime


class Baseline:
    """A stack but for its HTTP, its signature checking and its schema checking, which it is given."""

    def __init__(
        self,
        home: Path,
        verify: Callable[[bytes, str], Signed],
        schema_faults: Callable[[etree._Element, declared.Form], list[str]],
    ) -> None:
        self._verify, self._schema_faults = verify, schema_faults
        self._forms, self._procedures = declared.forms(), declared.procedures()
        self._vault = home / "vault"
        self._database, self.writer = _connected(home), _connected(home)
        self._turn = threading.Lock()
        self._master = AESGCM((home / "master.key").read_bytes())
        key = load_pem_private_key((home / "seal.pem").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._seal = key
        self._used: dict[tuple[str, int], int] = {}

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()
        self.writer.close()

    def client(self, authorization: str | None) -> str:
        """The client behind a bearer token, its budget reduced by one request."""
        if authorization is None or not authorization.startswith("Bearer "):
            raise Unwelcome(401)
        row = self._database.execute(
            "SELECT name, requests_per_minute_max, ends_at FROM client WHERE token_sha256 = ?",
            (hashlib.sha256(authorization[7:].encode()).digest(),),
        ).fetchone()
        now = time.time()
        if row is None or row[2] <= now:
            raise Unwelcome(401)
        minute = (row[0], int(now) // 60)
        self._used[minute] = self._used.get(minute, 0) + 1
        if self._used[minute] > row[1]:
            raise Unwelcome(429)
        return row[0]

    def receive(self, content: bytes, client: str) -> tuple[int, dict[str, Any]]:
        """One dossier, from bytes to receipt."""
        judged = self.judge(content, client)
        return (200, judged) if isinstance(judged, dict) else (201, self.keep(judged))

    def judge(self, content: bytes, client: str) -> "Judged | dict[str, Any]":
        """Everything before the bytes are kept; the earlier answer when these bytes came before."""
        now = datetime.now(UTC)
        sha256 = hashlib.sha256(content).digest()
        earlier = self._database.execute(
            "SELECT id, receipt FROM dossier WHERE sha256 = ? AND client = ?", (sha256, client)
        ).fetchone()
        if earlier:
            return {"dossier": earlier[0], "receipt": earlier[1]}
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise Unwelcome(422, "a DTD")
        envelope = self._verify(content, declared.ENVELOPE_SIGNATURE)
        root = envelope.root
        if faults := self._schema_faults(root, self._forms["Hoso"]):
            raise Unwelcome(422, *faults)
        head = {child.tag: child.text or "" for part in root.iterfind("NoiDung/*") for child in part}
        unit = self._unit(client, head, now.date())
        signers, parts, roots, faults = self._files(root, head)
        # Rules compare forms with each other, so all are read before the first is judged.
        on = (now + timedelta(hours=_VIETNAM_HOURS)).date()
        facts = declared.Facts(on, roots, frozenset(part["form"] for part in parts), head)
        refused, warnings = self._broken({"Hoso": [root], **roots}, facts)
        faults += refused
        tax_codes = [unit["tax_code"]]
        if head["MaSoThue"] != unit["tax_code"] or not mst.is_valid(head["MaSoThue"]):
            faults.append("MaSoThue is not the unit's")
        if any(signed.tax_codes != tax_codes for signed in (envelope, *signers)):
            faults.append("a signer is not the unit")
        if head["CoQuanQuanLy"] != unit["office"]:
            faults.append("CoQuanQuanLy is not the unit's")
        if faults:
            raise Unwelcome(422, *faults)
        return Judged(content, sha256, client, head, unit, envelope.certificate_sha256, parts, warnings, now)

    def _broken(self, roots: dict[str, list[etree._Element]], facts: declared.Facts) -> tuple[list[str], list[str]]:
        """The rules that the documents break: those that refuse, and those that only warn."""
        refused: list[str] = []
        warned: list[str] = []
        for code, documents in roots.items():
            for document in documents:
                refuses, warns = self._forms[code].rules.broken(document, facts)
                refused += refuses
                warned += warns
        return refused, warned

    def _unit(self, client: str, head: dict[str, str], on: date) -> dict[str, str]:
        code = head.get("MaSoBHXH", "")
        speaks = self._database.execute("SELECT 1 FROM client_unit WHERE client = ? AND unit = ?", (client, code))
        if speaks.fetchone() is None:
            raise Unwelcome(403)
        row = self._database.execute(
            "SELECT tax_code, office FROM unit WHERE code = ? AND valid_from <= ?"
            " AND (valid_to IS NULL OR valid_to >= ?) ORDER BY valid_from DESC LIMIT 1",
            (code, on.isoformat(), on.isoformat()),
        ).fetchone()
        if row is None:
            raise Unwelcome(422, "the unit is not registered")
        return {"code": code, "tax_code": row[0], "office": row[1]}

    def _files(
        self, root: etree._Element, head: dict[str, str]
    ) -> tuple[list[Signed], list[dict[str, Any]], dict[str, list[etree._Element]], list[str]]:
        """The files inside: length, base64, names, kinds; the forms' signatures, schemas and rows.

        Returns who signed, what is inside, the forms that their schemas admit, and the faults.
        """
        procedure = self._procedures.get(head["MaThuTuc"])
        if procedure is None:
            raise Unwelcome(422, "the procedure is not known")
        faults: list[str] = []
        signers: list[Signed] = []
        parts: list[dict[str, Any]] = []
        names: set[str] = set()
        roots: dict[str, list[etree._Element]] = {}
        for file in root.iterfind("NoiDung/ThongTinHoSo/ToKhais/FileToKhai"):
            told = {child.tag: child.text or "" for child in file}
            text, code, name, kind = told["NoiDungFile"], told["MaToKhai"], told["TenFile"], told["LoaiFile"]
            try:
                content = base64.b64decode(text, validate=True)
            except binascii.Error:
                faults.append(f"{name}: not base64")
                continue
            if told.get("DoDaiFile") and int(told["DoDaiFile"]) != len(text):
                faults.append(f"{name}: DoDaiFile")
            plain = unicodedata.normalize("NFC", name).casefold()
            if plain in names or "/" in name or "\\" in name or not plain.endswith(kind.lower()):
                faults.append(f"{name}: the name")
            names.add(plain)
            if code not in procedure.may:
                faults.append(f"{name}: {code} is not allowed")
            if code == procedure.attachment_code:
                faults += _faults_of_attachment(content, name, kind, procedure)
            elif code in self._forms:
                form = self._forms[code]
                signed = self._verify(content, form.signature_path)
                signers.append(signed)
                if found := self._schema_faults(signed.root, form):
                    faults += found
                else:
                    # Rows and rules are looked at when the schema has been satisfied: texts can be read then.
                    faults += declared.faults_of_rows(signed.root, form)
                    roots.setdefault(code, []).append(signed.root)
            digest = hashlib.sha256(content).hexdigest()
            parts.append({"form": code, "name": name, "size": len(content), "sha256": digest})
        faults += [f"{code} is missing" for code in procedure.must - {part["form"] for part in parts}]
        return signers, parts, roots, faults

    def keep(self, judged: "Judged") -> dict[str, Any]:
        """The file, then the row, both durable; only then is the receipt spoken. Many threads may keep at once."""
        content, sha256, client, head, unit, certificate, parts, warnings, now = judged
        dossier = str(uuid.uuid4())
        key, nonce = os.urandom(32), os.urandom(12)
        path = self._vault / f"{dossier}.bin"
        with path.open("xb") as file:
            file.write(AESGCM(key).encrypt(bytes(12), content, sha256))
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(self._vault, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        same = (unit["code"], head["MaThuTuc"], head["KyKeKhai"])
        due_at = _due(now, self._procedures[head["MaThuTuc"]].days).isoformat()
        report = json.dumps(
            {"verdict": "TOTAL-PASSED", "certificate": certificate, "parts": parts, "warnings": warnings}
        )
        with self._turn, self.writer:
            self.writer.execute("BEGIN IMMEDIATE")
            (last,) = self.writer.execute(
                "SELECT coalesce(max(batch), 0) FROM dossier WHERE unit = ? AND procedure = ? AND period = ?", same
            ).fetchone()
            receipt = self._sealed(
                {
                    "receipt": dossier,
                    "received_at": now.isoformat(),
                    "sha256": sha256.hex(),
                    "size": len(content),
                    "procedure": same[1],
                    "unit": same[0],
                    "tax_code": unit["tax_code"],
                    "period": same[2],
                    "batch": last + 1,
                    "submitter": client,
                    "signer": certificate,
                    "verdict": "TOTAL-PASSED",
                    "competent_office": unit["office"],
                    "due_at": due_at,
                    "parts": parts,
                }
            )
            self.writer.execute(
                "INSERT INTO dossier VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (dossier, sha256, len(content), client, *same, last + 1, now.isoformat(), unit["office"], due_at,
                 path.name, nonce + self._master.encrypt(nonce, key, sha256), report, receipt),
            )  # fmt: skip
        return {"dossier": dossier, "received_at": now.isoformat(), "sha256": sha256.hex(), "receipt": receipt}

    def _sealed(self, payload: dict[str, Any]) -> str:
        """A compact JWS, ES256."""
        header = {"alg": "ES256", "typ": RECEIPT_TYPE}
        text = b".".join(_base64url(json.dumps(one, ensure_ascii=False).encode()) for one in (header, payload))
        r, s = decode_dss_signature(self._seal.sign(text, ec.ECDSA(SHA256())))
        return (text + b"." + _base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()


def _connected(home: Path) -> sqlite3.Connection:
    database = sqlite3.connect(home / "baseline.sqlite", timeout=30, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        database.execute(f"PRAGMA {pragma}")
    return database


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _due(now: datetime, days: int) -> datetime:
    """That many working days later; Saturdays and Sundays do not count."""
    at = now + timedelta(hours=_VIETNAM_HOURS)
    while days:
        at += timedelta(days=1)
        days -= at.weekday() < 5
    return at


_MARKS = {".pdf": (b"%PDF-", b"%%EOF"), ".png": (b"\x89PNG\r\n\x1a\n", b"IEND"), ".docx": (b"PK\x03\x04", b"")}


def _faults_of_attachment(content: bytes, name: str, kind: str, procedure: declared.Procedure) -> list[str]:
    head, tail = _MARKS.get(kind, (b"", b""))
    if kind not in procedure.attachment_kinds or len(content) > procedure.attachment_bytes_max:
        return [f"{name}: the kind or the size"]
    if not content.startswith(head) or tail not in content[-2048:]:
        return [f"{name}: not what its name says"]
    return []
