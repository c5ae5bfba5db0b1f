"""Runs several pieces of work side by side, each in a process of its own, and hears how far they are."""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.queues import Queue
from typing import Any, TypeAlias

from controller.log import configure

Told = Callable[[str, float], None]
"""Hears the name of a piece of work and the share of it that is done, 0 .. 1."""

Job = Callable[[Callable[[float], None]], Any]
"""A piece of work that can be pickled; it tells the share done and returns its result."""

_Messages: TypeAlias = "Queue[tuple[str, str, Any]]"


class JobError(Exception):
    """A piece of work ended with an exception; the message is its traceback."""


def run_jobs(jobs: Mapping[str, Job], told: Told, processes: int | None = None) -> dict[str, Any]:
    """Runs every job, as many at once as there are processors, and returns the results by name in the jobs' order.

    Raises JobError where one fails; the others are stopped.
    """
    context = multiprocessing.get_context("spawn")
    messages: _Messages = context.Queue()
    waiting = list(jobs)
    running: dict[str, multiprocessing.context.SpawnProcess] = {}
    results: dict[str, Any] = {}
    try:
        while len(results) < len(jobs):
            while waiting and len(running) < (processes or os.cpu_count() or 1):
                name = waiting.pop(0)
                running[name] = context.Process(target=_run, args=(name, jobs[name], messages), daemon=False)
                running[name].start()
            name, what, value = _next(messages, running)
            if what == "progress":
                told(name, value)
            elif what == "failed":
                raise JobError(f"{name}:\n{value}")
            else:
                results[name] = value
                running.pop(name).join()
    finally:
        for process in running.values():
            process.terminate()
            process.join()
    return {name: results[name] for name in jobs}


def _next(messages: _Messages, running: Mapping[str, multiprocessing.context.SpawnProcess]) -> tuple[str, str, Any]:
    while True:
        try:
            return messages.get(timeout=1.0)
        except queue.Empty:
            for name, process in running.items():
                if process.exitcode not in (None, 0):
                    raise JobError(f"{name}: its process ended with {process.exitcode}") from None


def _run(name: str, job: Job, messages: _Messages) -> None:
    configure("auto", logging.WARNING)
    try:
        messages.put((name, "result", job(lambda share: messages.put((name, "progress", share)))))
    except Exception:  # noqa: BLE001  # entry point of a process: whatever went wrong is told to the parent
        messages.put((name, "failed", traceback.format_exc()))
