# SPDX-License-Identifier: GPL-2.0-or-later
"""The window of a device, as Documentation/pci-interface.md has it."""
import struct
import zlib

MAGIC_VALUE = 0x31444B51
VERSION_VALUE = 0x00010000

# Registers that the device writes
REGISTERS = {
    "MAGIC": 0x000,
    "VERSION": 0x004,
    "STATE": 0x008,
    "FAULT": 0x00C,
    "GENERATION": 0x010,
    "KEY_LEN": 0x014,
    "RING_ENTRIES": 0x018,
    "RING_OFFSET0": 0x01C,
    "RING_OFFSET1": 0x020,
    "HEALTH_OFFSET": 0x024,
    "PRODUCER0": 0x028,
    "PRODUCER1": 0x02C,
    "DONE": 0x030,
    "RESULT": 0x034,
    "RESULT_BLOCK": 0x038,
    # and those that the driver writes
    "COMMAND": 0x800,
    "RING": 0x804,
    "BLOCK": 0x808,
    "KEY_ID": 0x810,
    "NUMBER": 0x820,
    "CONSUMER0": 0x824,
    "CONSUMER1": 0x828,
}

HEALTH_AT = 0x1000
RINGS_AT = 0x2000
ENTRY_LEN = 128
HEALTH_LEN = 64

STOPPED, RUNNING, FAULTY = 1, 2, 3
RESET, START, STOP, FIND, ADVANCE = 1, 2, 3, 4, 5
COMMANDS = {RESET: "reset", START: "start", STOP: "stop", FIND: "find", ADVANCE: "advance"}
OK, UNKNOWN, WRONG, NOT_FOUND, NOT_NOW = 0, 1, 2, 3, 4
KEYS, HEALTH, COMMAND = 0, 1, 2
VECTORS = 3


def with_check(body):
    return body + struct.pack("<I", zlib.crc32(body))


def entry(generation, index, block, key_id, key, length=None, reserved=b""):
    """One ring entry"""
    return with_check(struct.pack("<IIQ16s64sI24s", index, generation, block, key_id, key,
                                  len(key) if length is None else length, reserved))


def health(beat, channel, qber, rate, following, lost):
    """The health page"""
    return with_check(struct.pack("<IIIIQQII20x", beat, channel, qber, rate, *following, *lost))
