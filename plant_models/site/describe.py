"""Says what was understood of a site, as text for people and as plain values for JSON; it checks nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plant_models.site.load import LoadedSite
from plant_models.site.points import Points
from plant_models.site.topology import Device, Site
from safety.signals import parse


def describe(loaded: LoadedSite) -> str:
    """Returns what was understood of a site: topology, devices with their points, setpoints with ranges, timing and lease, one thing a line."""
    site = loaded.site
    simulated = ", simulated" if site.rollout.simulated else ""
    lines = [f"site {site.site.name}{simulated}, {site.site.time_zone}, {site.site.pressure_kpa:g} kPa, clock: {site.clock.source}"]
    for heading, inside in (
        ("topology", _topology(site)),
        ("devices", _devices(site, loaded.points)),
        ("setpoints that may be asked for", _setpoints(site, loaded.points)),
        ("timing and lease", _timing(site)),
        *([("what others say of the hours ahead", _outlook(site))] if site.forecast or site.boundary.token_file else []),
    ):
        lines += [heading, *(f"  {line}" for line in inside)]
    return "\n".join(lines)


def _topology(site: Site) -> Iterator[str]:
    if not site.plant:
        yield "no chilled-water plant"
    for plant in site.plant:
        yield f"plant {plant.name}: {plant.chw_flow_kgs:g} kg/s chilled water at design, {plant.loop_volume_m3:g} m3 in the loop"
        for kind, words in (("chiller", "chillers"), ("tower", "tower cells"), ("economiser", "economisers")):
            names = [machine.name for machine in getattr(site, kind) if machine.plant == plant.name]
            capacity = sum(c.capacity_kw for c in site.chiller if c.plant == plant.name) if kind == "chiller" else 0
            yield f"  {len(names)} {words}" + (f": {', '.join(names)}" if names else "") + (f" ({capacity:g} kW together)" if capacity else "")
        for group in (pump for pump in site.pump if pump.plant == plant.name):
            yield f"  {group.count} {group.serves} pumps in group {group.name}: {group.flow_kgs:g} kg/s and {group.power_kw:g} kW each"
    if not site.hall:
        yield "no hall"
    for hall in site.hall:
        racks = f"{hall.row_count} rows of {hall.racks_per_row} racks"
        served = f", served by {hall.plant}" if hall.plant else ""
        yield f"hall {hall.name}: {hall.it_capacity_kw:g} kW IT, {racks}, {hall.crah_count} CRAHs, class {hall.inlet_class}{served}"
        if hall.liquid:
            units = [cdu for cdu in site.cdu if cdu.hall == hall.name]
            yield f"  {100 * hall.liquid.fraction:g} % to technology water of class {hall.liquid.tcs_class}, {hall.liquid.flow_kgs:g} kg/s at design"
            yield f"  {len(units)} CDUs: {', '.join(cdu.name for cdu in units)} ({sum(cdu.heat_kw for cdu in units):g} kW together)"
    for loop in site.facility_loop:
        glycol = f", {100 * loop.glycol_share:g} % glycol" if loop.glycol_share else ""
        yield f"facility loop {loop.name}: class {loop.fws_class}, {loop.flow_kgs:g} kg/s at design, {loop.volume_m3:g} m3{glycol}"
        for group in (pump for pump in site.pump if pump.plant == loop.name):
            yield f"  {group.count} {group.serves} pumps in group {group.name}: {group.flow_kgs:g} kg/s and {group.power_kw:g} kW each"
        for cooler in (cooler for cooler in site.dry_cooler if cooler.loop == loop.name):
            yield f"  dry cooler {cooler.name}: {cooler.heat_kw:g} kW at {cooler.air_c:g} degC air{', with pads' if cooler.pads else ''}"
        for trim in (trim for trim in site.trim_chiller if trim.loop == loop.name):
            yield f"  trim chiller {trim.name}: {trim.capacity_kw:g} kW"


def _devices(site: Site, points: Points) -> Iterator[str]:
    for name, device in site.device.items():
        served = [point for point in points.rows if point.device == name]
        readable, writable = sum(p.readable for p in served), sum(p.writable for p in served)
        yield f"{name}: {_endpoint(device)}, {len(served)} points ({readable} read, {writable} written){_opcua(device)}"


def _endpoint(device: Device) -> str:
    if device.protocol == "bacnet":
        return f"bacnet-ip://{device.host}:{device.port} device {device.instance}"
    if device.protocol == "opcua":
        return f"opc.tcp://{device.host}:{device.port}{device.path}"
    if device.transport == "rtu" and (line := device.serial) is not None:
        return f"modbus-rtu:{line.port}, {line.baud_rate} baud, parity {line.parity}, stop bits {line.stop_bits}"
    return f"modbus-{device.transport}://{device.host}:{device.port}"


def _opcua(device: Device) -> str:
    """Returns how an OPC UA device is spoken to, empty for any other."""
    if device.protocol != "opcua":
        return ""
    of = device.opcua
    who = f" as user {of.user}" if of.user else " with a user's certificate" if of.user_certificate else ""
    security = "no security" if of.security == "none" else f"{of.security} {of.mode}{who}"
    return f", {security}, {'subscribed' if device.read == 'subscribe' else 'polled'}"


def _setpoints(site: Site, points: Points) -> Iterator[str]:
    if not points.setpoints:
        yield "none: the site is read only"
    by_signal = points.by_signal
    for name in points.setpoints:
        limits, unit = site.setpoint[name], parse(name).quantity.unit
        missing = [role for role in ("effective", "authority") if f"{name}.{role}" not in by_signal]
        note = f"; no {' and no '.join(missing)} point" if missing else ""
        yield f"{name}: {limits.low:g} .. {limits.high:g} {unit}, {limits.own:g} by itself{note}"


def _timing(site: Site) -> Iterator[str]:
    timing, lease = site.timing, site.lease
    yield f"cycle {timing.cycle_s:g} s, guard {timing.guard_s:g} s, plan within {timing.plan_deadline_wall_s:g} s"
    proven = "proven" if lease.proven else "not proven, so the stage is capped at ADVISORY"
    yield f"heartbeat every {lease.heartbeat_period_s:g} s, the BAS takes over after {lease.bas_timeout_s:g} s ({proven})"


def _outlook(site: Site) -> Iterator[str]:
    for name, source in site.forecast.items():
        where = source.url or source.topic or str(source.file)
        yield f"{name}: {source.gives} as {source.format} from {where} every {source.period_s:g} s, believed for {source.believed_for_s:g} s"
    if site.boundary.token_file:
        yield f"schedulers are served on {site.boundary.host}:{site.boundary.port}{', HTTPS' if site.boundary.certificate else ''} by coldaisle boundary"


def as_json(loaded: LoadedSite) -> dict[str, Any]:
    """Returns what was understood of a site as values that JSON takes: the whole of ``site.toml`` with its defaults, counts of the points and their tags."""
    points = loaded.points
    site: dict[str, Any] = _plain(asdict(loaded.site))
    by_device = {name: sum(point.device == name for point in points.rows) for name in loaded.site.device}
    quantities = Counter(point.parts.quantity.name for point in points.rows)
    counts: dict[str, Any] = {
        "count": len(points.rows),
        "by_device": by_device,
        "by_quantity": dict(sorted(quantities.items())),
        "setpoints": list(points.setpoints),
    }
    counts["tags"] = {point.signal: point.tags.split() for point in points.rows if point.tags}
    return {**site, "points": counts}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value
