"""The form of a validation target and of what the simulator gives for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """One target beside the simulator's value: what, the band [low, high] in ``unit``, where the band comes from, what came out, a remark."""

    what: str
    low: float
    high: float
    unit: str
    basis: str
    value: float
    remark: str = ""

    @property
    def passed(self) -> bool:
        """Returns whether the value lies in the band."""
        return self.low <= self.value <= self.high


@dataclass(frozen=True, slots=True)
class Section:
    """Targets of one kind, with what was simulated and how."""

    title: str
    says: str
    found: Sequence[Found]


def page(sections: Sequence[Section], command: str) -> str:
    """Returns the sections as a Markdown page that says how it is made again and how many targets are met."""
    every = [f for s in sections for f in s.found]
    lines = ["# The simulator beside what an engineer expects", ""]
    lines += [
        f"Written by `{command}`; {sum(f.passed for f in every)} of {len(every)} targets are met, each miss is marked and explained beside its value.",
        "",
    ]
    for section in sections:
        lines += [f"## {section.title}", "", section.says, "", "| quantity | expected | simulator | | basis, remark |", "|---|---|---|---|---|"]
        for f in section.found:
            remark = f"{f.basis}; {f.remark}" if f.remark else f.basis
            unit = f" {f.unit}" if f.unit else ""
            lines.append(f"| {f.what} | {f.low:g} to {f.high:g}{unit} | {f.value:.3g}{unit} | {'yes' if f.passed else '**no**'} | {remark} |")
        lines.append("")
    return "\n".join(lines)
