"""The report's part on what was proven: the experiment with its interval, what it is worth, and the field's figures; as HTML and as JSON, of one source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from controller.report.effect import Effect
from controller.report.experiment import Outcome, found_in
from controller.report.metrics import interventions, metrics, mode_minutes
from controller.report.money import Ends, Worth, worth
from controller.report.read import History
from controller.report.tables import NONE, number, table

BOUNDARY = (
    "IPMVP option B, all parameters metered: chillers, pumps, towers, dry coolers, CRAH and CDU, and server fans, which are in the facility's total. "
    "Fallback minutes count in the controller's arm (intent to treat)."
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a journal proves, and what it is worth; ``outcome`` is None where no experiment ended in it."""

    history: History
    outcome: Outcome | None
    worth: Worth | None


def proof_of(history: History, investment: float | None = None) -> Proof:
    """Returns what a journal proves; ``investment`` is what the controller costs once, in the site's currency."""
    outcome = found_in(history)
    found = outcome.headline if outcome else None
    return Proof(history, outcome, worth(found, *_prices(history), investment) if found else None)


def _prices(history: History) -> tuple[float, float, float]:
    money = history.header.site.get("money", {}) if isinstance(history.header.site, Mapping) else {}
    price, carbon, carbon_price = (money.get(key, 0.0) for key in ("energy_price_per_kwh", "carbon_kg_per_kwh", "carbon_price_per_kg"))
    return float(price), float(carbon), float(carbon_price)


def as_json(proof: Proof) -> dict[str, Any]:
    """Returns the report as JSON: metrics, modes, interventions, and the experiment with its interval, or null."""
    outcome = proof.outcome
    return {
        "site": proof.history.site_name,
        "cycles": len(proof.history.moments),
        "metrics": {name: asdict(m) for name, m in metrics(proof.history).items()},
        "mode_minutes": mode_minutes(proof.history),
        "interventions": interventions(proof.history),
        "experiment": None if outcome is None else _experiment(outcome),
        "worth_a_year": asdict(proof.worth) if proof.worth else None,
        "boundary": BOUNDARY,
    }


def _experiment(outcome: Outcome) -> dict[str, Any]:
    design = asdict(outcome.design) | {"first_day": outcome.design.first_day.isoformat()}
    told = {f: getattr(outcome, f) for f in ("sealed", "days", "blocks", "covered", "fallback_minutes", "excluded", "says")}
    return {"design": design, **told, **{f: asdict(e) if (e := getattr(outcome, f)) else None for f in ("headline", "cooling")}}


def metrics_table(history: History) -> str:
    """Returns the field's figures as HTML, with how each is defined."""
    rows = [("", [escape(name), number(m.value, 3 if not m.unit else 2), escape(m.unit), escape(m.says)]) for name, m in metrics(history).items()]
    return table(["Figure", "Value", "Unit", "Definition"], rows)


def experiment_html(proof: Proof) -> str:
    """Returns the experiment as HTML; the same form for a saving, for a loss and for nothing found."""
    outcome = proof.outcome
    if outcome is None:
        return ""
    seal = "the days are those that were sealed before the first one" if outcome.sealed else "<b>the days are not those that were sealed before</b>"
    days = ", ".join(f"{n} on the {arm} arm" for arm, n in outcome.days.items())
    left_out = ", ".join(f"{n} h {escape(why)}" for why, n in outcome.excluded.items())
    said = (
        f"<p><b>{escape(outcome.says)}</b></p><p>{outcome.blocks} of at most {outcome.design.blocks_most} blocks; days: {days}; {seal}. Left out: {left_out}. "
    )
    said += f"Fallback in the controller's arm: {number(outcome.fallback_minutes)} min. {escape(BOUNDARY)}</p>"
    rows = [
        ("", [name, *_effect_cells(found)]) for name, found in (("Whole facility, of cooling energy", outcome.headline), ("Cooling", outcome.cooling)) if found
    ]
    body = said + (table(["Saving", "Estimate [%]", "95 % interval", "Standard error", "Days", "Unexplained day to day [%]"], rows) if rows else "")
    return body + (_worth_table(proof.worth) if proof.worth else "")


def _effect_cells(found: Effect) -> list[str]:
    interval = f"{number(found.low_pct, 2)} to {number(found.high_pct, 2)}"
    return [number(found.saving_pct, 2), interval, number(found.standard_error_pct, 2), number(found.days), number(found.noise_pct, 1)]


def _worth_table(found: Worth) -> str:
    named: list[tuple[str, Ends | None, int]] = [
        ("Energy [kWh a year]", found.energy_kwh, 0),
        ("Cost [site's currency a year]", found.cost, 0),
        ("Carbon, average intensity [kg CO2e a year]", found.carbon_kg, 0),
        ("Payback [years]", found.payback_years, 1),
        ("Return on investment [% in the first year]", found.roi_pct, 0),
    ]
    rows = [("", [name, *(number(v, digits) for v in (e.low, e.mean, e.high))] if e else [name, NONE, NONE, NONE]) for name, e, digits in named]
    return table(["At the experiment's load and weather", "Low", "Estimate", "High"], rows)
