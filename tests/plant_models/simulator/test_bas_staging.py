"""When one more chiller is better: the part load ratio of Guideline 36-2021 5.20.4.12, by kind and lift."""

from __future__ import annotations

import pytest

from plant_models.simulator.staging import stage_part_load
from plant_models.site.topology import Chiller


def test_splr_by_kind_and_lift() -> None:
    def of(kind: str) -> Chiller:
        return Chiller(name="x", plant="p", capacity_kw=1000.0, kind=kind, lift_min_k=8.0, lift_max_k=25.0)  # type: ignore[arg-type]  # a literal

    assert stage_part_load(of("positive_displacement"), 20.0) == 0.80
    assert stage_part_load(of("constant_speed_centrifugal"), 20.0) == 0.90
    # by hand: E = 0.9/17, F = E (0.4*25 - 1.4*8) = E (-1.2); E*15 + F = 0.9*13.8/17
    assert stage_part_load(of("vsd_centrifugal"), 15.0) == pytest.approx(0.9 * 13.8 / 17.0)
    assert stage_part_load(of("vsd_centrifugal"), 5.0) == 0.45
    assert stage_part_load(of("vsd_centrifugal"), 30.0) == 0.90
