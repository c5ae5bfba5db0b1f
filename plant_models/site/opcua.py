"""What ``site.toml`` says of an OPC UA device beyond its address: security, who the daemon is, and what the server sends by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from plant_models.site.problems import Problem, shown

if TYPE_CHECKING:
    from plant_models.site.topology import Device, Site

_FILE: Final = "site.toml"
_OURS: Final = "COLDAISLE_"  # such a variable overrides a key of the site, so it cannot hold a password
Seconds = Annotated[float, Field(ge=0.05, le=60, allow_inf_nan=False)]
QUEUE_MOST: Final = 1000
POLICIES: Final = ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")


@dataclass(frozen=True)
class OpcUa:
    """Security and subscription of one OPC UA device. Files are beside ``site.toml`` unless absolute.

    A password never stands here: it is in the variable or the file that is named. ``certificate`` and ``key`` of the daemon itself are made
    on the first start in ``<persistence>/opcua/own``. A silent server is noticed within (keep_alive_count + 1) publishing intervals and 2 s.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    security: Literal["none", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "none"
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    user: str | None = None
    password_variable: str | None = None
    password_file: Path | None = None
    user_certificate: Path | None = None
    user_key: Path | None = None
    publishing_interval_s: Seconds = 1.0
    sampling_s: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 1.0  # 0: as fast as the server can
    queue_size: Annotated[int, Field(ge=1, le=QUEUE_MOST)] = 1
    keep_alive_count: Annotated[int, Field(ge=1, le=20)] = 2


def opcua_problems(site: Site) -> Iterator[Problem]:
    """Yields what contradicts itself in the devices' security and way of reading."""
    for name, device in site.device.items():
        at = f"{_FILE}: device.{name}"
        yield from _reading(site, device, at)
        yield from _identity(device.opcua, at)
        if device.protocol != "opcua" and device.opcua != OpcUa():
            yield Problem(f"{at}.opcua", f"of a device that speaks {device.protocol}", "this table only where protocol is opcua")


def _reading(site: Site, device: Device, at: str) -> Iterator[Problem]:
    if device.read != "subscribe":
        return
    if device.protocol != "opcua":
        yield Problem(f"{at}.read", "'subscribe'", f"poll: {device.protocol} has no subscriptions here")
    elif site.clock.source == "point":
        yield Problem(f"{at}.read", "'subscribe'", "poll where clock.source is point: the age of what a server sends by itself is known in wall time only")


def _identity(of: OpcUa, at: str) -> Iterator[Problem]:
    sources = [key for key in ("password_variable", "password_file") if getattr(of, key) is not None]
    if of.user is not None and len(sources) != 1:
        seen = f"{' and '.join(sources)} are given" if sources else "has no password"
        yield Problem(f"{at}.opcua.user", seen, "password_variable (an environment variable's name) or password_file, one of them")
    if of.user is None and sources:
        yield Problem(f"{at}.opcua.{sources[0]}", "without a user", "only together with user")
    if of.user is not None and not of.user.strip():
        yield Problem(f"{at}.opcua.user", shown(of.user), "a name")
    if of.user is not None and of.user_certificate is not None:
        yield Problem(f"{at}.opcua.user", "together with user_certificate", "a user with a password, or user_certificate with user_key")
    if (of.user_certificate is None) != (of.user_key is None):
        given, missing = ("user_key", "user_certificate") if of.user_certificate is None else ("user_certificate", "user_key")
        yield Problem(f"{at}.opcua.{given}", f"without {missing}", "both or neither")
    if of.security == "none" and (of.user is not None or of.user_certificate is not None):
        yield Problem(f"{at}.opcua.security", "'none' with a user", f"{', '.join(POLICIES)}: the password would be readable on the way")
    variable = of.password_variable
    if variable is not None and (not variable.replace("_", "a").isalnum() or variable[:1].isdigit()):
        yield Problem(f"{at}.opcua.password_variable", shown(variable), "the name of an environment variable: letters, digits and _")
    elif variable is not None and variable.upper().startswith(_OURS):
        yield Problem(f"{at}.opcua.password_variable", shown(variable), f"a name that does not begin with {_OURS}: those override keys of the site")


def joint_opcua_problems(site: Site, rows: Any) -> Iterator[Problem]:
    """Yields points that are to be subscribed to on a site where that cannot be."""
    for row in rows:
        if row["read"] == "subscribe" and row["protocol"] == "opcua" and site.clock.source == "point":
            allowed = "poll, or empty, where clock.source is point: the age of what a server sends by itself is known in wall time only"
            yield Problem(f"points.csv line {row.line}, column read", "'subscribe'", allowed)


def password_of(of: OpcUa, directory: Path, environ: Mapping[str, str] | None = None) -> str:
    """Returns the user's password, from the variable or the file's first line.

    Raises ValueError, saying what is missing; never with the password in it.
    """
    if of.password_variable is not None:
        found = (os.environ if environ is None else environ).get(of.password_variable, "")
        if not found:
            raise ValueError(f"no password for user {of.user}: the environment variable {of.password_variable} is not set")
        return found
    if of.password_file is None:
        raise ValueError(f"no password for user {of.user}: neither password_variable nor password_file is given")
    path = directory / of.password_file
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"no password for user {of.user}: {path} cannot be read ({type(error).__name__})") from None
    if not lines or not lines[0]:
        raise ValueError(f"no password for user {of.user}: the first line of {path} is empty")
    return lines[0]
