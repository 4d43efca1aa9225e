"""The competent stack: Litestar, libxml2's XSD, signxml used as frugally as it allows, an fsynced file and a row."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from litestar import Litestar, Request, Response, post
from lxml import etree
from signxml import CanonicalizationMethod, SignatureConfiguration
from signxml.exceptions import SignXMLException
from signxml.util import X509CertChainVerifier

from tests.bench import declared
from tests.bench.baseline import Baseline, Unwelcome
from tests.bench.naive import Verifier, signed_by

THREADS = 8


class _Chains(X509CertChainVerifier):
    """signxml reads its file of authorities afresh for every signature; this reads it once."""

    @cached_property
    def store(self) -> x509.verification.Store:
        return x509.verification.Store(x509.load_pem_x509_certificates(Path(self.ca_pem_file).read_bytes()))


class _Verifier(Verifier):
    def __init__(self, chains: _Chains) -> None:
        super().__init__()
        self._chains = chains

    def get_cert_chain_verifier(self, ca_pem_file: Any, ee_policy: Any, ca_policy: Any) -> _Chains:
        self._chains.verification_time = self._get_cert_verification_time()
        return self._chains


def build(home: Path) -> Litestar:
    """The application over a home that `stacks.furnish` has furnished."""
    # A verified chain cannot be remembered: signxml has no place for it.
    chains = _Chains(ca_pem_file=str(home / "authorities.pem"))
    # signxml makes a new parser for each of the many times it parses, unless it is given one.
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    configs: dict[str, SignatureConfiguration] = {}

    def verify(content: bytes, path: str) -> Any:
        config = configs.get(path)
        if config is None:
            config = configs[path] = SignatureConfiguration(
                location="./" + path.split("/", 2)[2] + "/",
                default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0,
            )
        try:
            # Bytes, not a tree: signxml writes a tree out and parses it again.
            result = _Verifier(chains).verify(content, expect_config=config, parser=parser)
        except (SignXMLException, etree.LxmlError, ValueError) as error:
            raise Unwelcome(422, f"{path}: {error}") from error
        assert not isinstance(result, list)
        return signed_by(result.signed_xml, result.signature_xml)

    def schema_faults(root: etree._Element, form: declared.Form) -> list[str]:
        if form.libxml2.validate(root):
            return []
        return [entry.message for entry in form.libxml2.error_log]

    baseline = Baseline(home, verify, schema_faults)

    threads = ThreadPoolExecutor(THREADS, "keep")

    @post("/v1/dossiers", status_code=201)
    async def submit(request: Request[Any, Any, Any]) -> Response[bytes]:
        try:
            client = baseline.client(request.headers.get("authorization"))
            judged = baseline.judge(await request.body(), client)
            if isinstance(judged, dict):
                status, answer = 200, judged
            else:
                # Waiting for the disk is left to threads, so that the next dossier is judged meanwhile.
                status, answer = 201, await asyncio.get_running_loop().run_in_executor(threads, baseline.keep, judged)
        except Unwelcome as unwelcome:
            body = msgspec.json.encode({"faults": unwelcome.faults})
            return Response(body, status_code=unwelcome.status, media_type="application/json")
        return Response(msgspec.json.encode(answer), status_code=status, media_type="application/json")

    return Litestar([submit], request_max_body_size=64 * 1024 * 1024, openapi_config=None)


def from_environment() -> Litestar:
    """What a worker serves."""
    return build(Path(os.environ["BENCH_HOME"]))
