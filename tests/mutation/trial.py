"""One mutant against the tests, in a forked process of its own: what no mutant changes is imported before the fork, once for all.

A change in the body of a function is put into the functions of tests that are collected already (``in_session``); any other change, and whatever
outlives that, gets its tests imported anew (``anew``).
"""

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

import _hypothesis_pytestplugin
import hypothesis
import pydantic  # noqa: F401  # imported once, before the forks
import pytest

from tests.mutation.mutants import Mutant

PROFILE: Final = "mutation"
ALIVE, KILLED, BROKEN = 0, 1, 3
"""How a trial's process ends; an exception that a test run does not catch is the tool's own failure."""

_QUIET: Final = ("-x", "-q", "-s", "--no-header", "--tb=no", "--assert=plain", "-W", "error", "-p", "no:cacheprovider")
_OPTIONS: Final = (*_QUIET, "--import-mode=importlib", "-c", os.devnull, "--rootdir=.", f"--hypothesis-profile={PROFILE}")


def prepare(folder: Path, texts: Mapping[str, str]) -> None:
    """Makes the trials run on a copy of these files in a folder, so that whoever works on them meanwhile changes nothing, and sets hypothesis."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    os.chdir(folder)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.path.insert(0, str(folder))
    sys.modules["tests"].__path__ = [str(folder / "tests")]
    hypothesis.settings.register_profile(
        PROFILE,
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        suppress_health_check=list(hypothesis.HealthCheck),
    )


def anew(mutant: Mutant | None, code: CodeType | None, tests: Sequence[str], report: int) -> int:
    """Forks a trial of these files and returns its process, which writes to ``report`` the file that killed the mutant."""

    def trial() -> int:
        if mutant is not None and code is not None:
            sys.meta_path.insert(0, _Changed(mutant.module, code))
        for name in [name for name in sys.modules if name.partition(".")[0] == "safety" or name.startswith("tests.safety")]:
            del sys.modules[name]
        for test in tests:
            if pytest.main([*_OPTIONS, test], plugins=[_hypothesis_pytestplugin]) != pytest.ExitCode.OK:  # not even imported counts too
                os.write(report, test.encode())
                return KILLED
        return ALIVE

    return _forked(trial)


class Session:
    """All tests, collected once; ``within`` is called while they stand ready, and forks trials of any of them."""

    def __init__(self, files: Sequence[str], within: Callable[[Session], None]) -> None:
        """Takes the test files and what to do with them; runs it at once."""
        self.items: dict[str, Any] = {}
        self._within = within
        self._session: Any = None
        ended = pytest.main([*_OPTIONS, *files], plugins=[_hypothesis_pytestplugin, self])
        if not self.items or ended not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise SystemExit("the tests of safety/ cannot be collected without any change")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        """Takes the place of running every test once."""
        self._session, self.items = session, {item.nodeid: item for item in session.items}
        self._within(self)
        return True

    def in_session(self, mutant: Mutant | None, code: CodeType | None, tests: Sequence[str], report: int) -> int:
        """Forks a trial of these tests and returns its process, which writes to ``report`` the test that killed the mutant.

        Without a mutant, what is written is how long each test takes, a line each [s].
        """

        def trial() -> int:
            if mutant is not None and code is not None:
                _put(mutant, code)
            for at, test in enumerate(tests):
                began_s = time.monotonic()
                following = self.items[tests[at + 1]] if at + 1 < len(tests) else None
                item = self.items[test]
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self._session.testsfailed:
                    os.write(report, test.encode())
                    return KILLED
                if mutant is None:
                    os.write(report, f"{time.monotonic() - began_s:.4f} {test}\n".encode())
            return ALIVE

        return _forked(trial)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another code; every other module comes from where it always does."""

    def __init__(self, module: str, code: CodeType) -> None:
        self.module, self.code = module, code

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


def _put(mutant: Mutant, code: CodeType) -> None:
    """Puts the mutated body into the function that all tests have in hand."""
    *owners, name = mutant.function.split(".")
    where: Any = sys.modules[mutant.module]
    for owner in owners:
        code, where = _inside(code, owner), getattr(where, owner)
    function = vars(where)[name]
    if isinstance(function, property):
        function = function.fget
    elif isinstance(function, functools.cached_property):
        function = function.func
    function.__code__ = _inside(code, name)


def _inside(code: CodeType, name: str) -> CodeType:
    return next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == name)


def _forked(trial: Callable[[], int]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        _silence()
        outcome = trial()
    except BaseException:  # noqa: BLE001  # whatever it is, the parent must hear of it
        outcome = BROKEN
    os._exit(outcome)


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            os.dup2(nowhere, descriptor)
