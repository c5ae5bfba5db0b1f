"""What a site says of single signals reaches the gate, and nothing that no point reads or that would widen a limit."""

from __future__ import annotations

from collections.abc import Callable

from plant_models.site.gate import gate_rules_of
from plant_models.site.load import LoadedSite, Problem
from safety.quality import GateRule

Spoil = Callable[..., list[Problem]]
Load = Callable[..., LoadedSite]
OWN = '[gate."plant.chws_temp_c"]\nsiblings = ["hall-a-r01.rack_inlet_c"]\ntolerance = 0.5\nstuck_after_s = 3600\nrate_per_min = 2\n'


def test_a_site_says_more_of_single_signals(load: Load, site_text: str) -> None:
    loaded = load(site_text.replace("[device.plc]", f"{OWN}[device.plc]"))
    rules = gate_rules_of(loaded.points, loaded.site.gate)
    assert rules["plant.chws_temp_c"] == GateRule(30.0, 0.0, 40.0, 2.0, 3600.0, ("hall-a-r01.rack_inlet_c",), 0.5)
    assert rules["hall-a-r01.rack_inlet_c"] == GateRule(60.0, 5.0, 60.0, 10.0)
    assert gate_rules_of(loaded.points)["plant.chws_temp_c"] == GateRule(30.0, 0.0, 40.0, 10.0)


def test_what_nothing_reads_and_what_would_widen_is_refused_together(spoil: Spoil) -> None:
    wrong = '[gate."plant.chws_temp_c"]\nsiblings = ["plant.chws_temp_c", "weather.oa_drybulb_c"]\nrate_per_min = 11\n[gate."plant.chwr_temp_c"]\n'
    found = spoil(site={"[device.plc]": f"{wrong}[device.plc]"})
    assert [p.where for p in found] == [
        'site.toml: gate."plant.chws_temp_c".siblings',
        'site.toml: gate."plant.chws_temp_c".siblings',
        'site.toml: gate."plant.chws_temp_c".rate_per_min',
        'site.toml: gate."plant.chwr_temp_c"',
    ]
