"""Structured logs to stderr: JSON lines for machines, columns for a terminal."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(how: str, least: int = logging.INFO) -> None:
    """Sets the log format, ``json``, ``console`` or ``auto`` (console on a terminal), and the least level shown; libraries speak up from warnings on."""
    console = how == "console" or (how == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
