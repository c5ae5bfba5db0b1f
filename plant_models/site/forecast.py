"""Who else says something of the hours ahead: the tables ``[forecast.NAME]`` and ``[boundary]``, and where their keys contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from plant_models.site.problems import Problem, shown

if TYPE_CHECKING:
    from plant_models.site.settings import Draft
    from plant_models.site.topology import Site

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_FILE: Final = "site.toml"

Gives = Literal["weather", "price", "carbon", "load"]
COLUMNS: Final[Mapping[Gives, tuple[str, ...]]] = {
    "weather": ("drybulb_c", "wetbulb_c", "humidity_pct"),
    "price": ("price_per_kwh",),
    "carbon": ("carbon_kg_per_kwh",),
    "load": (),
}
"""What the series of a kind may be called; those of ``load`` are the site's halls, in kW."""
PUSHED: Final = ("scheduler", "power-cap")
"""Names of what comes in through the boundary's own port, which no table may take."""


@dataclass(frozen=True)
class Place:
    """Where the values of one series stand: a path such as ``hourly.temperature_2m.*`` in JSON, a column's name in CSV; value x factor + offset."""

    __pydantic_config__ = _STRICT
    at: Annotated[str, Field(min_length=1)]
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class ForecastSource:
    """One party that says something of the hours ahead, over HTTP, in a file or on an MQTT topic; how far it is believed its kind says."""

    __pydantic_config__ = _STRICT
    gives: Gives
    format: Literal["open-meteo", "met-no", "json", "csv", "year"]
    url: str = ""
    file: Path | None = None  # beside site.toml unless absolute; read again when it has changed
    topic: str = ""  # of the broker in [boundary.mqtt]
    period_s: Annotated[float, Field(ge=30, le=86400)] = 1800.0  # between two questions, wall time
    timeout_wall_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    believed_for_s: Annotated[float, Field(ge=300, le=172800)] = 21600.0  # since it was heard, plant time
    time_zone: str = "UTC"  # of times without an offset of their own
    token_file: Path | None = None  # sent as a bearer token
    user_agent: str = "coldaisle"  # some services want a contact in it
    time: str = ""  # where the times stand: ISO 8601, or seconds since 1970
    series: Mapping[str, Place] = field(default_factory=dict)

    @property
    def zone(self) -> tzinfo:
        """Returns the time zone of times that state none."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True)
class Mqtt:
    """The broker that topics are read from and told to; TLS where ``ca`` is given."""

    __pydantic_config__ = _STRICT
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    user: str | None = None
    password_file: Path | None = None
    ca: Path | None = None
    tell: str = ""  # topic on which cooling and shedding are told, retained; empty: nothing is told


@dataclass(frozen=True)
class Boundary:
    """Where others are met: the daemon's socket for the boundary's process, and the port that this process opens to schedulers."""

    __pydantic_config__ = _STRICT
    socket: Path | None = None  # beside persistence.socket unless given
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8440  # 0: any free one
    token_file: Path | None = None  # what a scheduler must send as bearer token; without it no port is opened
    certificate: Path | None = None
    key: Path | None = None
    requests_per_min: Annotated[int, Field(ge=1, le=6000)] = 120  # of all who ask together
    request_bytes_max: Annotated[int, Field(ge=256, le=1_000_000)] = 65536
    tell_url: str = ""  # told by POST when shedding is asked for, and when it is over
    mqtt: Mqtt | None = None


def boundary_socket(site: Site) -> Path:
    """Returns the socket on which the daemon hears and answers the boundary's process, and nothing else."""
    return site.boundary.socket or site.persistence.socket.with_name("boundary.sock")


def forecast_problems(draft: Draft) -> Iterator[Problem]:
    """Yields sources that could never be heard or understood, two that give the same, and secrets or certificates that are not there."""
    site, first = draft.site, dict[str, str]()
    for name, source in site.forecast.items():
        at = f"{_FILE}: forecast.{name}"
        if name in PUSHED:
            yield Problem(at, shown(name), f"another name: {', '.join(PUSHED)} are those of what comes in through the boundary's port")
        other = first.setdefault(source.gives, name)
        if source.gives != "load" and other != name:
            yield Problem(f"{at}.gives", shown(source.gives), f"given once; forecast.{other} gives it")
        yield from _way(at, source, site)
        yield from _understood(at, source, draft)
    yield from _boundary(site)


def _way(at: str, source: ForecastSource, site: Site) -> Iterator[Problem]:
    """Yields where it does not say exactly one way in which a source is heard."""
    ways = [key for key in ("url", "file", "topic") if getattr(source, key)]
    if len(ways) != 1:
        yield Problem(at, f"has {' and '.join(ways) or 'neither url, file nor topic'}", "exactly one of url, file and topic")
    if source.url:
        yield from _url(f"{at}.url", source.url)
    if source.topic and site.boundary.mqtt is None:
        yield Problem(f"{at}.topic", shown(source.topic), "a topic only with a broker, table [boundary.mqtt]")
    if source.token_file is not None:
        yield from _file(f"{at}.token_file", source.token_file, site)
    try:
        ZoneInfo(source.time_zone)
    except (ValueError, OSError, KeyError):
        yield Problem(f"{at}.time_zone", shown(source.time_zone), 'a name of the IANA time zone database, such as "Europe/Berlin" or "UTC"')


def _understood(at: str, source: ForecastSource, draft: Draft) -> Iterator[Problem]:
    """Yields where format, kind and mapping do not go together."""
    own = source.format in ("json", "csv")
    if source.format in ("open-meteo", "met-no") and source.gives != "weather":
        yield Problem(f"{at}.format", shown(source.format), f"json, csv or year for {source.gives}")
    if source.format == "year" and (source.gives == "load" or source.file is None):
        yield Problem(f"{at}.format", "'year'", "weather, price or carbon from a file")
    if source.format == "year" and source.file is not None:
        yield from _file(f"{at}.file", source.file, draft.site)
    if not own:
        for key in ("time", "series"):
            if getattr(source, key):
                yield Problem(f"{at}.{key}", "given", f"only with format json or csv, this one is {source.format}")
        return
    if not source.time:
        yield Problem(f"{at}.time", "missing", "where the times stand: a path in JSON, a column's name in CSV")
    halls = tuple(hall.name for hall in draft.site.hall)
    allowed = COLUMNS[source.gives] or halls
    for name in source.series:
        if name not in allowed and not (source.gives == "load" and (name in draft.dropped or "hall" in draft.lost)):
            yield Problem(f"{at}.series.{name}", "not a series", f"of {source.gives}: {', '.join(allowed) or 'none, no hall is declared'}")
    if source.gives == "weather" and "wetbulb_c" not in source.series and not {"drybulb_c", "humidity_pct"} <= source.series.keys():
        yield Problem(f"{at}.series", f"has {', '.join(source.series) or 'nothing'}", "wetbulb_c, or drybulb_c and humidity_pct")
    elif not source.series:
        yield Problem(f"{at}.series", "missing", f"a table [forecast.NAME.series] with {' or '.join(allowed)}")


def _boundary(site: Site) -> Iterator[Problem]:
    boundary, at = site.boundary, f"{_FILE}: boundary"
    for key in ("token_file", "certificate", "key"):
        if getattr(boundary, key) is not None:
            yield from _file(f"{at}.{key}", getattr(boundary, key), site)
    if (boundary.certificate is None) != (boundary.key is None):
        yield Problem(f"{at}.certificate", "is given without key, or key without it", "both or neither")
    if boundary.tell_url:
        yield from _url(f"{at}.tell_url", boundary.tell_url)
    if boundary.mqtt is not None:
        for key in ("password_file", "ca"):
            if getattr(boundary.mqtt, key) is not None:
                yield from _file(f"{at}.mqtt.{key}", getattr(boundary.mqtt, key), site)
    if boundary_socket(site) == site.persistence.socket:
        yield Problem(f"{at}.socket", shown(str(boundary.socket)), "another path than persistence.socket: who may speak here may not give orders")


def _url(at: str, url: str) -> Iterator[Problem]:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        yield Problem(at, shown(url), "an address that begins with http:// or https://")


def _file(at: str, path: Path, site: Site) -> Iterator[Problem]:
    if not (site.directory / path).is_file():
        yield Problem(at, shown(str(path)), f"a file; there is no {site.directory / path}")
