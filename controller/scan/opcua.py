"""Browses an OPC UA server for variables that hold a number: type, engineering unit, access and present value; reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from controller.fieldbus.opcua_link import FAILURES, connect, part, words
from controller.fieldbus.opcua_security import Keys
from controller.scan import Found, Pace, Survey, Told
from plant_models.site.codec import OPCUA_TYPES
from plant_models.site.opcua import OpcUa

T = TypeVar("T")

_FAILURES: Final = (UaError, OSError, ValueError, AssertionError)
_CHUNK: Final = 100
_DEEPEST: Final = 12
_GOODBYE_S: Final = 0.5
_CLASSES: Final = int(ua.NodeClass.Object) | int(ua.NodeClass.Variable)
_MASK: Final = int(ua.BrowseResultMask.All)
_READ_BIT, _WRITE_BIT = 0b01, 0b10


@dataclass
class _Variable:
    """A variable on the way, and what its attributes say of it."""

    node: ua.NodeId
    names: tuple[str, ...]
    unit_node: ua.NodeId | None = None
    unit: str = ""


@dataclass
class OpcuaScanner:
    """One OPC UA server to be browsed; at most ``most`` variables are looked at.

    ``of`` says how it is spoken to, ``keys`` are the certificates for that; ``declared``: whether a site has the device already.
    """

    device: str
    url: str
    settings: dict[str, str | int]
    most: int = 20_000
    timeout_s: float = 5.0
    of: OpcUa = OpcUa()  # noqa: RUF009  # frozen
    keys: Keys | None = None
    declared: bool = False
    remarks: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    requests: int = 0

    async def scan(self, pace: Pace, told: Told) -> Survey:
        """Browses everything below Objects but the server's own nodes, then asks for the attributes of what was found."""
        self._pace, self._told = pace, told
        points: tuple[Found, ...] = ()
        try:
            client = (await connect(self.url, self.of, self.keys, self.timeout_s, self.timeout_s)).client
        except FAILURES as failure:
            return Survey(self.device, self.settings, False, (), (f"{self.url}: {words(failure)}",), self.requests, {"left_out": {}}, self.declared)
        try:
            namespaces = await self._namespaces(client)
            variables = await self._browse(client)
            points = tuple(
                [p for start in range(0, len(variables), _CHUNK) for p in await self._describe(client, variables[start : start + _CHUNK], namespaces)]
            )
        except _FAILURES as failure:
            self.remarks.append(f"{self.url}: {type(failure).__name__} {failure}".strip())
        finally:
            await part(client)
        remarks = [*self.remarks, *(f"{count} left out: {why}" for why, count in self.left_out.items())]
        return Survey(self.device, self.settings, True, points, tuple(remarks), self.requests, {"left_out": dict(self.left_out)}, self.declared)

    async def _turn(self) -> None:
        await self._pace.turn()
        self.requests += 1

    async def _read(self, client: Client, nodes: Sequence[ua.NodeId], attribute: AttributeIds) -> list[ua.DataValue]:
        await self._turn()
        return list(await client.uaclient.read_attributes(list(nodes), attribute))

    async def _namespaces(self, client: Client) -> list[str]:
        found = await self._read(client, [ua.NodeId(ua.Int32(ObjectIds.Server_NamespaceArray))], AttributeIds.Value)
        held = _held(found[0])
        return [str(uri) for uri in held] if isinstance(held, list) else []

    async def _browse(self, client: Client) -> list[_Variable]:
        """Walks the hierarchy level by level; a node is met once, however many references lead to it."""
        start = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
        met = {start, ua.NodeId(ua.Int32(ObjectIds.Server))}
        level: list[tuple[ua.NodeId, tuple[str, ...], _Variable | None]] = [(start, (), None)]
        variables: list[_Variable] = []
        for depth in range(_DEEPEST):
            below: list[tuple[ua.NodeId, tuple[str, ...], _Variable | None]] = []
            for first in range(0, len(level), _CHUNK):
                chunk = level[first : first + _CHUNK]
                for (_, names, parent), references in zip(chunk, await self._children(client, [node for node, _, _ in chunk]), strict=True):
                    for reference in references:
                        self._meet(reference, names, parent, met, below, variables)
                self._told(f"{self.device}: level {depth + 1}: {len(variables)} variables")
                if len(variables) >= self.most:
                    self.remarks.append(f"stopped at {self.most} variables; there may be more")
                    return variables[: self.most]
            level = below
            if not level:
                return variables
        self.remarks.append(f"nothing was looked for deeper than {_DEEPEST} levels")
        return variables

    def _meet(
        self,
        reference: Any,
        names: tuple[str, ...],
        parent: _Variable | None,
        met: set[ua.NodeId],
        below: list[tuple[ua.NodeId, tuple[str, ...], _Variable | None]],
        variables: list[_Variable],
    ) -> None:
        """Takes one reference: a property of a variable, another variable, or something to look into."""
        if getattr(reference.NodeId, "ServerIndex", 0):
            return
        node, name = _plain(reference.NodeId), str(reference.BrowseName.Name)
        if reference.ReferenceTypeId == ua.NodeId(ua.Int32(ObjectIds.HasProperty)):
            if parent is not None and name == "EngineeringUnits":
                parent.unit_node = node
            return
        if node in met:
            return
        met.add(node)
        variable = None
        if reference.NodeClass == ua.NodeClass.Variable and node.NamespaceIndex != 0:
            variable = _Variable(node, (*names, name))
            variables.append(variable)
        below.append((node, (*names, name), variable))

    async def _children(self, client: Client, nodes: Sequence[ua.NodeId]) -> list[list[Any]]:
        """Returns the references of each node, also where the server gives them in several parts."""
        forward, hierarchical = ua.BrowseDirection.Forward, ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences))
        asked = ua.BrowseParameters()
        asked.RequestedMaxReferencesPerNode = ua.UInt32(0)
        asked.NodesToBrowse = [ua.BrowseDescription(node, forward, hierarchical, True, ua.UInt32(_CLASSES), ua.UInt32(_MASK)) for node in nodes]
        await self._turn()
        results = await client.uaclient.browse(asked)
        found: list[list[Any]] = []
        for result in results:
            references = list(result.References or [])
            more = result.ContinuationPoint
            while more:
                await self._turn()
                following = (await client.uaclient.browse_next(ua.BrowseNextParameters(False, [more])))[0]
                references += following.References or []
                more = following.ContinuationPoint
            found.append(references)
        return found

    async def _describe(self, client: Client, variables: Sequence[_Variable], namespaces: Sequence[str]) -> list[Found]:
        nodes = [v.node for v in variables]
        values = await self._read(client, nodes, AttributeIds.Value)
        access = await self._read(client, nodes, AttributeIds.AccessLevel)
        mine = await self._read(client, nodes, AttributeIds.UserAccessLevel)
        kinds = await self._read(client, nodes, AttributeIds.DataType)
        with_unit = [v for v in variables if v.unit_node is not None]
        if with_unit:
            for variable, held in zip(with_unit, await self._read(client, [v.unit_node for v in with_unit if v.unit_node], AttributeIds.Value), strict=True):
                variable.unit = str(getattr(getattr(_held(held), "DisplayName", None), "Text", "") or "")
        self._told(f"{self.device}: {self.requests} requests, attributes of {variables[-1].names[-1]}")
        found = []
        for variable, value, level, user, kind in zip(variables, values, access, mine, kinds, strict=True):
            name, uri = _type_of(value, kind), _uri(variable.node, namespaces)
            if name is None or uri is None:
                why = "no number" if name is None else "in a namespace without a URI"
                self.left_out[why] = self.left_out.get(why, 0) + 1
                continue
            rights = _bits(level) & _bits(user)
            shown = _held(value)
            status = value.StatusCode.name if value.StatusCode is not None and not value.StatusCode.is_good() else ""
            text = "" if shown is None else f"{shown:.6g}" if isinstance(shown, float) else str(shown)
            address = f"nsu={uri};{_identifier(variable.node)}"
            found.append(Found("opcua", address, name, variable.names, variable.unit, bool(rights & _WRITE_BIT), bool(rights & _READ_BIT), text, status))
        return found


def _plain(node: Any) -> ua.NodeId:
    """Returns an expanded node id as a plain one, so that the same node compares equal."""
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)


def _held(found: ua.DataValue) -> Any:
    return found.Value.Value if found.Value is not None else None


def _bits(found: ua.DataValue) -> int:
    held = _held(found)
    return held if isinstance(held, int) else _READ_BIT


def _type_of(value: ua.DataValue, kind: ua.DataValue) -> str | None:
    """Returns the built-in type of a variable that holds one number; None for text, arrays and structures."""
    if value.Value is not None and value.Value.Value is not None:
        if value.Value.is_array or isinstance(value.Value.Value, list):
            return None
        name = value.Value.VariantType.name.lower()
        return name if name in OPCUA_TYPES else None
    node = _held(kind)
    if isinstance(node, ua.NodeId) and node.NamespaceIndex == 0 and isinstance(node.Identifier, int) and 1 <= node.Identifier <= 25:
        name = ua.VariantType(node.Identifier).name.lower()
        return name if name in OPCUA_TYPES else None
    return None


def _uri(node: ua.NodeId, namespaces: Sequence[str]) -> str | None:
    index = int(node.NamespaceIndex)
    return namespaces[index] if index < len(namespaces) and namespaces[index] else None


def _identifier(node: ua.NodeId) -> str:
    """Returns kind and identifier as an address has them: the text form without its namespace."""
    text: str = node.to_string()
    return text.partition(";")[2] if node.NamespaceIndex else text
