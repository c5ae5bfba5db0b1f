"""Equal pumps in parallel on a quadratic circuit: flow in closed form from a real pump's curve, power by Euler, motor and converter efficiency.

Validity: speed 0.1 .. 1, flow 0.02 .. 1.3 of design; below the least flow power is that at the least flow.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components.fluids import KG_PER_M3_WATER, Expr

# Wilo CronoLine IL80/220 (Modelica Buildings, Movers.Data.Pumps.Wilo), head over flow, both over the best-efficiency point; fit error 1 %
HEAD_CURVE: Final = (1.27428238, 0.25554924, 0.53656041)  # h = c0 + c1 q - c2 q^2
_EULER_MIDDLE: Final = (0.37824577860088, -0.75988502317361, -0.060614519563716, 1.01426507307139)  # Modelica Buildings, Euler.correlation
_EULER_HIGH: Final = (-0.0085494313567465, 0.12957001502368, -0.659973150292823, 1.13993003013131)
_EULER_LOW: Final = (0.05687322707407, 0.493231336746, 1.433531254001, 1.407887300933)
_EULER_SCALE: Final = 1.01545
_LEAST_FLOW: Final = 0.02
MOTOR_BEST: Final = 0.955  # premium efficiency, US DOE 2014
_LEAST_EFFICIENCY: Final = 0.05
_LEAST_LOAD: Final = 0.1


def flow_kgs(count: Expr, speed: Expr, circuit: Expr, static_kpa: float, design_flow_kgs: float, design_head_kpa: float) -> Expr:
    """Returns the total flow [kg/s] of ``count`` pumps against ``static + circuit * flow^2`` [kPa], ``circuit`` in kPa/(kg/s)^2.

    Solves the pump curve at that speed (affinity laws) and the circuit as one quadratic; no flow where the pumps cannot lift the static head.
    """
    c0, c1, c2 = HEAD_CURVE
    rise = c1 * speed * design_head_kpa / design_flow_kgs
    bend = c2 * design_head_kpa / design_flow_kgs**2 + circuit * count * count
    spare = np.maximum(c0 * speed * speed * design_head_kpa - static_kpa, 0.0)
    own = (rise + np.sqrt(rise * rise + 4.0 * bend * spare)) / (2.0 * bend)
    return np.where(spare > 0.0, count * own, 0.0 * own)


def head_kpa(flow_each_kgs: Expr, speed: Expr, design_flow_kgs: float, design_head_kpa: float) -> Expr:
    """Returns a pump's head [kPa] at its flow [kg/s] and speed share."""
    q = flow_each_kgs / design_flow_kgs
    c0, c1, c2 = HEAD_CURVE
    return design_head_kpa * (c0 * speed * speed + c1 * speed * q - c2 * q * q)


def hydraulic_efficiency(head_share: Expr, flow_share: Expr, best: float) -> Expr:
    """Returns the hydraulic efficiency by the Euler-number correlation; shares are of the best-efficiency point."""
    x = np.log10(np.maximum(head_share, 1e-3) / flow_share**2)
    a, b, c = _EULER_LOW, _EULER_MIDDLE, _EULER_HIGH
    low = a[3] + x * (a[2] + x * (a[1] + x * a[0]))
    middle = b[3] + x * (b[2] + x * (b[1] + x * b[0]))
    high = c[3] + x * (c[2] + x * (c[1] + x * c[0]))
    return np.maximum(best * np.where(x < -0.5, low, np.where(x > 0.5, high, middle)) / _EULER_SCALE, _LEAST_EFFICIENCY)


def motor_efficiency(load_share: Expr) -> Expr:
    """Returns the efficiency of a premium 35 kW motor at a load share (US DOE 2014 table from 0.1; fit error 0.02), below it with constant losses."""
    load = np.maximum(load_share, _LEAST_LOAD)
    return MOTOR_BEST * (1.0 - 0.356 * np.exp(-(load - _LEAST_LOAD) / 0.075)) * np.clip(load_share / _LEAST_LOAD, 1e-3, 1.0)


def converter_efficiency(speed: Expr) -> Expr:
    """Returns the efficiency of a variable-frequency drive at a speed share (US DOE motor tip sheet, about 75 kW; fit error 0.006)."""
    return 0.99 - 0.02 * np.maximum(speed, 0.15) ** -1.35


def shaft_kw(flow_each_kgs: Expr, speed: Expr, design_flow_kgs: float, design_head_kpa: float, best_efficiency: float) -> Expr:
    """Returns one pump's shaft power [kW]; all of it ends as heat in the water."""
    flow = np.maximum(flow_each_kgs, _LEAST_FLOW * design_flow_kgs * speed)
    head = np.maximum(head_kpa(flow, speed, design_flow_kgs, design_head_kpa), 0.0)
    efficiency = hydraulic_efficiency(head / design_head_kpa, flow / design_flow_kgs, best_efficiency)
    return flow / KG_PER_M3_WATER * head / efficiency


def electric_kw(shaft: Expr, speed: Expr, design_shaft_kw: float) -> Expr:
    """Returns electric power [kW] of a pump with motor and variable-frequency drive at its shaft power [kW].

    The motor's load share is of what it can give at that speed (constant torque).
    """
    return shaft / (motor_efficiency(shaft / (design_shaft_kw * np.maximum(speed, 0.05))) * converter_efficiency(speed))
