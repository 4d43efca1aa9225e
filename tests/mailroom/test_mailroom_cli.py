"""`motcua post open` and `motcua post scan`: a mail room without software, that may run its commands again."""

import functools
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli import main
from tests.gateway.inhouse import OFFICE
from tests.mailroom.post_room import BOOK, PostRoom, pile


def test_a_mail_room_opens_and_scans_with_commands_that_may_be_run_again(
    room: PostRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    door: Any = room.gateway.door
    wire = httpx.ASGITransport(app=door)
    monkeypatch.setattr("gateway.client.httpx.AsyncClient", functools.partial(httpx.AsyncClient, transport=wire))
    client, secret = room.gateway.client("office", offices=[OFFICE])
    (tmp_path / "secret.txt").write_text(secret)
    who = ["--url", "http://gateway", "--client", client, "--secret-file", str(tmp_path / "secret.txt")]
    announced = room.announce((50, [BOOK]))
    dossier = announced["dossiers"][0]["dossier"]
    item = room.item([dossier])

    def run(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = main(["post", *words, *who])
        return (status, *capfd.readouterr())

    counted = ("open", item, "--office", OFFICE, "--count", "book=1")
    status, out, _ = run(*counted)
    opening = out.split()[0]
    assert (status, opening[:2]) == (0, "o-")
    assert run(*counted)[:2] == (status, out)
    status, _, err = run("open", item, "--office", OFFICE, "--count", "book=3")
    assert status == 2
    assert "409" in err
    cover, forms = room.codes(announced, dossier)
    (tmp_path / "1.pdf").write_bytes(pile(cover))
    (tmp_path / "2.pdf").write_bytes(forms)
    (tmp_path / "bad.tif").write_bytes(b"x")
    status, out, _ = run("scan", opening, str(tmp_path / "1.pdf"))
    assert status == 1, "it waits"
    assert "còn chờ" in out
    status, _, err = run("scan", opening, str(tmp_path / "bad.tif"), str(tmp_path / "2.pdf"))
    assert status == 2
    assert "bad.tif" in err
    assert room.dossier(dossier).status_code == 404, "what follows a file that cannot be read is not sent"
    for _ in range(2):
        status, out, _ = run("scan", opening, str(tmp_path / "1.pdf"), str(tmp_path / "2.pdf"))
        assert status == 0
        assert "đã lập hồ sơ" in out
    assert room.dossier(dossier).status_code == 200
    assert run("scan", opening, str(tmp_path / "secret.txt"))[0] == 2
    assert run("scan", "o-x", str(tmp_path / "1.pdf"))[0] == 2
