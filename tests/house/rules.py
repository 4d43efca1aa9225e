"""The house rules, each a function from the source to its offenders."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from tests.house.source import Module

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
APART = frozenset({"schemas", "signing", "storage"})
SHAPELESS = frozenset({"common", "utils", "util", "core", "helper", "helpers", "misc", "lib", "shared"})
CLOCK = "gateway.clock"
# Who puts the door together, and a command that answers as it does.
AT_THE_DOOR = frozenset({"gateway.app", "gateway.house", "gateway.cli_check"})
HTTP_FRAMEWORK = "litestar"
STOPWATCHES = frozenset({"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"})
WALL_CLOCKS = frozenset(
    {
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "time.time",
        "time.time_ns",
        "time.localtime",
        "time.gmtime",
        "time.ctime",
        "time.strftime",
        "time.asctime",
        "time.clock_gettime",
        "time.clock_gettime_ns",
        "uuid.uuid1",
        "uuid.uuid6",
        "uuid.uuid7",
        "sqlalchemy.func.now",
        "sqlalchemy.func.current_timestamp",
        "sqlalchemy.func.current_date",
        "sqlalchemy.func.localtimestamp",
    }
)
SQL_CLOCK = re.compile(
    r"\b(CURRENT_(TIMESTAMP|DATE|TIME)|LOCALTIMESTAMP)\b|\b(now|clock_timestamp|statement_timestamp)\(\s*\)"
    r"|\b(unixepoch|datetime|strftime|julianday)\([^)]*'now'",
    re.IGNORECASE,
)
_SQL_WORDS = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|DEFAULT|WHERE|VALUES)\b")


def arrows(modules: Iterable[Module]) -> list[str]:
    """The three rooms import none of each other, nor the gateway."""
    return [
        f"{module.name} imports {name}"
        for module in modules
        if module.room in APART
        for name in module.imports
        if name.partition(".")[0] in (APART | {"gateway"}) - {module.room}
    ]


def http_elsewhere(modules: Iterable[Module]) -> list[str]:
    """Only gateway/api and gateway/app.py know the HTTP framework."""
    return [
        f"{module.name} imports {name}"
        for module in modules
        if module.name not in ("gateway.app", "gateway.api") and not module.name.startswith("gateway.api.")
        for name in module.imports
        if name.partition(".")[0] == HTTP_FRAMEWORK
    ]


def lines_at_the_door(modules: Iterable[Module]) -> list[str]:
    """The door imports the lines; no line imports the door."""
    return [
        f"{module.name} imports {name}"
        for module in modules
        if module.room == "gateway" and module.name not in AT_THE_DOOR and not module.name.startswith("gateway.api")
        for name in module.imports
        if name == "gateway.api" or name.startswith("gateway.api.")
    ]


def asks_the_time(modules: Iterable[Module]) -> list[str]:
    """Only gateway/clock.py reads the wall clock; a stopwatch may be read in the gateway."""
    found = []
    for module in modules:
        if module.name == CLOCK:
            continue
        for name, line in _named(module):
            head, _, last = name.rpartition(".")
            watch = head == "time" and last in STOPWATCHES and module.room != "gateway"
            if name in WALL_CLOCKS or watch:
                found.append(f"{module.name}:{line} {name}")
        found += [
            f"{module.name}:{node.lineno} asks the database for the time"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            if _SQL_WORDS.search(node.value) and SQL_CLOCK.search(node.value)
        ]
    return found


def sql_asks_the_time(texts: Mapping[str, str]) -> list[str]:
    """Neither does a migration."""
    return [
        f"{path}:{number} {found[0]}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if (found := SQL_CLOCK.search(line.partition("--")[0]))
    ]


def _named(module: Module) -> Iterator[tuple[str, int]]:
    """Every dotted name that is read, with local names traced back to what was imported."""
    local: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                local[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            parts = ast.unparse(node).split(".")
            if all(part.isidentifier() for part in parts):
                yield ".".join([local.get(parts[0], parts[0]), *parts[1:]]), node.lineno


def circles(modules: Iterable[Module]) -> list[str]:
    """No module imports itself by way of others; imports for types alone do not count."""
    known = {module.name: module for module in modules}
    edges = {
        name: sorted({each for each, runs in module.imports.items() if runs and each in known and each != name})
        for name, module in known.items()
    }
    found, done = [], set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append(" → ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for each in edges[name]:
                visit(each, [*path, name])
            done.add(name)

    for name in edges:
        visit(name, [])
    return found


def shapeless(modules: Iterable[Module]) -> list[str]:
    """No module is called by what it is not."""
    return [module.name for module in modules if SHAPELESS & set(module.name.split("."))]


def wordless(modules: Iterable[Module]) -> list[str]:
    """A module starts with a docstring whose first paragraph is one sentence; an empty `__init__.py` says nothing."""
    found = []
    for module in modules:
        if module.package and not module.text.strip():
            continue
        said = ast.get_docstring(module.tree)
        if said is None:
            found.append(f"{module.name} has no docstring")
            continue
        first = " ".join(said.split("\n\n")[0].split())
        if not first.endswith((".", "!", "?")) or re.search(r"[.!?] [A-ZÀ-Ỹ]", first):
            found.append(f"{module.name} does not start with one sentence: {first}")
    return found


def too_long(modules: Iterable[Module]) -> list[str]:
    """Files and functions that can be read in one go; a docstring is not counted against its function."""
    found = []
    for module in modules:
        if (lines := len(module.text.splitlines())) > FILE_LINES_MAX:
            found.append(f"{module.name} has {lines} lines")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if ast.get_docstring(node) is not None:
                    lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    found.append(f"{module.name}:{node.lineno} {node.name} has {lines} lines")
    return found


def unlocked(text: str) -> list[str]:
    """A lock names exact versions with hashes, and nowhere to fetch them from."""
    found = []
    for block in re.split(r"\n(?=[^\s#])", "\n" + text):
        head = block.strip().split("\n")[0].rstrip("\\ ")
        if not head or head.startswith("#"):
            continue
        if head.startswith("-") or re.search(r"https?:|file:|@ ", head):
            found.append(f"names a place: {head}")
        elif not re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+", head):
            found.append(f"names no exact version: {head}")
        elif "--hash=sha256:" not in block:
            found.append(f"has no hash: {head}")
    return found
