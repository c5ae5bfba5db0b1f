"""Checks that the parts of a site agree: sections of ``site.toml`` with each other, rows of ``points.csv`` with each other and with ``site.toml``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final
from zoneinfo import ZoneInfo

from plant_models.site.address import ModbusAddress
from plant_models.site.agree_liquid import liquid_problems
from plant_models.site.agree_rollout import rollout_problems
from plant_models.site.forecast import forecast_problems
from plant_models.site.links import device_problems, place_allowed
from plant_models.site.opcua import joint_opcua_problems, opcua_problems
from plant_models.site.problems import Problem, shown
from plant_models.site.settings import FILE, Draft
from plant_models.site.table import PROTOCOLS, Row, where
from plant_models.site.topology import Lease, Site, Timing
from safety.signals import Role, parse

WELL_KNOWN: Final = ("bas", "daemon", "weather", "site")
"""Equipment that every site may have points of: the two systems, the outside air, and the facility as a whole."""
_MACHINES: Final = ("hall", "chiller", "tower", "pump", "economiser", "tank", "facility_loop", "cdu", "dry_cooler", "trim_chiller")
_CLOCK: Final = "bas.clock_s"
_MODBUS_PORT: Final = 502
_REGISTER_BITS: Final = 16
_TIMEOUTS_A_READ: Final = 2  # what silence costs a Modbus bus; the others connect and ask
_PLACE: Final = {"opcua": "a node", "bacnet": "an object"}


def equipment_of(site: Site) -> tuple[str, ...]:
    """Returns every equipment name that a signal of the site may have, in the site's order; a name given twice stands there twice."""
    rows = chain.from_iterable((hall.name, *hall.rows) for hall in site.hall)
    others = (machine.name for kind in _MACHINES if kind != "hall" for machine in getattr(site, kind))
    return (*WELL_KNOWN, *(plant.name for plant in site.plant), *rows, *others)


def site_problems(draft: Draft) -> list[Problem]:
    """Returns where sections of ``site.toml`` contradict each other; a section that was refused is not compared."""
    site, refused = draft.site, draft.refused
    found: list[Problem] = []
    if not refused & {"lease"}:
        found += _lease(site.lease)
    if not refused & {"timing"}:
        found += _timing(site.timing)
    if not refused & {"timing", "lease"} and site.timing.guard_s > site.lease.heartbeat_period_s:
        allowed = f"at most lease.heartbeat_period_s, which is {site.lease.heartbeat_period_s:g}: the guard writes the heartbeat"
        found.append(Problem(f"{FILE}: timing.guard_s", f"{site.timing.guard_s:g}", allowed))
    if not refused & {"timing", "lease", "drill"}:
        found += _drill(site)
    if not refused & {"rollout", "setpoint"}:
        found += rollout_problems(site)
    if not refused & {"timing", "device"}:
        found += _settling(site)
    if not refused & {"timing", "device", "lease", "clock"}:
        found += _patience(site)
    if not refused & {"site"}:
        found += _time_zone(site.site.time_zone)
    found += [*opcua_problems(site), *device_problems(site.device, site.directory)]
    return [*found, *_bacnet(site), *_ordered(site), *_names(site), *_plants(draft), *liquid_problems(draft), *_setpoints(draft), *forecast_problems(draft)]


def _bacnet(site: Site) -> Iterator[Problem]:
    """Yields where a BACnet device is not told from another, or two of them would need the same port of ours."""
    taken: dict[tuple[str, int], str] = {}
    for name, device in site.device.items():
        if device.protocol != "bacnet":
            continue
        at = f"{FILE}: device.{name}"
        if device.instance is None:
            yield Problem(f"{at}.instance", "missing", "the device's instance number, 0 .. 4194302")
        if device.port == _MODBUS_PORT:
            yield Problem(f"{at}.port", f"{device.port}", "the device's UDP port, 47808 unless it was moved; 502 is that of Modbus")
        other = taken.setdefault((device.local_host, device.local_port), name) if device.local_port else name
        if other != name:
            yield Problem(f"{at}.local_port", f"{device.local_port}", f"a port of its own, or 0 for any free one; device {other} has this one")


def _lease(lease: Lease) -> Iterator[Problem]:
    if lease.bas_timeout_s <= 2 * lease.heartbeat_period_s:
        allowed = f"more than twice lease.heartbeat_period_s, which is {lease.heartbeat_period_s:g}: one late heartbeat must not end the lease"
        yield Problem(f"{FILE}: lease.bas_timeout_s", f"{lease.bas_timeout_s:g}", allowed)


def _drill(site: Site) -> Iterator[Problem]:
    """Yields where a drill could never begin, or never pass: the BAS has the plant for one cycle."""
    first, last = site.drill.hours_local
    if first >= last:
        yield Problem(f"{FILE}: drill.hours_local", f"{first}, {last}", "two hours 0 .. 24, the first before the last")
    least_s = site.timing.cycle_s + site.lease.bas_timeout_s
    if site.drill.release_max_s <= least_s:
        yield Problem(
            f"{FILE}: drill.release_max_s", f"{site.drill.release_max_s:g}", f"more than timing.cycle_s and lease.bas_timeout_s together, {least_s:g}"
        )


def _timing(timing: Timing) -> Iterator[Problem]:
    if timing.solver_time_limit_wall_s >= timing.plan_deadline_wall_s:
        allowed = f"less than timing.plan_deadline_wall_s, which is {timing.plan_deadline_wall_s:g}"
        yield Problem(f"{FILE}: timing.solver_time_limit_wall_s", f"{timing.solver_time_limit_wall_s:g}", allowed)


def _settling(site: Site) -> Iterator[Problem]:
    for name, device in site.device.items():
        if device.settle_s >= site.timing.cycle_s / 2:
            allowed = f"less than half of timing.cycle_s, which is {site.timing.cycle_s:g}: a cycle waits for its read-back"
            yield Problem(f"{FILE}: device.{name}.settle_s", f"{device.settle_s:g}", allowed)


def _patience(site: Site) -> Iterator[Problem]:
    """Yields devices whose silence could hold up a read until the lease has lapsed; a bench's plant clock waits for the daemon."""
    for name, device in site.device.items():
        timeout_s = device.timeout_wall_s or site.timing.read_timeout_wall_s
        longest_s = _TIMEOUTS_A_READ * (1 + device.read_retries) * timeout_s
        if site.clock.source == "wall" and longest_s >= site.lease.bas_timeout_s:
            seen = f"{_TIMEOUTS_A_READ} x {1 + device.read_retries} x {timeout_s:g} s = {longest_s:g} s for a read that meets silence"
            yield Problem(
                f"{FILE}: device.{name}",
                seen,
                f"less than lease.bas_timeout_s, which is {site.lease.bas_timeout_s:g}: shorter time-outs, or fewer read_retries",
            )


def _time_zone(name: str) -> Iterator[Problem]:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        yield Problem(f"{FILE}: site.time_zone", shown(name), 'a name of the IANA time zone database, such as "Europe/Berlin" or "UTC"')


def _ordered(site: Site) -> Iterator[Problem]:
    """Yields where a lower bound is not below its upper bound."""
    pairs: list[tuple[str, Any, str, str]] = [(f"plant[{p.name}]", p, "chw_dp_min_kpa", "chw_dp_max_kpa") for p in site.plant]
    pairs += [(f"hall[{h.name}].liquid", h.liquid, "dp_min_kpa", "dp_max_kpa") for h in site.hall if h.liquid]
    for chiller in site.chiller:
        pairs += [(f"chiller[{chiller.name}]", chiller, f"{of}_min_{unit}", f"{of}_max_{unit}") for of, unit in (("lift", "k"), ("chws", "c"))]
    for at, table, low, high in pairs:
        if getattr(table, low) >= getattr(table, high):
            yield Problem(f"{FILE}: {at}.{low}", f"{getattr(table, low):g}", f"less than {high}, which is {getattr(table, high):g}")


def _names(site: Site) -> Iterator[Problem]:
    names = equipment_of(site)
    for name in sorted({name for name in names if names.count(name) > 1}):
        allowed = f"a name other than {', '.join(WELL_KNOWN)}" if name in WELL_KNOWN else "each name once among plants, halls, their rows and machines"
        yield Problem(f"{FILE}: name", f"{name!r} is given {names.count(name) - (name in WELL_KNOWN)} times", allowed)


def _plants(draft: Draft) -> Iterator[Problem]:
    known = {plant.name for plant in draft.site.plant}
    pumped = {p.plant for p in draft.site.pump if p.serves == "chw_primary"}
    for plant in draft.site.plant:
        if (plant.hydraulics == "primary_secondary") != (plant.name in pumped) and "pump" not in draft.lost:
            allowed = "primary_secondary where, and only where, a pump group serves chw_primary"
            yield Problem(f"{FILE}: plant[{plant.name}].hydraulics", shown(plant.hydraulics), allowed)
    for kind in ("hall", "chiller", "tower", "pump", "economiser", "tank"):
        for machine in getattr(draft.site, kind):
            if (
                getattr(machine, "serves", None) != "fws"
                and machine.plant is not None
                and machine.plant not in known | draft.dropped
                and "plant" not in draft.lost
            ):
                yield Problem(f"{FILE}: {kind}[{machine.name}].plant", shown(machine.plant), f"a declared plant: {_listed(known)}")


def _setpoints(draft: Draft) -> Iterator[Problem]:
    for name, limits in draft.site.setpoint.items():
        at = f'{FILE}: setpoint."{name}"'
        if not is_setpoint(name):
            yield Problem(at, shown(name), 'a setpoint without role, such as "plant.chws_setpoint_c"')
        if not limits.low <= limits.own <= limits.high:
            yield Problem(at, f"low = {limits.low:g}, own = {limits.own:g}, high = {limits.high:g}", "low <= own <= high")


def is_setpoint(name: str) -> bool:
    """Returns whether a name is that of a setpoint, without a role."""
    try:
        parts = parse(name)
    except ValueError:
        return False
    return "setpoint" in parts.quantity.name and parts.role is None


def table_problems(rows: Sequence[Row]) -> Iterator[Problem]:
    """Yields signals that stand twice, and points that share registers or a node."""
    first: dict[str, int] = {}
    for row in rows:
        signal = row["signal"]
        if row.parts is not None and signal in first:
            yield Problem(where(row.line, "signal"), shown(signal), f"each signal once; it stands in line {first[signal]}")
        first.setdefault(signal, row.line)
    yield from _shared_nodes(rows)
    yield from _shared_registers(rows)


def _shared_nodes(rows: Iterable[Row]) -> Iterator[Problem]:
    first: dict[Any, Row] = {}
    for row in rows:
        if row.place is None or isinstance(row.place, ModbusAddress):
            continue
        other = first.setdefault((row["device"], row.place), row)
        if other["signal"] != row["signal"]:
            yield Problem(
                where(row.line, "address"), shown(row["address"]), f"{_PLACE[row['protocol']]} of its own; it is that of {other['signal']} in line {other.line}"
            )


def _shared_registers(rows: Iterable[Row]) -> Iterator[Problem]:
    spans = [(row["device"], row.place, row) for row in rows if isinstance(row.place, ModbusAddress)]
    last: dict[Any, tuple[int, Row]] = {}  # by table of a unit: the highest bit taken so far, and by whom
    for device, place, row in sorted(spans, key=lambda span: (_first_bit(span[1]), span[2].line)):
        key = (device, place.unit, place.table)
        taken, other = last.get(key, (-1, row))
        if _first_bit(place) <= taken and other["signal"] != row["signal"]:
            here, there = (row, other) if row.line > other.line else (other, row)
            allowed = f"registers of its own; {there['signal']} in line {there.line} takes {there.registers} from {there['address']}"
            yield Problem(where(here.line, "address"), f"{shown(here['address'])}, {here.registers} registers", allowed)
        width = _REGISTER_BITS * row.registers if place.bits is None else place.bits.width
        last[key] = max((taken, other), (_first_bit(place) + width - 1, row), key=lambda entry: entry[0])


def _first_bit(place: ModbusAddress) -> int:
    return _REGISTER_BITS * place.offset + (0 if place.bits is None else place.bits.low)


def joint_problems(draft: Draft, rows: Sequence[Row]) -> Iterator[Problem]:
    """Yields where points name what ``site.toml`` does not declare, and what it declares that no point serves."""
    yield from _undeclared(draft, rows)
    yield from _settling_points(draft, rows)
    yield from _unmatched_setpoints(draft, rows)
    yield from joint_opcua_problems(draft.site, rows)
    clock = any(row["signal"] == _CLOCK for row in rows)
    if "clock" not in draft.refused and draft.site.clock.source == "point" and not clock:
        yield Problem(f"{FILE}: clock.source", "'point'", f"'wall', or a point {_CLOCK} in points.csv")


def _settling_points(draft: Draft, rows: Iterable[Row]) -> Iterator[Problem]:
    half_s = draft.site.timing.cycle_s / 2
    for row in rows:
        if "timing" not in draft.refused and row.point is not None and (row.point.settle_s or 0.0) >= half_s:
            allowed = f"less than half of timing.cycle_s, which is {2 * half_s:g}: a cycle waits for its read-back"
            yield Problem(where(row.line, "settle_s"), shown(row["settle_s"]), allowed)


def _undeclared(draft: Draft, rows: Iterable[Row]) -> Iterator[Problem]:
    known, devices = set(equipment_of(draft.site)), draft.site.device
    whole = not draft.lost & {"plant", *_MACHINES}
    for row in rows:
        if row.parts is not None and whole and row.parts.equipment not in known | draft.dropped:
            allowed = f"equipment that {FILE} declares: {_listed(known)}"
            yield Problem(where(row.line, "signal"), f"{shown(row['signal'])} is of equipment {row.parts.equipment!r}", allowed)
        device = devices.get(row["device"])
        if "device" not in row.cells:
            continue
        if device is None:
            if row["device"] not in draft.dropped and "device" not in draft.lost:
                yield Problem(where(row.line, "device"), shown(row["device"]), f"a device that {FILE} declares: {_listed(devices)}")
        elif row["protocol"] in PROTOCOLS and row["protocol"] != device.protocol:
            yield Problem(where(row.line, "protocol"), shown(row["protocol"]), f"{device.protocol}, which device {row['device']} speaks")
        elif isinstance(row.place, ModbusAddress) and (fitting := place_allowed(row["device"], device, row.place, row["access"])) is not None:
            yield Problem(where(row.line, "address"), shown(row["address"]), fitting)


def _unmatched_setpoints(draft: Draft, rows: Iterable[Row]) -> Iterator[Problem]:
    asked = {row.parts.setpoint: row.line for row in rows if row.parts is not None and row.parts.role is Role.REQUEST}
    known = draft.site.setpoint.keys() | draft.dropped
    for name, line in asked.items():
        if name not in known and "setpoint" not in draft.lost:
            yield Problem(where(line, "signal"), f"no range for {name!r}", f'a table [setpoint."{name}"] with low, high and own in {FILE}')
    for name in draft.site.setpoint:
        if name not in asked and is_setpoint(name):
            yield Problem(f'{FILE}: setpoint."{name}"', "no point asks for it", f"a row {name}.request in points.csv, or no such table")


def _listed(names: Iterable[str]) -> str:
    """Returns names for a message; of very many the first."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 40} more" if len(ordered) > 40 else ""
    return (", ".join(ordered[:40]) + more) or "none is declared"
