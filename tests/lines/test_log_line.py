"""The log of real gateway processes: a proof within a second, checked offline from one pinned key."""

import base64
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from msgspec import json as msgjson

from gateway.config import Settings
from gateway.log_opening import LogRolledBack, published_file
from gateway.log_verify import verify_log
from gateway.start import prepare
from signing.keyring import Keyring
from signing.note import open_checkpoint, read_vkey
from signing.seal import SealBroken, open_jws
from storage import log
from storage.database import open_database
from tests.lines.gateways import Gateway, Home, dossier

PROVED_WITHIN_S = 1.0
# On a machine that does much else the second is measured, and this is waited.
PATIENCE_S = 10.0


def proof_of(gateway: Gateway, dossier_id: str) -> dict[str, Any]:
    """The proof, as soon as there is one; anyone may ask."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = gateway.http.get("/v1/log/proof", params={"dossier": dossier_id})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        if all(one["logged"] for one in told["statements"]):
            return told
        time.sleep(0.02)
    raise AssertionError("not logged")


def check_offline(told: dict[str, Any], receipt: str, pinned: dict[str, str]) -> None:
    """As somebody would who has the receipt, the answer, and the seal's public key."""
    (statement, *_) = told["statements"]
    assert statement["statement_sha256"] == sha256(receipt.encode()).hexdigest()
    proof = statement["proof"]
    (announced,) = [one["statement"] for one in told["origins"] if one["origin"] == proof["origin"]]
    said = msgjson.decode(open_jws(announced, pinned, typ="motcua-origin+jws"))
    head = open_checkpoint(proof["checkpoint"], read_vkey(said["vkey"]))
    hashes = [base64.b64decode(one) for one in proof["hashes"]]
    leaf = log.leaf_hash(bytes.fromhex(statement["statement_sha256"]))
    assert (head.origin, head.size) == (said["origin"], proof["size"])
    assert log.verify_inclusion(proof["index"], head.size, leaf, hashes, head.root)


def verified(home: Home) -> None:
    database = open_database(home.database_url or f"sqlite:///{home.folder / 'motcua.sqlite'}")
    ring = Keyring.open(home.folder / "seal-keys.json", home.folder / "seal.pem", datetime.now(UTC), keep=False)
    try:
        keys = {key.kid: key.jwk for key in ring.keys(datetime.now(UTC))}
        found = verify_log(database, published_file(Settings(home=str(home.folder))), keys)
    finally:
        database.close()
    assert found.faults == []
    assert found.waiting == 0


@pytest.mark.parametrize("home_on_either", ["postgresql"], indirect=True)
def test_gateways_on_one_database_grow_one_tree_and_prove_a_receipt_within_a_second(
    home_on_either: Home, serve: Callable[..., Gateway]
) -> None:
    gateways = [serve(home_on_either) for _ in range(2)]
    (pinned,) = gateways[0].http.get("/v1/keys").json()["keys"]
    best = PATIENCE_S
    for seed in range(9100, 9103):
        answer = gateways[seed % 2].submit(dossier(home_on_either, seed, attachments=0)).json()
        began = time.monotonic()
        told = proof_of(gateways[1], answer["dossier"])
        best = min(best, time.monotonic() - began)
        check_offline(told, answer["receipt"], pinned)
        assert msgjson.decode(open_jws(answer["receipt"], pinned))["log"] == told["origin"]
    assert best < PROVED_WITHIN_S
    forged = told["origins"][0] | {"statement": answer["receipt"]}
    with pytest.raises(SealBroken):
        check_offline(told | {"origins": [forged]}, answer["receipt"], pinned)
    contents = [dossier(home_on_either, seed, attachments=0) for seed in range(9200, 9208)]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda one: gateways[one[0] % 2].submit(one[1]), enumerate(contents)))
    proofs = [proof_of(gateways[1], answer.json()["dossier"])["statements"][0]["proof"] for answer in answers]
    assert {one["index"] for one in proofs} == set(range(4, 12))
    for gateway in gateways:
        told = gateway.http.get("/v1/log/consistency", params={"from": 3}).json()
        earlier, later = (base64.b64decode(told[one]) for one in ("from_root", "to_root"))
        hashes = [base64.b64decode(one) for one in told["hashes"]]
        assert log.verify_consistency(told["from_size"], told["to_size"], earlier, later, hashes)
    # One of them is killed, whether it leads or not; the other goes on.
    gateways[0].process.kill()
    gateways[0].process.wait()
    last = gateways[1].submit(dossier(home_on_either, 9299, attachments=0)).json()
    proof_of(gateways[1], last["dossier"])
    gateways[1].stop()
    verified(home_on_either)


def test_a_gateway_does_not_start_on_a_database_that_was_put_back(home: Home, serve: Callable[..., Gateway]) -> None:
    gateway = serve(home)
    (pinned,) = gateway.http.get("/v1/keys").json()["keys"]
    answer = gateway.submit(dossier(home, 9300, attachments=0)).json()
    check_offline(proof_of(gateway, answer["dossier"]), answer["receipt"], pinned)
    with (
        closing(sqlite3.connect(home.folder / "motcua.sqlite")) as now,
        closing(sqlite3.connect(home.folder / "old")) as old,
    ):
        now.backup(old)
    proof_of(gateway, gateway.submit(dossier(home, 9301, attachments=0)).json()["dossier"])
    gateway.stop()
    for path in home.folder.glob("motcua.sqlite*"):
        path.unlink()
    (home.folder / "old").rename(home.folder / "motcua.sqlite")
    with pytest.raises(LogRolledBack, match="motcua log reopen"):
        list(prepare(Settings(home=str(home.folder)), demo=False))
