"""Makes the requests that a client asks of a BACnet device, and takes an answer about many objects apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bacpypes3.apdu import (  # type: ignore[import-untyped]  # the library has no types
    ReadPropertyMultipleRequest,
    ReadPropertyRequest,
    SubscribeCOVRequest,
    WritePropertyRequest,
)
from bacpypes3.basetypes import PropertyReference, ReadAccessSpecification  # type: ignore[import-untyped]
from bacpypes3.primitivedata import Double, Enumerated, Integer, Null, ObjectIdentifier, Real, Unsigned  # type: ignore[import-untyped]

from controller.fieldbus.bacnet_link import SUBSCRIBER
from controller.fieldbus.bacnet_values import PRESENT_VALUE, Found, Refused, primitives
from plant_models.site.address import BacnetAddress

Key = tuple[int, int]


def read_one(key: Key, prop: int) -> Any:
    """Returns the request for one property."""
    return ReadPropertyRequest(objectIdentifier=ObjectIdentifier(key), propertyIdentifier=prop)


def read_many(wanted: Sequence[tuple[Key, Sequence[int]]]) -> Any:
    """Returns the request for properties of several objects."""
    return ReadPropertyMultipleRequest(
        listOfReadAccessSpecs=[
            ReadAccessSpecification(
                objectIdentifier=ObjectIdentifier(key), listOfPropertyReferences=[PropertyReference(propertyIdentifier=prop) for prop in props]
            )
            for key, props in wanted
        ]
    )


def found_in(answer: Any) -> Iterator[tuple[Key, int, Found]]:
    """Yields each property in an answer about several objects, with its object."""
    for result in answer.listOfReadAccessResults:
        kind, instance = result.objectIdentifier
        for element in result.listOfResults or ():
            choice = element.readResult
            if choice is None:
                continue
            refused = choice.propertyAccessError
            found: Found = Refused(str(refused.errorCode)) if refused is not None else primitives(choice.propertyValue.tagList)
            yield (int(kind), int(instance)), int(element.propertyIdentifier), found


def command(place: BacnetAddress, raw: float | None, priority: int) -> Any:
    """Returns the request that commands an object at a priority, or with None empties the slot of that priority."""
    return WritePropertyRequest(
        objectIdentifier=ObjectIdentifier((place.number, place.instance)),
        propertyIdentifier=PRESENT_VALUE,
        propertyValue=Null(()) if raw is None else _typed(place.held, raw),
        priority=priority,
    )


def subscribe(key: Key, lifetime_s: int) -> Any:
    """Returns the request to be told of an object's changes, with acknowledgement, for so long [s]."""
    return SubscribeCOVRequest(
        subscriberProcessIdentifier=SUBSCRIBER, monitoredObjectIdentifier=ObjectIdentifier(key), issueConfirmedNotifications=True, lifetime=lifetime_s
    )


def cancel_subscription(key: Key) -> Any:
    """Returns the request to be told no more."""
    return SubscribeCOVRequest(subscriberProcessIdentifier=SUBSCRIBER, monitoredObjectIdentifier=ObjectIdentifier(key))


def _typed(held: str, raw: float) -> Any:
    if held == "real":
        return Real(raw)
    if held == "double":
        return Double(raw)
    return {"integer": Integer, "unsigned": Unsigned, "binary": Enumerated}[held](int(raw))
