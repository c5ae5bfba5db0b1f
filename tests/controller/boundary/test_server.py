"""The port: its document says what its handlers do, and nobody gets further than a token, a rate and a size allow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from controller.boundary.cooling import Cooling, cooling_of
from controller.boundary.manners import ASKERS_MOST, Manners
from controller.boundary.server import app_of
from controller.control import ControlError
from controller.forecast.heard import Heard
from tests.controller.boundary.test_cooling import SMALL, facts

TOKEN = "a-token-of-the-test"
NOW_S = 1.75e9
FORECAST = {"halls": [{"hall": "hall-a", "start_s": NOW_S, "step_s": 900.0, "it_load_kw": [650.0, 900.0]}]}
CAP = {"halls": [{"hall": "hall-a", "start_s": NOW_S, "end_s": NOW_S + 7200.0, "cap_kw": 800.0}]}


@dataclass
class Behind:
    """A daemon that keeps what it hears."""

    heard: Heard = field(default_factory=lambda: Heard(SMALL.site))
    answers: bool = True
    inlet_c: float = 25.0

    async def say(self, said: dict[str, Any]) -> dict[str, Any]:
        if not self.answers:
            raise ControlError("no daemon answers")
        reply = self.heard.say(said, NOW_S)
        if "error" in reply:
            raise ControlError(reply["error"], answered=True, problems=reply["problems"])
        return reply

    async def look(self) -> Cooling:
        if not self.answers:
            raise ControlError("no daemon answers")
        return cooling_of(SMALL, facts(hall_a__rack_inlet_max_c=self.inlet_c), (1.2, 0.15), shed_before=False)


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def client(behind: Behind) -> AsyncIterator[httpx.AsyncClient]:
    app = Manners(app_of(TOKEN, behind.say, behind.look, lambda: behind.answers), requests_per_min=600, bytes_most=4096)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://boundary", headers=headers) as made:
        yield made


def resolved(schema: Any, document: Any) -> Any:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def fits(value: Any, schema: Any, document: Any) -> bool:
    """Whether a value is one that a schema of the document describes: types, required and known properties."""
    schema = resolved(schema, document)
    if "anyOf" in schema:
        return any(fits(value, each, document) for each in schema["anyOf"])
    kind = schema.get("type")
    if kind == "object":
        known = schema.get("properties", {})
        rest = schema.get("additionalProperties", False)
        return (
            isinstance(value, dict)
            and set(schema.get("required", ())) <= set(value)
            and all(fits(v, known[k], document) if k in known else bool(rest) and fits(v, rest, document) for k, v in value.items())
        )
    if kind == "array":
        return isinstance(value, list) and all(fits(v, schema["items"], document) for v in value)
    kinds: dict[str, Any] = {"number": (int, float), "string": str, "boolean": bool, "null": type(None), "integer": int}
    return isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))


async def test_the_document_says_what_the_handlers_do(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    asked = {
        ("/v1/health", "get"): None,
        ("/v1/cooling", "get"): None,
        ("/v1/shedding", "get"): None,
        ("/v1/forecast", "post"): FORECAST,
        ("/v1/power-cap", "post"): CAP,
    }
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == set(asked)
    for (path, method), body in asked.items():
        described = document["paths"][path][method]
        answer = await client.request(method, path, json=body)
        assert answer.status_code == 200
        assert fits(answer.json(), described["responses"]["200"]["content"]["application/json"]["schema"], document), path
        assert ("security" in described) == (path != "/v1/health")
        if body is not None:
            assert fits(body, described["requestBody"]["content"]["application/json"]["schema"], document)
            assert not fits({**body, "more": 1}, described["requestBody"]["content"]["application/json"]["schema"], document)
        described_codes = {int(code) for code in described["responses"]}
        assert described_codes >= ({200, 429} if path == "/v1/health" else {200, 401, 413, 429, 503})


async def test_what_is_sent_is_heard(client: httpx.AsyncClient, behind: Behind) -> None:
    for path, body in (("/v1/forecast", FORECAST), ("/v1/power-cap", CAP)):
        assert (await client.post(path, json=body)).json() == {"taken": True}
    said = {p.origin.value: p for p in behind.heard.outlook(NOW_S).provided}
    assert said["scheduler"].median == (650.0, 900.0)
    assert (said["power_cap"].at(NOW_S + 7100.0), said["power_cap"].at(NOW_S + 7200.0)) == (800.0, None)
    assert (await client.post("/v1/forecast", json={"halls": []})).status_code == 200
    assert [p.origin.value for p in behind.heard.outlook(NOW_S).provided] == ["power_cap"]


async def test_an_emergency_asks_for_shedding(client: httpx.AsyncClient, behind: Behind) -> None:
    assert (await client.get("/v1/shedding")).json() == {"shedding": False, "shed_kw": {}, "because": {}}
    behind.inlet_c = 34.0
    told = (await client.get("/v1/shedding")).json()
    assert told["shedding"]
    assert told["shed_kw"]["hall-a"] > 0.0
    cooling = (await client.get("/v1/cooling")).json()
    assert (cooling["shedding"], cooling["headroom_kw"]) == (True, 0.0)


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/v1/forecast", {}, "halls"),
        ("/v1/forecast", {"halls": [{**FORECAST["halls"][0], "hall": "hall-z"}]}, "hall-z.it_load_kw: must be one of hall-a.it_load_kw"),
        ("/v1/forecast", {"halls": [{**FORECAST["halls"][0], "it_load_kw": [1001.0]}]}, "1001 must be 0 .. 1000"),
        ("/v1/forecast", {"halls": [{**FORECAST["halls"][0], "it_load_kw": []}]}, "it_load_kw"),
        ("/v1/forecast", {"halls": [{**FORECAST["halls"][0], "step_s": 1.0}]}, "step_s"),
        ("/v1/forecast", {"halls": [{**FORECAST["halls"][0], "start_s": 0.0}]}, "within 14 days"),
        ("/v1/forecast", {"halls": FORECAST["halls"], "stage": "auto"}, "stage"),
        ("/v1/power-cap", {"halls": [{**CAP["halls"][0], "end_s": NOW_S}]}, "end_s must be later"),
        ("/v1/power-cap", {"halls": [{**CAP["halls"][0], "end_s": NOW_S + 1e9}]}, "end_s must be later"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason(client: httpx.AsyncClient, behind: Behind, path: str, body: Any, says: str) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code == 422
    assert says in answer.text
    assert behind.heard.outlook(NOW_S).provided == ()


async def test_without_the_token_nobody_is_told_or_heard(client: httpx.AsyncClient, behind: Behind) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        for method, path, body in (
            ("GET", "/v1/cooling", None),
            ("GET", "/v1/shedding", None),
            ("POST", "/v1/forecast", FORECAST),
            ("POST", "/v1/power-cap", CAP),
        ):
            assert (await client.request(method, path, json=body, headers=headers)).status_code == 401
    assert behind.heard.outlook(NOW_S).provided == ()


async def test_no_daemon_is_said_so(client: httpx.AsyncClient, behind: Behind) -> None:
    behind.answers = False
    for method, path, body in (("GET", "/v1/cooling", None), ("POST", "/v1/forecast", FORECAST)):
        answer = await client.request(method, path, json=body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert (await client.get("/v1/health")).json() == {"daemon": False}


async def test_a_large_request_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/forecast", content=b"x" * 4096)).status_code == 422

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 1000

    assert (await client.post("/v1/forecast", content=endless())).status_code == 413


async def test_each_address_has_its_own_rate() -> None:
    now = [0.0]
    asked: list[str] = []

    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        asked.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    limited = Manners(app, requests_per_min=6, bytes_most=100, monotonic=lambda: now[0])

    async def get(address: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(limited, client=(address, 1)), base_url="http://b") as client:
            return await client.get("/")

    assert [(await get("10.0.0.1")).status_code for _ in range(7)] == [200] * 6 + [429]
    assert (await get("10.0.0.2")).status_code == 200
    refused = await get("10.0.0.1")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "11")
    now[0] = 10.1
    assert (await get("10.0.0.1")).status_code == 200
    for n in range(ASKERS_MOST + 5):
        await get(f"10.1.{n // 250}.{n % 250}")
    assert len(limited._buckets) == ASKERS_MOST
