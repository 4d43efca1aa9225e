"""The stand-alone verifier: short, on its own feet, and right about statements, proofs and checkpoints."""

import ast
import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.note import sign_note, vkey_of
from signing.seal import FileSealKey, create_seal_key, seal_jws
from signing.signer import base64url
from storage import log
from tests.gateway.bundles import VERIFIER, bundle, filed, publish_and_stamp, standalone_module
from tests.gateway.inhouse import UNIT, a_dossier, inhouse

MODULE = standalone_module()
ALLOWED = {"cryptography", "lxml", "rfc3161_client"}
LINES_MAX = 400


def test_it_is_one_short_file_that_imports_nothing_of_ours() -> None:
    text = VERIFIER.read_text("utf-8")
    assert len(text.splitlines()) <= LINES_MAX
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Name):
            assert node.id not in ("__import__", "eval", "exec")
    assert imported - set(sys.stdlib_module_names) == ALLOWED
    assert not imported & {"importlib", "subprocess", "socket", "urllib3", "http", "ctypes"}


def test_it_runs_where_nothing_of_motcua_is(tmp_path: Path) -> None:
    with inhouse(tmp_path / "home") as gateway:
        made = filed(gateway, 31)
        publish_and_stamp(gateway)
        (tmp_path / "b.asice").write_bytes(bundle(gateway, made.dossier, made.token))
        (tmp_path / "keys.jwks").write_text(json.dumps(gateway("GET", "/v1/keys").json()))
        (tmp_path / "receipt.jws").write_text(made.receipt)
        (tmp_path / "dossier.xml").write_bytes(made.content)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(VERIFIER, alone)

    def run(*words: str) -> tuple[int, str]:
        # Isolated: neither the working folder nor PYTHONPATH are looked at; and no motcua beside the file.
        code = "import sys, runpy; sys.argv = sys.argv[1:]; sys.modules['gateway'] = sys.modules['signing'] = None; "
        code += "runpy.run_path(sys.argv[0], run_name='__main__')"
        command = [sys.executable, "-I", "-c", code, str(alone / VERIFIER.name), *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout

    status, out = run("b.asice", "--key", "keys.jwks")
    assert status == 0, out
    assert out.splitlines()[-1] == "ĐÚNG · HOLDS"
    assert [line[0] for line in out.splitlines()[:-1]] == list("12345678")
    status, out = run("receipt.jws", "--key", "keys.jwks", "--content", "dossier.xml")
    assert status == 0, out
    assert "competent_office" in out
    assert run("receipt.jws", "--key", "keys.jwks", "--content", "keys.jwks")[0] == 1
    # A bundle is compared with a content that is named as well, or it would seem to have been.
    assert run("b.asice", "--key", "keys.jwks", "--content", "dossier.xml")[0] == 0
    assert run("b.asice", "--key", "keys.jwks", "--content", "keys.jwks")[0] == 1
    assert run("nowhere.jws", "--key", "keys.jwks")[0] == 2


@pytest.fixture(scope="module", params=["ES256", "Ed25519"])
def key(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FileSealKey:
    return create_seal_key(tmp_path_factory.mktemp("key") / "seal.pem", request.param)


RECEIPT = json.dumps({"received_at": "2026-03-02T08:30:00.000+07:00", "sha256": "00"}).encode()
TYPE = "motcua-receipt+jws"


def verify(tmp_path: Path, jws: str, jwk: object) -> int:
    (tmp_path / "r.jws").write_text(jws)
    (tmp_path / "k.jwk").write_text(json.dumps(jwk))
    status: int = MODULE.main([str(tmp_path / "r.jws"), "--key", str(tmp_path / "k.jwk")])
    return status


def test_a_statement_of_the_pinned_key_holds(key: FileSealKey, tmp_path: Path) -> None:
    assert verify(tmp_path, seal_jws(key, RECEIPT, TYPE), key.public_jwk()) == 0
    assert verify(tmp_path, seal_jws(key, RECEIPT, TYPE), {"keys": [key.public_jwk()]}) == 0


def _sealed(key: FileSealKey, head: bytes, body: bytes = RECEIPT) -> str:
    signed = base64url(head) + b"." + base64url(body)
    return (signed + b"." + base64url(key.sign(signed))).decode()


def test_confused_and_malformed_statements_are_refused(
    key: FileSealKey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jwk = key.public_jwk()
    alg, kid = jwk["alg"], jwk["kid"]
    other = "Ed25519" if alg == "ES256" else "ES256"
    good = seal_jws(key, RECEIPT, TYPE)
    head, body, value = good.split(".")
    heads = [
        {"alg": other, "kid": kid, "typ": TYPE},
        {"alg": "none", "kid": kid, "typ": TYPE},
        {"alg": "HS256", "kid": kid, "typ": TYPE},
        {"alg": "EdDSA", "kid": kid, "typ": TYPE},
        {"alg": alg, "kid": "x" * 43, "typ": TYPE},
        {"alg": alg, "kid": kid, "typ": "JWT"},
        {"alg": alg, "kid": kid, "typ": TYPE, "crit": ["b64"]},
        {"alg": alg, "kid": kid, "typ": TYPE, "jwk": jwk},
        {"kid": kid, "alg": alg, "typ": TYPE},
        {"alg": alg, "kid": kid},
    ]
    forged = [_sealed(key, json.dumps(one, separators=(",", ":")).encode()) for one in heads]
    twice = f'{{"alg":"{alg}","kid":"{kid}","typ":"{TYPE}","typ":"{TYPE}"}}'
    forged += [_sealed(key, twice.encode()), _sealed(key, b"[]"), _sealed(key, b"null"), _sealed(key, b"{")]
    right = json.dumps({"alg": alg, "kid": kid, "typ": TYPE}, separators=(",", ":")).encode()
    forged += [
        _sealed(key, right, other_body) for other_body in (b"{}", b"[]", b"null", b'{"received_at":"yesterday"}')
    ]
    forged += [_sealed(key, right, b'{"received_at":"2026-03-02T08:30:00"}')]
    forged += [
        "",
        ".",
        "..",
        "a.b.c",
        f"{head}.{body}",
        f"{head}.{body}.",
        f"{good}.x",
        f"{good}=",
        f"{head}.{body}.{value[:-4]}",
    ]
    forged += [good.replace(".", " .", 1), f"{head}.{body}.{'A' * 86}", f"{head}=.{body}.{value}", "é" * 50]
    # ES256's other encoding, DER, and zeros, are not accepted for raw r and s.
    forged += [f"{head}.{body}.{base64url(bytes(64)).decode()}", f"{head}.{body}.{base64url(bytes(72)).decode()}"]
    for jws in forged:
        assert verify(tmp_path, jws, jwk) == 1, jws
    assert "✗" in capsys.readouterr().out


def test_a_key_file_that_is_none_is_refused(key: FileSealKey, tmp_path: Path) -> None:
    good, jwk = seal_jws(key, RECEIPT, TYPE), key.public_jwk()
    unusable: list[object] = [
        {"keys": []},
        [],
        "x",
        {"keys": [jwk, jwk]},
        {"kty": "RSA"},
        {**jwk, "x": jwk["x"] + "="},
        {"keys": "x"},
    ]
    for held in unusable:
        assert verify(tmp_path, good, held) == 1, held
    (tmp_path / "r.jws").write_text(good)
    assert MODULE.main([str(tmp_path / "r.jws"), f"--key={key.kid}"]) == 1


# --- the tree, against the log's own code, whose proofs are checked against the public vectors ---


def tree(records: list[bytes]) -> Callable[[int, int], bytes]:
    _, _, tiles = log.extended(0, records, {})
    return lambda level, n: tiles.get((level, n), b"")


RECORDS = [bytes([number % 256, number // 256]) * 16 for number in range(600)]
TILES = tree(RECORDS)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_inclusion_and_consistency_agree_with_the_log(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(RECORDS)))
    index = data.draw(st.integers(0, size - 1))
    root, leaf = log.root_of(size, TILES), log.leaf_hash(RECORDS[index])
    proof = log.inclusion(index, size, TILES)
    left = list(proof)
    assert MODULE.climb(index, size, leaf, left) == root
    assert left == []
    wrong = data.draw(st.integers(0, size - 1).filter(lambda other: other != index)) if size > 1 else None
    if wrong is not None:
        left = list(proof)
        with suppress(IndexError):  # another index, another depth: too few hashes
            assert MODULE.climb(wrong, size, leaf, left) != root or left
    earlier = data.draw(st.integers(1, size))
    older, proof = log.root_of(earlier, TILES), log.consistency(earlier, size, TILES)
    left = list(proof)
    assert MODULE.grown(earlier, size, older, left) == (older, root)
    assert left == []
    if proof:
        torn = [bytes(32), *proof[1:]]
        assert MODULE.grown(earlier, size, older, torn) != (older, root)


def _checkpoint(signer: FileSealKey, size: int, root: bytes, name: str = "log.example/1") -> str:
    return sign_note(f"{name}\n{size}\n{base64.b64encode(root).decode()}\n", name, signer)


def test_two_checkpoints_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signer, other = (create_seal_key(tmp_path / f"{name}.pem", "Ed25519") for name in ("log", "other"))
    vkey = str(vkey_of("log.example/1", signer))
    roots = {size: log.root_of(size, TILES) for size in (100, 600)}
    hashes = [base64.b64encode(one).decode() for one in log.consistency(100, 600, TILES)]

    def compare(older: str, newer: str, proof: str, key: str = vkey) -> int:
        for name, text in (("older", older), ("newer", newer), ("proof", proof)):
            (tmp_path / name).write_text(text)
        words = [tmp_path / "newer", "--older", tmp_path / "older", "--proof", tmp_path / "proof", "--vkey", key]
        status: int = MODULE.main([str(word) for word in words])
        return status

    older, newer = (_checkpoint(signer, size, root) for size, root in roots.items())
    assert compare(older, newer, "\n".join(hashes)) == 0
    # As /v1/log/consistency answers.
    assert compare(older, newer, json.dumps({"hashes": hashes})) == 0
    assert compare(older, older, "") == 0
    assert compare(newer, older, "\n".join(hashes)) == 1
    assert compare(older, newer, "\n".join(hashes[:-1])) == 1
    assert compare(older, newer, "\n".join([*hashes, hashes[0]])) == 1
    assert compare(older, _checkpoint(signer, 600, bytes(32)), "\n".join(hashes)) == 1
    assert compare(older, _checkpoint(signer, 600, roots[600], "log.example/2"), "\n".join(hashes)) == 1
    assert compare(older, _checkpoint(other, 600, roots[600]), "\n".join(hashes)) == 1
    assert compare(older, newer, "\n".join(hashes), str(vkey_of("log.example/1", other))) == 1
    assert compare(older, newer, "\n".join(hashes), "log.example/1+00000000+AAAA") == 1
    assert compare(older, "no note", "\n".join(hashes)) == 1
    assert "rewritten" in capsys.readouterr().out


def test_where_the_time_stamp_library_is_missing_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with inhouse(tmp_path / "home") as gateway:
        employer = gateway.bearer("employer", units=[UNIT])
        told = gateway("POST", "/v1/dossiers", employer, content=a_dossier(32)).json()
        (tmp_path / "b.asice").write_bytes(bundle(gateway, told["dossier"], employer))
        (tmp_path / "keys.jwks").write_text(json.dumps(gateway("GET", "/v1/keys").json()))
        root = next((tmp_path / "home" / "trust").glob("*.pem"))
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    module = standalone_module()
    monkeypatch.delitem(sys.modules, "rfc3161_client")
    words = [tmp_path / "b.asice", "--key", tmp_path / "keys.jwks", "--tsa", root]
    assert module.main([str(word) for word in words]) == 0
    assert "rfc3161-client" in capsys.readouterr().out
