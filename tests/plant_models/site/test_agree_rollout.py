"""What a site may say in ``[rollout]``: hours in order, setpoints that exist in one group each, criteria that only get stricter."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from plant_models.site.load import SiteErrors, load_site

SMALL = Path(__file__).parents[3] / "config" / "small"


def site_with(tmp_path: Path, rollout: str) -> Path:
    for file in ("site.toml", "points.csv", "plant.toml", "model.json"):
        shutil.copy(SMALL / file, tmp_path)
    site = tmp_path / "site.toml"
    site.write_text(site.read_text().replace("[rollout]\n", f"[rollout]\n{rollout}\n"))
    return tmp_path


def test_groups_and_stricter_criteria_are_read(tmp_path: Path) -> None:
    air = 'air = ["hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct"]'
    stricter = '"advisory.shadow_days" = 14, "advisory.power_error_pct" = 8'
    text = f"group = {{ {air} }}\ncriteria = {{ {stricter} }}\nrenew_days = 30"
    rollout = load_site(site_with(tmp_path, text), {}).site.rollout
    assert rollout.group == {"air": ("hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct")}
    assert rollout.criteria == {"advisory.shadow_days": 14.0, "advisory.power_error_pct": 8.0}
    assert rollout.renew_days == 30.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("canary_hours_local = [15, 9]", "first hour below last hour"),
        ('group = { air = ["hall-z.crah_supply_setpoint_c"] }', "setpoints of this site: plant.chws_setpoint_c"),
        ('group = { a = ["plant.chws_setpoint_c"], b = ["plant.chws_setpoint_c"] }', "group a has it already"),
        ('criteria = { "advisory.shadow_days" = 1 }', "at least 3: a site can only be stricter"),
        ('criteria = { "advisory.power_error_pct" = 30 }', "at most 15: a site can only be stricter"),
        ('criteria = { "auto.luck" = 1 }', "one of shadow.monitor_days"),
        ("renew_days = 0", "at least 1"),
        ("canary_span_share = 2", "at most 1"),
    ],
)
def test_what_contradicts_is_refused_with_what_is_allowed(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SiteErrors) as refused:
        load_site(site_with(tmp_path, text), {})
    assert says in str(refused.value)
