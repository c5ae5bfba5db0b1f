"""Journals of the demo and of the scenarios over the wire: every recorded cycle is decided again and comes out the same, to the bit.

A change of what is decided makes them differ, and then they are recorded anew: ``coldaisle-hil campaign --pack tests/replay``
and ``coldaisle-hil demo --pack tests/replay``.
"""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from controller.replay import replay

PACKED = sorted(Path(__file__).parent.glob("*.sqlite.xz"))
SMALL_BYTES = 6_000_000


def test_there_are_journals_and_they_are_small() -> None:
    assert PACKED
    assert sum(path.stat().st_size for path in PACKED) < SMALL_BYTES


@pytest.mark.parametrize("packed", PACKED, ids=lambda path: path.name.partition(".")[0])
def test_every_cycle_is_decided_alike(packed: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    journal.write_bytes(lzma.decompress(packed.read_bytes()))
    result = replay(journal)
    assert result["cycles"] > 3
    assert result["different"] == []
