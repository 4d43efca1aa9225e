"""Who signs and who submits for a unit, by command: `unit bind|bindings|unbind|signing`, `client mandate|mandates`."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.clock import VIETNAM, SystemClock
from tests.gateway.certificates import DAY, holder, subject
from tests.gateway.cli_run import Terminal

UNIT, MST = "AK4549H", "9922360686"
TODAY = SystemClock().now().astimezone(VIETNAM).date()


def shown(day: date) -> str:
    return day.strftime("%d/%m/%Y")


@pytest.fixture
def registered(motcua: Terminal) -> Terminal:
    words = ("--code", UNIT, "--tax-code", MST, "--office", "09993", "--valid-from", "2020-01-01")
    assert motcua("unit", "add", *words).status == 0
    return motcua


def a_certificate(folder: Path, *identifiers: str, der: bool = False, name: str = "cert", of: str = "key") -> Path:
    now = SystemClock().now()
    made = holder(subject(*(identifiers or ("MST:" + MST,))), of=of, begins=now - 30 * DAY, ends=now + 300 * DAY)
    path = folder / f"{name}.pem"
    path.write_bytes(made.certificate.public_bytes(Encoding.DER if der else Encoding.PEM))
    return path


def listed(motcua: Terminal) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(motcua("unit", "bindings", "--code", UNIT, "--json").out)
    return found


@pytest.mark.parametrize("der", [False, True], ids=["PEM", "DER"])
def test_a_certificate_is_bound_listed_and_withdrawn(registered: Terminal, tmp_path: Path, der: bool):
    path = a_certificate(tmp_path, der=der)
    until = TODAY + timedelta(days=30)
    told = registered("unit", "bind", "--code", UNIT, "--cert", path, "--to", shown(until), "--by", "Nguyễn Thị Mẫu")
    assert told.status == 0, told.err
    (one,) = listed(registered)
    assert (one["state"], one["valid_from"], one["valid_to"]) == ("live", TODAY.isoformat(), until.isoformat())
    assert (one["registered_by"], one["identifiers"], one["renews"]) == ("Nguyễn Thị Mẫu", ["MST:" + MST], None)
    text = registered("unit", "bindings", "--code", UNIT).out
    assert str(one["serial"]) in text
    assert shown(until) in text
    assert registered("unit", "unbind", "--code", UNIT, "--cert", path).status == 0
    assert [each["state"] for each in listed(registered)] == ["withdrawn"]
    assert "đã gỡ" in registered("unit", "bindings", "--code", UNIT).out
    again = registered("unit", "unbind", "--code", UNIT, "--cert", path)
    assert (again.status, "trước đó" in again.err) == (2, True)


def test_a_certificate_is_chosen_by_its_serial_or_digest_and_the_others_are_told(registered: Terminal, tmp_path: Path):
    for name in ("one", "two"):
        path = a_certificate(tmp_path, name=name, of=name)
        assert registered("unit", "bind", "--code", UNIT, "--cert", path).status == 0
    one, two = listed(registered)
    told = registered("unit", "unbind", "--code", UNIT, "--serial", str(one["serial"]).upper())
    assert told.status == 0
    assert str(two["serial"]) in told.err
    assert registered("unit", "unbind", "--code", UNIT, "--serial", "12").status == 2
    assert registered("unit", "unbind", "--code", UNIT, "--sha256", str(two["sha256"]), "--with-renewals").status == 0
    assert [each["state"] for each in listed(registered)] == ["withdrawn", "withdrawn"]


@pytest.mark.parametrize(
    ("identifiers", "said"),
    [
        (("MST:0309876547",), "other"),
        (("CCCD:001099012345",), "none"),
        (("MST:9922360686-001",), "branch"),
    ],
)
def test_a_certificate_that_could_never_sign_for_the_unit_is_not_bound(
    registered: Terminal, tmp_path: Path, identifiers: tuple[str, ...], said: str
):
    told = registered("unit", "bind", "--code", UNIT, "--cert", a_certificate(tmp_path, *identifiers))
    assert (told.status, said in told.err) == (2, True)
    assert listed(registered) == []


def test_what_is_no_certificate_or_no_unit_is_told_in_one_line(registered: Terminal, tmp_path: Path):
    good = a_certificate(tmp_path)
    (tmp_path / "bad.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    (tmp_path / "two.pem").write_bytes(good.read_bytes() * 2)
    (tmp_path / "noise.der").write_bytes(b"noise")
    for name in ("bad.pem", "two.pem", "noise.der", "nothing"):
        told = registered("unit", "bind", "--code", UNIT, "--cert", tmp_path / name)
        assert (told.status, len(told.err.strip().splitlines())) == (2, 1), name
    assert registered("unit", "bind", "--code", "ZZ9999Z", "--cert", good).status == 2
    backwards = ("--from", "02/03/2026", "--to", "01/03/2026")
    assert registered("unit", "bind", "--code", UNIT, "--cert", good, *backwards).status == 2
    assert listed(registered) == []


def test_the_way_of_signing_is_chosen_and_warns_where_nobody_could_sign(registered: Terminal, tmp_path: Path):
    told = registered("unit", "signing", "--code", UNIT, "--mode", "registered")
    assert told.status == 0
    assert "registered, signed-by-parent no" in told.out
    assert "từ chối" in told.err
    assert "nhận mọi" not in registered("unit", "bind", "--code", UNIT, "--cert", a_certificate(tmp_path)).err
    assert "từ chối" not in registered("unit", "signing", "--code", UNIT, "--mode", "registered").err
    told = registered("unit", "signing", "--code", UNIT, "--signed-by-parent", "yes")
    assert "registered, signed-by-parent yes" in told.out
    assert registered("unit", "signing", "--code", UNIT).status == 2
    assert registered("unit", "signing", "--code", "ZZ9999Z", "--mode", "tax-code").status == 2


def an_ivan(motcua: Terminal, *words: str) -> str:
    made = json.loads(motcua("client", "add", "--role", "ivan", "--json", *words).out)
    return str(made["client_id"])


def mandates(motcua: Terminal, client: str) -> list[tuple[object, ...]]:
    told = json.loads(motcua("client", "mandates", client, "--json").out)
    return [(one["unit"], one["valid_from"], one["valid_to"], one["holds"], one["reference"]) for one in told]


def test_a_mandate_is_registered_listed_and_ended(registered: Terminal):
    ivan = an_ivan(registered, "--ivan-code", "00040")
    words = ("client", "mandate", ivan, "--unit", UNIT)
    assert registered(*words, "--from", "01/01/2026", "--reference", "Số  05/UQ").status == 0
    assert mandates(registered, ivan) == [(UNIT, "2026-01-01", None, date(2026, 1, 1) <= TODAY, "Số 05/UQ")]
    until = max(TODAY, date(2026, 1, 1)) + timedelta(days=10)
    assert registered(*words, "--to", until.isoformat()).status == 0
    (one,) = mandates(registered, ivan)
    assert (one[1], one[2], one[4]) == ("2026-01-01", until.isoformat(), "Số 05/UQ")
    assert shown(until) in registered("client", "mandates", ivan).out
    (client,) = [one for one in json.loads(registered("client", "list", "--json").out) if one["role"] == "ivan"]
    assert client["ivan_code"] == "00040"


def test_a_mandate_begins_today_unless_it_is_told(registered: Terminal):
    ivan = an_ivan(registered)
    assert registered("client", "mandate", ivan, "--unit", UNIT).status == 0
    assert mandates(registered, ivan) == [(UNIT, TODAY.isoformat(), None, True, "")]


def test_a_mandate_without_days_gets_them_and_is_not_ended_without(registered: Terminal):
    ivan = an_ivan(registered, "--unit", UNIT)
    assert mandates(registered, ivan) == [(UNIT, None, None, True, "")]
    assert "không ghi ngày" in registered("client", "mandates", ivan).out
    words = ("client", "mandate", ivan, "--unit", UNIT)
    told = registered(*words, "--to", "31/12/2025")
    assert (told.status, "--from" in told.err) == (2, True)
    assert registered(*words, "--from", "2025-01-01", "--to", "2025-12-31").status == 0
    assert mandates(registered, ivan) == [(UNIT, "2025-01-01", "2025-12-31", False, "")]
    (client,) = json.loads(registered("client", "list", "--json").out)
    assert client["units"] == []


def test_a_unit_given_again_to_a_client_whose_mandate_ended_is_told_so(registered: Terminal):
    ivan = an_ivan(registered)
    registered("client", "mandate", ivan, "--unit", UNIT, "--from", "2025-01-01", "--to", "2025-12-31")
    words = ("--code", UNIT, "--tax-code", MST, "--office", "09993", "--client", ivan)
    told = registered("unit", "add", *words)
    assert (told.status, "mandates" in told.err) == (0, True)
    assert mandates(registered, ivan) == [(UNIT, "2025-01-01", "2025-12-31", False, "")]


def test_a_mandate_that_makes_no_sense_is_told_in_one_line(registered: Terminal):
    ivan = an_ivan(registered)
    employer = json.loads(registered("client", "add", "--role", "employer", "--json").out)["client_id"]
    for words in (
        ("ivan-nobody", "--unit", UNIT),
        (employer, "--unit", UNIT),
        (ivan, "--unit", UNIT, "--from", "2026-02-02", "--to", "2026-02-01"),
        (ivan, "--unit", UNIT, "--from", "31/02/2026"),
        (ivan, "--unit", UNIT, "--reference", "x" * 201),
    ):
        told = registered("client", "mandate", *words)
        assert (told.status, len(told.err.strip().splitlines())) == (2, 1), words
    assert mandates(registered, ivan) == []
    assert registered("client", "mandates", "ivan-nobody").status == 2


def test_an_ivan_code_belongs_to_an_ivan(motcua: Terminal):
    assert motcua("client", "add", "--role", "employer", "--ivan-code", "00040").status == 2
    assert motcua("client", "add", "--role", "ivan", "--ivan-code", "Thái Sơn").status == 2


@pytest.mark.parametrize(
    "words", [("unit", "bind"), ("unit", "bindings"), ("unit", "unbind"), ("unit", "signing"), ("client", "mandate"),
              ("client", "mandates")],
)  # fmt: skip
def test_each_command_shows_an_example(motcua: Terminal, words: tuple[str, str]):
    told = motcua(*words, "--help")
    assert told.status == 0
    assert f"motcua {' '.join(words)}" in told.out.split("ví dụ")[1]
