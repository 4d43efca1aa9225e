"""Proof of non-receipt: asked at the door by its party, kept in a file, checked offline with the pinned keys alone."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gateway import absence_items, closing
from gateway.absence_check import AbsenceBroken, check_absence
from gateway.cli import main
from gateway.clock import rfc3339
from gateway.closing import read_said
from signing.jwks import PublishedKey, read_jwks
from signing.seal import create_seal_key, seal_jws
from signing.signer import from_base64url
from signing.unique import load_unique_key
from storage.ledger import Arrived
from tests.gateway.inhouse import OTHER_UNIT, UNIT, Inhouse, a_dossier, inhouse

NEVER = "ab" * 32


class Asked:
    """A gateway that closed three hours, and an employer of its unit."""

    def __init__(self, gateway: Inhouse) -> None:
        self.gateway = gateway
        self.client, self.secret = gateway.client("employer", units=[UNIT])
        bad = a_dossier(9).replace(b"</KyKeKhai>", b"1</KyKeKhai>")
        self.received = [self.submit(content) for content in (a_dossier(1), a_dossier(2), bad)]
        for _ in range(3):
            self.close()
        self.keys = read_jwks(gateway("GET", "/v1/keys").content)

    def submit(self, content: bytes) -> str:
        answer = self.gateway("POST", "/v1/dossiers", self.token, content=content)
        assert answer.status_code in (201, 422)
        return str(answer.json()["sha256"])

    def close(self) -> None:
        self.gateway.clock.advance(3600)
        house = self.gateway.house
        key = house.settings.path("absence_key", closing.ABSENCE_KEY_FILE)
        assert closing.close(house.stores, key, self.gateway.clock.now())
        assert house.logbook
        house.logbook.publish(self.gateway.clock.now())

    @property
    def token(self) -> str:
        return self.gateway.token(self.client, self.secret)

    def __call__(self, query: str, token: str | None = None) -> Any:
        return self.gateway("GET", f"/v1/absence?{query}", token or self.token)

    def code(self, query: str, token: str | None = None) -> str:
        return str(self(query, token).json()["code"])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with inhouse(tmp_path_factory.mktemp("absence") / "home") as gateway:
        yield Asked(gateway)


@pytest.fixture(scope="module")
def proof(asked: Asked) -> bytes:
    answer = asked(f"sha256={NEVER}")
    assert answer.status_code == 200, answer.text
    content: bytes = answer.content
    return content


def test_bytes_that_never_came_are_proved_not_to_have_come(asked: Asked, proof: bytes):
    shown = check_absence(proof, asked.keys)
    assert (shown.item, shown.closings) == (f"digest:{asked.client}:{NEVER}", 3)
    assert (shown.first.closing, shown.last.closing, shown.logged) == (1, 3, 3)
    told = json.loads(proof)
    assert told["not_covered"] is None
    assert "không thể kiểm được" in told["not_provable"]["vi"]
    assert "cannot verify" in told["not_provable"]["en"]
    assert shown.first.absence
    assert shown.first.absence.count == 8


@pytest.mark.parametrize(
    "query",
    [
        f"sha256={NEVER}&unit={UNIT}",
        f"unit={UNIT}&procedure=600&period=04/2026",
        f"unit={UNIT}&procedure=600&period=03/2026&batch=3",
        f"unit={UNIT}&procedure=600&period=03/2026&from=2026-03-02T10:00:00%2B07:00",
        f"unit={UNIT}&procedure=600&period=03/2026&from=2026-03-02T10:00:00+07:00&to=2026-03-02T10:15:00+07:00",
    ],
)
def test_what_did_not_come_in_the_span_is_proved(asked: Asked, query: str):
    answer = asked(query)
    assert answer.status_code == 200, answer.text
    check_absence(answer.content, asked.keys)


def test_what_came_is_never_proved_absent(asked: Asked):
    for sha256 in asked.received:
        assert asked.code(f"sha256={sha256}") == "was-received"
    assert "G00.01-20260302-0000001" in asked(f"sha256={asked.received[0]}").json()["detail"]
    assert asked.code(f"sha256={asked.received[0]}&unit={UNIT}") == "was-received"
    # What was refused names no unit that was proved.
    assert asked(f"sha256={asked.received[2]}&unit={UNIT}").status_code == 200
    for batch in ("", "&batch=1", "&batch=2"):
        assert asked.code(f"unit={UNIT}&procedure=600&period=03/2026{batch}") == "was-received"


def test_nobody_else_learns_what_came(asked: Asked):
    stranger = asked.gateway.bearer("employer", units=[OTHER_UNIT])
    for query in (f"sha256={asked.received[0]}&unit={UNIT}", f"unit={UNIT}&procedure=600&period=03/2026"):
        assert asked.code(query, stranger) == "not-your-unit"
    # Of the bytes it learns that it did not send them itself.
    answer = asked(f"sha256={asked.received[0]}", stranger)
    assert answer.status_code == 200
    assert check_absence(answer.content, asked.keys).item.split(":")[1] != asked.client


@pytest.mark.parametrize(
    "query",
    ["", "sha256=x", f"sha256={NEVER}&period=03/2026", f"unit={UNIT}&period=03/2026", f"sha256={NEVER}&from=yesterday"],
)
def test_what_is_asked_wrong_is_told(asked: Asked, query: str):
    assert asked.code(query) == "bad-request"


def test_a_span_that_is_not_closed_yet_is_told(asked: Asked):
    assert asked.code(f"sha256={NEVER}&from=2027-01-01T00:00:00Z") == "not-closed-yet"
    later = asked(f"sha256={NEVER}&to=2027-01-01T00:00:00Z").json()
    assert later["not_covered"] == later["covers"]["until"]


def test_what_was_received_in_the_span_and_committed_behind_its_closing_is_not_denied(tmp_path: Path):
    """Its receipt says an instant before the closing; the closing's snapshot was taken while it was on its way."""
    with inhouse(tmp_path / "home") as gateway:
        asked = Asked(gateway)
        house = gateway.house
        gateway.clock.advance(3600)
        closed_at = gateway.clock.now() + timedelta(seconds=1)
        assert closing.close(house.stores, house.settings.path("absence_key", closing.ABSENCE_KEY_FILE), closed_at)
        late = asked.submit(a_dossier(3))
        gateway.clock.advance(60)
        until = quote(rfc3339(closed_at))
        assert asked.code(f"sha256={late}&to={until}") == "was-received"
        assert asked.code(f"unit={UNIT}&procedure=600&period=03/2026&batch=3&to={until}") == "was-received"
        # It had not come by the closing before.
        earlier = quote(rfc3339(closed_at - timedelta(minutes=65)))
        answer = asked(f"sha256={late}&to={earlier}")
        assert answer.status_code == 200, answer.text


def test_what_came_since_the_last_closing_is_not_denied(tmp_path: Path):
    with inhouse(tmp_path / "home") as gateway:
        asked = Asked(gateway)
        gateway.clock.advance(60)
        sha256 = asked.submit(a_dossier(5))
        assert asked.code(f"sha256={sha256}") == "was-received"
        gateway.house.settings.path("absence_key", closing.ABSENCE_KEY_FILE).unlink()
        assert asked.code(f"sha256={NEVER}") == "absence-unprovable"
        asked.close()
        assert asked.code(f"sha256={NEVER}") == "absence-unprovable"


def changed(proof: bytes, change: Callable[[Any], None]) -> bytes:
    told = json.loads(proof)
    change(told)
    return json.dumps(told).encode()


def left_out(told: Any) -> None:
    del told["closings"][1]


def renumbered(told: Any) -> None:
    one = told["closings"][0]["left"] or told["closings"][0]["right"]
    one["index"] += 1


FORGED: dict[str, tuple[Callable[[Any], None], str]] = {
    "another item": (lambda told: told.update(item=told["item"].replace("ab", "ac")), "not the item's"),
    "another value": (lambda told: told.update(value="00" * 32), "not the item's"),
    "another proof": (lambda told: told.update(proof="AAAA"), "not the item's"),
    "no base64": (lambda told: told.update(proof="%%"), "not the item's"),
    "a closing left out": (left_out, "does not follow"),
    "another order": (lambda told: told["closings"].reverse(), "does not follow"),
    "no closings": (lambda told: told.update(closings=[]), "without closings"),
    "a longer span told": (lambda told: told["covers"].update(since="2020-01-01T00:00:00.000+07:00"), "the span told"),
    "no neighbours": (lambda told: told["closings"][0].update(left=None, right=None), "does not show it"),
    "another place": (renumbered, "does not show it"),
    "no hex": (
        lambda told: (told["closings"][0]["left"] or told["closings"][0]["right"]).update(value="zz"),
        "not hex",
    ),
    "another place in the log": (
        lambda told: told["closings"][0].update(
            log_proof=told["closings"][0]["log_proof"].replace("index ", "index 1")
        ),
        "its log proof is wrong",
    ),
    "another closing's place": (
        lambda told: told["closings"][0].update(log_proof=told["closings"][1]["log_proof"]),
        "its log proof is wrong",
    ),
    "a log that nobody announced": (lambda told: told.update(origins=[]), "its log proof is wrong"),
    "an origin under another seal": (lambda told: told.update(origins=[told["origins"][0][:-4] + "AAAA"]), "an origin"),
    "another format": (lambda told: told.update(format="motcua-absence/2"), "not motcua-absence/1"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_proof_is_refused_and_says_why(asked: Asked, proof: bytes, name: str):
    change, says = FORGED[name]
    with pytest.raises(AbsenceBroken, match=says):
        check_absence(changed(proof, change), asked.keys)


def test_a_closing_that_was_written_anew_under_another_key_is_refused(asked: Asked, proof: bytes, tmp_path: Path):
    other = create_seal_key(tmp_path / "other.pem")

    def again(told: Any) -> None:
        payload = from_base64url(told["closings"][0]["statement"].split(".")[1])
        told["closings"][0]["statement"] = seal_jws(other, payload, "motcua-closing+jws")

    def altered(told: Any) -> None:
        head, payload, seal = told["closings"][0]["statement"].split(".")
        said = from_base64url(payload).replace(b'"closing":1', b'"closing":7')
        told["closings"][0]["statement"] = f"{head}.{base64.urlsafe_b64encode(said).decode().rstrip('=')}.{seal}"

    with pytest.raises(AbsenceBroken, match="an unknown key"):
        check_absence(changed(proof, again), asked.keys)
    with pytest.raises(AbsenceBroken, match="seal does not hold"):
        check_absence(changed(proof, altered), asked.keys)
    with pytest.raises(AbsenceBroken, match="an unknown key"):
        check_absence(proof, {other.kid: PublishedKey(jwk=other.public_jwk())})


def test_a_closing_sealed_after_its_keys_compromise_is_refused(asked: Asked, proof: bytes):
    (key,) = asked.keys.values()
    when = asked.gateway.clock.now().replace(year=2026, month=1)
    stolen = PublishedKey(jwk=key.jwk, compromised_at=when)
    with pytest.raises(AbsenceBroken, match="compromised"):
        check_absence(proof, {key.kid: stolen})


def test_fields_are_never_taken_for_others():
    items = {
        absence_items.business_item("A", "600", "03/2026"),
        absence_items.business_item("A:600", "03", "2026"),
        absence_items.business_item("A", "600", "03/2026", 1),
        absence_items.business_item("A", "600", "03/2026:1"),
        absence_items.business_item("A", "600", "03/2026%3A1"),
    }
    assert len(items) == 5
    refused = Arrived(seq=1, sha256=b"x", submitter="c", unit="", procedure="600", period="p", batch=0, is_kept=False)
    assert list(absence_items.items_of([refused])) == [b"digest:c:78"]


def test_the_values_in_the_tree_are_those_of_what_came(asked: Asked):
    house = asked.gateway.house
    key = load_unique_key(house.settings.path("absence_key", closing.ABSENCE_KEY_FILE))
    told = asked(f"unit={UNIT}&procedure=600&period=04/2026").json()
    said = read_said(told["closings"][0]["statement"])
    assert said.absence
    assert said.absence.key == key.public_jwk()
    assert told["value"] == key.value(f"business:{UNIT}:600:04/2026".encode()).hex()


def test_the_command_checks_a_proof_offline(
    asked: Asked, proof: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file, keys = tmp_path / "proof.json", tmp_path / "keys.json"
    file.write_bytes(proof)
    keys.write_bytes(asked.gateway("GET", "/v1/keys").content)
    assert main(["verify-absence", str(file), "--key", str(keys)]) == 0
    told = capsys.readouterr().out
    assert f"digest:{asked.client}:{NEVER}" in told
    assert "không thể kiểm được" in told
    assert main(["verify-absence", str(file), "--key", str(keys), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    file.write_bytes(changed(proof, left_out))
    assert main(["verify-absence", str(file), "--key", str(keys)]) == 1
    assert "KHÔNG ĐÚNG" in capsys.readouterr().out
    keys.write_text("{}")
    assert main(["verify-absence", str(file), "--key", str(keys)]) == 2
