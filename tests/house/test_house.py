"""The house rules hold, and each of them notices when it is broken."""

import re
from pathlib import Path

import pytest

from tests.house import rules
from tests.house.source import HOUSE, ROOMS, files, house, modules, own_hosts

MODULES = house()
FILES = files()


def none(offenders: list[str]) -> None:
    assert not offenders, "\n" + "\n".join(offenders)


def text_of(path: Path) -> str:
    return (HOUSE / path).read_bytes().decode("utf-8", "replace")


def test_the_house_is_read_whole():
    assert {module.room for module in MODULES} == set(ROOMS)
    assert "gateway.clock" in {module.name for module in MODULES}
    assert Path("pyproject.toml") in FILES


def test_the_three_rooms_know_neither_each_other_nor_the_gateway():
    none(rules.arrows(MODULES))


def test_only_the_door_knows_http():
    none(rules.http_elsewhere(MODULES))


def test_no_line_imports_the_door():
    none(rules.lines_at_the_door(MODULES))


def test_only_the_clock_is_asked_for_the_time():
    none(rules.asks_the_time(MODULES))


def test_no_migration_asks_for_the_time():
    found = [path for path in FILES if path.suffix == ".sql"]
    assert found
    none(rules.sql_asks_the_time({path.as_posix(): text_of(path) for path in found}))


def test_imports_run_in_no_circle():
    none(rules.circles(MODULES))


def test_no_module_is_a_drawer_for_everything():
    none(rules.shapeless(MODULES))


def test_a_module_starts_by_saying_what_it_is():
    none(rules.wordless(MODULES))


def test_files_and_functions_can_be_read_in_one_go():
    none(rules.too_long(MODULES))


def test_every_room_has_a_readme():
    none(
        [f"{room or '.'} has no README.md" for room in ("", *ROOMS, "docker") if Path(room) / "README.md" not in FILES]
    )


def test_every_folder_of_tests_is_a_package():
    folders = {path.parent for path in FILES if path.parts[0] == "tests" and path.suffix == ".py"}
    none([str(folder) for folder in folders if folder / "__init__.py" not in FILES])


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_name_hashes_and_no_place(lock: str):
    none(rules.unlocked(text_of(Path(lock))))


# Cut with "~", so that this file does not offend against itself.
_REGISTRIES = "py~pi.org python~hosted.org npm~js.org npm~js.com deb.deb~ian.org docker~.io quay~.io ghcr~.io gcr~.io"
REGISTRIES = re.compile(rf"\b({'|'.join(map(re.escape, _REGISTRIES.replace('~', '').split()))})\b", re.IGNORECASE)
INDEX_OPTION = re.compile("--(extra-)?index~-url|\\bindex~-url\\s*=".replace("~", ""))
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(work|tmp|root|home|Users)/[\w.~-]")


def offending(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number} {found[0]}"
        for path in FILES
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if (found := pattern.search(line))
    ]


def test_no_file_names_a_package_registry():
    none(offending(REGISTRIES))
    none(offending(INDEX_OPTION))


def test_no_file_names_a_host_that_this_machine_fetches_from():
    if hosts := own_hosts():
        none(offending(re.compile("|".join(map(re.escape, sorted(hosts))), re.IGNORECASE)))


def test_no_file_names_a_path_of_one_machine():
    none(offending(MACHINE_PATH))


# Each rule again, on a forged offence.
def test_a_room_that_knows_another_is_noticed():
    forged = modules(
        {
            "schemas/a.py": "from storage import b",
            "storage/b.py": "import gateway.app",
            "signing/c.py": "def f():\n    from schemas.a import x",
            "gateway/app.py": "import schemas.a, storage.b",
            "signing/d.py": "from . import c\nif TYPE_CHECKING:\n    import storage.b",
        }
    )
    assert rules.arrows(forged) == [
        "schemas.a imports storage.b",
        "signing.c imports schemas.a",
        "signing.d imports storage.b",
        "storage.b imports gateway.app",
    ]


def test_http_behind_the_door_is_noticed():
    forged = modules(
        {
            "gateway/intake.py": "from litestar.status_codes import HTTP_200_OK",
            "gateway/app.py": "import litestar",
            "gateway/api/problems.py": "import litestar",
        }
    )
    assert rules.http_elsewhere(forged) == ["gateway.intake imports litestar.status_codes"]


def test_a_line_that_knows_the_door_is_noticed():
    forged = modules(
        {
            "gateway/intake.py": "from gateway.api.caller import scope_of",
            "gateway/app.py": "from gateway.api import doors",
            "gateway/api/office.py": "from gateway.api import views",
        }
    )
    assert rules.lines_at_the_door(forged) == ["gateway.intake imports gateway.api.caller"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gateway/intake.py", "from datetime import datetime\nnow = datetime.now(tz=None)"),
        ("gateway/intake.py", "import datetime as dt\nnow = dt.datetime.utcnow()"),
        ("storage/work.py", "from datetime import date as day\nnow = day.today()"),
        ("storage/work.py", "import time\nnow = time.time()"),
        ("storage/work.py", "from time import time_ns as t\nnow = t()"),
        ("storage/work.py", "import datetime\nfield(default_factory=datetime.datetime.now)"),
        ("storage/work.py", "from time import monotonic\nmonotonic()"),
        ("storage/work.py", "from sqlalchemy import func\nfunc.now()"),
        ("storage/work.py", "q = 'UPDATE t SET at = CURRENT_TIMESTAMP'"),
        ("storage/work.py", "q = \"INSERT INTO t VALUES (strftime('%s', 'now'))\""),
        ("signing/seal.py", "import uuid\nuuid.uuid1()"),
    ],
)
def test_whoever_asks_the_time_is_noticed(path: str, text: str):
    assert len(rules.asks_the_time(modules({path: text}))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gateway/clock.py", "from datetime import datetime\nnow = datetime.now(tz=None)"),
        ("gateway/intake.py", "import time\ntime.monotonic(), time.perf_counter()"),
        ("gateway/intake.py", "def line(clock, now):\n    return clock.now(), now"),
        ("storage/work.py", "import time\ntime.sleep(1)"),
        ("storage/work.py", "q = 'It is known now (and here).'"),
    ],
)
def test_whoever_is_told_the_time_is_left_alone(path: str, text: str):
    assert rules.asks_the_time(modules({path: text})) == []


def test_a_migration_that_asks_the_time_is_noticed():
    forged = {"m.sql": "CREATE TABLE t (at TEXT DEFAULT CURRENT_TIMESTAMP);\n-- now() is never used\nSELECT now();"}
    assert rules.sql_asks_the_time(forged) == ["m.sql:1 CURRENT_TIMESTAMP", "m.sql:3 now()"]


def test_a_circle_is_noticed_and_one_for_types_alone_is_not():
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gateway import a\n"
    straight = {"gateway/a.py": "from gateway import b", "gateway/b.py": types}
    assert rules.circles(modules(straight)) == []
    bent = straight | {"gateway/b.py": "import gateway.c", "gateway/c.py": "def f():\n    from gateway.a import x"}
    assert rules.circles(modules(bent)) == ["gateway.a → gateway.b → gateway.c → gateway.a"]


def test_a_drawer_for_everything_is_noticed():
    forged = modules({"gateway/utils.py": "", "schemas/core/a.py": "", "storage/score.py": ""})
    assert rules.shapeless(forged) == ["gateway.utils", "schemas.core.a"]


@pytest.mark.parametrize("text", ["", "x = 1", '"""No end"""', '"""One. Two."""', '"""\nOne.\nTwo.\n"""'])
def test_a_module_without_its_sentence_is_noticed(text: str):
    assert len(rules.wordless(modules({"gateway/a.py": text}))) == 1


def test_what_cannot_be_read_in_one_go_is_noticed():
    body = "    x = 1\n" * rules.FUNCTION_LINES_MAX
    assert rules.too_long(modules({"gateway/a.py": f"def f():\n{body}"})) == ["gateway.a:1 f has 71 lines"]
    assert rules.too_long(modules({"gateway/a.py": "def f():\n" + '    """Said."""\n' + body[10:]})) == []
    assert rules.too_long(modules({"gateway/a.py": "x = 1\n" * 401})) == ["gateway.a has 401 lines"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a==1\n", "has no hash"),
        ("a>=1 \\\n    --hash=sha256:00\n", "names no exact version"),
        ("a==1 \\\n    --hash=sha256:00\nb==2\n    # via a\n", "has no hash: b==2"),
        ("a @ https://example.org/a.whl \\\n    --hash=sha256:00\n", "names a place"),
        ("--find-links here\na==1 \\\n    --hash=sha256:00\n", "names a place"),
    ],
)
def test_a_loose_lock_is_noticed(text: str, complaint: str):
    (found,) = rules.unlocked(text)
    assert complaint in found


@pytest.mark.parametrize(
    ("pattern", "text", "offends"),
    [
        (REGISTRIES, "https://py~pi.org/simple", True),
        (REGISTRIES, "docker~.io/library/postgres", True),
        (REGISTRIES, "postgres:15-bookworm", False),
        (INDEX_OPTION, "pip install --index~-url x", True),
        (INDEX_OPTION, "index~-url = x", True),
        (MACHINE_PATH, "open('/wo~rk/main/x')", True),
        (MACHINE_PATH, "cd /ro~ot/x", True),
        (MACHINE_PATH, "/var/lib/motcua/tmp/x", False),
        (MACHINE_PATH, "/v1/wo~rk/x and tests/tmp/x", False),
    ],
)
def test_names_of_places_are_noticed(pattern: re.Pattern[str], text: str, offends: bool):
    assert bool(pattern.search(text.replace("~", ""))) is offends
