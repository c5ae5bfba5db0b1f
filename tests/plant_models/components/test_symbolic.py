"""Every component gives the same number on floats, arrays and CasADi symbols."""

from __future__ import annotations

from collections.abc import Callable

import casadi
import numpy as np
import pytest

from plant_models.components import (
    aisle,
    cdu,
    chiller,
    cold_plate,
    coolant,
    crah,
    dry_cooler,
    electrical,
    exchanger,
    fluids,
    merkel,
    moisture,
    pump,
    rows,
    server,
    tower,
    trim_chiller,
)
from plant_models.components.chiller_curves import curves_of
from plant_models.components.fluids import Expr
from plant_models.components.server import ServerParameters

SERVER = ServerParameters()
CARRIER, YORK, SCREW = (curves_of(kind) for kind in ("vsd_centrifugal", "constant_speed_centrifugal", "positive_displacement"))
EQUATIONS: dict[str, tuple[Callable[..., Expr], tuple[tuple[float, float], ...]]] = {
    "carrier power": (lambda q, a, s, e, r: chiller.power_kw(CARRIER, q, a, s, e, e + r, 0.3), ((0, 1500), (900, 1500), (4, 20), (10, 36), (1, 8))),
    "york power": (lambda q, a, s, e, r: chiller.power_kw(YORK, q, a, s, e, e + r, 0.3), ((0, 1100), (700, 1100), (4, 20), (10, 36), (1, 8))),
    "carrier capacity": (lambda s, c: chiller.capacity_share(CARRIER, s, c), ((2, 25), (10, 45))),
    "outside": (lambda s, c: chiller.outside_curve(CARRIER, s, c), ((2, 25), (10, 45))),
    "screw power": (lambda q, a, s, e, r: chiller.power_kw(SCREW, q, a, s, e, e + r, 0.1), ((0, 1500), (900, 1500), (4, 20), (10, 36), (1, 8))),
    "surge line": (lambda lift: chiller.surge_line(lift, 8.0, 25.0), ((0, 40),)),
    "metered": (lambda lift: chiller.metered_share(lift, 8.0), ((-15, 40),)),
    "surge": (lambda lift: chiller.surge_plr(lift, 8.0, 25.0), ((0, 40),)),
    "tower": (tower.leaving_target_c, ((10, 40), (5, 35), (-40, 30), (0.2, 1.5), (0, 1), (0.8, 1.0))),
    "merkel": (merkel.leaving_target_c, ((10, 40), (5, 35), (-20, 30), (0.2, 1.5), (0, 1), (0.8, 1.0))),
    "tower fan": (tower.fan_power_share, ((0, 1),)),
    "evaporation": (tower.evaporation_kgs, ((-100, 5000), (-20, 40))),
    "blowdown": (lambda e, d: tower.blowdown_kgs(e, d, 4.0), ((0, 3), (0, 0.1))),
    "pump flow": (lambda n, y, k: pump.flow_kgs(n, y, k, 40.0, 37.3, 250.0), ((0, 5), (0.1, 1), (1e-3, 1))),
    "pump power": (lambda f, y: pump.electric_kw(pump.shaft_kw(f, y, 37.3, 250.0, 0.72), y, 14.0), ((0, 45), (0.2, 1))),
    "coil": (lambda w, a: crah.coil_ua_kw_per_k(w, a, 456.0), ((0, 1.3), (0, 1.2))),
    "valve": (lambda z: crah.branch_conductance(z, 10.0, 0.4), ((0, 1),)),
    "fan": (crah.fan_power_share, ((0, 1),)),
    "exchanger": (exchanger.heat_kw, ((0, 500), (0, 700), (0, 700), (5, 40), (5, 40))),
    "plates": (lambda h, c: exchanger.plate_ua_kw_per_k(h, c, 2000.0), ((0, 1.2), (0, 1.2))),
    "server": (lambda u, t, s: sum(server.power_kw(SERVER, 20.0, u, t, s)), ((0, 1), (10, 45), (0.6, 1.8))),
    "server fan": (lambda t: server.fan_speed(SERVER, t), ((0, 60),)),
    "server air": (lambda u, s: server.air_flow_kgs(SERVER, 20.0, u, s), ((0, 1), (0.6, 1.8))),
    "recirculation": (rows.recirculated_share, ((0, 60), (0, 60), (0, 0.2))),
    "aisle pressure": (aisle.pressure_pa, ((0, 400), (0, 400), (2, 40))),
    "condensed": (moisture.condensed_kgs, ((0, 400), (0.002, 0.015), (4, 20), (95, 102))),
    "sensible": (moisture.sensible_heat_ratio, ((0, 5000), (0, 0.1))),
    "humidifier": (lambda t: moisture.humidifier_share(t, -9.0, 1.0), ((-12, 0),)),
    "dehumidifier": (lambda t: moisture.dehumidifier_share(t, 15.0, 1.0), ((10, 18),)),
    "inlet": (lambda c, h, r: rows.inlet_c(c, h, r, rows.TOP_WEIGHT), ((15, 30), (25, 50), (0, 1))),
    "losses": (lambda p: electrical.losses_kw(electrical.UPS_MODERN, 10000.0, p), ((0, 6000),)),
    "dew point": (fluids.dewpoint_c, ((1e-4, 0.03), (80, 105))),
    "cold plate": (cold_plate.case_c, ((15, 50), (0, 3), (0, 1400))),
    "rack loop": (lambda f: cold_plate.quadratic_resistance(f, 10.0, 50.0), ((0, 13),)),
    "viscosity": (lambda t: coolant.viscosity_mpas(t, 0.25), ((10, 55),)),
    "cdu": (lambda t, f, x, y: cdu.ua_kw_per_k(560.0, t, f, coolant.film_factor(x, 38.0, 0.25), y), ((0, 1.3), (0, 1.3), (15, 50), (0.5, 1.2))),
    "dry cooler": (lambda w, a, t, d: dry_cooler.heat_kw(607.0, 527.0, 527.0, w, a, t, d), ((0, 1.3), (0, 1), (15, 60), (-30, 45))),
    "dry cooler fan": (dry_cooler.fan_power_share, ((0, 1),)),
    "pads": (lambda d, w, s: dry_cooler.pad_water_kgs(527.0, 0.8, dry_cooler.pads_cool_k(d, w, s, 0.8)), ((0, 45), (-5, 30), (0, 1))),
    "trim chiller": (lambda q, t, d: trim_chiller.power_kw(q, trim_chiller.available_kw(1000.0, t, d), t, d), ((0, 1000), (5, 40), (-20, 45))),
    "humidity": (fluids.humidity_ratio_at_wetbulb, ((10, 40), (-5, 10), (80, 105))),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_floats_arrays_and_symbols_agree(name: str) -> None:
    equation, ranges = EQUATIONS[name]
    low, high = np.array(ranges, dtype=float).T
    points = low + (high - low) * np.random.default_rng(5).random((64, len(ranges)))
    points[0], points[1] = low, high
    symbols = [casadi.SX.sym(f"x{i}") for i in range(len(ranges))]
    compiled = casadi.Function("equation", symbols, [equation(*symbols)])
    on_arrays = np.asarray(equation(*points.T), dtype=float)
    for row, on_array in zip(points, on_arrays, strict=True):
        on_symbols = float(compiled(*row))
        assert on_symbols == pytest.approx(float(equation(*(float(v) for v in row))), rel=1e-9, abs=1e-9)
        assert on_symbols == pytest.approx(on_array, rel=1e-9, abs=1e-9)
