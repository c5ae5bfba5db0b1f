"""Puts the registry's active policy into a site's stages, and takes it out again; an unfit one is told and left out."""

from __future__ import annotations

from dataclasses import replace

import structlog

from controller.residual.correct import Residual
from controller.residual.policy import Policy, PolicyError
from controller.residual.registry import Registry
from controller.rollout.versions import VersionError, Versions
from controller.stages import Stages
from plant_models.site.load import LoadedSite

log = structlog.get_logger()


def registry_of(versions: Versions, loaded: LoadedSite) -> Registry | None:
    """Returns the registry, None where its list is not what this gateway signed: then no policy is used."""
    try:
        return Registry(versions, loaded)
    except VersionError as error:
        log.error("policies_refused", says=str(error))
        return None


def with_policy(stages: Stages, registry: Registry | None) -> Stages:
    """Returns the stages with the policy that is active now; without one, or with one that is unfit, the plan goes uncorrected."""
    try:
        policy = registry.active() if registry else None
    except PolicyError as error:
        log.error("policy_refused", says=str(error))
        policy = None
    if policy is not None:
        log.info("policy_active", digest=policy.digest[:12], trained=policy.trained.command)
    return replace(stages, residual=Residual(policy))


def digest_in_use(stages: Stages) -> str | None:
    """Returns the digest of the policy in use, None where there is none."""
    return stages.residual.policy.digest if isinstance(stages.residual.policy, Policy) else None
