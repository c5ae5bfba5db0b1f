"""The command line ``coldaisle``; each command's own code is imported only when it is called, so that the daemon stays small."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from controller.cli import experiments, learn, operate, outlook, policies, prove, rollout, study, survey
from controller.version import VERSION


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    top = argparse.ArgumentParser(prog="coldaisle", description="Supervisory controller for data-centre cooling.")
    top.add_argument("--version", action="version", version=f"coldaisle {VERSION}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    operate.add_commands(commands)
    rollout.add_commands(commands)
    prove.add_commands(commands)
    experiments.add_commands(commands)
    outlook.add_commands(commands)
    policies.add_commands(commands)
    study.add_commands(commands)
    learn.add_commands(commands)
    survey.add_commands(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0 done, 1 the answer is no, 2 bad input."""
    asked = parser().parse_args(argv)
    try:
        status: int = asked.run(asked)
    except asked.refuses as error:
        print(f"coldaisle {asked.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
