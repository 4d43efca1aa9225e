"""The naive stack: FastAPI, xmlschema, signxml, an fsynced file and an SQLite row for every dossier."""

import os
from pathlib import Path

from cryptography import x509
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from lxml import etree
from signxml import CanonicalizationMethod, SignatureConfiguration, XMLVerifier
from signxml.exceptions import SignXMLException

from tests.bench import declared
from tests.bench.baseline import Baseline, Signed, Unwelcome

_DSIG = "{http://www.w3.org/2000/09/xmldsig#}"


class Verifier(XMLVerifier):
    """signxml for signatures written in the default namespace, as all software of employers writes them.

    lxml canonicalises an element that stands in an inherited default namespace with stray `xmlns=""` on its
    grandchildren; signxml has this switch against it. (It would break content that says `xmlns=""` itself.)
    """

    excise_empty_xmlns_declarations = True


def build(home: Path) -> FastAPI:
    """The application over a home that `stacks.furnish` has furnished."""
    # signxml takes every certificate of this file for an anchor: its paths end at the intermediate authority.
    authorities = str(home / "authorities.pem")

    def verify(content: bytes, path: str) -> Signed:
        config = SignatureConfiguration(
            location="./" + path.split("/", 2)[2] + "/",
            # Without a C14N transform XMLDSig means C14N 1.0 (XMLDSig 1.1 §4.4.3.2); signxml's default is 1.1.
            default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0,
        )
        try:
            result = Verifier().verify(content, ca_pem_file=authorities, expect_config=config)
        except (SignXMLException, etree.LxmlError, ValueError) as error:
            raise Unwelcome(422, f"{path}: {error}") from error
        assert not isinstance(result, list)
        return signed_by(result.signed_xml, result.signature_xml)

    def schema_faults(root: etree._Element, form: declared.Form) -> list[str]:
        return [str(error.reason) for error in form.pure_python.iter_errors(root)]

    baseline = Baseline(home, verify, schema_faults)
    app = FastAPI()

    @app.post("/v1/dossiers")
    async def submit(request: Request) -> Response:
        try:
            client = baseline.client(request.headers.get("authorization"))
            status, answer = baseline.receive(await request.body(), client)
        except Unwelcome as unwelcome:
            return JSONResponse({"faults": unwelcome.faults}, unwelcome.status)
        return JSONResponse(answer, status)

    return app


def signed_by(root: etree._Element | None, signature: etree._Element) -> Signed:
    """What signxml says was signed, and by which certificate; one more Signature inside is refused."""
    if root is None or next(root.iter(_DSIG + "Signature"), None) is not None:
        raise Unwelcome(422, "another signature")
    text = signature.findtext(f"{_DSIG}KeyInfo/{_DSIG}X509Data/{_DSIG}X509Certificate")
    pem = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
    return Signed(root, x509.load_pem_x509_certificate(pem.encode()))


def from_environment() -> FastAPI:
    """What a worker serves."""
    return build(Path(os.environ["BENCH_HOME"]))
