import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.control import ControlError, ask, serve


async def echo(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"error": "refused: no reason"} if request.get("do") == "refuse" else {"asked": dict(request)}


async def test_answers_and_refusals_come_back(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    server = await serve(path, echo)
    try:
        assert await ask(path, {"do": "status"}) == {"asked": {"do": "status"}}
        with pytest.raises(ControlError, match="refused: no reason"):
            await ask(path, {"do": "refuse"})
        assert path.stat().st_mode & 0o007 == 0, "others may not order the daemon"
    finally:
        server.close()


async def test_garbage_is_answered_with_an_error_and_does_not_end_the_server(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    server = await serve(path, echo)
    try:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"not json\n")
        assert b'"error"' in await reader.readline()
        writer.close()
        assert await ask(path, {"do": "x"}) == {"asked": {"do": "x"}}
    finally:
        server.close()


async def test_a_second_daemon_is_refused_and_a_stale_socket_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    server = await serve(path, echo)
    with pytest.raises(ControlError, match="another daemon answers"):
        await serve(path, echo)
    server.close()
    await server.wait_closed()
    path.touch()
    again = await serve(path, echo)
    again.close()


async def test_no_daemon_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no daemon answers"):
        await ask(tmp_path / "absent.sock", {"do": "status"})
