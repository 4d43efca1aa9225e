"""Verifies what a motcua gateway gave out, offline, by one pinned key, without any other part of motcua.

    python motcua_verify.py bundle.asice --key keys.jwks      an evidence bundle (ASiC-E)
    python motcua_verify.py receipt.jws --key keys.jwks       one statement alone; --content FILE: its bytes too
    python motcua_verify.py NEW --older OLD --proof FILE --vkey VKEY    two checkpoints of the log: only appended to?

--key is the gateway's key set (GET /v1/keys; JWK or JWK Set), or a key's thumbprint (RFC 7638): get it on another day,
in another way than the bundle. Needs Python 3.11, `cryptography`, `lxml`; checks time-stamps where `rfc3161-client` is
installed and --tsa names the authorities' roots (PEM). The first thing that is wrong ends it. Exit: 0 holds, 1 not, 2 ?
"""

import argparse
import base64
import hashlib
import json
import re
import sys
import unicodedata
import zipfile
from contextlib import suppress
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

with suppress(ImportError):  # without it time-stamps are not checked, and that is told
    import rfc3161_client as rfc3161

SEAL, MANIFEST, MIMETYPE = "META-INF/signatures001.xml", "META-INF/manifest.xml", "mimetype"
DS, XADES = "{http://www.w3.org/2000/09/xmldsig#}", "{http://uri.etsi.org/01903/v1.3.2#}"
EXCLUSIVE, SHA256_URI = "http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2001/04/xmlenc#sha256"
ECDSA = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
EDDSA = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"
KEY_MEMBERS = {("EC", "P-256"): ("crv", "kty", "x", "y"), ("OKP", "Ed25519"): ("crv", "kty", "x")}
HELD_BYTES_MAX, RAW_BYTES, LATER = 32 * 1024 * 1024, 64, ("taken_at", "judged_at", "erased_at", "reported_at")
# What reading something of another form raises, here or in the libraries (a bad ZIP besides).
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, StopIteration, SyntaxError, EOFError, RecursionError)
OTHER_KEY = "niêm phong bằng khóa khác khóa đã ghim · is sealed by another key than the one pinned"
Json = dict[str, Any]
canonical: Any = partial(etree.tostring, method="c14n", exclusive=True, with_comments=False)
un64: Any = partial(base64.b64decode, validate=True)


class Wrong(Exception):
    """The first thing that is wrong, in Vietnamese · English."""


def must(good: object, why: str) -> None:
    """End the verification unless it is good."""
    if not good:
        raise Wrong(why)


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def url64(text: str) -> bytes:
    """Strict unpadded base64url: one spelling for one content."""
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    must(base64.urlsafe_b64encode(content).rstrip(b"=") == text.encode(), "base64url lạ · is spelt in another way")
    return content


def read_keys(content: bytes) -> dict[str, Json]:
    """The usable keys of a JWK or JWK Set by their thumbprints, which are hashes of the keys themselves; each once."""
    held, found = json.loads(content), dict[str, Json]()
    for one in held.get("keys", [held]):
        if names := KEY_MEMBERS.get((one.get("kty"), one.get("crv"))):
            text = json.dumps({name: one[name] for name in names}, separators=(",", ":"))
            kid = base64.urlsafe_b64encode(_sha256(text.encode())).rstrip(b"=").decode()
            must(kid not in found, "một khóa có hai lần · a key is there twice")
            found[kid] = one
    return found


def _public_of(jwk: Json) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
    if jwk["crv"] == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(url64(jwk["x"]))
    x, y = (int.from_bytes(url64(jwk[name]), "big") for name in "xy")
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def check(jwk: Json, signed: bytes, value: bytes) -> None:
    """The raw signature is by this key. The algorithm is the key's own, never the message's."""
    public = _public_of(jwk)
    try:
        must(len(value) == RAW_BYTES, "chữ ký sai độ dài · its signature has a wrong length")
        if isinstance(public, ed25519.Ed25519PublicKey):
            return public.verify(value, signed)
        r, s = (int.from_bytes(half, "big") for half in (value[:32], value[32:]))
        return public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Wrong("niêm phong đã vỡ · the seal is broken: it was changed") from None


def in_its_period(jwk: Json, said_at: str, existed: Any) -> None:
    """The key sealed then, and nobody else had it by then (or a time-stamp shows that this was there before)."""
    at, revoked = datetime.fromisoformat(said_at), jwk.get("revoked") or {}
    seals = at.tzinfo and jwk.get("nbf", 0) <= at.timestamp() < jwk.get("exp", float("inf"))
    must(seals, f"khóa không niêm phong vào lúc {said_at} · its key did not seal at that time")
    if revoked and revoked.get("reason") != "superseded":
        is_older = (found := existed()) and found.timestamp() < revoked["revoked_at"]
        must(is_older, "khóa đã lộ, không có dấu thời gian trước đó · its key is compromised, no time-stamp is older")


def opened(jws: str, keys: dict[str, Json], kind: str, existed: Any = lambda: None) -> Any:
    """What a compact JWS of exactly our form says, sealed by one of `keys` in that key's period."""
    head, body, value = jws.split(".")
    header, said = json.loads(url64(head)), json.loads(url64(body))
    is_ours = json.dumps(header, separators=(",", ":")).encode() == url64(head) and [*header] == ["alg", "kid", "typ"]
    must(is_ours and re.fullmatch(rf"motcua-{kind}\+jws", header["typ"]), "khác loại · is no statement of that kind")
    jwk: Any = keys.get(header["kid"])
    must(jwk, OTHER_KEY)
    must(header["alg"] == ("Ed25519" if jwk["crv"] == "Ed25519" else "ES256"), "thuật toán lạ · has another alg")
    check(jwk, f"{head}.{body}".encode(), url64(value))
    in_its_period(jwk, next(said[name] for name in (*LATER, "opened_at", "received_at") if said.get(name)), existed)
    return said


def tree(note: str, vkey: str) -> tuple[bytes, int, bytes]:
    """Text, size and root of a checkpoint (C2SP) that the Ed25519 key of `vkey` signed under its own name."""
    head, _, lines = note.rpartition("\n\n")
    name, named, encoded = vkey.split("+", 2)
    key, (origin, size, root, *_) = un64(encoded), head.split("\n")
    mine = [un64(line.split(" ")[2]) for line in lines.split("\n") if line.startswith(f"— {name} ")]
    raw = next((one for one in mine if one[:4].hex() == named), b"")
    is_named = key[0] == 1 and origin == name and named == _sha256(f"{name}\n".encode() + key)[:4].hex()
    must(is_named and raw, "điểm kiểm tra không do nhật ký ký · the checkpoint is not signed by the log's key")
    x = base64.urlsafe_b64encode(key[1:]).rstrip(b"=").decode()
    check({"crv": "Ed25519", "x": x}, f"{head}\n".encode(), raw[4:])
    return f"{head}\n".encode(), int(size), un64(root)


def climb(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to from a leaf (RFC 6962 §2.1.1). Uses the proof up."""
    if size == 1:
        return leaf
    left, sibling = 1 << (size - 1).bit_length() - 1, proof.pop()
    if index < left:
        return _sha256(b"\1" + climb(index, left, leaf, proof) + sibling)
    return _sha256(b"\1" + sibling + climb(index - left, size - left, leaf, proof))


def grown(old: int, new: int, root: bytes, proof: list[bytes], *, whole: bool = True) -> tuple[bytes, bytes]:
    """The two roots that a consistency proof leads to (RFC 6962 §2.1.2). Uses the proof up."""
    if old == new:
        return (root, root) if whole else (proof[-1], proof.pop())
    left, sibling = 1 << (new - 1).bit_length() - 1, proof.pop()
    if old <= left:
        first, second = grown(old, left, root, proof, whole=whole)
        return first, _sha256(b"\1" + second + sibling)
    first, second = grown(old - left, new - left, root, proof, whole=False)
    return _sha256(b"\1" + sibling + first), _sha256(b"\1" + sibling + second)


def stamped(token: bytes, covered: bytes, roots: list[x509.Certificate]) -> Any:
    """When an authority under --tsa stamped these bytes (RFC 3161); None where that cannot be checked."""
    if not roots:
        return None
    granted = bytes.fromhex("3003020100") + token
    try:
        answer: Any = rfc3161.decode_timestamp_response(b"\x30\x82" + len(granted).to_bytes(2, "big") + granted)
        rfc3161.VerifierBuilder(roots=roots).build().verify_message(answer, covered)
    except (ValueError, OverflowError, rfc3161.VerificationError) as error:
        raise Wrong(f"dấu thời gian không đúng · the time-stamp does not hold: {error}") from None
    return answer.tst_info.gen_time


class Verification:
    """One bundle, step by step; `step` and `what` say where it stands, `told` what was found right."""

    def __init__(self, path: str, pinned: dict[str, Json], thumbprint: str, roots: list[x509.Certificate]) -> None:
        """`pinned` are the keys; or `thumbprint` that of one."""
        self.path, self.pinned, self.thumbprint, self.roots = path, pinned, thumbprint, roots
        self.step, self.what, self.told = 0, "", list[tuple[int, str]]()
        self.digests, self.sizes, self.held = dict[str, bytes](), dict[str, int](), dict[str, bytes]()

    def run(self) -> Any:
        """All steps, in their order; what the receipt says. Raises Wrong, or what something malformed raises."""
        steps = (self.container, self.seal, self.receipt, self.received, self.statements, self.log)
        for self.step, step in enumerate(steps, 1):
            self.told.append((self.step, step()))
        self.told += [(7, _said_of(self.times)), (8, self.state)]
        return self.base

    def container(self) -> str:
        """(1) The file is whole, and every byte of it belongs to one entry (EN 319 162-1 §4.4)."""
        end, seen = 0, set[str]()
        with zipfile.ZipFile(self.path) as archive, Path(self.path).open("rb") as raw:
            for one in archive.infolist():
                self.what, folded = one.filename, unicodedata.normalize("NFKC", unquote(one.filename)).casefold()
                must(folded not in seen, "có hai lần · is there twice")
                size, length = one.file_size, len(one.filename.encode())
                raw.seek(end)
                local, told = raw.read(30), (one.flag_bits, one.CRC, size, size, length)
                # Stored, in the clear, and its own header says what the directory says (APPNOTE.TXT 6.3.10 §4.3.7).
                is_same = local[6:10] + local[14:] == b"".join(each.to_bytes(4, "little") for each in told)
                is_same &= (one.header_offset, one.compress_size, one.compress_type) == (end, size, 0)
                must(is_same and not one.flag_bits & ~2048, "nằm khác lệ thường · lies in another way")
                end, seen, self.sizes[one.filename] = end + 30 + length + size, seen | {folded}, size
                with archive.open(one) as file:
                    self.held[one.filename] = file.read() if size <= HELD_BYTES_MAX else b""
                with cast("Any", archive.open(one)) as file:
                    self.digests[one.filename] = hashlib.file_digest(file, "sha256").digest()
            self.what, size = "", end + 22 + sum(46 + len(one.encode()) for one in archive.namelist())
            must((archive.start_dir, Path(self.path).stat().st_size) == (end, size), "có byte thừa · has other bytes")
        inside = {one for one in self.digests if one.partition("/")[0].casefold() == "meta-inf"}
        self.what = min(inside ^ {SEAL, MANIFEST}, default=MIMETYPE)
        is_asic = [*self.held.items()][:1] == [(MIMETYPE, b"application/vnd.etsi.asic-e+zip")]
        must(is_asic and self.what == MIMETYPE, "lạ, sai hoặc thiếu · is strange, wrong or missing")
        self.files = [one for one in self.digests if one not in {MIMETYPE, *inside}]
        listed = re.findall(r'full-path="([^"]*)"', self.held[MANIFEST].decode())
        self.what = min({"/", *self.files} ^ set(listed), default=MANIFEST)
        must(sorted(listed) == sorted(["/", *self.files]), "không khớp manifest · does not agree with the manifest")
        return f"tệp nguyên vẹn · the file is whole: {len(self.files)} thành phần · files"

    def seal(self) -> str:
        """(2) A XAdES signature of the gateway's form, by a pinned key, over every file (EN 319 132-1)."""
        self.what = "keys.jwks"
        inside = read_keys(self.held["keys.jwks"])
        pinned, self.what = self.pinned or {kid: one for kid, one in inside.items() if kid == self.thumbprint}, SEAL
        must(b"<!" not in self.held[SEAL], "có DTD · has a DTD")
        root: Any = etree.fromstring(self.held[SEAL], etree.XMLParser(resolve_entities=False, encoding="utf-8"))
        ((info, value, key_info, (qualifying,)),) = root
        (method, algorithm, *references), properties = info, qualifying[0]
        der = un64(key_info[0][0].text)
        public = x509.load_der_x509_certificate(der).public_key()
        jwk: Any = next((one for one in pinned.values() if _public_of(one) == public), None)
        must(jwk, OTHER_KEY)
        tags = [one.tag for one in (root[0], info, value, properties)]
        is_ours = tags == [DS + "Signature", DS + "SignedInfo", DS + "SignatureValue", XADES + "SignedProperties"]
        is_ours &= root.tag.endswith("}XAdESSignatures") and len(method) == 0 and method.get("Algorithm") == EXCLUSIVE
        is_ours &= algorithm.get("Algorithm") == (EDDSA if jwk["crv"] == "Ed25519" else ECDSA)
        sealed = dict[str, bytes]()
        for one in references:
            steps, uri = [each.get("Algorithm") for each in one.iter(DS + "Transform")], one.get("URI")
            is_ours &= one.tag == DS + "Reference" and one[-2].get("Algorithm") == SHA256_URI and uri not in sealed
            is_ours &= steps == [EXCLUSIVE] * uri.startswith("#")
            sealed[uri] = un64(one[-1].text)
        must(is_ours, "không đúng dạng của cổng · is not of the gateway's form")
        own, named = sealed.pop(f"#{properties.get('Id')}"), un64(next(properties.iter(XADES + "CertDigest"))[1].text)
        must((own, named) == (_sha256(canonical(properties)), _sha256(der)), "thuộc tính bị sửa · properties changed")
        check(jwk, canonical(info), un64(value.text))
        for name in sorted({*sealed, *self.files}):
            self.what = name
            must(name in self.files and name in sealed, "thiếu, hoặc ngoài niêm phong · is missing, or not sealed")
            must(sealed[name] == self.digests[name], "đã bị sửa · was changed: its digest is not the sealed one")
        self.what, tokens = SEAL, [un64(one.text) for one in qualifying.iter(XADES + "EncapsulatedTimeStamp")]
        times = [stamped(one, canonical(value), self.roots) for one in tokens]
        signed_at = next(properties.iter(XADES + "SigningTime")).text
        in_its_period(jwk, signed_at, lambda: next(iter(times), None))
        self.keys = inside | pinned
        return f"cổng niêm phong lúc · the gateway sealed all of it at {signed_at} ({_said_of(times)})"

    def open(self, name: str) -> Any:
        """A statement, sealed by the gateway: by a pinned key, or by one that the sealed keys.jwks vouches for."""
        self.what = name
        # An origin's date proves nothing: the seal over the bundle vouches for it.
        existed = partial(datetime.fromtimestamp, 0) if name.startswith("log/") else lambda: self.proved(name)[1]
        return opened(self.held[name].decode(), self.keys, _kind_of(name), existed)

    def receipt(self) -> str:
        """(3) The receipt, or the notice of refusal; where a notice was erased, the tombstone that names it."""
        self.names = [one for one in self.files if one.endswith(".jws") and not one.startswith("log/")]
        first = sorted(one for one in self.names if _kind_of(one) in ("receipt", "notice"))
        erasures = [one for one in self.names if _kind_of(one) == "erasure"]
        self.erased = self.open(erasures[0]) if erasures else None
        self.what = "receipt.jws"
        must(len(first) == 1 or (not first and erasures), "thiếu, hoặc có hai · is missing, or there are two")
        self.base = self.open([*first, *erasures][0])
        self.record = _sha256(self.held[first[0]]).hex() if first else self.base["statement_sha256"]
        self.number = self.base.get("receipt") or self.base["notice"]
        return f"văn bản của cổng · the gateway's statement {self.number}, {self.base['received_at']}"

    def received(self) -> str:
        """(4) The very bytes received."""
        found = [one for one in self.files if one.startswith("received/")]
        self.what = found[0] if found else "received/"
        self.state = f"đã xóa · erased {self.erased['erased_at']}" if self.erased else "không bị xóa · not erased"
        if "receipt.jws" not in self.held or self.erased:
            must(not found, "lẽ ra không có · should not be there")
            return "không có nội dung: bị từ chối hoặc đã xóa · no content: refused, or erased"
        must(len(found) == 1, "thiếu, hoặc có hai · is missing, or there are two")
        is_same = (self.digests[found[0]].hex(), self.sizes[found[0]]) == (self.base["sha256"], self.base["size_bytes"])
        must(is_same, "không phải các byte mà biên nhận nêu · is not the bytes that the receipt names")
        self.what, scans = "paper/scans-001.pdf", self.base.get("paper", {}).get("scans_sha256")
        must(not scans or self.digests.get(self.what, b"").hex() == scans, "khác bản quét · is not what was scanned")
        return f"đúng từng byte đã nhận · the bytes received: {self.base['size_bytes']}, SHA-256 {self.base['sha256']}"

    def statements(self) -> str:
        """(5) What was said later names the receipt; the events agree with all statements."""
        self.what = "events.json"
        events, kept_as = json.loads(self.held["events.json"])["events"], self.base.get("record", self.base["dossier"])
        told = {(one["type"], one["at"]) for one in events}
        must([one["seq"] for one in events] == sorted({one["seq"] for one in events}), "sai thứ tự · are not in order")
        must({one["dossier"] for one in events} == {kept_as}, "của hồ sơ khác · are of another dossier")
        must(events[0]["at"] == self.base["received_at"], "khác lúc nhận · do not begin with the receipt")
        held = {self.digests[one].hex() for one in self.files if one.startswith("results/")}
        for name in self.names:
            said, kind = self.open(name), _kind_of(name)
            digest = said.get("receipt_sha256") or said.get("statement_sha256") or self.record
            named = [said.get("receipt", self.number), digest, said.get("record", said["dossier"]), said["sha256"]]
            meant = [self.number, self.record, kept_as, self.base["sha256"]]
            must(named == meant, "là của hồ sơ khác · is of another dossier")
            results = {one["sha256"] for one in said.get("results", ())}
            must(self.erased or results <= held, "nêu kết quả không có ở đây · names a result that is not here")
            at, self.what = next((said[one] for one in LATER if one in said), None), "events.json"
            fact = {"handover": "acknowledged", "erasure": "erased"}.get(kind) or said.get("fact") or said.get("state")
            must(fact is None or (fact, at) in told, f"thiếu việc mà {name} nêu · lack what {name} states")
        must(self.erased or "erased" not in dict(told), "nêu việc xóa không văn bản · tell an erasure without proof")
        return f"{len(self.names)} văn bản, {len(events)} sự kiện khớp nhau · statements and events agree"

    @cached_property
    def origins(self) -> dict[str, Json]:
        """The logs that the gateway announced under its seal, by their names."""
        is_origin = re.compile(r"log/origin-\d+\.jws").fullmatch
        return {one["origin"]: one for one in map(self.open, filter(is_origin, self.files))}

    def proved(self, name: str) -> tuple[bool, datetime | None]:
        """Whether a statement was proved to be in the log, and when it was there at the latest, if that can be told."""
        where, origins = f"log/{Path(name).stem}.tlog-proof", self.origins
        if where not in self.held:
            return False, None
        self.what, (head, _, note) = where, self.held[where].decode().partition("\n\n")
        origin: Any = origins.get(note.partition("\n")[0])
        must(origin, "thuộc nhật ký lạ · is of a log that the gateway did not announce")
        text, size, root = tree(note, origin["vkey"])
        version, index_, *lines = head.split("\n")
        index, proof = int(index_.removeprefix("index ")), [un64(one) for one in lines]
        leaf = _sha256(b"\0" + _sha256(self.held[name]))
        leads = 0 <= index < size and climb(index, size, leaf, proof) == root and not proof
        must(version == "c2sp.org/tlog-proof@v1" and leads, "không dẫn đến gốc · does not lead from statement to root")
        before, self.step, self.what = self.step, 7, f"log/{Path(name).stem}.tst"
        found = stamped(self.held[self.what], text, self.roots) if self.what in self.held else None
        self.step = before
        return True, found

    def log(self) -> str:
        """(6) Every statement stands in a log that the gateway announced; (7) and time-stamps tell since when."""
        found = {one: self.proved(one) for one in self.names}
        lacking = [one for one, (is_logged, _) in found.items() if not is_logged]
        self.times = [at for _, at in found.values()]
        return f"{len(found) - len(lacking)}/{len(found)} trong nhật ký · in the log; chưa có · not yet: {lacking or 0}"


def _kind_of(name: str) -> str:  # statements/002-handover.jws → handover, log/origin-1.jws → origin
    return Path(name).stem.strip("0123456789-")


def _said_of(times: list[datetime | None]) -> str:
    if known := sorted(filter(None, times)):
        return f"dấu thời gian · time-stamped {known[0]}"
    return "dấu thời gian CHƯA kiểm · time-stamps NOT checked: there are none, or --tsa or rfc3161-client is missing"


def main(arguments: list[str] | None = None) -> int:
    """Verify what the arguments name; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("file", "--key", "--content", "--tsa", "--older", "--proof", "--vkey"):
        parser.add_argument(name)
    asked, read = parser.parse_args(arguments), partial(Path.read_text, encoding="utf-8")
    at, status, last = Verification(asked.file, {}, asked.key or "", []), 0, "ĐÚNG · HOLDS"
    try:
        if asked.older:
            proof = [un64(one) for one in re.findall(r"[A-Za-z0-9+/]{43}=", read(Path(asked.proof)))]
            trees = (tree(read(Path(one)), asked.vkey) for one in (asked.older, asked.file))
            (_, size1, root1), (_, size2, root2) = trees
            is_grown = 0 < size1 <= size2 and grown(size1, size2, root1, proof) == (root1, root2) and not proof
            must(is_grown, "nhật ký bị viết lại · the newer log does not begin with the older one: it was rewritten")
        else:
            if asked.tsa and "rfc3161_client" in sys.modules:
                at.roots = x509.load_pem_x509_certificates(Path(asked.tsa).read_bytes())
            at.pinned = read_keys(Path(asked.key).read_bytes()) if Path(asked.key).exists() else {}
            if zipfile.is_zipfile(asked.file) or asked.file.endswith(".asice"):
                said = at.run()
            else:
                said = opened(read(Path(asked.file)).strip(), at.pinned, r"\w+")
                at.told = [(0, json.dumps(said, ensure_ascii=False, indent=1))]
            is_same = not asked.content or _sha256(Path(asked.content).read_bytes()).hex() == said["sha256"]
            must(is_same, "nội dung khác · it is about another content")
    except (Wrong, zipfile.BadZipFile, *MALFORMED) as error:
        why = error if isinstance(error, Wrong) else f"không đúng dạng · malformed: {error!r}"
        status, last = 1, f"{at.step}. ✗ {at.what}: {why}\nKHÔNG ĐÚNG · DOES NOT HOLD"
    except OSError as error:
        status, last = 2, str(error)
    sys.stdout.write("".join(f"{step}. ✓ {line}\n" for step, line in at.told) + last + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
