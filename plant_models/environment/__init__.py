"""The simulated sites as Gymnasium environments, for anyone who trains or compares policies; importing this package registers them.

Needs the extra ``train``. ``gymnasium.make("plant_models.environment:coldaisle/ReferenceA-v0")`` imports and makes in one; the vector form,
``gymnasium.make_vec(..., vectorization_mode="vector_entry_point")``, moves all its sites together.
"""

from __future__ import annotations

from typing import Final

import gymnasium

IDS: Final = {
    "coldaisle/ReferenceA-v0": "reference-a",
    "coldaisle/ReferenceB-v0": "reference-b",
    "coldaisle/ReferenceC-v0": "reference-c",
    "coldaisle/Small-v0": "small",
}
"""Environments by identifier, with the folder below ``config/`` that each is made of."""

for _identifier, _folder in IDS.items():
    if _identifier not in gymnasium.registry:
        gymnasium.register(
            _identifier,
            entry_point="plant_models.environment.one:ColdaisleEnv",
            vector_entry_point="plant_models.environment.many:ColdaisleVectorEnv",
            kwargs={"config": _folder},
        )
