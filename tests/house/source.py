"""The source as these tests read it: parsed, never imported."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

HOUSE = Path(__file__).parents[2]
ROOMS = ("gateway", "schemas", "signing", "storage")


@dataclass(frozen=True)
class Module:
    """One module: its dotted name, and its text."""

    name: str
    text: str
    package: bool = False
    names: frozenset[str] = field(
        default=frozenset(), compare=False
    )  # of all modules, to tell a module from a function

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def room(self) -> str:
        return self.name.partition(".")[0]

    @cached_property
    def imports(self) -> dict[str, bool]:
        """Dotted names that this module imports, each with whether it is imported at run time."""
        found: dict[str, bool] = {}
        for node, runs in _walk(self.tree, runs=True):
            for name in self._imported(node):
                found[name] = found.get(name, False) or runs
        return found

    def _imported(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = self.name.split(".") if self.package else self.name.split(".")[:-1]
                above = above[: len(above) - node.level + 1]
                base = ".".join([*above, *filter(None, [base])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in self.names else base


def _walk(node: ast.AST, *, runs: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        yield child, runs
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for inner in child.body:
                yield inner, False
                yield from _walk(inner, runs=False)
            for inner in child.orelse:
                yield inner, runs
                yield from _walk(inner, runs=runs)
        else:
            yield from _walk(child, runs=runs)


def modules(texts: dict[str, str]) -> list[Module]:
    """Modules from texts by path, such as `gateway/api/problems.py`."""
    named = {}
    for path, text in texts.items():
        parts = path.removesuffix(".py").split("/")
        package = parts[-1] == "__init__"
        named[".".join(parts[:-1] if package else parts)] = (text, package)
    return [Module(name, text, package, frozenset(named)) for name, (text, package) in sorted(named.items())]


def house() -> list[Module]:
    """The modules of the four rooms as they lie in the tree."""
    paths = [path for path in files() if path.suffix == ".py" and path.parts[0] in ROOMS]
    return modules({path.as_posix(): (HOUSE / path).read_text("utf-8") for path in paths})


def files() -> list[Path]:
    """Every file that is tracked, or new and not ignored, relative to the house."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=HOUSE, check=True, capture_output=True
    ).stdout.decode()
    return sorted(Path(name) for name in listed.split("\0") if name and (HOUSE / name).is_file())


def own_hosts() -> set[str]:
    """Hosts that this machine fetches packages from, read from its own configuration."""
    places = [
        *Path("/etc/apt").glob("sources.list*"),
        *Path("/etc/apt").glob("sources.list.d/*"),
        Path("/etc/pip.conf"),
    ]
    places += [Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf", Path.home() / ".npmrc"]
    text = "\n".join(place.read_text("utf-8", "replace") for place in places if place.is_file())
    hosts = {host.lower() for host in re.findall(r"https?://(?:[^/@\s]*@)?([\w.-]+)", text)}
    return {host for host in hosts if "." in host and not host.replace(".", "").isdigit() and host != "localhost"}
