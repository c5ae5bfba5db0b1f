"""What may not escape the envelope, said once more in other words: from a situation and a verdict to what is wrong with it.

Written from the description of the rules and from ``tests.fuzz.site``; it calls nothing of safety/. Each claim names what may break it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from tests.fuzz import site
from tests.fuzz.seen import Seen, number

NOISE: Final = 1e-9


@dataclass(frozen=True)
class At:
    """One permitted setpoint with a value known in force."""

    name: str
    value: float
    held: float
    seen: Seen
    permitted: Mapping[str, Any]

    @cached_property
    def allowed(self) -> site.Allowed:
        """Returns what the setpoint may be."""
        return site.ALLOWED[self.name]

    @property
    def down(self) -> float:
        """Returns the longest step down."""
        return math.inf if self.allowed.down == math.inf else self.allowed.down * self.seen.minutes

    @property
    def up(self) -> float:
        """Returns the longest step up."""
        return math.inf if self.allowed.up == math.inf else self.allowed.up * self.seen.minutes

    @cached_property
    def halls(self) -> list[str]:
        """Returns the halls that it cools."""
        return halls_of(self.name)

    @cached_property
    def hot(self) -> bool:
        """Returns whether any of them is hot."""
        return any(self.seen.hot(hall) for hall in self.halls)

    @cached_property
    def running(self) -> list[str]:
        """Returns the chillers behind it whose compressors may run."""
        plant = self.name.partition(".")[0]
        return [chiller for chiller, where in site.CHILLERS.items() if where == plant and self.seen.compressor(chiller)]

    @property
    def way_back(self) -> bool:
        """Returns whether what is in force is outside the range."""
        return not (self.allowed.low <= self.held <= self.allowed.high or (self.allowed.off and 0.0 <= self.held <= self.allowed.high))

    def sets(self, *quantities: str) -> bool:
        """Returns whether it sets one of these."""
        return self.name.partition(".")[2] in quantities

    @cached_property
    def floor(self) -> float:
        """Returns what machines and electronics do not stand less of, without the lift."""
        if self.sets("tcs_setpoint_c"):
            dewpoints_c = [self.seen.of(f"{hall}.room_dewpoint_c") for hall in site.ROWS]
            blind = [self.held] if None in dewpoints_c or (self.name.startswith("hall-a.") and self.seen.cdu_alarm) else []
            return max(*(value + site.DEWPOINT_MARGIN_K for value in dewpoints_c if value is not None), *blind, -math.inf, -math.inf)
        if self.sets("tcs_dp_setpoint_kpa"):
            return max(self.seen.rack_kpa, self.held if self.seen.cdu_alarm else -math.inf)
        if self.sets("chws_setpoint_c"):
            return max((self.seen.evaporator_floor_c(chiller, self.held) for chiller in self.running), default=-math.inf)
        if self.sets("cws_setpoint_c") and self.seen.cold_basin(self.name.partition(".")[0]):
            return self.held
        plant = self.name.partition(".")[0]
        starved = any(self.seen.starved(chiller) for chiller, where in site.CHILLERS.items() if where == plant)
        return self.held if self.sets("chw_dp_setpoint_kpa") and starved else -math.inf


def halls_of(name: str) -> list[str]:
    """Returns the halls that a setpoint cools."""
    equipment = name.partition(".")[0]
    if equipment in site.ROWS:
        return [equipment]
    return [hall for hall, plants in site.PLANTS_OF.items() if equipment in plants or (hall == "hall-b" and equipment == "cdu-1")]


def within_the_range(at: At) -> str:
    """Only the way back from outside is outside."""
    a = at.allowed
    low = 0.0 if a.off else a.low
    if a.off and 0.0 < at.value < a.low:
        return "is neither off nor at least the floor"
    if a.band[0] < at.value < a.band[1] or (a.whole and at.value != round(at.value)):
        return "is not what a machine can have"
    within = min(low, at.held + at.up) <= at.value <= max(a.high, at.held - at.down)
    return "" if within else f"is outside {low} .. {a.high} and not on its way back"


def no_faster_than_its_rate(at: At) -> str:
    """Faster only towards more cooling of a hot room, off from the floor, or onto a machine's floor."""
    lowest, highest = at.held - at.down, at.held + at.up
    if at.hot and at.allowed.cooler < 0:
        lowest = -math.inf
    if at.hot and at.allowed.cooler > 0:
        highest = math.inf
    if at.allowed.off and (at.held <= at.allowed.low or 0.0 < lowest < at.allowed.low) and at.down > 0.0:
        lowest = 0.0 if at.held <= at.allowed.low else lowest
        highest = max(highest, at.allowed.low)
    if at.allowed.off and 0.0 < at.held < at.allowed.low:
        highest = max(highest, at.allowed.low)
    highest = max(highest, min(at.floor, at.allowed.high))
    return "" if lowest - NOISE <= at.value <= highest + NOISE else f"is further than its rate from {at.held}"


def no_less_cooling_where_it_is_needed(at: At) -> str:
    """Only the way back into the range, a machine's floor, and the lift's condenser water cool a room less that is hot, unseen or warming fast."""
    less = (at.value - at.held) * at.allowed.cooler < -NOISE
    excused = at.way_back or at.value <= at.floor + NOISE or (at.sets("cws_setpoint_c") and at.running) or _off_gap(at)
    if not less or excused:
        return ""
    why = [what for what in ("hot", "blind", "rising") if any(getattr(at.seen, what)(hall) for hall in at.halls)]
    return f"cools less than {at.held} in a room that is {', '.join(why)}" if why else ""


def no_warmer_where_it_is_humid(at: At) -> str:
    """Only the dew point, the way back and an evaporator's floor make water or air warmer in a humid room."""
    if not at.sets("chws_setpoint_c", "crah_supply_setpoint_c") or at.way_back or at.value <= max(at.held, at.floor, dewpoint_floor_c(at)) + NOISE:
        return ""
    return f"is warmer than {at.held} in a humid room" if any(at.seen.humid(hall) for hall in at.halls) else ""


def no_colder_where_it_cools_too_fast(at: At) -> str:
    """Only a hot room, the way back, and the lift of running machines ask for more."""
    more = (at.value - at.held) * at.allowed.cooler > NOISE
    excused = at.hot or at.way_back or at.running or at.value <= at.floor + NOISE or _off_gap(at)
    return f"cools more than {at.held} in a room that cools too fast" if more and not excused and any(at.seen.falling(h) for h in at.halls) else ""


def above_the_dew_point(at: At) -> str:
    """Only a hot room, one that may not be cooled less, a lost reading, the rate and the range come before the dew point; and the lift for water."""
    halls = [hall for hall in at.halls if at.sets("crah_supply_setpoint_c") or (at.sets("chws_setpoint_c") and hall in site.DRY_COILS)]
    if at.hot or at.running or not halls:
        return ""
    lowest = dewpoint_floor_c(at)
    if any(at.seen.of(f"{hall}.room_dewpoint_c") is None for hall in halls):
        lowest = max(lowest, at.held)
    lowest = min(lowest, at.held + at.up, at.allowed.high)
    if at.name in at.seen.frozen or any(at.seen.rising(hall) or at.seen.blind(hall) for hall in at.halls):
        lowest = min(lowest, at.held)
    return "" if at.value >= lowest - NOISE else f"is below {lowest}, which the dew point asks for"


def dewpoint_floor_c(at: At) -> float:
    """Returns the coldest air, or water of dry coils, over the known dew points."""
    halls = [hall for hall in at.halls if at.sets("crah_supply_setpoint_c") or hall in site.DRY_COILS]
    known = [value for hall in halls if (value := at.seen.of(f"{hall}.room_dewpoint_c")) is not None]
    return max((value + site.DEWPOINT_MARGIN_K for value in known), default=-math.inf)


def onto_the_machines_floor(at: At) -> str:
    """Nothing comes before evaporators, basins, minimum flow and electronics but the end of the range."""
    return "" if at.value >= min(at.floor, at.allowed.high) - NOISE else f"is below {at.floor}, which machines or electronics ask for"


def condenser_water_keeps_the_minimum_lift(at: At) -> str:
    """At the setpoint's rate; not where the weather keeps the water warmer anyhow."""
    if not at.sets("cws_setpoint_c"):
        return ""
    plant = at.name.partition(".")[0]
    for chiller in at.running:
        leaving_c, entering_c, wetbulb_c = at.seen.of(f"{chiller}.cwr_temp_c"), at.seen.of(f"{plant}.cws_temp_c"), at.seen.of("weather.oa_wetbulb_c")
        asked = at.permitted.get(f"{plant}.chws_setpoint_c", number(at.seen.in_force.get(f"{plant}.chws_setpoint_c")))
        evaporator = [value for value in (asked, at.seen.of(f"{chiller}.chws_temp_c")) if value is not None]
        lowest = at.held
        if leaving_c is not None and entering_c is not None and evaporator:
            lowest = min(max(evaporator) + site.LIFT_MIN_K[chiller] - max(leaving_c - entering_c, 0.0), at.held + at.up)
            if wetbulb_c is not None and lowest <= min(wetbulb_c, entering_c):
                continue
        if at.value < min(lowest, at.allowed.high) - NOISE:
            return f"leaves {chiller} less than its minimum lift"
    return ""


def no_alarmed_cdu_is_touched(at: At) -> str:
    """Only its floor and the way back move a setpoint whose CDU has an alarm."""
    if not (at.name.startswith("hall-a.tcs_") and at.seen.cdu_alarm) or at.way_back or at.value == at.held:
        return ""
    return "" if at.held < at.value <= at.floor + NOISE else f"moves from {at.held} in an alarm"


def no_less_cooling_of_water_beyond_its_class(at: At) -> str:
    """Only its floor and the way back take cooling from water that is beyond its class, or may be."""
    supply_c = at.seen.of("hall-a.tcs_supply_temp_c")
    if not at.name.startswith("hall-a.tcs_") or at.way_back or at.value <= at.floor + NOISE or (supply_c is not None and supply_c <= site.TCS_MAX_C):
        return ""
    return f"cools less than {at.held}, and the water is beyond its class" if (at.value - at.held) * at.allowed.cooler < -NOISE else ""


def never_wetted_and_dried_together(at: At) -> str:
    """What is too close already comes no closer."""
    pairs = {"humidify_setpoint_c": ("dehumidify_setpoint_c", 1), "dehumidify_setpoint_c": ("humidify_setpoint_c", -1)}
    equipment, _, quantity = at.name.partition(".")
    other, sign = pairs.get(quantity, ("", 0))
    across = number(at.seen.in_force.get(f"{equipment}.{other}"))
    if across is None or at.way_back:
        return ""
    after = (at.permitted.get(f"{equipment}.{other}", across) - at.value) * sign
    return "" if after >= min(site.GAP_K, (across - at.held) * sign) - NOISE or not _in_range(f"{equipment}.{other}", across) else "crosses the other"


def one_stage_at_a_time(at: At) -> str:
    """Only an overheated room, and the way back, ask for more; none while a machine moves."""
    if not at.sets("running_setpoint_count") or at.way_back or at.held != round(at.held) or any(at.seen.overheated(hall) for hall in at.halls):
        return ""
    most = 0.0 if at.seen.changing(at.name.partition(".")[0]) else 1.0
    return "" if abs(at.value - at.held) <= most else f"changes by more than {most:g} from {at.held}"


def no_further_than_it_is_trusted(at: At) -> str:
    """A step towards less cooling is cut by the doubt; what dew points, machines and the range ask for is no step of the proposer."""
    less = (at.held - at.value) * at.allowed.cooler
    step = at.seen.trust * (at.down if at.allowed.cooler > 0 else at.up) if at.seen.trust else 0.0
    excused = at.way_back or at.value <= max(at.floor, dewpoint_floor_c(at)) + NOISE or at.running or at.sets("running_setpoint_count") or _off_gap(at)
    return f"cools less than {at.held} by more than trusted" if less > step + NOISE and at.seen.trust < 1.0 and not excused else ""


def what_is_frozen_stays(at: At) -> str:
    """Only a hot room, machines and the way back move what depends on a lost reading."""
    excused = at.hot or at.way_back or at.value <= at.floor + NOISE or at.running or _off_gap(at) or at.allowed.whole
    return f"moves from {at.held} though a reading is lost" if at.name in at.seen.frozen and abs(at.value - at.held) > NOISE and not excused else ""


def _in_range(name: str, value: float) -> bool:
    return site.ALLOWED[name].low <= value <= site.ALLOWED[name].high


Claim = Callable[[At], str]
CLAIMS: Final[tuple[Claim, ...]] = (
    within_the_range,
    no_faster_than_its_rate,
    no_less_cooling_where_it_is_needed,
    no_warmer_where_it_is_humid,
    no_colder_where_it_cools_too_fast,
    above_the_dew_point,
    onto_the_machines_floor,
    condenser_water_keeps_the_minimum_lift,
    no_alarmed_cdu_is_touched,
    no_less_cooling_of_water_beyond_its_class,
    never_wetted_and_dried_together,
    one_stage_at_a_time,
    no_further_than_it_is_trusted,
    what_is_frozen_stays,
)


def escapes(seen: Seen, writable: frozenset[str], permitted: Mapping[str, Any]) -> Iterator[str]:
    """Returns everything that should not have been permitted, and everything that should have been done and was not, in words."""
    for name, value in permitted.items():
        held = number(seen.in_force.get(name))
        if name not in site.ALLOWED or name not in writable:
            yield f"{name}: not ours to write"
        elif type(value) is not float or not math.isfinite(value):
            yield f"{name}: {value!r} is no number"
        elif held is not None:
            yield from (f"{name}: {value!r} {wrong}" for claim in CLAIMS if (wrong := claim(At(name, value, held, seen, permitted))))
        elif value != _full(name) or not _overheated(name, seen):
            yield f"{name}: {value!r} was written with nothing known in force"
    for name in writable & set(site.ALLOWED):
        gets = permitted.get(name, number(seen.in_force.get(name)))
        if _overheated(name, seen) and _nothing_before_the_room(name, seen) and gets not in (_full(name), _coming_back(name, seen)):
            yield f"{name}: {gets!r} in an overheated room, and not {_full(name)}"


def _full(name: str) -> float:
    a = site.ALLOWED[name]
    return a.high if a.cooler > 0 else a.low


def _coming_back(name: str, seen: Seen) -> float | None:
    """Returns where one step takes a setpoint that cools more than its range allows; None for all others."""
    held = number(seen.in_force.get(name))
    if held is None or (held - _full(name)) * site.ALLOWED[name].cooler <= 0.0:
        return None
    at = At(name, held, held, seen, {})
    return min(_full(name), held + at.up) if held < _full(name) else max(_full(name), held - at.down)


def _overheated(name: str, seen: Seen) -> bool:
    return any(seen.overheated(hall) for hall in halls_of(name))


def _nothing_before_the_room(name: str, seen: Seen) -> bool:
    """Returns whether no machine has a say: air and pressure always, water with compressors at rest and warm basins."""
    plant, _, quantity = name.partition(".")
    at_rest = not any(seen.compressor(chiller) for chiller, where in site.CHILLERS.items() if where == plant)
    if quantity in ("chws_setpoint_c", "cws_setpoint_c"):
        return at_rest and not (quantity == "cws_setpoint_c" and seen.cold_basin(plant))
    return site.ALLOWED[name].cooler != 0 and "tcs_" not in quantity


def _off_gap(at: At) -> bool:
    """Returns whether what is in force is where nothing may stay: between off and the floor, in a band, between whole numbers."""
    low, high = at.allowed.band
    between = at.allowed.off and 0.0 < at.held < at.allowed.low
    return between or low < at.held < high or (at.allowed.whole and at.held != round(at.held))
