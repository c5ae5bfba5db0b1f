"""The installer on a tree of its own: what it puts where, that it is idempotent, and that a refused site changes nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "systemd" / "install.sh"

# Stands in for python3: makes a "virtual environment" whose pip does nothing and whose coldaisle answers as the test wants.
PYTHON = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exit 1
for venv; do :; done
mkdir -p "$venv/bin"
printf '#!/bin/sh\\necho "$@" >> "{calls}"\\n' > "$venv/bin/python"
printf '#!/bin/sh\\necho coldaisle "$@" >> "{calls}"; exit {status}\\n' > "$venv/bin/coldaisle"
chmod +x "$venv/bin/python" "$venv/bin/coldaisle"
"""


def install(tmp_path: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs the installer below ``tmp_path / "root"`` with stand-ins for Python and the new version."""
    python = tmp_path / "python"
    python.write_text(PYTHON.format(calls=tmp_path / "calls", status=status))
    python.chmod(0o755)
    command = [str(INSTALL), *arguments, "--root", str(tmp_path / "root")]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)})


def tree(root: Path) -> set[str]:
    """Returns every file and link below ``root``."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_installs_program_site_and_unit(tmp_path: Path) -> None:
    """Everything lands where the unit looks for it, after the site was checked with the new version."""
    done = install(tmp_path, "install", "--config", str(ROOT / "config" / "small"))
    assert done.returncode == 0, done.stderr
    root = tmp_path / "root"
    assert (root / "etc/systemd/system/coldaisle.service").read_text() == (ROOT / "systemd/coldaisle.service").read_text()
    assert (root / "etc/systemd/system/coldaisle-boundary.service").read_text() == (ROOT / "systemd/coldaisle-boundary.service").read_text()
    assert (root / "usr/lib/tmpfiles.d/coldaisle.conf").read_text() == (ROOT / "systemd/coldaisle.tmpfiles").read_text()
    assert (root / "etc/coldaisle/site").readlink() == Path("small")
    assert (root / "etc/coldaisle/site/site.toml").read_bytes() == (ROOT / "config/small/site.toml").read_bytes()
    assert (root / "opt/coldaisle/current/bin/coldaisle").is_file()
    assert (root / "usr/local/bin/coldaisle").stat().st_mode & 0o111
    calls = (tmp_path / "calls").read_text()
    assert f"coldaisle check --config {ROOT / 'config' / 'small'}" in calls
    assert calls.count("--require-hashes") == 2


def test_running_it_again_builds_nothing_and_changes_nothing(tmp_path: Path) -> None:
    """The second run finds the version and only checks the site again."""
    install(tmp_path, "install", "--config", str(ROOT / "config" / "small"))
    before = tree(tmp_path / "root")
    (tmp_path / "calls").unlink()
    again = install(tmp_path, "install", "--config", str(ROOT / "config" / "small"))
    assert again.returncode == 0
    assert tree(tmp_path / "root") == before
    assert "pip" not in (tmp_path / "calls").read_text()


def test_a_refused_site_changes_nothing_outside_the_versions(tmp_path: Path) -> None:
    """The running service keeps its program, its site and its unit."""
    refused = install(tmp_path, "install", "--config", str(ROOT / "config" / "small"), status=2)
    assert refused.returncode == 2
    assert "refused" in refused.stderr
    assert all(name.startswith("opt/coldaisle/versions/") for name in tree(tmp_path / "root"))


def test_uninstall_keeps_site_and_journal_unless_purged(tmp_path: Path) -> None:
    """What a person wrote and what the daemon recorded goes only when asked for by name."""
    install(tmp_path, "install", "--config", str(ROOT / "config" / "small"))
    root = tmp_path / "root"
    (root / "var/lib/coldaisle").mkdir(parents=True)
    (root / "var/lib/coldaisle/journal.sqlite").touch()
    assert install(tmp_path, "uninstall").returncode == 0
    assert {name.split("/coldaisle")[0] for name in tree(root)} == {"etc", "var/lib"}
    assert install(tmp_path, "uninstall", "--purge").returncode == 0
    assert tree(root) == set()


def test_a_dry_run_does_nothing(tmp_path: Path) -> None:
    """It names the steps in order, the check before anything the service uses."""
    said = install(tmp_path, "install", "--config", str(ROOT / "config" / "small"), "--dry-run")
    assert said.returncode == 0
    assert not (tmp_path / "root").exists()
    assert not (tmp_path / "calls").exists()
    assert said.stdout.index("coldaisle check") < said.stdout.index("/etc/coldaisle/small")
    assert said.stdout.index("coldaisle check") < said.stdout.index("coldaisle.service")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("install",),
        ("install", "--config"),
        ("install", "--config", "/nowhere"),
        ("install", "--frobnicate"),
        ("install", "--config", str(ROOT / "config/small"), "--site", "../x"),
    ],
)
def test_wrong_use_is_refused_with_a_reason(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Exit status 2, a line that says why, and nothing done."""
    refused = install(tmp_path, *arguments)
    assert refused.returncode == 2
    assert refused.stderr
    assert not (tmp_path / "root").exists()
