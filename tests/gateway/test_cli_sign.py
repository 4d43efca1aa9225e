"""`motcua sign --profile`: XAdES on both levels, and ASiC-E containers."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from gateway.cli_write import load_holder
from signing.policy import LEVELS, Policy
from signing.trust import TrustStore
from signing.verify import verify
from tests.gateway.cli_run import Terminal, unsigned


def keys(home: Path, number: int = 1) -> tuple[object, ...]:
    demo = home / "demo"
    return ("--key", demo / f"unit-{number}.key.pem", "--cert", demo / f"unit-{number}.pem")


def test_a_dossier_signed_as_xades_is_signed_so_on_both_levels(begun: Terminal, tmp_path: Path):
    file, made = unsigned(tmp_path / "a.xml"), tmp_path / "a.signed.xml"
    assert begun("sign", file, *keys(begun.home), "--profile", "xades", "-o", made).status == 0
    root = etree.fromstring(made.read_bytes())
    trust, now = TrustStore.load(begun.home / "trust"), datetime.now(UTC)
    verdict = verify(root, "/Hoso/CKy_Dvi", file="Hoso", policy=Policy(), trust=trust, now=now, level=LEVELS[1])
    assert verdict.passed, verdict.reason_en
    assert verdict.format == LEVELS[1]
    _, certificate = load_holder(*(Path(str(one)) for one in keys(begun.home)[1::2]), None)
    assert verdict.signer is not None
    assert verdict.signer.serial == f"{certificate.serial_number:x}"


def test_a_dossier_signed_as_a_container_holds_it_and_takes_one_more_signature(begun: Terminal, tmp_path: Path):
    file, made, more = unsigned(tmp_path / "a.xml"), tmp_path / "a.asice", tmp_path / "b.asice"
    assert begun("sign", file, *keys(begun.home), "--profile", "asic", "-o", made).status == 0
    assert begun("sign", made, *keys(begun.home, 2), "--profile", "asic", "-o", more).status == 0
    with zipfile.ZipFile(more) as container:
        signatures = [name for name in container.namelist() if "signatures" in name]
    assert len(signatures) == 2


@pytest.mark.parametrize("profile", ["national", "xades"])
def test_a_container_is_not_signed_as_a_document(profile: str, begun: Terminal, tmp_path: Path):
    file, made = unsigned(tmp_path / "a.xml"), tmp_path / "a.asice"
    assert begun("sign", file, *keys(begun.home), "--profile", "asic", "--level", "envelope", "-o", made).status == 0
    again = begun("sign", made, *keys(begun.home), "--profile", profile, "-o", tmp_path / "b")
    assert again.status == 2
    assert "--profile asic" in again.err
    assert not (tmp_path / "b").exists()


def test_forms_alone_make_no_container(begun: Terminal, tmp_path: Path):
    file = unsigned(tmp_path / "a.xml")
    told = begun("sign", file, *keys(begun.home), "--profile", "asic", "--level", "forms", "-o", tmp_path / "b")
    assert told.status == 2
    assert not (tmp_path / "b").exists()
