"""The HTTP side of the boundary: tells schedulers of the cooling and takes their forecasts and power caps; its OpenAPI document follows from these handlers."""

from __future__ import annotations

import math
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from controller.boundary.cooling import Cooling
from controller.control import ControlError
from controller.forecast.heard import STEP_LEAST_S, STEP_MOST_S, VALUES_MOST
from controller.version import VERSION
from plant_models.site.forecast import PUSHED

T = TypeVar("T")

_STRICT: Final = ConfigDict(extra="forbid", allow_inf_nan=False)
_YEAR_3000_S: Final = 3.3e10
_BEARER: Final = HTTPBearer(auto_error=False, description="the token that the site's operator gave you")

Say = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
Look = Callable[[], Awaitable[Cooling]]


class HallLoad(BaseModel):
    """IT load ahead of one hall."""

    model_config = _STRICT
    hall: Annotated[str, Field(max_length=80, description="the hall's name as GET /v1/cooling shows it")]
    start_s: Annotated[float, Field(ge=0, le=_YEAR_3000_S, description="when the first value begins [s since 1970 UTC]")]
    step_s: Annotated[float, Field(ge=STEP_LEAST_S, le=STEP_MOST_S, description="how long each value holds [s]")]
    it_load_kw: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1, max_length=VALUES_MOST, description="electric power of the IT [kW]")]


class Forecast(BaseModel):
    """IT load ahead. It takes the place of whatever was sent before; halls that are left out have no forecast any more."""

    model_config = _STRICT
    halls: Annotated[list[HallLoad], Field(max_length=64)]


class HallCap(BaseModel):
    """The most that one hall may draw for some time."""

    model_config = _STRICT
    hall: Annotated[str, Field(max_length=80)]
    start_s: Annotated[float, Field(ge=0, le=_YEAR_3000_S, description="[s since 1970 UTC]")]
    end_s: Annotated[float, Field(ge=0, le=_YEAR_3000_S, description="later than start_s by a day and a half at most [s since 1970 UTC]")]
    cap_kw: Annotated[float, Field(ge=0, description="[kW]")]


class PowerCap(BaseModel):
    """Power caps. They take the place of whatever was sent before."""

    model_config = _STRICT
    halls: Annotated[list[HallCap], Field(max_length=64)]


class Taken(BaseModel):
    """What was sent is known to the daemon and is used from its next cycle on, as far as it is believed."""

    taken: bool = True


class Shedding(BaseModel):
    """Whether IT load should go at once, by hall [kW]."""

    shedding: bool
    shed_kw: dict[str, float]
    because: dict[str, str]


class Health(BaseModel):
    """Whether the daemon answered the last time it was asked."""

    daemon: bool


def shedding_of(cooling: Cooling) -> Shedding:
    """Returns the part of the cooling's state that asks for something."""
    asked = {name: room for name, room in cooling.halls.items() if room.shed_kw > 0.0}
    return Shedding(shedding=bool(asked), shed_kw={n: r.shed_kw for n, r in asked.items()}, because={n: r.because for n, r in asked.items()})


def app_of(token: str, say: Say, look: Look, answers: Callable[[], bool]) -> FastAPI:
    """Returns the application. ``say`` passes a saying to the daemon, ``look`` gives the cooling as it is now; both may raise ControlError."""

    async def allowed(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        if given is None or not secrets.compare_digest(given.credentials.encode(), token.encode()):
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})

    app = FastAPI(title="coldaisle boundary", version=VERSION, docs_url=None, redoc_url=None, summary="Cooling of a data centre, for schedulers of IT load")
    guarded: dict[str, Any] = {"dependencies": [Depends(allowed)]}
    refusals: dict[int | str, dict[str, Any]] = {
        401: {"description": "no token, or a wrong one"},
        413: {"description": "the request is too large"},
        429: {"description": "too many requests; Retry-After says when the next is welcome"},
        503: {"description": "the daemon does not answer; the plant is under its own control"},
    }

    @app.get("/v1/health", responses={429: refusals[429]})
    async def health() -> Health:
        """Says whether the daemon answers; needs no token."""
        return Health(daemon=answers())

    @app.get("/v1/cooling", responses=refusals, **guarded)
    async def cooling() -> Cooling:
        """Tells headroom, what a further kW costs, minutes to the limit, and who is in charge."""
        return await _asked(look())

    @app.get("/v1/shedding", responses=refusals, **guarded)
    async def shedding() -> Shedding:
        """Tells whether load should go at once. Ask every few seconds, or be told (``tell_url``, MQTT)."""
        return shedding_of(await _asked(look()))

    @app.post("/v1/forecast", responses=refusals, **guarded)
    async def forecast(sent: Forecast) -> Taken:
        """Takes a forecast of IT load. It may add cooling at once and removes none until measured load confirms it."""
        series = [{"signal": f"{h.hall}.it_load_kw", "start_s": h.start_s, "step_s": h.step_s, "values": h.it_load_kw} for h in sent.halls]
        await _asked(say({"source": PUSHED[0], "series": series}))
        return Taken()

    @app.post("/v1/power-cap", responses=refusals, **guarded)
    async def power_cap(sent: PowerCap) -> Taken:
        """Takes power caps. The plan gets ready for a load that may grow to its cap; a cap below the load changes nothing by itself."""
        await _asked(say({"source": PUSHED[1], "series": [_series_of(cap) for cap in sent.halls]}))
        return Taken()

    return app


def _series_of(cap: HallCap) -> dict[str, Any]:
    """Returns a cap as a series. Raises HTTPException where it ends before it begins, or too late."""
    steps = math.ceil((cap.end_s - cap.start_s) / STEP_LEAST_S)
    if not 1 <= steps <= VALUES_MOST:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, f"{cap.hall}: end_s must be later than start_s, by {VALUES_MOST * STEP_LEAST_S:g} s at most")
    return {"signal": f"{cap.hall}.it_load_kw", "start_s": cap.start_s, "step_s": STEP_LEAST_S, "values": [cap.cap_kw] * steps}


async def _asked(answer: Awaitable[T]) -> T:
    """Returns what the daemon answered; what it refused is the sender's fault, no answer is nobody's here."""
    try:
        return await answer
    except ControlError as error:
        if error.answered:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, list(error.problems) or str(error)) from error
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "the daemon does not answer", {"Retry-After": "30"}) from error
