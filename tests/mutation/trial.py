"""One mutant against the tests, in a forked process of its own: everything but safety/ and its tests is imported before the fork, once for all."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Final

PROFILE: Final = "mutation"
ALIVE, KILLED, BROKEN = 0, 1, 3
"""How a trial's process ends; an exception that a test run does not catch is the tool's own failure."""

_QUIET: Final = ("-x", "-q", "--no-header", "--tb=no", "--assert=plain", "-W", "error", "-p", "no:cacheprovider")
_OPTIONS: Final = (*_QUIET, "--import-mode=importlib", "-c", os.devnull, "--rootdir=.", f"--hypothesis-profile={PROFILE}")


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another code; every other module comes from where it always does."""

    def __init__(self, module: str, code: CodeType) -> None:
        self.module, self.code = module, code

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


def prepare() -> None:
    """Imports what every trial needs and none changes, and says with which settings hypothesis runs."""
    import hypothesis
    import pydantic  # noqa: F401  # imported once, before the forks

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    hypothesis.settings.register_profile(
        PROFILE,
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    import _hypothesis_pytestplugin  # noqa: F401
    import pytest  # noqa: F401


def begin(module: str, code: CodeType | None, tests: Sequence[str], report: int) -> int:
    """Forks a trial and returns its process, which writes to the descriptor ``report`` the test file that killed the mutant.

    Without a code for the module nothing is changed, and what is written is how long each file takes, a line each [s].
    """
    child = os.fork()
    if child:
        return child
    try:
        _silence()
        outcome = _run(module, code, tests, report)
    except BaseException:  # noqa: BLE001  # whatever it is, the parent must hear of it
        outcome = BROKEN
    os._exit(outcome)


def _run(module: str, code: CodeType | None, tests: Sequence[str], report: int) -> int:
    import _hypothesis_pytestplugin
    import pytest

    if code is not None:
        sys.meta_path.insert(0, _Changed(module, code))
    for test in tests:
        began_s = time.monotonic()
        ended = pytest.main([*_OPTIONS, test], plugins=[_hypothesis_pytestplugin])
        if ended != pytest.ExitCode.OK:  # also where the mutant cannot be imported: without any change the same files ran
            os.write(report, test.encode())
            return KILLED
        if code is None:
            os.write(report, f"{test} {time.monotonic() - began_s:.3f}\n".encode())
    return ALIVE


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            os.dup2(nowhere, descriptor)
