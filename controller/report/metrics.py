"""The field's figures from a journal's own readings: PUE and its relatives, plant efficiency, air management; what is not metered is None, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from controller.report.panels import inlet_limits
from controller.report.read import History, Moment

WATER_KJ_PER_KGK: Final = 4.19
_KW_PER_TON: Final = 3.51685
_COOLING: Final = ("power_kw", "crah_fan_power_kw")
_PLANT: Final = "power_kw"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: its value, None where it cannot be told, its unit, and how it is defined or why it is missing."""

    value: float | None
    unit: str
    says: str


def cooling_kw(measured: Mapping[str, float]) -> float | None:
    """Returns the measured cooling power [kW]: every machine's, server fans and the facility's own meter apart; None where none is known."""
    return _sum(measured, *_COOLING)


def quantity_sum(measured: Mapping[str, float], quantity: str) -> float | None:
    """Returns a quantity summed over all equipment that measures it, None where none does."""
    return _sum(measured, quantity)


def _sum(measured: Mapping[str, float], *quantities: str) -> float | None:
    found = [value for signal, value in measured.items() if signal.rpartition(".")[2] in quantities]
    return sum(found) if found else None


def metrics(history: History) -> dict[str, Metric]:
    """Returns every figure by its name, over the cycles in which what it needs was measured.

    ISO/IEC 30134-2 (PUE), -6 (ERF), -7 (CER), -8 (CUE), -9 (WUE); RCI after Herrlin 2005, on the hottest inlet of each row.
    """
    it, facility, cooling, plant, heat = (_mean(history.moments, of) for of in (_it, _facility, cooling_kw, _plant_kw, _heat_kw))
    carbon = _carbon_kg_per_kwh(history)
    pue = _ratio(facility, it)
    return {
        "PUE": Metric(pue, "", "facility energy over all IT energy, server fans included" if pue else "needs site.facility_power_kw and it_load_kw"),
        "pPUE": Metric(_ratio(_plus(it, cooling), it), "", "IT and cooling energy over IT energy"),
        "DCiE": Metric(None if pue is None else 1.0 / pue, "", "1 / PUE"),
        "CUE": Metric(None if pue is None or carbon is None else pue * carbon, "kg/kWh", "mean carbon intensity of site.toml [money] times PUE"),
        "WUE": Metric(None, "L/kWh", "no water meter in the vocabulary"),
        "ERF": Metric(None, "", "no meter of reused heat in the vocabulary"),
        "CER": Metric(_ratio(heat, cooling), "", "heat taken from chilled water over cooling electricity"),
        "kW/ton": Metric(_times(_ratio(plant, heat), _KW_PER_TON), "kW/ton", "plant without CRAH fans, per 3.517 kW of cooling"),
        "RCI_HI": Metric(_rci_hi(history), "%", "100 where no inlet is above the recommended range, 0 where all reach the allowable one"),
        "RTI": Metric(None, "%", "needs the temperature rise of the IT equipment, which no point measures"),
    }


def mode_minutes(history: History) -> dict[str, float]:
    """Returns the minutes in each mode."""
    return {mode: count * history.cycle_s / 60.0 for mode, count in Counter(m.mode for m in history.moments).items()}


def interventions(history: History) -> dict[str, int]:
    """Returns how often each rule of the envelope stepped in."""
    return dict(Counter(i.rule for m in history.moments for i in m.interventions))


def _mean(moments: Sequence[Moment], of: Any) -> float | None:
    known = [value for m in moments if (value := of(m.measured)) is not None]
    return sum(known) / len(known) if known else None


def _it(measured: Mapping[str, float]) -> float | None:
    return _sum(measured, "it_load_kw")


def _facility(measured: Mapping[str, float]) -> float | None:
    return measured.get("site.facility_power_kw")


def _plant_kw(measured: Mapping[str, float]) -> float | None:
    return _sum(measured, _PLANT)


def _heat_kw(measured: Mapping[str, float]) -> float | None:
    """Returns heat taken up by chilled water [kW], of plants whose flow and both temperatures are measured."""
    plants = [s.removesuffix(".chw_flow_kgs") for s in measured if s.endswith(".chw_flow_kgs")]
    whole = [p for p in plants if f"{p}.chws_temp_c" in measured and f"{p}.chwr_temp_c" in measured]
    kw_per_k = {p: WATER_KJ_PER_KGK * measured[f"{p}.chw_flow_kgs"] for p in whole}
    return sum(k * (measured[f"{p}.chwr_temp_c"] - measured[f"{p}.chws_temp_c"]) for p, k in kw_per_k.items()) if whole else None


def _carbon_kg_per_kwh(history: History) -> float | None:
    money = history.header.site.get("money", {}) if isinstance(history.header.site, Mapping) else {}
    value = money.get("carbon_kg_per_kwh")
    return float(value) if isinstance(value, int | float) else None


def _rci_hi(history: History) -> float | None:
    recommended, allowable = (limit.value for limit in inlet_limits(history))
    inlets = [v for m in history.moments for s, v in m.measured.items() if s.endswith(".rack_inlet_c")]
    if not inlets or allowable <= recommended:
        return None
    over = sum(max(v - recommended, 0.0) for v in inlets)
    return 100.0 * (1.0 - over / ((allowable - recommended) * len(inlets)))


def _ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b is not None and b > 0.0 else None


def _plus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _times(a: float | None, b: float) -> float | None:
    return None if a is None else a * b
