from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from plant_models.site.load import LoadedSite, load_site
from tests.controller.conftest import CONFIG

MakeSite = Callable[..., LoadedSite]


@pytest.fixture
def site_with(tmp_path: Path) -> MakeSite:
    """Returns a maker of small sites with more in ``site.toml``, in a folder of the test's own; sockets are there too."""

    def make(toml: str = "") -> LoadedSite:
        text = (CONFIG / "small" / "site.toml").read_text().replace('"out/small', f'"{tmp_path}')
        (tmp_path / "site.toml").write_text(text + toml)
        for name in ("points.csv", "model.json"):
            (tmp_path / name).write_bytes((CONFIG / "small" / name).read_bytes())
        return load_site(tmp_path, {})

    return make
