"""Addresses as integrators write them."""

from __future__ import annotations

import pytest

from plant_models.site.address import Bits, ModbusAddress, OpcuaAddress, Table, parse_modbus_address, parse_opcua_address


@pytest.mark.parametrize(
    ("text", "unit", "table", "offset"),
    [
        ("3:40001", 3, Table.HOLDING, 0),
        ("1:49999", 1, Table.HOLDING, 9998),
        ("1:410000", 1, Table.HOLDING, 9999),
        ("1:465536", 1, Table.HOLDING, 65535),
        ("247:30017", 247, Table.INPUT, 16),
        ("255:10001", 255, Table.DISCRETE, 0),
        ("12:00005", 12, Table.COIL, 4),
        ("12:000005", 12, Table.COIL, 4),
    ],
)
def test_a_modbus_address_names_unit_table_and_offset(text: str, unit: int, table: Table, offset: int) -> None:
    assert parse_modbus_address(text) == ModbusAddress(unit, table, offset)


@pytest.mark.parametrize(
    ("text", "table", "bits", "mask"),
    [
        ("3:40010.5", Table.HOLDING, Bits(5), 0x0020),
        ("3:30010.0", Table.INPUT, Bits(0), 0x0001),
        ("3:400010.15", Table.HOLDING, Bits(15), 0x8000),
        ("3:40010.4-7", Table.HOLDING, Bits(4, 4), 0x00F0),
        ("3:40010.0-15", Table.HOLDING, Bits(0, 16), 0xFFFF),
    ],
)
def test_a_modbus_address_may_name_bits_of_a_register(text: str, table: Table, bits: Bits, mask: int) -> None:
    assert parse_modbus_address(text) == ModbusAddress(3, table, 9, bits)
    assert bits.mask == mask


@pytest.mark.parametrize(
    "text",
    ["3:40010.16", "3:40010.", "3:40010.-1", "3:40010.005", "3:00010.1", "3:10010.1", "3:40010.7-4", "3:40010.4-4", "3:40010.4-16", "3:40010.4-", "3:40010.٣"],
)
def test_a_bit_that_no_register_has_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"bits 0 \.\. 15"):
        parse_modbus_address(text)


@pytest.mark.parametrize(
    "text", ["", "40001", "3:40000", "3:400000", "3:4001", "3:50001", "3:465537", "0:40001", "248:40001", "3:-40001", "3:40001 ", "3;40001", "٣:40001", "3:1"]
)
def test_a_bad_modbus_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="3:40001"):
        parse_modbus_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nsu=urn:site:air;s=HallA.InletMax", OpcuaAddress("urn:site:air", "s", "HallA.InletMax")),
        ("nsu=urn:site:air;s=a=b;c", OpcuaAddress("urn:site:air", "s", "a=b;c")),
        ("nsu=http://x.org/;i=4294967295", OpcuaAddress("http://x.org/", "i", "4294967295")),
        ("i=2258", OpcuaAddress("http://opcfoundation.org/UA/", "i", "2258")),
        ("nsu=u;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63", OpcuaAddress("u", "g", "72962B91-FA75-4AE6-8D28-B404DC7DAF63")),
        ("nsu=u;b=M/RbKBsRVkePCePcx24oRA==", OpcuaAddress("u", "b", "M/RbKBsRVkePCePcx24oRA==")),
    ],
)
def test_an_opcua_address_names_uri_kind_and_identifier(text: str, expected: OpcuaAddress) -> None:
    assert parse_opcua_address(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "ns=2;s=HallA", "nsu=;s=x", "nsu=urn:a", "nsu=urn:a;s=", "nsu=urn:a;i=x", "nsu=urn:a;i=4294967296", "nsu=urn:a;g=1", "nsu=urn:a;b=?", "s", "z=1"],
)
def test_a_bad_opcua_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="nsu="):
        parse_opcua_address(text)
