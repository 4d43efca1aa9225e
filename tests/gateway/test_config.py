"""Settings: what is read, what wins, what stops the start."""

from pathlib import Path

import pytest

from gateway import ids
from gateway.config import Misconfigured, Settings, load
from tests.clocks import HandClock


def test_nothing_set_gives_the_embedded_default() -> None:
    settings = load({"PATH": "/bin", "HOME": "/root"})
    assert settings == Settings()
    assert settings.database == "sqlite:///var/motcua.sqlite"
    assert settings.vault == "file:var/vault"
    assert str(settings.path("seal_key", "seal.pem")) == "var/seal.pem"


def test_variables_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "motcua.toml"
    file.write_text('home = "/srv/motcua"\nport = 9000\n', encoding="utf-8")
    settings = load({"MOTCUA_CONFIG": str(file), "MOTCUA_PORT": "9001", "MOTCUA_ROUND_WINDOW_S": "0.01"})
    assert (settings.home, settings.port, settings.round_window_s) == ("/srv/motcua", 9001, 0.01)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MOTCUA_PROT": "8080"}, "MOTCUA_PROT"),
        ({"MOTCUA_PORT": "eighty"}, "port"),
        ({"MOTCUA_PORT": "0"}, "port"),
        ({"MOTCUA_WORKERS": "0"}, "workers"),
        ({"MOTCUA_GATEWAY_UNIT": "hà nội"}, "gateway_unit"),
        ({"MOTCUA_CONFIG": "/nowhere/motcua.toml"}, "/nowhere/motcua.toml"),
    ],
)
def test_a_mistake_stops_the_start_with_a_clear_line(environment: dict[str, str], said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as refused:
        load(environment)
    assert "\n" not in str(refused.value)


def test_an_unknown_key_in_the_file_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "motcua.toml"
    file.write_text('hom = "/srv"\n', encoding="utf-8")
    with pytest.raises(Misconfigured, match="MOTCUA_HOM"):
        load({"MOTCUA_CONFIG": str(file)})
    file.write_text("home = \n", encoding="utf-8")
    with pytest.raises(Misconfigured):
        load({"MOTCUA_CONFIG": str(file)})


def test_receipt_numbers_have_the_national_shape_and_end_with_the_day() -> None:
    day = HandClock().now().date()
    assert ids.receipt_number("G09.20", day, 42) == "G09.20-20260302-0000042"
    with pytest.raises(ids.NumbersExhausted):
        ids.receipt_number("G09.20", day, 10_000_000)


def test_a_dossiers_id_follows_from_its_bytes_and_a_refusals_does_not() -> None:
    assert ids.dossier_id(b"\0" * 32) == ids.dossier_id(b"\0" * 32) != ids.dossier_id(b"\1" * 32)
    assert ids.refusal_id() != ids.refusal_id()
