"""A receipt is verified offline: it holds, or the first thing that is wrong is named."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from msgspec import Struct

from signing.seal import create_seal_key, seal_jws
from tests.clocks import HandClock
from tests.gateway.bundles import apart, bundle, filed, publish_and_stamp, stamped_gateway, together
from tests.gateway.cli_run import Ran, Terminal
from tests.gateway.inhouse import UNIT, a_dossier, inhouse


class Held(Struct, frozen=True):
    """What an employer holds: the dossier, the receipt, the notice of another, the pinned key."""

    folder: Path
    receipt: str
    notice: str


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    folder = tmp_path_factory.mktemp("held")
    content = a_dossier()
    with inhouse(folder / "home") as gateway:
        token = gateway.bearer("employer", units=[UNIT])
        receipt = gateway("POST", "/v1/dossiers", token, content=content).json()["receipt"]
        notice = gateway("POST", "/v1/dossiers", token, content=content.replace(b"</KyKeKhai>", b"1</KyKeKhai>")).json()
        (folder / "keys.jwks").write_text(json.dumps(gateway("GET", "/v1/keys").json()))
    (folder / "dossier.xml").write_bytes(content)
    key = load_pem_private_key((folder / "home" / "seal.pem").read_bytes(), None)
    (folder / "public.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return Held(folder, receipt, notice["notice"])


def verify(motcua: Terminal, held: Held, statement: str, *words: object, key: str = "keys.jwks") -> Ran:
    path = motcua.home.parent / "statement.jws"
    path.write_text(statement + "\n")
    return motcua("verify", path, "--key", held.folder / key, *words)


@pytest.mark.parametrize("key", ["keys.jwks", "public.pem", "home/seal.pem"])
def test_a_receipt_holds_under_the_pinned_key_in_every_form(motcua: Terminal, held: Held, key: str):
    told = verify(motcua, held, held.receipt, "--content", held.folder / "dossier.xml", key=key)
    assert told.status == 0
    assert "ĐÚNG" in told.out
    assert UNIT in told.out


def test_a_notice_says_that_the_dossier_was_not_accepted(motcua: Terminal, held: Held):
    told = verify(motcua, held, held.notice)
    assert told.status == 0
    assert "KHÔNG tiếp nhận" in told.out


def test_an_answer_of_the_gateway_that_was_kept_whole_will_do(motcua: Terminal, held: Held):
    told = verify(motcua, held, json.dumps({"receipt": held.receipt, "state": "accepted"}), "--json")
    assert told.status == 0
    assert (
        json.loads(told.out)["says"]["sha256"] == hashlib.sha256((held.folder / "dossier.xml").read_bytes()).hexdigest()
    )


def test_another_content_is_noticed(motcua: Terminal, held: Held):
    told = verify(motcua, held, held.receipt, "--content", __file__)
    assert told.status == 1
    assert "SHA-256" in told.out


def test_every_changed_part_of_a_receipt_is_noticed(motcua: Terminal, held: Held):
    pieces = held.receipt.split(".")
    for at, piece in enumerate(pieces):
        middle = len(piece) // 2
        other = piece[:middle] + ("A" if piece[middle] != "A" else "B") + piece[middle + 1 :]
        told = verify(motcua, held, ".".join([*pieces[:at], other, *pieces[at + 1 :]]))
        assert told.status == 1, at
        assert "KHÔNG ĐÚNG" in told.out


@pytest.mark.parametrize("text", ["", "no receipt", "a.b", "a.b.c", "{}", "{", "e30.e30.e30"])
def test_what_is_no_receipt_is_said_to_be_none(motcua: Terminal, held: Held, text: str):
    assert verify(motcua, held, text).status == 1


def test_a_receipt_under_anothers_key_is_noticed(motcua: Terminal, held: Held, tmp_path: Path):
    payload = base64.urlsafe_b64decode(held.receipt.split(".")[1] + "==")
    forged = seal_jws(create_seal_key(tmp_path / "own.pem"), payload, "motcua-receipt+jws")
    told = verify(motcua, held, forged)
    assert told.status == 1
    assert "khóa khác" in told.out


def test_a_sealed_text_that_is_no_receipt_is_noticed(motcua: Terminal, held: Held, tmp_path: Path):
    own = create_seal_key(tmp_path / "own.pem")
    for payload, typ in ((b"{}", "motcua-receipt+jws"), (b"[]", "motcua-notice+jws"), (b"{}", "JWT")):
        (motcua.home.parent / "forged.jws").write_text(seal_jws(own, payload, typ))
        told = motcua("verify", motcua.home.parent / "forged.jws", "--key", tmp_path / "own.pem")
        assert told.status == 1, (payload, typ)


def test_without_a_key_nothing_is_said(motcua: Terminal, held: Held, tmp_path: Path):
    path = tmp_path / "r.jws"
    path.write_text(held.receipt)
    assert motcua("verify", path).status == 2
    (tmp_path / "bad.jwks").write_text("{}")
    assert motcua("verify", path, "--key", tmp_path / "bad.jwks").status == 2


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle, the pinned keys and the time-stamp authority's root."""
    folder = tmp_path_factory.mktemp("evidence")
    with stamped_gateway(folder / "home") as (gateway, one):
        made = filed(gateway, 41)
        publish_and_stamp(gateway)
        (folder / "b.asice").write_bytes(bundle(gateway, made.dossier, made.token))
        (folder / "keys.jwks").write_text(json.dumps(gateway("GET", "/v1/keys").json()))
        (folder / "tsa.pem").write_bytes(one.tsa.root.certificate.public_bytes(Encoding.PEM))
    return folder


def test_a_bundle_is_told_step_by_step(motcua: Terminal, evidence: Path):
    words = ["verify", evidence / "b.asice", "--key", evidence / "keys.jwks"]
    told = motcua(*words)
    assert told.status == 0
    assert [line[:4] for line in told.out.splitlines() if line[0].isdigit()] == [f"{n}. ✓" for n in range(1, 9)]
    assert "ĐÚNG · HOLDS" in told.out
    assert "CHƯA kiểm" in told.out
    told = motcua(*words, "--json")
    assert [step["number"] for step in json.loads(told.out)["steps"]] == list(range(1, 9))


def test_time_stamps_are_checked_where_their_authority_is_named(
    motcua: Terminal, evidence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # The stamps are of the test's own day.
    monkeypatch.setattr("gateway.cli_verify.SystemClock", HandClock)
    (tmp_path / "authorities").mkdir()
    (tmp_path / "authorities" / "tsa.pem").write_bytes((evidence / "tsa.pem").read_bytes())
    for tsa in (evidence / "tsa.pem", tmp_path / "authorities"):
        told = motcua("verify", evidence / "b.asice", "--key", evidence / "keys.jwks", "--tsa", tsa)
        assert told.status == 0, told.out
        assert "CHƯA kiểm" not in told.out
        assert "có dấu thời gian: đã có trước 02/03/2026 08:30" in told.out
    assert motcua("verify", evidence / "b.asice", "--key", evidence / "keys.jwks", "--tsa", __file__).status == 2


def test_a_thumbprint_that_begins_with_a_dash_is_no_option(motcua: Terminal, tmp_path: Path):
    (tmp_path / "b.asice").write_bytes(b"no bundle")
    told = motcua("verify", tmp_path / "b.asice", "--key", "-" + "R" * 42)
    assert "expected one argument" not in told.err
    assert told.status == 1 or "b.asice" in told.err


def test_a_bundle_under_a_pinned_thumbprint_and_under_anothers(motcua: Terminal, evidence: Path, held: Held):
    kid = json.loads((evidence / "keys.jwks").read_text())["keys"][0]["kid"]
    assert motcua("verify", evidence / "b.asice", "--key", kid).status == 0
    for other in ("A" * 43, held.folder / "keys.jwks"):
        told = motcua("verify", evidence / "b.asice", "--key", other, "--json")
        assert told.status == 1
        found = json.loads(told.out)
        assert (found["ok"], found["step"], found["what"]) == (False, 2, "META-INF/signatures001.xml")
    (evidence / "r.jws").write_text(held.receipt)
    assert motcua("verify", evidence / "r.jws", "--key", kid).status == 2


def test_the_first_thing_that_is_wrong_ends_it_and_is_named(motcua: Terminal, evidence: Path, tmp_path: Path):
    files = apart((evidence / "b.asice").read_bytes())
    forged = tmp_path / "forged.asice"
    forged.write_bytes(together({**files, "receipt.jws": b"x" + files["receipt.jws"]}))
    told = motcua("verify", forged, "--key", evidence / "keys.jwks")
    assert told.status == 1
    lines = told.out.splitlines()
    assert lines[0].startswith("1. ✓")
    assert lines[2].startswith("2. ✗ receipt.jws: Tệp đã bị sửa")
    assert "KHÔNG ĐÚNG" in lines[-1]
    forged.write_bytes(b"")
    assert motcua("verify", forged, "--key", evidence / "keys.jwks").status == 1
    assert motcua("verify", tmp_path / "nowhere.asice", "--key", evidence / "keys.jwks").status == 2
    assert motcua("verify", evidence / "b.asice", "--key", evidence / "keys.jwks", "--content", forged).status == 2


def test_statements_inside_a_bundle_can_be_verified_alone(motcua: Terminal, evidence: Path, tmp_path: Path):
    files = apart((evidence / "b.asice").read_bytes())
    for name, said in (("statements/001-handover.jws", "Bàn giao số"), ("log/origin-1.jws", "Nhật ký minh bạch")):
        path = tmp_path / "one.jws"
        path.write_bytes(files[name])
        told = motcua("verify", path, "--key", evidence / "keys.jwks")
        assert told.status == 0
        assert said in told.out
