"""A stock validator of XML signatures, xmlsec by way of its Python wheel: it shares nothing with our own verifier.

It finds the files that a detached signature names in the folder it works in, so it is a process of its own:
`python -m tests.signing.stock_validator CERTIFICATE SIGNATURE` in that folder; exit status 0 when all holds, 3 when it
does not.
"""

import subprocess
import sys
from pathlib import Path

import xmlsec
from lxml import etree

XADES = "http://uri.etsi.org/01903/v1.3.2#"
# A fault of ours would end with 1.
REFUSED = 3
_HOUSE = Path(__file__).parents[2]


def accepts(folder: Path, certificate: Path, signature: str) -> bool:
    """Whether it accepts the signature over the files in the folder, under the key of that certificate (PEM)."""
    words = [sys.executable, "-m", "tests.signing.stock_validator", str(certificate), signature]
    done = subprocess.run(
        words, cwd=folder, env={"PYTHONPATH": str(_HOUSE)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (0, REFUSED), done.stderr
    return done.returncode == 0


def main() -> int:
    """Judge, as the command line asks."""
    certificate, signature = sys.argv[1:]
    root = etree.parse(signature).getroot()
    node = xmlsec.tree.find_node(root, xmlsec.constants.NodeSignature)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(certificate, xmlsec.constants.KeyDataFormatCertPem)
    for properties in root.iter(f"{{{XADES}}}SignedProperties"):
        context.register_id(properties, "Id")
    try:
        context.verify(node)
    except xmlsec.Error:
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
