"""Sequences of the simulated BAS for the liquid side: which CDUs run in a hall, and a facility loop's pumps, dry coolers, pads and trim chillers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from plant_models.simulator.commands import LoopCommands, TcsCommands
from plant_models.simulator.pumps import PumpStaging
from plant_models.simulator.timers import Held
from plant_models.site.topology import Hall, Site
from safety.signals import MachineState

_HELP_K: Final = 2.0  # engineering value: a standby unit joins when the racks' supply is this far above its setpoint ...
_HELP_S: Final = 120.0  # ... for this long
_HELPED_S: Final = 1800.0  # ... and leaves after half an hour within a kelvin
_DEWPOINT_MARGIN_K: Final = 2.0  # ASHRAE TC 9.9: every unit's own controller keeps its supply above the room's dew point
_FANS_OFF_S: Final = 300.0  # fans that can do no less stop after 5 min below the setpoint, as in Guideline 36-2021 5.20.12.2
_FANS_BAND_K: Final = 0.6
_FANS_MIN_OFF_S: Final = 60.0
_STAGE_S: Final = 600.0
_COOLER_UP_PCT: Final = 45.0  # another cooler takes water when fans run this fast: by the cube law two at half speed need a quarter
_TRIM_UP_K: Final = 1.0
_TRIM_UP_S: Final = 300.0
_TRIM_DOWN_S: Final = 900.0
_TRIM_LEAST_PCT: Final = 25.0
_FULL_PCT: Final = 95.0
_PADS_FAN_PCT: Final = 60.0  # pads are wetted only while the fans of all coolers work for it ...
_PADS_BAND_K: Final = 2.0
_PADS_MIN_S: Final = 1800.0  # ... and stay as they are for half an hour: scale grows with each drying


class TcsSequences:
    """The CDUs of one liquid hall: all but one are in duty, the last stands by for one that fails, leaks, is locked out or is not enough."""

    def __init__(self, site: Site, hall: Hall) -> None:
        """Takes the hall with its units."""
        self.hall = hall
        self.units = tuple(c.name for c in site.cdu if c.hall == hall.name)
        self.failed: set[str] = set()
        self.locked_out: set[str] = set()
        self.leaking: set[str] = set()
        self.power_cap_kw = hall.it_capacity_kw
        self._helping = False
        self._short, self._enough = Held(), Held()

    @property
    def running(self) -> tuple[str, ...]:
        """Returns the units that run now."""
        usable = [u for u in self.units if u not in self.failed | self.locked_out | self.leaking]
        duty = len(self.units) if self._helping else max(len(self.units) - 1, 1)
        return tuple(usable[:duty])

    def scan(self, now_s: float, tcs_c: float, dp_kpa: float, seen: Mapping[str, float]) -> TcsCommands:
        """Runs the sequence once at the setpoints in use [degC], [kPa] and returns the commands."""
        self.failed |= {u for u in self.units if seen.get(f"{u}.machine_state") == MachineState.FAILED}
        supply_c = seen.get(f"{self.hall.name}.tcs_supply_temp_c")
        over_k = math.inf if supply_c is None else supply_c - tcs_c
        short = self._short.for_at_least(_HELP_S, over_k > _HELP_K, now_s)
        enough = self._enough.for_at_least(_HELPED_S, over_k < _HELP_K / 2.0, now_s)
        self._helping = short or (self._helping and not enough)
        dewpoint_c = seen.get(f"{self.hall.name}.room_dewpoint_c", -math.inf)
        on = np.array([float(u in self.running) for u in self.units])
        return TcsCommands(on, max(tcs_c, dewpoint_c + _DEWPOINT_MARGIN_K), dp_kpa)

    def lock_out(self, unit: str, locked: bool) -> None:
        """Locks a unit out for work on it, or gives it back, which clears a failure too."""
        (self.locked_out.add if locked else self.locked_out.discard)(unit)
        if not locked:
            self.failed.discard(unit)

    def read(self) -> dict[str, float]:
        """Returns the status points of the hall's units by signal."""
        states = {f"{u}.machine_state": float(self._state(u)) for u in self.units}
        leaks = {f"{u}.leak_state": float(u in self.leaking) for u in self.units}
        return states | leaks | {f"{self.hall.name}.it_power_cap_kw": self.power_cap_kw}

    def _state(self, unit: str) -> MachineState:
        if unit in self.locked_out:
            return MachineState.LOCKED_OUT
        if unit in self.failed | self.leaking:
            return MachineState.FAILED
        return MachineState.RUNNING if unit in self.running else MachineState.OFF


class LoopSequences:
    """One facility loop: pumps by flow, dry coolers by their fans' speed, pads by the air, trim chillers by what the coolers leave to do."""

    def __init__(self, site: Site, index: int) -> None:
        """Takes the site and which of its loops this is."""
        self.loop = site.facility_loop[index]
        name = self.loop.name
        self._coolers = tuple(c for c in site.dry_cooler if c.loop == name)
        self._trims = tuple(t.name for t in site.trim_chiller if t.loop == name)
        group = next((p for p in site.pump if p.plant == name and p.serves == "fws"), None)
        self._group = group
        self.pumps = PumpStaging(group, self.loop.flow_kgs)
        self._least = max((c.fan_min_pct for c in self._coolers), default=0.0) / 100.0
        self.coolers, self.trims = len(self._coolers), 0
        self._fans_on, self._fans_off_at_s = True, -math.inf
        self._slow, self._up, self._down = Held(), Held(), Held()
        self._trim_up, self._trim_down = Held(), Held()
        self._pads = False
        self._pads_at_s = -math.inf

    def scan(self, now_s: float, fws_c: float, seen: Mapping[str, float]) -> LoopCommands:
        """Runs the sequences once at the setpoint in use [degC] and returns the commands."""
        supply_c = seen.get(f"{self.loop.name}.fws_supply_temp_c")
        speed_pct = max((seen[s] for c in self._coolers if (s := f"{c.name}.fan_pct") in seen), default=None)
        self.pumps.scan(now_s, seen.get(f"{self.loop.name}.fws_flow_kgs"), seen.get(f"{self.loop.name}.fws_dp_kpa"), self.loop.dp_kpa)
        self._switch_fans(now_s, supply_c, speed_pct, fws_c)
        self._stage_coolers(now_s, supply_c, speed_pct, fws_c)
        self._wet_pads(now_s, seen.get("weather.oa_drybulb_c"), speed_pct)
        self._stage_trims(now_s, supply_c, speed_pct, fws_c, seen)
        low, high = (self._least, 1.0) if self._fans_on else (0.0, 0.0)
        pads = np.array([float(self._pads and c.pads) for c in self._coolers])
        return LoopCommands(
            fws_pump_count=float(self.pumps.count),
            fws_dp_setpoint_kpa=self.loop.dp_kpa,
            fws_setpoint_c=fws_c,
            cooler_on=np.array([float(i < self.coolers) for i in range(len(self._coolers))]),
            cooler_fan_low=low,
            cooler_fan_high=high,
            pads=pads,
            trim_on=np.array([float(i < self.trims) for i in range(len(self._trims))]),
        )

    def read(self) -> dict[str, float]:
        """Returns the status points of the loop's machines by signal."""
        states: dict[str, float] = {}
        for i, cooler in enumerate(self._coolers):
            states[f"{cooler.name}.machine_state"] = float(MachineState.RUNNING if i < self.coolers else MachineState.OFF)
            states[f"{cooler.name}.pad_state"] = float(self._pads and cooler.pads)
        states |= {f"{t}.machine_state": float(MachineState.RUNNING if i < self.trims else MachineState.OFF) for i, t in enumerate(self._trims)}
        return states | ({f"{self._group.name}.running_count": float(self.pumps.count)} if self._group else {})

    def _switch_fans(self, now_s: float, supply_c: float | None, speed_pct: float | None, fws_c: float) -> None:
        """Stops the fans of the last cooler that run at their least and still cool too much, and starts them when the water is warm again; blind, they run."""
        if supply_c is None:
            self._fans_on = True
        elif self._fans_on:
            last = self.coolers <= 1 and self._slowest(speed_pct)
            if self._slow.for_at_least(_FANS_OFF_S, last and supply_c < fws_c - _FANS_BAND_K, now_s):
                self._fans_on, self._fans_off_at_s = False, now_s
                self._slow.reset()
        elif now_s - self._fans_off_at_s >= _FANS_MIN_OFF_S and supply_c > fws_c + _FANS_BAND_K:
            self._fans_on = True

    def _stage_coolers(self, now_s: float, supply_c: float | None, speed_pct: float | None, fws_c: float) -> None:
        """Gives water to another cooler when fans run fast, takes one's when they run at their least and the water is still too cold."""
        fast = self._fans_on and (speed_pct is None or speed_pct > _COOLER_UP_PCT)
        cold = self._slowest(speed_pct) and supply_c is not None and supply_c < fws_c - _FANS_BAND_K
        if self._up.for_at_least(_STAGE_S, fast, now_s) and self.coolers < len(self._coolers):
            self.coolers += 1
            self._up.reset()
        elif self._down.for_at_least(_STAGE_S, cold, now_s) and self.coolers > 1:
            self.coolers -= 1
            self._down.reset()

    def _slowest(self, speed_pct: float | None) -> bool:
        """Returns whether the fans can do no less, as far as is known."""
        return speed_pct is not None and speed_pct <= 100.0 * self._least + 1.0

    def _wet_pads(self, now_s: float, drybulb_c: float | None, speed_pct: float | None) -> None:
        """Wets pads above a dry bulb while fans work hard, and dries them below."""
        above_c = min((c.pads_on_c for c in self._coolers if c.pads), default=math.inf)
        if drybulb_c is None or now_s - self._pads_at_s < _PADS_MIN_S:
            return
        wanted = drybulb_c > above_c - _PADS_BAND_K if self._pads else drybulb_c > above_c and speed_pct is not None and speed_pct > _PADS_FAN_PCT
        if wanted != self._pads:
            self._pads, self._pads_at_s = wanted, now_s

    def _stage_trims(self, now_s: float, supply_c: float | None, speed_pct: float | None, fws_c: float, seen: Mapping[str, float]) -> None:
        """Starts a trim chiller when the coolers at full speed leave the water too warm, stops one that has nearly nothing to do."""
        full = speed_pct is None or speed_pct >= _FULL_PCT
        warm = supply_c is not None and supply_c > fws_c + _TRIM_UP_K
        loads = [seen[s] for t in self._trims[: self.trims] if (s := f"{t}.load_pct") in seen]
        idle = self.trims > 0 and bool(loads) and max(loads) < _TRIM_LEAST_PCT
        if self._trim_up.for_at_least(_TRIM_UP_S, full and warm, now_s) and self.trims < len(self._trims):
            self.trims += 1
            self._trim_up.reset()
        elif self._trim_down.for_at_least(_TRIM_DOWN_S, idle, now_s):
            self.trims -= 1
            self._trim_down.reset()
