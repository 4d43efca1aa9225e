"""The command `motcua`: every command says how it is used, ends with the right status, and never in a traceback."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.app import open_the_database
from gateway.cli import COMMANDS, main
from gateway.config import Settings
from gateway.first_start import KeysMissing
from gateway.start import prepare
from schemas import sample
from signing.seal import SealKeyUnusable
from tests.gateway.cli_run import Terminal, signed, unsigned
from tests.schemas.broken import broken_dossiers

GROUPS = {
    "client": ("add", "list", "rotate", "disable"),
    "webhook": ("list", "deliveries", "disable", "enable", "replay"),
    "unit": ("add", "import"),
    "office": ("list", "show", "import", "tables", "use", "export", "bind", "work"),
    "calendar": ("show", "import", "check"),
    "seal": ("list", "rotate", "retire", "check"),
    "log": ("show", "export", "verify", "reopen"),
    "trust": ("add", "list", "check"),
    "ledger": ("close", "list", "show", "key"),
    "hold": ("place", "lift", "list"),
    "fact": ("list", "show", "confirm", "withdraw", "history"),
    "post": (
        "announce", "show", "items", "pool load", "pool list", "pool recall", "handlings", "open", "scan", "originals",
        "manifest new", "manifest add", "manifest close", "manifest send", "account",
    ),
}  # fmt: skip
ALL = [
    (name, *more) for name in COMMANDS for more in ([one.split() for one in GROUPS[name]] if name in GROUPS else [()])
]


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_shows_an_example(motcua: Terminal, words: tuple[str, ...]):
    told = motcua(*words, "--help")
    assert told.status == 0
    example = told.out.partition("ví dụ · example:")[2]
    assert " ".join(("motcua", *words)) in example


def test_the_help_lists_every_command(motcua: Terminal):
    told = motcua("--help")
    assert told.status == 0
    assert all(re.search(rf"^    {name}\s", told.out, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("frobnicate",),
        ("sample",),
        ("sample", "600", "--employees", "0"),
        ("sample", "777"),
        ("sign", "no-such-file.xml", "--key", "no-such-key.pem"),
        ("check", "no-such-file.xml"),
        ("submit", "no-such-file.xml", "--client", "x"),
        ("verify", "no-such-file.jws"),
        ("due", "999"),
        ("due", "600", "--at", "yesterday"),
        ("client", "rotate", "nobody"),
        ("client", "disable", "nobody"),
        ("client", "add", "--role", "office"),
        ("client", "add", "--role", "office", "--office", "09993", "--unit", "AK4549H"),
        ("unit", "add", "--code", "short", "--tax-code", "0101234565", "--office", "09993"),
        ("unit", "import", "no-such-file.csv"),
        ("trust", "add", "no-such-file.pem"),
        ("audit",),
    ],
    ids=" ".join,
)
def test_what_is_called_wrong_is_told_in_one_line(motcua: Terminal, words: tuple[str, ...]):
    told = motcua(*words)
    assert told.status == 2
    assert told.err.startswith("motcua")
    assert len(told.err.strip().splitlines()) == 1


def test_an_unknown_setting_stops_every_command(motcua: Terminal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MOTCUA_DATABSE_URL", "sqlite:///x")
    told = motcua("migrate")
    assert told.status == 2
    assert "MOTCUA_DATABSE_URL" in told.err
    assert not motcua.home.exists()


def test_the_same_arguments_make_the_same_sample(motcua: Terminal):
    words = ("sample", "600", "--seed", "5", "--period", "03/2026", "--made-on", "31/03/2026")
    first, again = motcua(*words), motcua(*words)
    assert first.out == again.out
    assert "<KyKeKhai>03/2026</KyKeKhai>" in first.out
    assert motcua(*words[:3], "6", *words[4:]).out != first.out


def test_a_signed_sample_is_good_and_an_unsigned_one_is_not(begun: Terminal, tmp_path: Path):
    good = signed(tmp_path / "good.xml", begun.home)
    assert begun("check", good).status == 0
    bare = unsigned(tmp_path / "bare.xml")
    refused = begun("check", bare)
    assert refused.status == 1
    assert "FORMAT_FAILURE" in refused.out
    assert begun("check", bare, "--unsigned").status == 0


def test_a_check_says_everything_that_programs_rely_on(begun: Terminal, tmp_path: Path):
    told = begun("check", signed(tmp_path / "good.xml", begun.home), "--json")
    report = json.loads(told.out)
    assert {"ok", "verdict", "signatures", "findings"} <= set(report)
    assert report["ok"] is True
    assert report["verdict"]["indication"] == "TOTAL-PASSED"
    assert report["signatures"][0]["file"] == "Hoso"


def test_a_finding_names_the_row_the_employee_the_column_and_the_remedy(begun: Terminal, tmp_path: Path):

    good = begun("sample", "600", "--seed", "0", "--office", "09993").out.encode()
    bad = tmp_path / "bad.xml"
    bad.write_bytes(broken_dossiers(good)["doubled-date"])
    told = begun("check", bad, "--unsigned")
    assert told.status == 1
    plain = " ".join(told.out.split())
    assert "dòng 1 (" in plain
    assert "cột “Ngày sinh” (NgaySinh)" in plain
    assert "“23/05/202523/05/2025”" in plain
    assert "Có lẽ là “23/05/2025”" in plain
    assert "1 lỗi" in plain
    both = " ".join(begun("check", bad, "--unsigned", "--lang", "both").out.split())
    assert "Cách sửa" in both
    assert "To mend" in both


def test_several_dossiers_are_summed_up(begun: Terminal, tmp_path: Path):
    good, bare = signed(tmp_path / "good.xml", begun.home), unsigned(tmp_path / "bare.xml")
    told = begun("check", good, bare)
    assert told.status == 1
    assert "1 đạt" in told.out
    assert "1 không đạt" in told.out
    assert begun("check", good, tmp_path / "absent.xml").status == 2


def test_a_check_without_a_register_says_so_and_makes_none(motcua: Terminal, tmp_path: Path):
    told = motcua("check", unsigned(tmp_path / "a.xml"), "--unsigned")
    assert told.status == 0
    assert "CHƯA được đối chiếu" in told.out
    assert not motcua.home.exists()


def test_a_check_compares_with_the_register(begun: Terminal, tmp_path: Path):
    file = unsigned(tmp_path / "a.xml")
    assert "CHƯA" not in begun("check", file, "--unsigned").out
    other = sample.tax_code(77)
    assert begun("unit", "add", "--code", sample.unit_code(0), "--tax-code", other, "--office", "09993").status == 0
    assert "tax-code-differs" in begun("check", file, "--unsigned").out


def test_a_key_that_is_not_the_certificates_does_not_sign(begun: Terminal, tmp_path: Path):
    keys = begun.home / "demo"
    file = unsigned(tmp_path / "a.xml")
    wrong = begun("sign", file, "--key", keys / "unit-1.key.pem", "--cert", keys / "unit-2.pem", "-o", tmp_path / "b")
    assert wrong.status == 2
    assert not (tmp_path / "b").exists()
    assert begun("sign", file, "--key", keys / "unit-1.key.pem").status == 2


def test_check_config_finds_what_is_there_and_shows_no_password(begun: Terminal, monkeypatch: pytest.MonkeyPatch):
    told = begun("check-config", "--json")
    assert told.status == 0
    assert json.loads(told.out)["ok"] is True
    (begun.home / "seal.pem").chmod(0o644)
    assert begun("check-config").status == 1
    monkeypatch.setenv("MOTCUA_DATABASE_URL", "postgresql://motcua:geheim@127.0.0.1:1/motcua")
    away = begun("check-config")
    assert away.status == 1
    assert "geheim" not in away.out + away.err


def test_migrating_again_changes_nothing(motcua: Terminal):
    assert motcua("migrate", "--check").status == 1
    assert "0001" in motcua("migrate").out
    assert "Đã mới nhất" in motcua("migrate").out
    assert motcua("migrate", "--check").status == 0


def test_a_first_start_makes_keys_once_and_for_the_owner_alone(begun: Terminal):
    settings = Settings(home=str(begun.home))
    before = {name: (begun.home / name).read_bytes() for name in ("master.key", "seal.pem")}
    list(prepare(settings, demo=True))
    assert {name: (begun.home / name).read_bytes() for name in before} == before
    secrets = [
        *(begun.home / "demo").glob("*.key.pem"),
        begun.home / "demo" / "clients.json",
        *map(begun.home.joinpath, before),
    ]
    assert [path.stat().st_mode & 0o077 for path in secrets] == [0] * len(secrets)


def test_secrets_of_demo_clients_are_shown_once(tmp_path: Path):
    settings = Settings(home=str(tmp_path / "home"))
    first, again = "\n".join(prepare(settings, demo=True)), "\n".join(prepare(settings, demo=True))
    held = json.loads((tmp_path / "home" / "demo" / "clients.json").read_text())
    assert all(one["client_secret"] in first for one in held.values())
    assert not any(one["client_secret"] in again for one in held.values())
    assert "clients.json" in again


@pytest.mark.parametrize("lost", ["master.key", "seal.pem"])
def test_a_key_that_is_lost_is_never_replaced(begun: Terminal, lost: str):
    settings = Settings(home=str(begun.home))
    database = open_the_database(settings)
    with database.begin() as tx:
        tx.execute(sa.text("UPDATE ordinal SET value = 1 WHERE name = 'commit'"))
    database.close()
    (begun.home / lost).unlink()
    with pytest.raises((KeysMissing, SealKeyUnusable)):
        list(prepare(settings, demo=False))
    assert not (begun.home / lost).exists()


def test_a_key_that_an_operator_named_is_never_made(tmp_path: Path):
    settings = Settings(home=str(tmp_path / "home"), master_key=str(tmp_path / "not-mounted" / "key"))
    with pytest.raises(KeysMissing):
        list(prepare(settings, demo=False))


def test_due_and_route_tell_programs_what_they_rely_on(motcua: Terminal):
    told = json.loads(motcua("due", "600", "--at", "2026-03-02T08:30+07:00", "--json").out)
    assert {"due_at", "calendar", "steps"} <= set(told)
    assert told["due_at"].startswith("2026-03-09T08:30:00")
    paused = motcua(
        "due", "600", "--at", "02/03/2026 08:30", "--pause", "03/03/2026 08:00", "03/03/2026 10:00", "--json"
    )
    assert json.loads(paused.out)["due_at"].startswith("2026-03-09T10:30:00")
    found = json.loads(motcua("route", "600", "--unit-office", "09991", "--at", "2026-03-31", "--json").out)
    assert (found["ok"], found["competent_office"]) == (True, "09993")
    shared = motcua("route", "600", "--unit-office", "09994", "--at", "2026-03-31")
    assert shared.status == 1
    assert "09995" in shared.out
    assert {"09993", "09995"} <= {one["code"] for one in json.loads(motcua("office", "list", "--json").out)["offices"]}


def test_a_reader_that_goes_away_gets_no_traceback(tmp_path: Path):
    command = f"{sys.executable} -m gateway.cli sample 600 --employees 1000 | head -c 10"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, check=False, cwd=Path(__file__).parents[2])
    assert ran.stdout == b"<?xml vers"
    assert b"Traceback" not in ran.stderr


def test_the_benchmarks_of_the_checkout_are_found(capfd: pytest.CaptureFixture[str]):
    assert main(["bench", "--help"]) == 0
    assert "tests/bench" in capfd.readouterr().out
