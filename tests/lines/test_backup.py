"""A backup taken while a gateway receives, restored elsewhere: what was acknowledged is there, byte for byte."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import json as msgjson
from msgspec import structs

from gateway.cli import main
from gateway.clock import VIETNAM
from schemas.catalogue import Catalogue
from signing.demo_pki import DemoPki
from signing.dossier import sign_dossier
from tests.lines.gateways import Client, Gateway, Home, prepare, unsigned

KEYS = ("master.key", "seal.pem", "seal-keys.json", "log.pem", "absence.pem", "seal-certificate.pem")
DOSSIERS = 18
SENDERS = 3


def motcua(home: Home, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> Any:
    """Run a command for that home; what it printed as JSON."""
    for name in [name for name in os.environ if name.startswith("MOTCUA_")]:
        monkeypatch.delenv(name)
    for name, value in home.environment().items():
        monkeypatch.setenv(name, value)
    capfd.readouterr()
    status = main([*[str(word) for word in words], "--json"])
    told = capfd.readouterr()
    assert status == 0, told.err + told.out
    return msgjson.decode(told.out)


def elsewhere(home: Home, folder: Path, *, database_url: str = "", vault_url: str = "") -> Home:
    """An empty place with the keys and the trust of a home."""
    folder.mkdir()
    for name in KEYS:
        if (home.folder / name).exists():
            shutil.copy(home.folder / name, folder / name)
    shutil.copytree(home.folder / "trust", folder / "trust")
    return structs.replace(home, folder=folder, database_url=database_url, vault_url=vault_url)


def with_token(gateway: Gateway, client: Client) -> Client:
    """The client with a token of this gateway: none outlives a restore."""
    asked = {"grant_type": "client_credentials"}
    answer = gateway.http.post("/oauth/token", data=asked, auth=(client.id, client.secret))
    return structs.replace(client, token=answer.json()["access_token"])


class Senders:
    """Submits from several threads, and remembers what each dossier was answered."""

    def __init__(self, gateway: Gateway, contents: list[bytes]) -> None:
        self.answers: dict[bytes, dict[str, Any]] = {}
        self._gateway, self._waiting = gateway, list(contents)
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]

    def _send(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    return
                content = self._waiting.pop()
            answer = self._gateway.submit(content)
            assert answer.status_code == 201, answer.text
            with self._lock:
                self.answers[content] = answer.json()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def acknowledged(self) -> dict[bytes, dict[str, Any]]:
        with self._lock:
            return dict(self.answers)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def contents(pki: DemoPki) -> list[bytes]:
    """Signed dossiers: the catalogue is read once for all of them."""
    now, holder = datetime.now(UTC), pki.employers["employer"]
    paths = {form.root: form.signature_path for form in Catalogue.load().forms(now.astimezone(VIETNAM).date())}
    return [
        sign_dossier(unsigned(90_000 + number), holder.key, holder.certificate, signature_paths=paths, now=now)
        for number in range(DOSSIERS)
    ]


@pytest.mark.parametrize("origin", ["sqlite and disk", "postgresql and s3"])
def test_what_was_acknowledged_before_a_backup_survives_in_another_kind_of_place(
    origin: str,
    pki: DemoPki,
    contents: list[bytes],
    serve: Callable[..., Gateway],
    tmp_path: Path,
    postgres_url: str,
    s3_vault_url: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    servers = {"database_url": postgres_url, "vault_url": s3_vault_url}
    embedded = origin == "sqlite and disk"
    home = prepare(tmp_path / "home", pki, **({} if embedded else servers))
    place = elsewhere(home, tmp_path / "elsewhere", **(servers if embedded else {}))
    gateway = serve(home)
    senders = Senders(gateway, contents)
    senders.start()
    while len(senders.acknowledged()) < DOSSIERS // 3:
        time.sleep(0.01)
    before = senders.acknowledged()
    made = motcua(home, capfd, monkeypatch, "backup", tmp_path / "backups")
    senders.join()
    gateway.stop()
    head = made["manifest"]["head"]
    numbers = {row[0]: row[1] for row in home.rows("SELECT statement_number, seq FROM dossier")}

    told = motcua(place, capfd, monkeypatch, "restore", tmp_path / "backups", "--no-later-erasures")
    assert told["ok"], told["audit"]
    restored = serve(place)
    assert restored.submit(contents[0]).status_code == 401
    employer = with_token(restored, home.employer)
    in_it = {content: one for content, one in senders.answers.items() if numbers[one["receipt_number"]] <= head}
    assert before.keys() <= in_it.keys()
    assert told["restored"]["dossiers"] == len(in_it)
    for content, one in in_it.items():
        again = restored.submit(content, employer)
        assert (again.status_code, again.json()["receipt"]) == (200, one["receipt"])
        assert restored.get(f"/v1/dossiers/{one['dossier']}/content", employer).content == content
    # What came after the backup is received anew, under a number that was never given.
    for content in senders.answers.keys() - in_it.keys():
        anew = restored.submit(content, employer)
        assert anew.status_code == 201
        assert anew.json()["receipt_number"] not in numbers
    restored.stop()
