"""Rewrites a site of Modbus points as one of BACnet objects, so that the bench has such a site without a second table to keep."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

_OBJECTS = {"float32": "analog", "int16": "analog", "float64": "large-analog", "uint16": "positive-integer"}
_TYPES = {"float32": "real", "int16": "real", "float64": "double", "uint16": "unsigned"}


def as_bacnet(source: Path, target: Path) -> Path:
    """Copies a site's directory without its model and gives every point an object of its own; states count from 1, requests have priority 14."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("model.json"))
    site = (target / "site.toml").read_text().replace('protocol = "modbus"\n', 'protocol = "bacnet"\ninstance = 260001\n')
    (target / "site.toml").write_text(site)
    with (target / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows, 1):
        states, double = row["unit"].startswith("enum:"), row["type"] == "float64"
        kind = (
            "multi-state-value" if states else f"{_OBJECTS[row['type']]}-{'input' if _OBJECTS[row['type']] == 'analog' and row['access'] == 'r' else 'value'}"
        )
        row |= {"protocol": "bacnet", "address": f"{kind}:{number}", "type": _TYPES[row["type"]], "word_order": "", "scale": "1"}
        row["offset"] = "-1" if states and not double else "0"
        if row["signal"].endswith(".request"):
            row["write_class"] += " priority=14"
    with (target / "points.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return target
