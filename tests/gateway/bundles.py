"""Evidence bundles of a gateway in the test's own process: taken apart, forged, sealed again; and both verifiers."""

import asyncio
import hashlib
import importlib.util
import io
import json
import zipfile
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import log_steps, standalone
from gateway.house import House
from gateway.verify_bundle import BundleVerification, Step
from gateway.verify_statement import Untrue
from signing.asic_manifest import MANIFEST, make_manifest
from signing.jwks import PublishedKey, read_jwks
from signing.seal import FileSealKey
from signing.seal_asic import SIGNATURE_FILE, seal_files
from signing.seal_certificate import issue
from signing.trust import TrustStore
from signing.zip_streamed import Streamed, stream_zip
from tests.gateway.ended import taken
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.test_logbook_outside import Authority, authority

VERIFIER = Path(str(standalone.__file__)).with_name("motcua_verify.py")
EXPECTED = tuple[int, str]


@contextmanager
def stamped_gateway(home: Path) -> Iterator[tuple[Inhouse, Authority]]:
    """A gateway with a time-stamp authority that it trusts."""
    with authority() as one, inhouse(home, tsa_url=one.url) as gateway:
        one.now = gateway.clock.now
        house = gateway.house
        house.intake.tables = msgspec.structs.replace(house.tables, tsa=one.tsa.trust())
        yield gateway, one


def do(gateway: Inhouse, *steps: Callable[[House], Awaitable[None]]) -> None:
    """What the background does."""

    async def all_of_them() -> None:
        for step in steps:
            await step(gateway.house)
        if gateway.house.logbook is not None:
            await gateway.house.logbook.outside.close()
            gateway.house.logbook.outside._opened = None

    asyncio.run(all_of_them())


def bundle(gateway: Inhouse, dossier: str, token: str, *, seal_level: str = "") -> bytes:
    """The bundle as a party gets it."""

    async def session() -> tuple[int, bytes, dict[str, str]]:
        answer = await gateway.ask("GET", f"/v1/dossiers/{dossier}/evidence", token)
        if gateway.house.logbook is not None:
            # The next request comes in another loop.
            await gateway.house.logbook.outside.close()
            gateway.house.logbook.outside._opened = None
        return answer.status_code, answer.content, dict(answer.headers)

    status, content, headers = gateway.asked(session())
    assert status == 200, content
    assert headers["content-length"] == str(len(content))
    if seal_level:
        assert headers["x-seal-level"] == seal_level
    return content


class Filed(msgspec.Struct, frozen=True):
    """A dossier that was accepted and taken, and who filed it."""

    dossier: str
    receipt: str
    content: bytes
    token: str


def filed(gateway: Inhouse, seed: int, *, handed_over: bool = True) -> Filed:
    employer, content = gateway.bearer("employer", units=[UNIT]), a_dossier(seed)
    told = gateway("POST", "/v1/dossiers", employer, content=content).json()
    if handed_over:
        taken(gateway, gateway.bearer("office", offices=[OFFICE]))
    return Filed(told["dossier"], told["receipt"], content, employer)


def apart(content: bytes) -> dict[str, bytes]:
    """The entries by name, in their order."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist()}


def together(files: dict[str, bytes]) -> bytes:
    """The same as a file again, checksums and all."""
    return b"".join(stream_zip([entry(name, content) for name, content in files.items()]))


def entry(name: str, content: bytes) -> Streamed:
    return Streamed(name=name, size_bytes=len(content), crc32=zlib.crc32(content), chunks=lambda: [content])


def data_of(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: one for name, one in files.items() if name != "mimetype" and not name.startswith("META-INF/")}


def listed(files: dict[str, bytes]) -> dict[str, bytes]:
    """With a manifest that fits."""
    return {**files, MANIFEST: make_manifest(list(data_of(files)))}


def resealed(files: dict[str, bytes], key: FileSealKey, now: datetime) -> dict[str, bytes]:
    """With a manifest and a seal that fit: what only the key's holder can make."""
    digests = {name: hashlib.sha256(one).digest() for name, one in data_of(files).items()}
    chain = [x509.load_der_x509_certificate(issue(key, "again", now))]
    return {**listed(files), SIGNATURE_FILE: seal_files(digests, key, chain, now).content}


def standalone_module() -> ModuleType:
    """The stand-alone file as a module of its own."""
    spec = importlib.util.spec_from_file_location("motcua_verify", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Verifiers:
    """Both, with the same pinned key and the same time-stamp authority."""

    def __init__(self, folder: Path, keys: object, tsa: x509.Certificate | None, now: datetime) -> None:
        self.folder, self.now = folder, now
        self.key_file, self.tsa_file, self.file = folder / "pinned.jwks", folder / "tsa.pem", folder / "b.asice"
        self.key_file.write_text(json.dumps(keys))
        self.tsa = tsa
        if tsa is not None:
            self.tsa_file.write_bytes(tsa.public_bytes(Encoding.PEM))
        self.standalone = standalone_module()

    def pinned(self) -> dict[str, PublishedKey]:
        return read_jwks(self.key_file.read_bytes())

    def ours(self, content: bytes, *, key: str = "", tsa: bool = True) -> tuple[list[Step], EXPECTED | None]:
        """What holds, and the step and file of what does not."""
        store = TrustStore([self.tsa]) if tsa and self.tsa is not None else None
        found: list[Step] = []
        check = BundleVerification(io.BytesIO(content), key or self.pinned(), now=self.now, tsa=store)
        try:
            found.extend(check.steps())
        except Untrue as wrong:
            assert wrong.vi
            assert wrong.en
            return found, (wrong.step, wrong.what)
        return found, None

    def alone(
        self, content: bytes, capsys: pytest.CaptureFixture[str], *, key: str = "", tsa: bool = True
    ) -> tuple[str, EXPECTED | None]:
        """The same by the stand-alone file."""
        self.file.write_bytes(content)
        # A thumbprint may begin with a dash.
        words = [str(self.file), f"--key={key or self.key_file}"]
        if tsa and self.tsa is not None:
            words += ["--tsa", str(self.tsa_file)]
        capsys.readouterr()
        status = self.standalone.main(words)
        out = capsys.readouterr().out
        last = out.splitlines()[-1]
        if status == 0:
            assert last == "ĐÚNG · HOLDS"
            return out, None
        assert status == 1
        assert last == "KHÔNG ĐÚNG · DOES NOT HOLD"
        wrong = next(line for line in out.splitlines() if " ✗ " in line)
        number, _, rest = wrong.partition(". ✗ ")
        return out, (int(number), rest.partition(": ")[0])

    def hold(self, content: bytes, capsys: pytest.CaptureFixture[str]) -> tuple[list[Step], str]:
        """Both accept it; what each says."""
        found, wrong = self.ours(content)
        assert wrong is None, (wrong, found)
        out, wrong = self.alone(content, capsys)
        assert wrong is None, out
        return found, out

    def refuse(self, content: bytes, capsys: pytest.CaptureFixture[str], expected: EXPECTED) -> None:
        """Both refuse it, at that step, for that file."""
        assert self.ours(content)[1] == expected
        out, wrong = self.alone(content, capsys)
        assert wrong == expected, out


def publish_and_stamp(gateway: Inhouse) -> None:
    do(gateway, log_steps.publish, log_steps.stamp)
