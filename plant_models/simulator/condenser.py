"""Condenser-water pumps, tower cells and their fans' floor and cap: load, head pressure and freezing weather (Guideline 36-2021 5.20.10 and 5.20.12)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from plant_models.simulator.head_pressure import HeadPressure
from plant_models.simulator.timers import Held
from plant_models.site.topology import PumpGroup, Tower

_CELL_FLOW_MIN_SHARE: Final = 0.5  # engineering value: fills wet evenly down to about half of a cell's design flow
_CAP_AT_NO_LOAD: Final = 0.7  # 5.20.12.2
_CAP_FULL_AT: Final = 0.5  # 5.20.12.2
_FANS_OFF_S: Final = 300.0  # 5.20.12.2: 5 min at minimum speed and below setpoint
_FANS_BAND_K: Final = 0.6
_FANS_MIN_OFF_S: Final = 60.0
_BYPASS_OFF_K: Final = 2.0
_BYPASS_WAIT_S: Final = 600.0  # engineering value
_ENTERING_MIN_C: Final = 12.8  # chiller makers: lowest entering condenser water, 55 F
_BASIN_LOW_C: Final = 5.0  # tower makers: no fan on water this cold
_WETBULB_LOW_C: Final = -5.0  # tower makers: in air this cold ...
_BASIN_LOW_IN_FROST_C: Final = 7.0  # ... no fan on water below this
_HEATERS_ON_C: Final = 4.5  # tower makers: basin heaters hold 4-5 degC in cells without heat
_HEATERS_BAND_K: Final = 1.0


class Condenser:
    """The condenser side of one plant."""

    def __init__(self, pumps: PumpGroup | None, towers: Sequence[Tower], lift_min_k: float) -> None:
        """Takes pumps, cells and the highest minimum lift of the plant's chillers [K]."""
        self._pumps = pumps
        self._towers = tuple(towers)
        self._lift_min_k = lift_min_k
        self.head_pressure = HeadPressure(lift_min_k)
        self._fans_on = True
        self._fans_off_at_s = -math.inf
        self._at_minimum, self._too_cold = Held(), Held()
        self.pump_count = 0
        self.cells = 0
        self.fan_low = 0.0
        self.fan_high = 1.0
        self.bypass = False
        self.heaters = False

    def count(self, machines_with_pump: int, economiser_flow_kgs: float, speed: float = 1.0) -> None:
        """Sets pumps and cells: a pump for each machine, and as many cells as are wetted by their water at a speed share and by the economiser's own [kg/s],
        0 out of line.
        """
        self.head_pressure.economising = economiser_flow_kgs > 0.0
        self.pump_count = min(self._pumps.count, machines_with_pump) if self._pumps else 0
        flow_kgs = economiser_flow_kgs + (speed * self.pump_count * self._pumps.flow_kgs if self._pumps else 0.0)
        wetted = 0
        while wetted < len(self._towers) and flow_kgs >= _CELL_FLOW_MIN_SHARE * sum(t.water_flow_kgs for t in self._towers[: wetted + 1]):
            wetted += 1
        self.cells = max(wetted, 1) if flow_kgs > 0.0 and self._towers else 0

    def scan(
        self, now_s: float, elapsed_s: float, seen: Mapping[str, float], setpoint_c: float, cws_c: float | None, part_load: float, lift_k: float | None
    ) -> None:
        """Sets the fans' floor and cap and the bypass. ``part_load`` of the running chillers, 1 in free cooling; ``lift_k`` None without compressors."""
        on = self._towers[: self.cells]
        minimum = max((t.fan_min_pct for t in on), default=0.0) / 100.0
        basin_c = min((seen[s] for t in on if (s := f"{t.name}.basin_temp_c") in seen), default=cws_c)
        speeds_pct = [seen[s] for t in on if (s := f"{t.name}.fan_pct") in seen]
        self.head_pressure.scan(elapsed_s, lift_k, max(speeds_pct) / 100.0 if speeds_pct else None, minimum)
        self._keep_warm(now_s, lift_k, cws_c)
        self._heat_basins([seen[s] for t in self._towers if (s := f"{t.name}.basin_temp_c") in seen])
        self._switch_fans(now_s, speeds_pct, minimum, cws_c, setpoint_c)
        frost = seen.get("weather.oa_wetbulb_c", 0.0) < _WETBULB_LOW_C
        frozen = basin_c is not None and basin_c < (_BASIN_LOW_IN_FROST_C if frost else _BASIN_LOW_C)
        if basin_c is not None and basin_c < _BASIN_LOW_C:
            self.bypass = True
        load_cap = min(1.0, _CAP_AT_NO_LOAD + (1.0 - _CAP_AT_NO_LOAD) * part_load / _CAP_FULL_AT)
        if not on or frozen or not self._fans_on:
            self.fan_low = self.fan_high = 0.0
            return
        self.fan_low, self.fan_high = minimum, max(minimum, min(self.head_pressure.fan_cap(minimum), load_cap))

    def _keep_warm(self, now_s: float, lift_k: float | None, cws_c: float | None) -> None:
        """Opens the towers' bypass, which keeps water off the fills, where the whole range of the head-pressure loop is not enough.

        It would end an economiser's run, so that beside one a machine that has only just started is waited for.
        """
        if lift_k is None:
            self.bypass = False
            return
        entering_c = None if self.head_pressure.economising else cws_c  # throttled condensers stand colder water
        too_cold = lift_k < self._lift_min_k or (entering_c is not None and entering_c < _ENTERING_MIN_C)
        warm = lift_k > self._lift_min_k + _BYPASS_OFF_K and (entering_c is None or entering_c > _ENTERING_MIN_C + _FANS_BAND_K)
        wait_s = _BYPASS_WAIT_S if self.head_pressure.economising else 0.0
        self.bypass = (self.bypass and not warm) or self._too_cold.for_at_least(wait_s, too_cold and self.head_pressure.demand >= 1.0, now_s)

    def _heat_basins(self, basins_c: Sequence[float]) -> None:
        """Switches the basin heaters of all cells by the coldest of them."""
        coldest_c = min(basins_c, default=None)
        if coldest_c is not None:
            self.heaters = coldest_c < _HEATERS_ON_C + (_HEATERS_BAND_K if self.heaters else 0.0)

    def _switch_fans(self, now_s: float, speeds_pct: Sequence[float], minimum: float, cws_c: float | None, setpoint_c: float) -> None:
        if cws_c is None:
            self._fans_on = True
            return
        if self._fans_on:
            slowest = bool(speeds_pct) and max(speeds_pct) <= 100.0 * minimum + 1.0
            if self._at_minimum.for_at_least(_FANS_OFF_S, slowest and cws_c < setpoint_c - _FANS_BAND_K, now_s):
                self._fans_on, self._fans_off_at_s = False, now_s
                self._at_minimum.reset()
        elif now_s - self._fans_off_at_s >= _FANS_MIN_OFF_S and cws_c > setpoint_c + _FANS_BAND_K:
            self._fans_on = True
