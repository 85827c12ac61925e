"""A firmware with the tables of OVMF (edk2 OvmfPkg/ResetVector), and nothing to run."""

from __future__ import annotations

import struct
import uuid

FOOTER = "96b582de-1fb2-45f7-baea-a366c55a082d"
HASHES = "7255371f-3a3b-4b04-927b-1da6efa8d454"
RESET = "00f771de-1a7e-4fcb-890e-68c77e2fb44e"
METADATA = "dc886566-984a-4798-a75e-5585a7bf67cc"
SECTIONS = ((0x800000, 0x9000, 1), (0x80D000, 0x1000, 2), (0x80E000, 0x1000, 3), (0x810000, 0x1000, 0x10))


def _entry(guid: str, data: bytes) -> bytes:
    return data + struct.pack("<H", len(data) + 18) + uuid.UUID(guid).bytes_le


def firmware(sections: tuple[tuple[int, int, int], ...] = SECTIONS, size: int = 0x4000) -> bytes:
    """:param sections: address, bytes and kind; kind 16 is the page of the kernel's hashes."""
    described = struct.pack("<4sIII", b"ASEV", 16 + 12 * len(sections), 1, len(sections))
    described += b"".join(struct.pack("<III", *one) for one in sections)
    table = _entry(HASHES, struct.pack("<II", 0x810C00, 0x400))
    table += _entry(RESET, struct.pack("<I", 0x80B004))
    table += _entry(METADATA, struct.pack("<I", 0x1000))
    table = _entry(FOOTER, table)
    made = bytearray(b"\xf4" * size)
    made[size - 0x1000 : size - 0x1000 + len(described)] = described
    made[size - 32 - len(table) : size - 32] = table
    return bytes(made)
