"""Published curves of reference machines in both of EnergyPlus's forms: numbers with their range of validity, and which form fits which kind of drive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Form = Literal["eir", "reformulated"]


@dataclass(frozen=True, slots=True)
class ChillerCurves:
    """A machine's published curves; ``leaving`` tells whether the condenser temperature in them leaves (reformulated EIR) or enters (EIR)."""

    source: str
    leaving: bool
    capacity_kw: float
    cop: float
    evaporator_flow_kgs: float
    condenser_flow_kgs: float
    plr_least: float
    plr_most: float
    chws_range_c: tuple[float, float]
    condenser_range_c: tuple[float, float]
    capft: tuple[float, ...]
    eirft: tuple[float, ...]
    eirfplr: tuple[float, ...]
    carnot_share: float
    """Second-law cap on COP, a share of Carnot between the refrigerant temperatures: published machines reach 0.67-0.75 inside their curves (the screen
    of the data set), and a lower cap would take power away from the curves and give it to the lift."""
    air: bool = False  # the condenser is cooled by outside air, its temperature enters at dry bulb


@dataclass(frozen=True, slots=True)
class _Form:
    """One form of a machine's curves: condenser range [degC], least and most part load, coefficients."""

    condenser_range_c: tuple[float, float]
    plr_least: float
    plr_most: float
    capft: tuple[float, ...]
    eirft: tuple[float, ...]
    eirfplr: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Machine:
    """One machine: name, title, reference capacity [kW] and COP, evaporator and condenser flow [kg/s], chilled water range [degC], share of Carnot."""

    name: str
    title: str
    capacity_kw: float
    cop: float
    flows_kgs: tuple[float, float]
    chws_range_c: tuple[float, float]
    carnot_share: float
    eir: _Form
    reformulated: _Form

    def curves(self, form: Form) -> ChillerCurves:
        """Returns the curves in one form."""
        own = self.eir if form == "eir" else self.reformulated
        title = f"{self.title}, {'EIR' if form == 'eir' else 'reformulated EIR'}"
        return ChillerCurves(
            title,
            form != "eir",
            self.capacity_kw,
            self.cop,
            *self.flows_kgs,
            own.plr_least,
            own.plr_most,
            self.chws_range_c,
            own.condenser_range_c,
            own.capft,
            own.eirft,
            own.eirfplr,
            self.carnot_share,
        )


# EnergyPlus Chillers.idf (CoolTools fits), ElectricEIR and ReformulatedEIR objects of the same machine; shares of Carnot are those of the data's screen
_MACHINES: Final = (
    _Machine(
        "york-yt-1055",
        "York YT 1055 kW vanes",
        1055.0,
        5.96,
        (28.39, 56.78),
        (4.44, 8.89),
        0.75,
        _Form(
            (12.78, 35.0),
            0.1,
            1.05,
            (0.1785912, -0.05900023, -0.0005946963, 0.09297889, -0.002841024, 0.004974221),
            (0.524511, -0.02850126, 0.000803472, 0.01893133, 0.0001151629, -9.340642e-05),
            (0.2619878, 0.2393605, 0.4988306),
        ),
        _Form(
            (17.24, 39.89),
            0.1,
            1.06,
            (-0.27075, -0.06904583, -0.002862217, 0.111666, -0.002741006, 0.005573759),
            (0.5864611, -0.01981483, 0.001189656, 0.004468905, 0.0004366968, -0.0007679079),
            (0.2585491, 0.008250769, -3.231494e-05, -0.0892162, 1.025668, -0.006495267, 0.0, -0.2179388, 0.0, 0.0),
        ),
    ),
    _Machine(
        "york-yt-1758",
        "York YT 1758 kW vanes",
        1758.3,
        6.28,
        (75.71, 94.64),
        (4.44, 8.89),
        0.75,
        _Form(
            (15.56, 35.0),
            0.2,
            1.06,
            (0.7079149, -0.002006276, -0.002596043, 0.03005922, -0.001056423, 0.002045705),
            (0.5605391, -0.01377994, 6.569542e-05, 0.01321951, 0.0002686074, -0.0005011451),
            (0.1861223, 0.5482049, 0.2647377),
        ),
        _Form(
            (20.46, 39.72),
            0.2,
            1.06,
            (0.5062633, -0.009373882, -0.002822764, 0.04202164, -0.001092132, 0.002074549),
            (0.5699849, -0.009813327, 0.0004223116, 0.004842283, 0.0004078201, -0.0007615896),
            (0.2911331, -0.004317969, 1.448369e-05, 0.6226793, 0.07992053, 0.003393326, 0.0, 0.0191954, 0.0, 0.0),
        ),
    ),
    _Machine(
        "carrier-19ex-5208",
        "Carrier 19EX 5208 kW vanes",
        5208.2,
        6.88,
        (182.83, 252.93),
        (4.44, 8.89),
        0.75,
        _Form(
            (15.56, 29.44),
            0.2,
            1.03,
            (0.5563516, -0.04106264, -0.003164992, 0.05722234, -0.002313857, 0.005377616),
            (0.5198204, -0.0152334, -0.0006391523, 0.02170049, 2.423693e-05, 0.0001432604),
            (0.2334262, 0.3926783, 0.373132),
        ),
        _Form(
            (21.08, 35.31),
            0.2,
            1.04,
            (0.1254471, -0.1028175, -0.004242764, 0.09372985, -0.002733787, 0.007161423),
            (0.536391, -0.0008005283, -2.759052e-05, 0.007405978, 0.0004159925, -0.0008731268),
            (0.3759577, -0.01540144, 6.020001e-05, 1.240869, -1.267595, 0.01195934, 0.0, 0.6977113, 0.0, 0.0),
        ),
    ),
    _Machine(
        "carrier-19xr-1407-vsd",
        "Carrier 19XR 1407 kW VSD",
        1406.6,
        6.04,
        (60.57, 75.71),
        (4.44, 10.0),
        0.75,
        _Form(
            (12.78, 32.22),
            0.2,
            1.04,
            (1.042261, 0.002644821, -0.001468026, 0.01366256, -0.0008302334, 0.001573579),
            (1.02634, -0.01612819, -0.001092591, -0.01784393, 0.0007961842, -9.586049e-05),
            (0.118888, 0.6723542, 0.2068754),
        ),
        _Form(
            (18.11, 37.42),
            0.2,
            1.04,
            (0.9006457, -0.01139681, -0.001480623, 0.02770949, -0.0009617215, 0.001812986),
            (1.174615, -0.01237741, -0.001147159, -0.02996332, 0.0008901939, -0.0002302077),
            (-0.5839828, 0.04640814, -7.366007e-05, -0.1926398, 2.597682, -0.04268655, 0.0, -0.866639, 0.0, 0.0),
        ),
    ),
    _Machine(
        "carrier-19xr-2391-vsd",
        "Carrier 19XR 2391 kW VSD",
        2391.3,
        6.44,
        (68.58, 84.6),
        (6.67, 12.22),
        0.75,
        _Form(
            (12.78, 23.89),
            0.2,
            1.02,
            (0.3676388, -0.0508768, -0.001772675, 0.09518123, -0.003403878, 0.004526983),
            (0.6230142, -0.02371649, 0.0003996265, 0.02874515, -0.0002115103, -0.0001526191),
            (0.09774812, 0.2490111, 0.6539378),
        ),
        _Form(
            (19.76, 32.68),
            0.2,
            1.03,
            (-0.1105784, -0.07215657, -0.001924398, 0.107311, -0.002578512, 0.004153768),
            (0.6030335, -0.01099862, 0.0006898379, 0.01213607, 0.0002415707, -0.0007792847),
            (0.1309393, 0.01443518, -9.78446e-07, -0.859611, 2.724452, -0.0143627, 0.0, -0.9969677, 0.0, 0.0),
        ),
    ),
    _Machine(
        "trane-cvhe-1442-vsd",
        "Trane CVHE 1442 kW VSD",
        1441.8,
        6.61,
        (50.47, 50.47),
        (4.44, 8.89),
        0.75,
        _Form(
            (12.78, 35.0),
            0.1,
            1.07,
            (0.4007341, 0.001148568, 0.0001049504, 0.05574667, -0.001646131, 0.0013232),
            (0.6287646, -0.03024605, 0.0006137016, 0.01805826, 0.0001640653, -0.0001113802),
            (0.09299787, 0.3244475, 0.5818753),
        ),
        _Form(
            (19.72, 41.41),
            0.1,
            1.06,
            (-0.2660651, -0.02114972, -0.0003928472, 0.0957391, -0.002015949, 0.002030045),
            (0.6807134, -0.02285082, 0.0008153057, 0.0009280487, 0.000495054, -0.0006106817),
            (-0.5842314, 0.05001539, -0.0001157444, -0.003287848, 1.916917, -0.04340928, 0.0, -0.4222738, 0.0, 0.0),
        ),
    ),
    _Machine(
        "york-ys-1554-screw",
        "York YS 1554 kW screw",
        1554.3,
        9.31,
        (42.4, 79.49),
        (5.56, 8.89),
        0.75,
        _Form(
            (15.56, 35.0),
            0.1,
            1.02,
            (1.083027, 0.009278069, 0.001175024, -0.01395851, 9.301303e-05, 6.968115e-05),
            (0.5099117, 0.01379553, -0.0002069529, 0.02846021, 0.0007189977, -0.002027317),
            (0.1720219, 0.5084848, 0.3212462),
        ),
        _Form(
            (20.74, 40.06),
            0.1,
            1.02,
            (1.158269, 0.009811289, 0.001227091, -0.01535445, 9.922966e-05, 5.323659e-05),
            (0.3556656, 0.02393674, -0.0001681332, 0.0236729, 0.0007263583, -0.002267522),
            (0.3590292, -0.00540465, -2.016784e-05, -0.2714668, 2.061858, 0.006725648, 0.0, -1.170629, 0.0, 0.0),
        ),
    ),
)
# ASHRAE 90.1 Path A modelling curves as openstudio-standards lists them: right signs over chilled water 5 .. 18 degC and dry bulb 15 .. 45 degC
AIR_COOLED_SCREW: Final = ChillerCurves(
    source="air-cooled screw, 90.1 Path A, EIR",
    leaving=False,
    capacity_kw=1000.0,
    cop=3.1,  # new screws of the 2010s; 2.8 for older ones
    evaporator_flow_kgs=43.0,
    condenser_flow_kgs=1.0,
    plr_least=0.15,
    plr_most=1.0,
    chws_range_c=(5.0, 18.0),
    condenser_range_c=(15.0, 45.0),
    capft=(1.0433825, 0.0407073, 0.0004506, -0.0041514, -8.86e-05, -0.0003467),
    eirft=(0.5961915, -0.0099496, 0.0007888, 0.0004506, 0.0004875, -0.0007623),
    eirfplr=(0.141, 0.655, 0.203),
    carnot_share=0.45,
    air=True,
)
CURVES: Final[Mapping[tuple[str, Form], ChillerCurves]] = {
    **{(m.name, form): m.curves(form) for m in _MACHINES for form in ("eir", "reformulated")},
    ("air-cooled-screw", "eir"): AIR_COOLED_SCREW,
}
MachineName = Literal[
    "york-yt-1055", "york-yt-1758", "carrier-19ex-5208", "carrier-19xr-1407-vsd", "carrier-19xr-2391-vsd", "trane-cvhe-1442-vsd", "york-ys-1554-screw",
    "air-cooled-screw",
]  # fmt: skip
BY_KIND: Final[Mapping[str, MachineName]] = {
    "vsd_centrifugal": "carrier-19xr-1407-vsd",
    "constant_speed_centrifugal": "york-yt-1758",  # the smaller York breaks a sign in 7 % of the states that a plant may see
    "positive_displacement": "york-ys-1554-screw",
}
# The plain form does not know that part load and lift work together, which a variable-speed machine and a slide valve live by
_VANES: Final = ("york-yt-1055", "york-yt-1758", "carrier-19ex-5208", "air-cooled-screw")


def curves_of(kind: str, name: str | None = None, form: Form | None = None) -> ChillerCurves:
    """Returns the curves of a machine by name, or by the kind of machine (as ``site.toml`` has it), in the form that fits its drive unless one is given.

    Raises KeyError for a form that the machine was not published in.
    """
    machine = name or BY_KIND[kind]
    return CURVES[machine, form or ("eir" if machine in _VANES else "reformulated")]
