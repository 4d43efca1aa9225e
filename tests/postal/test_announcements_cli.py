"""`motcua post announce` and `post show`: an employer's desk, against a gateway that serves."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.cli import main
from tests.gateway.inhouse import pki
from tests.lines.gateways import OFFICE, UNIT, Gateway, prepare, serving, signed, unsigned
from tests.postal.announcing import NAME, people, workbook

Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home = prepare(tmp_path_factory.mktemp("announced") / "home", pki())
    with serving(home) as gateway:
        yield gateway


@pytest.fixture
def run(served: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in [name for name in os.environ if name.startswith("MOTCUA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MOTCUA_HOME", str(tmp_path / "elsewhere"))
    (tmp_path / "secret").write_text(served.home.employer.secret)
    more = ["--url", served.url, "--client", served.home.employer.id, "--secret-file", str(tmp_path / "secret")]

    def told(*words: object) -> tuple[int, str]:
        capsys.readouterr()
        status = main(["post", *map(str, words), *more])
        out, err = capsys.readouterr()
        return status, out + err

    return told


def laid(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_an_envelope_is_announced_printed_shown_cancelled_and_again_without_harm(run: Run, tmp_path: Path):
    file = laid(tmp_path, "hoso.xml", unsigned(1, attachments=0))
    cover, forms = tmp_path / "phieu.pdf", tmp_path / "to-khai.pdf"
    words = ("announce", file, "--piece", "attachment=2/6:Hợp đồng", "--original", "book=1")
    status, out = run(*words, "--cover", cover, "--forms", forms, "--json")
    assert status == 0, out
    told = json.loads(out.splitlines()[0])
    assert cover.read_bytes().startswith(b"%PDF-")
    assert forms.read_bytes().startswith(b"%PDF-")
    assert [one["kind"] for one in told["dossiers"][0]["pieces"]] == ["form", "attachment", "book"]
    status, again = run(*words)
    assert (status, told["announcement"] in again, "announced before" in again) == (0, True, True)
    status, shown = run("show", told["announcement"])
    assert (status, told["dossiers"][0]["dossier"] in shown) == (0, True)
    assert json.loads(run("show", told["announcement"], "--cancel", "--json")[1])["state"] == "cancelled"


def test_a_wrong_cell_is_told_to_people_and_ends_in_1(run: Run, tmp_path: Path):
    file = laid(tmp_path, "luong.xlsx", workbook(people(TienLuong="chín triệu")))
    words = ("announce", file, "--procedure", "600", "--form", "D02-TS", "--unit", UNIT, "--period", "03/2026")
    for more, head in (((), "KHÔNG nhận · not taken"), (("--check",), "CÓ LỖI")):
        status, out = run(*words, *more, "--unit-name", NAME)
        assert (status, head in out, "luong.xlsx, ô · cell E5" in out, "chín triệu" in out) == (1, True, True, True)


def test_the_paper_half_of_what_came_by_wire_is_announced_without_a_file(run: Run, served: Gateway):
    received = served.submit(signed(unsigned(2), served.home.pki)).json()
    status, out = run("announce", "--half-of", received["dossier"], "--piece", "decision=1/2", "--json")
    assert (status, json.loads(out)["dossiers"][0]["half_of"]) == (0, received["dossier"])
    assert json.loads(out)["office"] == OFFICE


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("announce",), "name a file"),
        (("announce", "no-such.xml"), "no-such.xml"),
        (("announce", "a.xml", "--piece", "tree=1"), "KIND"),
        (("show", "p-none"), "404"),
    ],
)
def test_a_wrong_call_is_one_clear_line(run: Run, words: tuple[str, ...], why: str):
    status, out = run(*words)
    assert (status, len(out.splitlines())) == (2, 1)
    assert why in out


def test_a_sheet_needs_to_say_what_it_is(run: Run, tmp_path: Path):
    file = laid(tmp_path, "luong.xlsx", workbook(people()))
    status, out = run("announce", file)
    assert (status, "--procedure" in out) == (2, True)
