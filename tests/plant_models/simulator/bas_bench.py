"""A BAS scanned with sensors that a test sets by hand."""

from __future__ import annotations

from pathlib import Path

from plant_models.simulator.bas import Bas
from plant_models.simulator.commands import PlantCommands
from plant_models.site.load import LoadedSite
from safety.signals import MachineState

ROOT = Path(__file__).parents[3]
SCAN_S = 5.0
START_S = 1_752_555_600.0
CP = 4.186
MACHINES = [f"ch-{i}" for i in range(1, 6)]


def sensors(load_kw: float, wetbulb_c: float = 22.0, chws_c: float = 10.0) -> dict[str, float]:
    """Returns what a plant at rest shows at a load, with 100 kg/s of chilled water and a warm condenser side."""
    seen = {
        "plant.chws_temp_c": chws_c,
        "plant.chwr_temp_c": 10.0 + load_kw / (100.0 * CP),
        "plant.chw_flow_kgs": 100.0,
        "plant.chw_dp_kpa": 150.0,
        "plant.cws_temp_c": wetbulb_c + 4.0,
        "plant.cwr_temp_c": wetbulb_c + 9.0,
        "hall-a.it_load_kw": load_kw / 1.1,
        "hall-a.rack_inlet_max_c": 24.0,
        "weather.oa_wetbulb_c": wetbulb_c,
        "wse.heat_kw": 0.0,
    }
    for machine in MACHINES:
        seen[f"{machine}.load_pct"] = 70.0
        seen[f"{machine}.evaporator_flow_kgs"] = 30.0
    for cell in range(1, 6):
        seen[f"ct-{cell}.fan_pct"] = 60.0
        seen[f"ct-{cell}.basin_temp_c"] = wetbulb_c + 4.0
    return seen


class Bench:
    """Scans a BAS with sensors that a test sets."""

    def __init__(self, loaded: LoadedSite, seen: dict[str, float]) -> None:
        self.bas = Bas(loaded.site, loaded.points)
        self.now_s = START_S
        self.seen = seen
        self.commands: PlantCommands = self.bas.scan(self.now_s, seen).plants[0]

    def scan_for(self, seconds: float) -> list[PlantCommands]:
        history = []
        for _ in range(round(seconds / SCAN_S)):
            self.now_s += SCAN_S
            self.commands = self.bas.scan(self.now_s, self.seen).plants[0]
            history.append(self.commands)
        return history

    def running(self) -> list[str]:
        return [m for m in MACHINES if self.bas.read(f"{m}.machine_state") == MachineState.RUNNING]

    def state(self, signal: str) -> float | None:
        return self.bas.read(signal)
