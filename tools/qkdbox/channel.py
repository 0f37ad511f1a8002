# SPDX-License-Identifier: GPL-2.0-or-later
"""The quantum channel between the two devices: how fast it makes blocks, and what is in them.

Blocks are a function of a seed that nobody is told and that is another one at each start. The ID of a block is a tag
of its number, and the number masked by what the tag gives; so a device can tell the block of an ID, and that it is none.
"""
import hashlib
import secrets
import time

QBER_ABORT = 110000  # parts per million: above it a device makes no keys
NUMBER_MAX = (1 << 62) - 1
UNKNOWN = 0xFFFFFFFF


class Channel:
    """rate: secret bits a second, both rings together; memory: blocks of a ring that a device can hold back, 0: any number"""

    BURST = 64  # blocks that may come at once after a pause

    def __init__(self, rate, qber, key_len, memory):
        self.seed = secrets.token_bytes(32)
        self.rate, self.qber, self.key_len, self.memory = rate, qber, key_len, memory
        self.outage = False
        self.distilled = [0, 1]  # the first block of each ring that does not exist yet
        self.credit = 0.0
        self.at = time.monotonic()
        self.turn = 0

    def works(self):
        return not self.outage and self.qber <= QBER_ABORT

    def _prf(self, label, value, size=32):
        return hashlib.blake2b(value.to_bytes(8, "big"), key=self.seed, person=label, digest_size=size).digest()

    def key(self, block, length):
        return self._prf(b"key", block, 64)[:length]

    def _tag(self, block):
        tag = bytearray(self._prf(b"id", block, 8))
        tag[6] = tag[6] & 0x0F | 0x80  # version 8
        return bytes(tag)

    def _mask(self, tag):
        return int.from_bytes(self._prf(b"mask", int.from_bytes(tag, "big"), 8), "big") & NUMBER_MAX

    def key_id(self, block):
        tag = self._tag(block)
        return tag + (block ^ self._mask(tag) | 1 << 63).to_bytes(8, "big")

    def find(self, key_id):
        """The block of this ID, whether it exists yet or not; None if no block can have it"""
        tag, number = key_id[:8], int.from_bytes(key_id[8:], "big")
        if number >> 62 != 2:
            return None
        block = number & NUMBER_MAX ^ self._mask(tag)
        return block if self._tag(block) == tag else None

    def run(self, devices):
        """Makes the blocks that are due, for each ring as long as both devices can hold them."""
        now = time.monotonic()
        per_second = self.rate / (8 * self.key_len) if self.works() else 0
        self.credit = min(self.credit + (now - self.at) * per_second, max(self.BURST, per_second / 10))
        self.at = now
        room = [min(device.room(ring) for device in devices) for ring in (0, 1)]
        while self.credit >= 1 and any(room):
            self.turn = self.turn ^ 1 if room[self.turn ^ 1] else self.turn
            self.distilled[self.turn] += 2
            room[self.turn] -= 1
            self.credit -= 1
