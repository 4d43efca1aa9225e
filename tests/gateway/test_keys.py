"""Keys come and go while the gateway runs; a receipt verifies against the published keys, whenever it was sealed."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.seals import HISTORY_FILE, open_seal
from gateway.start import prepare
from signing.keyring import Keyring, KeyringUnusable
from signing.seal import FileSealKey, Signer, create_seal_key, kid_of, load_seal_key, seal_jws
from tests.gateway.cli_run import Ran, Terminal
from tests.gateway.inhouse import UNIT, Inhouse, a_dossier, inhouse
from tests.softhsm import SoftHsm, softhsm

__all__ = ["softhsm"]

DAY = 24 * 3600


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home") as made:
        yield made


def operator(gateway: Inhouse) -> Keyring:
    """The keyring as a command beside the running gateway opens it."""
    return open_seal(gateway.house.settings, gateway.clock.now())


def new_key(gateway: Inhouse, name: str) -> tuple[FileSealKey, Path]:
    path = gateway.house.settings.home_path / name
    return create_seal_key(path), path


def receipt(gateway: Inhouse, seed: int) -> str:
    answer = gateway("POST", "/v1/dossiers", gateway.bearer("employer", units=[UNIT]), content=a_dossier(seed))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["receipt"])


def published(gateway: Inhouse) -> list[dict[str, object]]:
    keys: list[dict[str, object]] = gateway("GET", "/v1/keys").json()["keys"]
    return keys


def test_keys_are_published_with_their_periods_and_can_be_kept_a_while(gateway: Inhouse) -> None:
    answer = gateway("GET", "/v1/keys")
    (only,) = answer.json()["keys"]
    assert only["x-status"] == "in-use"
    assert "exp" not in only
    assert not {"d", "source"} & set(only)
    assert answer.headers["cache-control"] == "public, max-age=300"
    tag = answer.headers["etag"]
    for held in (tag, f'"other", W/{tag}', "*"):
        again = gateway("GET", "/v1/keys", headers={"if-none-match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert gateway("GET", "/v1/keys", headers={"if-none-match": '"other"'}).status_code == 200


def test_a_rotation_is_published_at_once_takes_over_a_day_later_and_needs_no_restart(gateway: Inhouse) -> None:
    before, tag = receipt(gateway, 1), gateway("GET", "/v1/keys").headers["etag"]
    new = operator(gateway).rotate(*new_key(gateway, "b.pem"), now=gateway.clock.now())
    assert [one["x-status"] for one in published(gateway)] == ["in-use", "upcoming"]
    assert gateway("GET", "/v1/keys").headers["etag"] != tag
    gateway.clock.advance(60)
    assert kid_of(receipt(gateway, 2)) == kid_of(before)
    gateway.clock.advance(DAY)
    assert kid_of(receipt(gateway, 3)) == new.kid
    keys = published(gateway)
    assert [one["x-status"] for one in keys] == ["in-use", "retired"]
    assert [one["kid"] for one in keys] == [new.kid, kid_of(before)]
    assert keys[0]["nbf"] == keys[1]["exp"]
    assert str(keys[0]["x-seals-from"]).endswith("+07:00")


def test_a_refusals_notice_is_sealed_by_the_key_of_its_instant_too(gateway: Inhouse) -> None:
    new = operator(gateway).rotate(*new_key(gateway, "b.pem"), now=gateway.clock.now())
    gateway.clock.advance(DAY + 1)
    bad = a_dossier().replace(b"</KyKeKhai>", b"1</KyKeKhai>")
    answer = gateway("POST", "/v1/dossiers", gateway.bearer("employer", units=[UNIT]), content=bad)
    assert answer.status_code == 422
    assert kid_of(answer.json()["notice"]) == new.kid


def test_a_compromised_key_is_told_to_everyone_and_seals_nothing_more(gateway: Inhouse) -> None:
    old = kid_of(receipt(gateway, 1))
    gateway.clock.advance(5)
    now = gateway.clock.now()
    new = operator(gateway).retire(old, now - timedelta(days=1), now, lambda: new_key(gateway, "b.pem"))
    assert new is not None
    gateway.clock.advance(2)
    assert kid_of(receipt(gateway, 2)) == new.kid
    shown = published(gateway)[-1]
    assert (shown["kid"], shown["x-status"]) == (old, "compromised")
    assert shown["revoked"] == {"revoked_at": int((now - timedelta(days=1)).timestamp()), "reason": "compromised"}


def test_while_the_key_is_away_nothing_is_accepted_and_trying_again_is_safe(tmp_path: Path, softhsm: SoftHsm) -> None:
    uri = softhsm.token(("p256", "seal", "01")).uri("seal")
    with inhouse(tmp_path / "home", seal_key=uri) as gateway:
        employer = gateway.bearer("employer", units=[UNIT])
        first = gateway("POST", "/v1/dossiers", employer, content=a_dossier(1)).json()["receipt"]
        assert kid_of(first) == load_seal_key(uri).kid
        with softhsm.away():
            answer = gateway("POST", "/v1/dossiers", employer, content=a_dossier(2))
            assert (answer.status_code, answer.json()["retry"]) == (503, "after")
            assert int(answer.headers["retry-after"]) > 0
        assert len(gateway("GET", "/v1/dossiers", employer).json()["dossiers"]) == 1
        assert gateway("POST", "/v1/dossiers", employer, content=a_dossier(2)).status_code == 201


def test_a_restored_history_that_lacks_the_last_key_stops_the_start(tmp_path: Path) -> None:
    with inhouse(tmp_path / "home") as gateway:
        settings, path = gateway.house.settings, gateway.house.settings.home_path / HISTORY_FILE
        receipt(gateway, 1)
        before = path.read_bytes()
        operator(gateway).rotate(*new_key(gateway, "b.pem"), now=gateway.clock.now(), seals_from=gateway.clock.now())
        gateway.clock.advance(2)
        last = kid_of(receipt(gateway, 2))
    list(prepare(settings, demo=False))
    for restored in (before, None):
        path.unlink()
        if restored is not None:
            path.write_bytes(restored)
        with pytest.raises(KeyringUnusable, match=last):
            list(prepare(settings, demo=False))


# What a reader finds with `motcua verify`, offline, against the set that was pinned.


class Pinned:
    """A gateway's past: three keys, receipts of each; the set pinned at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with inhouse(folder / "home") as gateway:
            self.old = gateway.house.stores.seal.signer_at(gateway.clock.now())
            self.first_at = gateway.clock.now()
            self.of_old = receipt(gateway, 1)
            self.new = new_key(gateway, "b.pem")[0]
            operator(gateway).rotate(self.new, folder / "home" / "b.pem", gateway.clock.now())
            (folder / "early.jwks").write_bytes(gateway("GET", "/v1/keys").content)
            gateway.clock.advance(DAY + 60)
            self.switched_at = gateway.clock.now()
            self.of_new = receipt(gateway, 2)
            gateway.clock.advance(DAY)
            (folder / "keys.jwks").write_bytes(gateway("GET", "/v1/keys").content)
            gateway.clock.advance(DAY)
            self.lost_at = gateway.clock.now()
            operator(gateway).retire(self.new.kid, self.lost_at, self.lost_at, lambda: new_key(gateway, "c.pem"))
            gateway.clock.advance(2)
            self.of_last = receipt(gateway, 3)
            (folder / "after.jwks").write_bytes(gateway("GET", "/v1/keys").content)

    def redated(self, statement: str, at: datetime, signer: Signer, **more: object) -> str:
        """The forged sample: the same statement with another date, under a seal that holds."""
        said = json.loads(base64.urlsafe_b64decode(statement.split(".")[1] + "==")) | {"received_at": at.isoformat()}
        return seal_jws(signer, json.dumps(said | more).encode(), "motcua-receipt+jws")


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> Pinned:
    return Pinned(tmp_path_factory.mktemp("pinned"))


def verify(motcua: Terminal, pinned: Pinned, statement: str, keys: str, *words: object) -> Ran:
    path = motcua.home.parent / "statement.jws"
    path.write_text(statement)
    return motcua("verify", path, "--key", pinned.folder / keys, *words)


def test_receipts_of_every_key_verify_against_the_set_of_today(motcua: Terminal, pinned: Pinned) -> None:
    for statement in (pinned.of_old, pinned.of_new):
        told = verify(motcua, pinned, statement, "keys.jwks")
        assert told.status == 0, told.out
        assert kid_of(statement)[:12] in told.out
    told = json.loads(verify(motcua, pinned, pinned.of_old, "keys.jwks", "--json").out)
    assert told["ok"] is True
    assert told["key"]["seals_until"].startswith("2026-03-03T")


def test_a_set_pinned_before_the_switch_verifies_what_the_new_key_sealed(motcua: Terminal, pinned: Pinned) -> None:
    assert verify(motcua, pinned, pinned.of_new, "early.jwks").status == 0
    told = verify(motcua, pinned, pinned.of_last, "early.jwks")
    assert told.status == 1
    assert "tải lại /v1/keys" in told.out


def test_a_receipt_of_after_its_keys_end_is_refused_with_a_sentence(motcua: Terminal, pinned: Pinned) -> None:
    for at in (pinned.switched_at, datetime.fromisoformat("2027-01-05T08:00:00+07:00")):
        told = verify(motcua, pinned, pinned.redated(pinned.of_old, at, pinned.old), "keys.jwks")
        assert told.status == 1
        assert "chỉ niêm phong đến trước 03/03/2026" in told.out
    assert "05/01/2027" in told.out


def test_a_receipt_of_before_its_keys_time_is_refused_with_a_sentence(motcua: Terminal, pinned: Pinned) -> None:
    told = verify(motcua, pinned, pinned.redated(pinned.of_new, pinned.first_at, pinned.new), "keys.jwks")
    assert told.status == 1
    assert "chỉ niêm phong từ 03/03/2026" in told.out


def test_a_receipt_without_a_zone_in_its_time_is_no_receipt(motcua: Terminal, pinned: Pinned) -> None:
    forged = pinned.redated(pinned.of_old, pinned.first_at.replace(tzinfo=None), pinned.old)
    assert verify(motcua, pinned, forged, "keys.jwks").status == 1


def test_a_receipt_of_a_compromised_key_needs_a_proof_from_elsewhere(motcua: Terminal, pinned: Pinned) -> None:
    told = verify(motcua, pinned, pinned.of_new, "after.jwks")
    assert told.status == 1
    assert "--existed-at" in told.out
    early, late = pinned.lost_at - timedelta(hours=1), pinned.lost_at + timedelta(hours=1)
    assert verify(motcua, pinned, pinned.of_new, "after.jwks", "--existed-at", early.isoformat()).status == 0
    assert verify(motcua, pinned, pinned.of_new, "after.jwks", "--existed-at", late.isoformat()).status == 1
    for sound in (pinned.of_old, pinned.of_last):
        assert verify(motcua, pinned, sound, "after.jwks").status == 0


def test_one_key_of_the_set_pinned_by_itself_still_knows_its_period(motcua: Terminal, pinned: Pinned) -> None:
    (old,) = [
        one for one in json.loads((pinned.folder / "keys.jwks").read_text())["keys"] if one["x-status"] == "retired"
    ]
    (pinned.folder / "one.jwk").write_text(json.dumps(old))
    assert verify(motcua, pinned, pinned.of_old, "one.jwk").status == 0
    forged = pinned.redated(pinned.of_old, pinned.switched_at, pinned.old)
    assert verify(motcua, pinned, forged, "one.jwk").status == 1


def test_a_judgement_is_held_against_the_key_of_the_day_it_was_made(motcua: Terminal, pinned: Pinned) -> None:
    """What was received under the old key is judged, and that judgement sealed, under the new one."""
    held = json.loads(base64.urlsafe_b64decode(pinned.of_old.split(".")[1] + "=="))
    said = {
        **{name: held[name] for name in ("dossier", "sha256", "received_at", "policy", "competent_office", "due_at")},
        "judgement": "G00.01-20260303-0000009", "receipt": held["receipt"], "receipt_sha256": "0" * 64,
        "judged_at": pinned.switched_at.isoformat(), "state": "accepted", "verdict": "TOTAL_PASSED",
        "sub_indication": None, "code": "", "findings_count": 0, "findings": [],
    }  # fmt: skip
    for signer, status in ((pinned.new, 0), (pinned.old, 1)):
        statement = seal_jws(signer, json.dumps(said).encode(), "motcua-judgement+jws")
        told = verify(motcua, pinned, statement, "keys.jwks")
        assert told.status == status, told.out


def test_on_the_gateways_own_machine_no_key_need_be_named(
    motcua: Terminal, pinned: Pinned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTCUA_HOME", str(pinned.folder / "home"))
    path = motcua.home.parent / "statement.jws"
    path.write_text(pinned.of_old)
    assert motcua("verify", path).status == 0
    path.write_text(pinned.of_new)
    assert motcua("verify", path).status == 1
