"""Against node-opcua, a server that is not of the library we use: security, users, subscriptions, types, limits; skipped without npm."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from controller.fieldbus.opcua import OpcUaBus
from controller.fieldbus.opcua_security import Keys
from plant_models.site.opcua import OpcUa
from plant_models.site.topology import Device
from safety.records import Outcome, Status
from tests.controller.fieldbus.opcua_server import INLET, REQUEST, SUPPLY, point, until, until_good

pytestmark = pytest.mark.asyncio(loop_scope="module")  # a server is shared by the tests of a module

VERSION = "2.182.2"
SCRIPT = Path(__file__).with_name("opcua_node_server.js")
INSTALL_S = 300.0
START_S = 60.0
FINE = OpcUa(security="Basic256Sha256")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("node-opcua")
    (folder / "package.json").write_text('{"private": true}')
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"node-opcua-server@{VERSION}"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=INSTALL_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failure:
        pytest.skip(f"node-opcua could not be installed: {type(failure).__name__}")
    shutil.copy(SCRIPT, folder / "server.js")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(installed: Path) -> AsyncIterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        free = int(sock.getsockname()[1])
    environ = os.environ | {"HOME": str(installed), "XDG_CONFIG_HOME": str(installed)}
    command = ("node", "server.js", str(free), str(installed / "pki"))
    process = await asyncio.create_subprocess_exec(*command, cwd=installed, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    assert process.stdout is not None
    async with asyncio.timeout(START_S):
        while line := await process.stdout.readline():
            if line.strip() == b"ready":
                break
    if not line:
        await process.communicate()
        pytest.skip("node-opcua did not start here")
    yield free
    process.kill()
    await process.communicate()


@pytest.fixture
def keys(tmp_path: Path, installed: Path) -> Keys:
    made = Keys(tmp_path / "opcua", tmp_path)
    made.trusted.mkdir(parents=True)
    for found in (installed / "pki" / "own" / "certs").glob("*.pem"):
        shutil.copy(found, made.trusted / found.name)
    return made


def bus_of(port: int, of: OpcUa = OpcUa(), keys: Keys | None = None, read: Any = "poll") -> OpcUaBus:  # noqa: B008  # frozen
    return OpcUaBus(Device("opcua", port=port, path="/test/", read=read, opcua=of), 10.0, 10.0, keys=keys)


async def test_values_statuses_and_namespaces(port: int) -> None:
    bus = bus_of(port)
    gone = point("hall-a.crah_return_temp_c")
    raws = await bus.read([INLET, SUPPLY, REQUEST, gone, point("plant.chws_temp_c"), point("plant.chwr_temp_c")])
    assert raws[INLET.signal].status is Status.GOOD
    assert raws[INLET.signal].source_s is not None
    assert (raws[SUPPLY.signal].status, raws[SUPPLY.signal].detail) == (Status.BAD, "BadSensorFailure")
    assert raws[gone.signal].status is Status.MISSING
    assert bus._session is not None
    assert bus._session.read_chunk == 4
    await bus.close()


async def test_writes_in_the_type_of_the_node_and_what_is_refused(port: int) -> None:
    bus = bus_of(port)
    stated_wrong = point(REQUEST.signal, "rw", kind="double")
    assert dict(await bus.write([(stated_wrong, 17.25)])) == {REQUEST.signal: Outcome.VERIFIED}
    assert (await bus.read([REQUEST]))[REQUEST.signal].value == 17.25
    assert bus._session is not None
    bus._session.types[REQUEST.address] = "double"  # as if the server had not said what it holds
    assert dict(await bus.write([(REQUEST, 19.0)])) == {REQUEST.signal: Outcome.REFUSED}
    assert (await bus.read([REQUEST]))[REQUEST.signal].value == 17.25
    await bus.close()


@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"])
async def test_every_policy_and_mode(port: int, keys: Keys, policy: Any, mode: Any) -> None:
    bus = bus_of(port, OpcUa(security=policy, mode=mode), keys)
    assert (await bus.read([INLET]))[INLET.signal].detail == ""
    assert (await bus.read([INLET]))[INLET.signal].status is Status.GOOD
    await bus.close()


async def test_an_unknown_certificate_is_refused(port: int, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "opcua")
    bus = bus_of(port, FINE, keys)
    raw = (await bus.read([INLET]))[INLET.signal]
    assert (raw.value, raw.status) == (None, Status.MISSING)
    assert "is not trusted" in raw.detail
    assert len(list(keys.rejected.iterdir())) == 1
    await bus.close()


@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
async def test_a_user_with_the_right_and_a_wrong_password(port: int, keys: Keys, tmp_path: Path, mode: Any) -> None:
    (tmp_path / "password").write_text("correct horse")
    of = OpcUa(security="Basic256Sha256", mode=mode, user="coldaisle", password_file=Path("password"))
    bus = bus_of(port, of, keys)
    assert (await bus.read([INLET]))[INLET.signal].status is Status.GOOD
    await bus.close()
    (tmp_path / "password").write_text("wrong horse")
    bus = bus_of(port, of, keys)
    raw = (await bus.read([INLET]))[INLET.signal]
    assert raw.status is Status.MISSING
    assert "tried again in" in (await bus.read([INLET]))[INLET.signal].detail
    await bus.close()


async def test_subscriptions_bring_changes(port: int, keys: Keys) -> None:
    bus = bus_of(port, OpcUa(security="Basic256Sha256", publishing_interval_s=0.1, sampling_s=0.1), keys, read="subscribe")
    first = await until_good(bus, INLET)
    changed = await until(bus, INLET, lambda raw: raw.age_s > 0.0 and raw.value != first)
    assert changed.status is Status.GOOD
    assert (await until(bus, SUPPLY, lambda raw: raw.age_s > 0.0)).status is Status.BAD
    await bus.close()


async def test_too_many_sessions_are_said_and_waited_for(port: int) -> None:
    buses = [bus_of(port) for _ in range(4)]
    raws = [(await bus.read([INLET]))[INLET.signal] for bus in buses]
    assert [raw.status for raw in raws] == [Status.GOOD] * 3 + [Status.MISSING]
    assert "BadTooManySessions" in raws[3].detail
    for bus in buses[:3]:
        await bus.close()
    assert await until_good(buses[3], INLET) is not None
    await buses[3].close()
