"""Imports point one way: safety <- plant_models <- controller, hil -> plant_models; the daemon stays light and the optimiser's model stays its own."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS: Mapping[str, frozenset[str]] = {
    "safety": frozenset({"safety"}),
    "plant_models": frozenset({"plant_models", "safety"}),
    "controller": frozenset({"controller", "plant_models", "safety"}),
    "hil": frozenset({"hil", "plant_models", "safety"}),
}
# A decision depends on its arguments only, so that it can be replayed: nothing that reads a clock, a file, the network, the environment or chance.
UNREPEATABLE = frozenset({"asyncio", "datetime", "io", "logging", "os", "pathlib", "random", "secrets", "socket", "subprocess", "threading", "time", "uuid"})
HEAVY = ("casadi", "do_mpc", "plant_models.simulator", "plant_models.components", "hil", "httpx", "fastapi", "uvicorn", "aiomqtt")
MACHINE_MAPS = ("plant_models.simulator", "plant_models.components", "hil")

Graph = Mapping[str, tuple["Arrow", ...]]


@dataclass(frozen=True, slots=True)
class Arrow:
    """One import: who imports what, and where it stands."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        """Returns what a reader needs to find it."""
        return f"{self.importer}:{self.line} imports {self.imported}"


def module_files(root: Path) -> dict[str, Path]:
    """Returns every module of the four packages by dotted name."""
    found = {}
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _is_type_checking(node: ast.If) -> bool:
    return ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yields every node that can run, so not the body of ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and _is_type_checking(child):
            for otherwise in child.orelse:
                yield otherwise
                yield from _nodes(otherwise)
            continue
        yield child
        yield from _nodes(child)


def _named(node: ast.AST, package: str, known: frozenset[str]) -> list[str]:
    """Returns the modules that one node imports; ``import_module("x")`` and ``__import__("x")`` count too."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        source = ".".join([*above, *([node.module] if node.module else [])])
        inner = [f"{source}.{alias.name}" for alias in node.names if f"{source}.{alias.name}" in known]
        return [source, *inner]
    if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] in ("import_module", "__import__") and node.args:
        return [node.args[0].value] if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str) else ["<computed at run time>"]
    return []


def import_graph(root: Path) -> Graph:
    """Returns every import of every module below ``root``, at any depth of the code, by module."""
    files = module_files(root)
    known = frozenset(files)
    graph = {}
    for module, path in files.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        arrows = [
            Arrow(module, name, getattr(node, "lineno", 0)) for node in _nodes(ast.parse(path.read_text(), str(path))) for name in _named(node, package, known)
        ]
        graph[module] = tuple(arrows)
    return graph


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def chains_from(start: str, graph: Graph) -> dict[str, tuple[Arrow, ...]]:
    """Returns every module that importing ``start`` imports in turn, each with the chain of imports that leads there."""
    reached: dict[str, tuple[Arrow, ...]] = dict.fromkeys(_with_parents(start), ())
    waiting = list(reached)
    while waiting:
        module = waiting.pop()
        for arrow in graph.get(module, ()):
            for name in _with_parents(arrow.imported):
                if name not in reached:
                    reached[name] = (*reached[module], arrow)
                    waiting.append(name)
    return reached


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def wrong_way(graph: Graph) -> list[str]:
    """Returns the imports between our packages that point the wrong way."""
    return [
        str(arrow)
        for arrows in graph.values()
        for arrow in arrows
        if arrow.imported.split(".")[0] in ROOMS and arrow.imported.split(".")[0] not in ROOMS[arrow.importer.split(".")[0]]
    ]


def impure_safety(graph: Graph) -> list[str]:
    """Returns what ``safety`` imports beyond itself and the repeatable part of the standard library."""
    pure = sys.stdlib_module_names - UNREPEATABLE
    arrows = [arrow for module, arrows in graph.items() if _within(module, ("safety",)) for arrow in arrows]
    return [str(arrow) for arrow in arrows if arrow.imported.split(".")[0] not in pure | {"safety"}]


def _reaching(starts: list[str], forbidden: tuple[str, ...], graph: Graph) -> list[str]:
    return [
        " -> ".join(str(arrow) for arrow in chain)
        for start in starts
        for module, chain in chains_from(start, graph).items()
        if _within(module, forbidden) and chain and chain[-1].imported == module
    ]


def heavy_daemon(graph: Graph) -> list[str]:
    """Returns the chains by which the daemon's process would load CasADi, do-mpc or the simulator."""
    if "controller.daemon" not in graph:
        return ["controller.daemon does not exist"]
    return _reaching(["controller.daemon"], HEAVY, graph)


def borrowed_model(graph: Graph) -> list[str]:
    """Returns the chains by which the optimiser or its reduced model would see the simulator's machine maps."""
    starts = [module for module in graph if _within(module, ("plant_models.reduced", "controller.optimise"))]
    return _reaching(starts, MACHINE_MAPS, graph) if starts else ["plant_models.reduced does not exist"]


def undeclared(graph: Graph) -> list[str]:
    """Returns the third-party imports that pyproject.toml does not declare, and so no lock holds on purpose."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [line for extra in ("train", "parquet", "boundary") for line in project["optional-dependencies"][extra]]
    declared = {line.split(">")[0].split("=")[0].split("<")[0].strip().lower().replace("-", "_") for line in lines}
    known = declared | set(ROOMS) | sys.stdlib_module_names
    return [str(arrow) for arrows in graph.values() for arrow in arrows if arrow.imported.split(".")[0] not in known]


Rule = Callable[[Graph], list[str]]
RULES: tuple[Rule, ...] = (wrong_way, impure_safety, heavy_daemon, borrowed_model, undeclared)
SOUND: Mapping[str, str] = {
    "safety/envelope.py": "import math\nfrom .limits import Limits\n",
    "safety/limits.py": "Limits = int\n",
    "plant_models/components/chiller.py": "import numpy\n",
    "plant_models/simulator/plant.py": "import casadi\nfrom plant_models.components import chiller\n",
    "plant_models/reduced/model.py": "import numpy\nfrom safety import limits\n",
    "controller/daemon.py": "from typing import TYPE_CHECKING\nfrom controller import cycle\nif TYPE_CHECKING:\n    import casadi\n",
    "controller/cycle.py": "from safety.envelope import Limits\nfrom plant_models.reduced import model\n",
    "controller/optimise/worker.py": "import casadi\nfrom plant_models.reduced import model\n",
    "hil/bench.py": "from plant_models.simulator import plant\n",
}
BROKEN: tuple[tuple[Rule, str, str], ...] = (
    (wrong_way, "hil/bench.py", "import controller.cycle\n"),
    (wrong_way, "controller/cycle.py", "from hil import bench\n"),
    (wrong_way, "plant_models/reduced/model.py", "def f():\n    from controller import cycle\n"),
    (wrong_way, "safety/limits.py", "from plant_models.reduced.model import numpy\n"),
    (impure_safety, "safety/limits.py", "import numpy as np\n"),
    (impure_safety, "safety/limits.py", "from time import monotonic\n"),
    (impure_safety, "safety/limits.py", "import logging.handlers\n"),
    (heavy_daemon, "controller/daemon.py", "import casadi\n"),
    (heavy_daemon, "controller/cycle.py", "def plan():\n    import do_mpc\n"),
    (heavy_daemon, "controller/cycle.py", "import importlib\nx = importlib.import_module('casadi')\n"),
    (heavy_daemon, "controller/cycle.py", "from controller.optimise import worker\n"),
    (heavy_daemon, "controller/cycle.py", "from .optimise.worker import casadi\n"),
    (heavy_daemon, "controller/__init__.py", "from plant_models.simulator import plant\n"),
    (borrowed_model, "plant_models/reduced/model.py", "from ..components.chiller import numpy\n"),
    (borrowed_model, "controller/optimise/worker.py", "import plant_models.simulator.plant\n"),
    (undeclared, "controller/cycle.py", "import tensorflow\n"),
)


def write_tree(root: Path, files: Mapping[str, str]) -> None:
    """Writes a small tree of packages."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for parent in list(path.relative_to(root).parents)[:-1]:
            (root / parent / "__init__.py").touch()


@pytest.mark.parametrize("rule", RULES)
def test_the_tree_keeps_the_rule(rule: Rule) -> None:
    """Each rule holds for the code as it stands."""
    graph = import_graph(ROOT)
    assert {room for room in ROOMS if room in graph} == set(ROOMS)
    assert rule(graph) == []


def test_the_daemon_loads_neither_solver_nor_simulator() -> None:
    """What the import graph promises is seen in a real interpreter, third-party packages included."""
    code = "import sys, controller.daemon; print(*sorted(sys.modules), sep='\\n')"
    loaded = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert "controller.daemon" in loaded
    assert [module for module in loaded if _within(module, HEAVY)] == []


@pytest.mark.parametrize("rule", RULES)
def test_a_sound_tree_passes(rule: Rule, tmp_path: Path) -> None:
    """The checker accepts what the architecture allows, imports for type checking included."""
    write_tree(tmp_path, SOUND)
    assert rule(import_graph(tmp_path)) == []


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN, ids=[f"{rule.__name__}-{i}" for i, (rule, _, _) in enumerate(BROKEN)])
def test_a_broken_tree_is_caught(rule: Rule, path: str, text: str, tmp_path: Path) -> None:
    """Each way to break a rule is reported with the module that breaks it."""
    write_tree(tmp_path, {**SOUND, path: text})
    found = rule(import_graph(tmp_path))
    broken = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert found
    assert any(broken in line for line in found)
