"""Names that say what a point is give its signal; names that leave it open give none."""

from __future__ import annotations

import pytest

from controller.scan.guess import guess
from safety.signals import parse


@pytest.mark.parametrize(
    ("names", "signal"),
    [
        (["HallA", "InletMax"], "hall-a.rack_inlet_max_c"),
        (["Hall-B", "Supply Air Temp"], "hall-b.crah_supply_temp_c"),
        (["DataHall1", "RH"], "hall-1.room_rh_pct"),
        (["Chiller 02", "CHWST"], "ch-2.chws_temp_c"),
        (["CH1", "Power"], "ch-1.power_kw"),
        (["Chiller1", "Status"], "ch-1.machine_state"),
        (["CT-3", "FanSpeed"], "ct-3.fan_pct"),
        (["Plant", "CHW DP"], "plant.chw_dp_kpa"),
        (["Plant", "CW_Return_Temp"], "plant.cwr_temp_c"),
        (["ChillerPlant", "CHWRT"], "plant.chwr_temp_c"),
        (["OAT"], "weather.oa_drybulb_c"),
        (["Weather", "WetBulb"], "weather.oa_wetbulb_c"),
        (["Site", "FacilityPower"], "site.facility_power_kw"),
        (["Objects", "plant.chws_setpoint_c.effective"], "plant.chws_setpoint_c.effective"),
    ],
)
def test_plain_names_give_a_signal_of_the_vocabulary(names: list[str], signal: str) -> None:
    assert guess(names, "", writable=False).signal == signal
    parse(signal)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["X", "foo"], "no equipment"),
        (["Shall", "Be"], "no equipment"),
        (["match1", "power"], "no equipment"),
        (["HallC", "Chilled"], "no quantity"),
        (["CH1", "PowerAlarm"], "alarm"),
        (["HallA", "Row1", "InletMax"], "row"),
        (["plant.chws_setpoint_c"], "which of its points"),
    ],
)
def test_what_names_leave_open_is_left_to_a_person(names: list[str], why: str) -> None:
    found = guess(names, "", writable=False)
    assert found.signal is None
    assert why in found.why


def test_who_may_write_decides_between_request_and_effective_unless_the_name_does() -> None:
    names = ["Plant", "CHWSupplyTempSetpoint"]
    assert guess(names, "", writable=True).signal == "plant.chws_setpoint_c.request"
    assert guess(names, "", writable=False).signal == "plant.chws_setpoint_c.effective"
    assert guess([*names, "Effective"], "", writable=True).signal == "plant.chws_setpoint_c.effective"
    refused = guess([*names, "Request"], "", writable=False)
    assert (refused.signal, refused.why) == (None, "would be plant.chws_setpoint_c.request, but cannot be written")


def test_a_unit_that_does_not_convert_speaks_against_a_guess() -> None:
    assert guess(["CH1", "CHWST"], "degF", writable=False).signal == "ch-1.chws_temp_c"
    assert guess(["CH1", "CHWST"], "kPa", writable=False).why == "would be ch-1.chws_temp_c, but is in kPa"
