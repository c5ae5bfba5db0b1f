"""An OPC UA server for the benchmark: ``python -m controller.benchmarks.opcua_server PORT NODES``; node ``s=n<i>`` holds i / 10 at the start."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Final

from asyncua import ua
from asyncua.server.server import Server

URI: Final = "urn:coldaisle:benchmark"
PATH: Final = "/bench/"


async def serve(port: int, nodes: int) -> None:
    """Serves for ever."""
    logging.getLogger("asyncua").setLevel(logging.ERROR)
    server = Server()
    server.disable_clock()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}{PATH}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace(URI)
    for i in range(nodes):
        made = await server.nodes.objects.add_variable(ua.NodeId.from_string(f"ns={space};s=n{i}"), f"n{i}", i / 10, ua.VariantType.Float)
        await made.set_writable()
    async with server:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
