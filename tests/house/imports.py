"""Which room may import which: imports go downwards only, and only through doors.

``python -m tests.house.imports`` checks ``src/coterie`` and names every import that does not fit.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "coterie"
SOURCE = Path(__file__).resolve().parents[2] / "src" / PACKAGE

LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"cli", "console"}),
    frozenset({"client"}),
    frozenset({"hub", "serving"}),
    frozenset({"node"}),
    frozenset({"jobs"}),
    frozenset({"learn"}),
    frozenset({"mpc", "psi", "fl", "tee"}),
    frozenset({"agreement"}),
    frozenset({"data"}),
    frozenset({"wire", "ledger"}),
    frozenset({"crypto"}),
    frozenset({"_kernels"}),
)
"""The house from the roof to the ground. Rooms of one level do not know each other."""

FOR_ALL = frozenset({"errors"})

FLATS = frozenset({"learn"})
"""Rooms whose folders are rooms themselves, with doors that the others inside knock at too."""


@dataclass(frozen=True)
class Import:
    """One import of something inside the package."""

    file: Path
    line: int
    source: tuple[str, ...]
    """Module that imports, without the package's name."""
    target: tuple[str, ...]
    """Module that is imported, without the package's name; empty for the package itself."""

    def __str__(self) -> str:
        names = [".".join((PACKAGE, *parts)) for parts in (self.source, self.target)]
        return f"{self.file}:{self.line}: {names[0]} imports {names[1]}"


def modules(root: Path = SOURCE) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Every Python file below ``root`` with its module name, as parts without the package's name."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield path, parts[:-1] if parts[-1] == "__init__" else parts


@functools.cache
def imports(root: Path = SOURCE) -> tuple[Import, ...]:
    """Every import inside the package, those within functions and for type checkers included."""
    return tuple(_imports(root))


def _imports(root: Path) -> Iterator[Import]:
    known = {name for _, name in modules(root)} | {("_kernels",)}
    exports = {name: exported(path) for path, name in modules(root) if path.name == "__init__.py"}
    for path, name in modules(root):
        package = name if path.name == "__init__.py" else name[:-1]
        for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
            for target in _targets(node, package, known, exports):
                yield Import(path, node.lineno, name, target)  # type: ignore[attr-defined]


def exported(path: Path) -> frozenset[str]:
    """The names that a door lists in ``__all__``."""
    for node in ast.parse(path.read_bytes(), str(path)).body:
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return frozenset(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    return frozenset()


def _targets(
    node: ast.AST,
    package: tuple[str, ...],
    known: set[tuple[str, ...]],
    exports: dict[tuple[str, ...], frozenset[str]],
) -> Iterator[tuple[str, ...]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            first, *rest = alias.name.split(".")
            if first == PACKAGE:
                yield tuple(rest)
    elif isinstance(node, ast.ImportFrom):
        stated = tuple(node.module.split(".")) if node.module else ()
        if node.level:
            base = package[: len(package) - node.level + 1] + stated
        elif stated[:1] == (PACKAGE,):
            base = stated[1:]
        else:
            return
        # `from a import b` takes what the door a lists, else the module a.b, else what a's door hides.
        foreign = base[:1] != package[:1]
        for alias in node.names:
            inner = (*base, alias.name)
            listed = alias.name in exports.get(base, frozenset())
            hidden = foreign and base in exports and not listed
            yield inner if hidden or (inner in known and not listed) else base


def fault(found: Import, doors: frozenset[tuple[str, ...]]) -> str | None:
    """Why an import does not fit the house, or None.

    :param doors: the modules that are packages.
    """
    if not found.target:
        return "the package itself holds nothing to import"
    if not found.source:
        return "the package's own door stays empty"
    here, there = found.source[0], found.target[0]
    if there in FOR_ALL:
        return None
    if here in FOR_ALL:
        return "what all may import, imports nothing"
    if here != there:
        return _between(here, there, found.target)
    if here in FLATS:
        return _within_flat(found, doors)
    return None


def _between(here: str, there: str, target: tuple[str, ...]) -> str | None:
    levels = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
    for room in (here, there):
        if room not in levels:
            return f"{room} is no room of the house"
    if levels[there] < levels[here]:
        return f"{there} is above {here}"
    if levels[there] == levels[here]:
        return f"{there} is beside {here}"
    if len(target) > 1:
        return f"goes past the door: import what {PACKAGE}.{there} exports"
    return None


def _within_flat(found: Import, doors: frozenset[tuple[str, ...]]) -> str | None:
    mine, other = found.source[:2], found.target[:2]
    if len(found.source) < 2 or mine == other:
        return None
    if len(found.target) < 2:
        return f"{'.'.join(mine)} is inside: import from the file itself, not from the door above it"
    if other in doors and len(found.target) > 2 and found.source[:1] in doors:
        return f"goes past the door: import what {PACKAGE}.{'.'.join(other)} exports"
    return None


def faults(root: Path = SOURCE) -> list[str]:
    """Every import that does not fit, as ``file:line: what: why``."""
    doors = frozenset(name for path, name in modules(root) if path.name == "__init__.py")
    return [f"{found}: {why}" for found in imports(root) if (why := fault(found, doors))]


def circles(root: Path = SOURCE) -> list[tuple[str, ...]]:
    """Groups of rooms that import each other in a circle; the folders of a flat count as rooms."""
    graph: dict[str, set[str]] = {}
    for found in imports(root):
        here, there = _room(found.source), _room(found.target)
        graph.setdefault(here, set())
        if here != there:
            graph[here].add(there)
    reach = {room: _reachable(graph, room) for room in graph}
    groups = {
        tuple(sorted({room, *(other for other in reach[room] if room in reach.get(other, ()))}))
        for room in graph
    }
    return sorted(group for group in groups if len(group) > 1)


def _room(name: tuple[str, ...]) -> str:
    return ".".join(name[: 2 if name[:1] and name[0] in FLATS else 1])


def _reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for room in graph.get(todo.pop(), ()):
            if room not in seen:
                seen.add(room)
                todo.append(room)
    return seen


def main() -> int:
    """Print every fault; the exit status says whether there is one."""
    found = faults() + [f"a circle of imports: {', '.join(circle)}" for circle in circles()]
    for line in found:
        print(line, file=sys.stderr)
    print(f"{len(imports())} imports, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
