"""The operator's registers by command: clients, units, trust."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from gateway.app import open_the_database
from gateway.config import Settings
from schemas import sample
from signing.demo_pki import load_recipe, make_pki
from storage import clients, register
from tests.gateway.cli_run import Terminal

HEAD = "code,tax_code,office,name,valid_from,valid_to\n"


def row(number: int, *, office: str = "09993", since: str = "2020-01-01", until: str = "", name: str = "Đơn vị") -> str:
    return f"{sample.unit_code(number)},{sample.tax_code(number)},{office},{name},{since},{until}\n"


def registered(home: Path) -> list[register.Unit]:
    database = open_the_database(Settings(home=str(home)))
    try:
        with database.read() as tx:
            return list(register.units(tx))
    finally:
        database.close()


def bring(motcua: Terminal, text: str, *words: str, encoding: str = "utf-8") -> tuple[int, dict[str, object]]:
    path = motcua.home.parent / "units.csv"
    path.write_text(text, encoding)
    told = motcua("unit", "import", path, "--json", *words)
    return told.status, json.loads(told.out)


def test_a_clients_secret_is_shown_when_it_is_made_and_never_again(motcua: Terminal):
    made = json.loads(motcua("client", "add", "--role", "employer", "--unit", "AK4549H", "--json").out)
    assert set(made) == {"client_id", "client_secret"}
    for words in (("client", "list"), ("client", "list", "--json")):
        assert made["client_secret"] not in motcua(*words).out
    (listed,) = json.loads(motcua("client", "list", "--json").out)
    assert (listed["client_id"], listed["units"]) == (made["client_id"], ["AK4549H"])
    rotated = json.loads(motcua("client", "rotate", made["client_id"], "--json").out)
    assert rotated["client_secret"] != made["client_secret"]


def test_a_disabled_client_is_listed_as_such(motcua: Terminal):
    made = json.loads(motcua("client", "add", "--role", "operator", "--json").out)
    assert motcua("client", "disable", made["client_id"]).status == 0
    (listed,) = json.loads(motcua("client", "list", "--json").out)
    assert listed["disabled_at"]
    assert "khóa" in motcua("client", "list").out


def test_a_private_key_is_not_taken_for_a_public_one(motcua: Terminal, tmp_path: Path):
    private = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "c2VjcmV0"}
    (tmp_path / "key.jwk").write_text(json.dumps(private))
    assert motcua("client", "add", "--role", "ivan", "--jwk", tmp_path / "key.jwk").status == 2
    assert motcua("client", "list", "--json").out.strip() == "[]"
    del private["d"]
    (tmp_path / "key.jwk").write_text(json.dumps(private))
    made = motcua("client", "add", "--role", "ivan", "--jwk", tmp_path / "key.jwk", "--json")
    assert "client_secret" not in json.loads(made.out)


def test_a_unit_can_be_given_to_a_client(motcua: Terminal):
    made = json.loads(motcua("client", "add", "--role", "ivan", "--json").out)
    words = ("--code", "AK4549H", "--tax-code", "9922360686", "--office", "09993", "--client")
    assert motcua("unit", "add", *words, made["client_id"]).status == 0
    assert motcua("unit", "add", *words, "ivan-nobody").status == 2
    database = open_the_database(Settings(home=str(motcua.home)))
    with database.read() as tx:
        assert clients.units(tx, made["client_id"]) == ["AK4549H"]
    database.close()


def test_an_import_tells_what_is_new_changed_ended_and_as_before(motcua: Terminal):
    first = HEAD + row(1) + row(2) + row(3) + row(4)
    assert bring(motcua, first)[1]["written"] == 4
    assert bring(motcua, first)[1]["written"] == 0
    second = HEAD + row(1) + row(2, office="09995") + row(3, until="2026-12-31") + row(5)
    status, told = bring(motcua, second)
    assert status == 0
    counted = {name: told[name] for name in ("rows", "added", "changed", "ended", "unchanged", "written")}
    assert counted == {"rows": 4, "added": 1, "changed": 1, "ended": 1, "unchanged": 1, "written": 3}
    held = {unit.code: unit for unit in registered(motcua.home)}
    assert len(held) == 5, "a row that is not in the file stays"
    assert held[sample.unit_code(2)].office == "09995"
    assert held[sample.unit_code(3)].valid_to == "2026-12-31"


def test_a_dry_run_writes_nothing(motcua: Terminal):
    status, told = bring(motcua, HEAD + row(1), "--dry-run")
    assert (status, told["added"], told["written"]) == (0, 1, 0)
    assert registered(motcua.home) == []


def test_with_a_bad_row_nothing_is_written_unless_it_is_asked_for(motcua: Terminal):
    text = HEAD + row(1) + "short,0101234565,09993,x,2020-01-01,\n" + row(2)
    status, told = bring(motcua, text)
    assert (status, told["bad"], told["written"]) == (1, 1, 0)
    assert told["faults"][0]["line"] == 3  # type: ignore[index]
    assert registered(motcua.home) == []
    status, told = bring(motcua, text, "--skip-bad")
    assert (status, told["written"]) == (1, 2)


@pytest.mark.parametrize(
    "line",
    [
        f"{sample.unit_code(1)},99,09993,x,2020-01-01,",
        f"{sample.unit_code(1)},{sample.tax_code(1)},993,x,2020-01-01,",
        f"{sample.unit_code(1)},{sample.tax_code(1)},09993,x,31/02/2020,",
        f"{sample.unit_code(1)},{sample.tax_code(1)},09993,x,2020-01-01,2019-12-31",
        f"{sample.unit_code(1)},{sample.tax_code(1)},09993,x,2020-01-01,later",
        f"{sample.unit_code(1)},{sample.tax_code(1)},09993,x",
        f"{sample.unit_code(1)},{sample.tax_code(1)},09993,x,2020-01-01,,extra",
        f"{sample.unit_code(1)},{sample.tax_code(1)},09993,{'x' * 301},2020-01-01,",
    ],
)
def test_a_bad_row_is_named_by_its_line(motcua: Terminal, line: str):
    status, told = bring(motcua, HEAD + line + "\n")
    assert (status, told["bad"]) == (1, 1)
    assert told["faults"][0]["line"] == 2  # type: ignore[index]


SIGNING_HEAD = HEAD.strip() + ",signing,signed_by_parent\n"


def with_signing(number: int, signing: str, parent: str) -> str:
    return f"{row(number).strip()},{signing},{parent}\n"


def test_an_import_may_tell_whose_certificates_sign(motcua: Terminal):
    text = SIGNING_HEAD + with_signing(1, "registered", "") + with_signing(2, "", "có") + with_signing(3, "", "")
    status, told = bring(motcua, text)
    assert (status, told["added"]) == (0, 3)
    assert [(one.signing, one.signed_by_parent) for one in sorted_by_number(motcua)] == [
        ("registered", False),
        ("tax-code", True),
        ("tax-code", False),
    ]
    assert bring(motcua, text)[1]["unchanged"] == 3


def test_an_import_that_does_not_tell_leaves_it_as_it_stands(motcua: Terminal):
    bring(motcua, SIGNING_HEAD + with_signing(1, "registered", "yes"))
    assert bring(motcua, HEAD + row(1))[1]["unchanged"] == 1
    assert bring(motcua, HEAD + row(1, office="09995"))[1]["changed"] == 1
    assert bring(motcua, HEAD + row(1, since="2026-01-01"))[1]["added"] == 1
    assert motcua("unit", "add", "--code", sample.unit_code(1), "--tax-code", sample.tax_code(1), "--office", "09993",
                  "--valid-from", "2026-05-01").status == 0  # fmt: skip
    assert [(one.signing, one.signed_by_parent) for one in registered(motcua.home)] == [("registered", True)] * 3
    status, told = bring(motcua, SIGNING_HEAD + with_signing(1, "tax-code", "no"))
    assert (status, told["changed"]) == (0, 1)
    assert registered(motcua.home)[0].signing == "tax-code"


@pytest.mark.parametrize("cells", ["both,", ",maybe", "registered,2"])
def test_a_way_of_signing_that_is_none_is_a_bad_row(motcua: Terminal, cells: str):
    status, told = bring(motcua, SIGNING_HEAD + with_signing(1, *cells.split(",")))
    assert (status, told["bad"]) == (1, 1)


def sorted_by_number(motcua: Terminal) -> list[register.Unit]:
    held = {unit.code: unit for unit in registered(motcua.home)}
    return [held[sample.unit_code(number)] for number in (1, 2, 3)]


def test_a_row_that_stands_twice_is_bad(motcua: Terminal):
    status, told = bring(motcua, HEAD + row(1) + row(1, office="09995"))
    assert (status, told["bad"]) == (1, 1)


def test_spreadsheets_marks_and_dates_are_understood(motcua: Terminal):
    status, told = bring(motcua, HEAD + row(1, since="31/01/2020", name='"Công ty A, B"'), encoding="utf-8-sig")
    assert (status, told["written"]) == (0, 1)
    (held,) = registered(motcua.home)
    assert (held.valid_from, held.name) == ("2020-01-31", "Công ty A, B")


@pytest.mark.parametrize("text", ["", "code,office\nx,y\n", HEAD + '"never closed', "\x00"])
def test_what_is_no_such_file_is_told_in_one_line(motcua: Terminal, tmp_path: Path, text: str):
    path = tmp_path / "units.csv"
    path.write_text(text)
    told = motcua("unit", "import", path)
    assert told.status == 2
    assert len(told.err.strip().splitlines()) == 1


def test_an_authority_is_trusted_only_when_it_may_be(motcua: Terminal, tmp_path: Path):
    pki = make_pki(datetime.now(UTC), replace(load_recipe(), employers=load_recipe().employers[1:2]))
    pki.write(tmp_path)
    assert motcua("trust", "check").status == 1
    for wrong in (tmp_path / "branch.pem", tmp_path / "branch.key.pem", Path(__file__)):
        assert motcua("trust", "add", wrong).status == 2
    assert motcua("trust", "add", tmp_path / "trust" / "intermediate.pem").status == 0
    assert motcua("trust", "check").status == 1, "it leads to no anchor"
    assert motcua("trust", "add", tmp_path / "trust" / "root.pem").status == 0
    assert motcua("trust", "check").status == 0
    held = json.loads(motcua("trust", "list", "--json").out)
    assert sorted(one["kind"] for one in held) == ["anchor", "intermediate"]
    assert "Đã có" in motcua("trust", "add", tmp_path / "trust" / "root.pem").out


def test_an_expired_authority_is_not_added(motcua: Terminal, tmp_path: Path):
    recipe = load_recipe()
    short = replace(recipe, root=replace(recipe.root, key="ec-p256", valid_days=1), employers=())
    pki = make_pki(
        datetime(2020, 1, 1, tzinfo=UTC), replace(short, intermediate=replace(recipe.intermediate, key="ec-p256"))
    )
    (tmp_path / "root.pem").write_bytes(pki.root.certificate.public_bytes(Encoding.PEM))
    told = motcua("trust", "add", tmp_path / "root.pem")
    assert told.status == 2
    assert "hết hạn" in told.err
