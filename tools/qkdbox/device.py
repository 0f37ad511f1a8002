# SPDX-License-Identifier: GPL-2.0-or-later
"""The device of one site: its window, its rings, its commands. What it must hold to is in Documentation/pci-interface.md."""
import collections
import mmap
import os
import struct
import time

import layout
from channel import UNKNOWN
from faults import STORM_VECTOR, Faults
from ivshmem import Server
from layout import REGISTERS

BEAT_S = 0.5
INDEX_MASK = 0xFFFFFFFF
STORM_BURST = 1000  # interrupts at once, not more
ENDLESS = 1 << 32  # blocks that can be held back


class Ring:
    """Blocks in a ring, in order; produced and consumed count from 0 at the device's start"""

    def __init__(self, number, at):
        self.number, self.at = number, at
        self.following = number  # the next block that goes into it
        self.lowest = number  # below it none will, even if one goes back
        self.producer = 0
        self.blocks = collections.deque()
        self.missing = set()  # blocks that this end does not have

    def consumed(self):
        return (self.producer - len(self.blocks)) & INDEX_MASK


class Device:
    def __init__(self, name, path, channel, entries, window, selector):
        self.channel, self.entries = channel, entries
        self.memory_fd = os.memfd_create("qkdbox", os.MFD_CLOEXEC)
        os.ftruncate(self.memory_fd, window)
        self.window = mmap.mmap(self.memory_fd, window)
        self.words = memoryview(self.window).cast("I")
        size = entries * layout.ENTRY_LEN
        if layout.RINGS_AT + 2 * size > window:
            raise ValueError(f"{name}: the window has no room for two rings of {entries} entries")
        self.rings = [Ring(number, layout.RINGS_AT + number * size) for number in (0, 1)]
        self.generation = int.from_bytes(os.urandom(2), "big")
        self.faults, self.overrides = Faults(), {}
        self.stats = collections.Counter()
        self.timers = []  # (when, function) of faults
        self.yanked = False
        self.stormed_at = 0.0
        self.server = Server(path, self.memory_fd, layout.VECTORS, selector, self.run)
        self.power_on()

    # ---- registers ----

    def put(self, name, value):
        """In one store, as the driver reads it"""
        if self.yanked:
            return
        at = REGISTERS.get(name, name)
        self.words[at // 4] = self.overrides.get(at, value) & INDEX_MASK

    def get(self, name):
        return self.words[REGISTERS.get(name, name) // 4]

    def put_block(self, block):
        self.put("RESULT_BLOCK", block & INDEX_MASK)
        self.put(REGISTERS["RESULT_BLOCK"] + 4, block >> 32)

    def put_geometry(self):
        values = {"VERSION": layout.VERSION_VALUE, "KEY_LEN": self.key_len, "RING_ENTRIES": self.entries,
                  "RING_OFFSET0": self.rings[0].at, "RING_OFFSET1": self.rings[1].at,
                  "HEALTH_OFFSET": layout.HEALTH_AT, "MAGIC": layout.MAGIC_VALUE}
        for name, value in values.items():
            self.put(name, value)

    def set_state(self, state, fault=0):
        self.state = state
        self.put("FAULT", fault)
        self.put("STATE", state)

    def power_on(self):
        """What was in the rings has been taken back."""
        self.window[:] = bytes(len(self.window))
        for ring in self.rings:
            ring.producer = 0
        self.beat, self.beat_at, self.healthy = 0, 0.0, None
        self.looked_at = 0  # NUMBER of the last command
        self.timers.clear()
        self.key_len = self.channel.key_len
        self.new_generation()
        self.set_state(layout.STOPPED)
        self.put_health()
        self.put_geometry()

    def new_generation(self):
        self.generation = self.generation % INDEX_MASK + 1
        self.put("GENERATION", self.generation)

    # ---- rings ----

    def room(self, ring):
        """Blocks of it that the device could hold back still"""
        held = (self.channel.distilled[ring] - self.rings[ring].following) // 2
        return max((self.channel.memory or ENDLESS) - held, 0)

    def entry_at(self, ring, index):
        at = ring.at + index % self.entries * layout.ENTRY_LEN
        return slice(at, at + layout.ENTRY_LEN)

    def consume(self, ring):
        """Overwrites what the driver has taken. A count that cannot be is not looked at: RESET settles it."""
        number = (self.get(f"CONSUMER{ring.number}") - ring.consumed()) & INDEX_MASK
        if number > len(ring.blocks):
            return
        for _ in range(number):
            place = self.entry_at(ring, ring.consumed())
            self.window[place] = bytes(layout.ENTRY_LEN)
            ring.blocks.popleft()
        self.stats["consumed"] += number

    def take_back(self, ring):
        """In a reset: what was not consumed will be made again, but if nobody can tell what was consumed."""
        number = (self.get(f"CONSUMER{ring.number}") - ring.consumed()) & INDEX_MASK
        if number <= len(ring.blocks):
            self.consume(ring)
            if ring.blocks:
                ring.following = max(ring.lowest, ring.blocks[0])
        ring.blocks.clear()
        self.window[ring.at:ring.at + self.entries * layout.ENTRY_LEN] = bytes(self.entries * layout.ENTRY_LEN)
        ring.producer = self.get(f"CONSUMER{ring.number}")

    def spoiled(self, ring, block):
        """The entry of a block, with what is wrong in it"""
        take = self.faults.take
        index, generation, key_id = ring.producer, self.generation, self.channel.key_id(block)
        key, length, reserved = bytearray(self.channel.key(block, self.key_len)), None, b""
        number = block
        if take("sequence") is not None:
            index += 1
        if take("length") is not None:
            length = 0
        if take("order") is not None:
            number = max(block - 2 * self.entries, ring.number)
        if take("parity") is not None:
            number = block + 1
        if take("beyond") is not None:
            number = (1 << 64) - 2 + ring.number
        if take("reserved") is not None:
            reserved = b"\1"
        if take("duplicate") is not None:
            key_id = self.channel.key_id(max(block - 2, ring.number))
        if take("zero") is not None:
            key = bytearray(len(key))
        if take("flip") is not None:
            key[0] ^= 1
        entry = bytearray(layout.entry(generation, index & INDEX_MASK, number, key_id, bytes(key), length, reserved))
        if take("corrupt") is not None:
            entry[0x20] ^= 1
        return bytes(entry)

    def after(self, ms, function):
        self.timers.append((time.monotonic() + ms / 1000, function))

    def put_entry(self, ring, block):
        entry, place = self.spoiled(ring, block), self.entry_at(ring, ring.producer)
        torn, rewrite = self.faults.take("torn"), self.faults.take("rewrite")
        if torn is None:
            self.window[place] = entry
        else:
            half = layout.ENTRY_LEN // 2
            self.window[place.start:place.start + half] = entry[:half]
            self.after(torn, self.late_entry(ring, block, place, entry))
        if rewrite is not None:
            other = bytearray(entry[:-4])
            other[0x20] ^= 1
            self.after(rewrite, self.late_entry(ring, block, place, layout.with_check(bytes(other))))
        ring.blocks.append(block)
        ring.producer = ring.producer + 1 & INDEX_MASK

    def late_entry(self, ring, block, place, entry):
        """Writes it, unless it has been taken, or taken back, meanwhile."""
        generation = self.generation

        def write():
            if generation == self.generation and block in ring.blocks:
                self.window[place] = entry

        return write

    def fill(self, ring):
        """Moves blocks that exist into the ring."""
        before = ring.producer
        while ring.following < self.channel.distilled[ring.number] and len(ring.blocks) < self.entries:
            block, ring.following = ring.following, ring.following + 2
            if block not in ring.missing and self.faults.take("lose") is not None:
                ring.missing.add(block)
            if block not in ring.missing:
                self.put_entry(ring, block)
        if ring.producer == before:
            return
        self.stats["produced"] += (ring.producer - before) & INDEX_MASK
        self.put(f"PRODUCER{ring.number}", ring.producer + (self.faults.take("producer") or 0))
        self.interrupt(layout.KEYS)

    # ---- health ----

    def put_health(self):
        channel, works = self.channel, self.channel.works()
        now = (works, channel.qber, channel.rate, tuple(len(ring.missing) for ring in self.rings))
        if now == self.healthy and time.monotonic() - self.beat_at < BEAT_S:
            return
        self.healthy, self.beat_at = now, time.monotonic()
        if "stall" in self.faults or self.faults.take("no-beat") is not None:
            return
        self.beat = self.beat + 2 & INDEX_MASK
        page = bytearray(layout.health(
            self.beat, int(works), UNKNOWN if channel.outage else channel.qber, int(channel.rate) if works else 0,
            [ring.following for ring in self.rings], [len(ring.missing) for ring in self.rings]))
        if self.faults.take("health-check") is not None:
            page[-1] ^= 1
        if self.faults.take("health-torn") is not None:
            page[8:] = self.window[layout.HEALTH_AT + 8:layout.HEALTH_AT + layout.HEALTH_LEN]
        if self.faults.take("health-odd") is not None:
            page = bytearray(layout.with_check(bytes([page[0] | 1]) + bytes(page[1:-4])))
        at = layout.HEALTH_AT
        self.words[at // 4] = self.beat - 1 & INDEX_MASK
        self.window[at + 4:at + layout.HEALTH_LEN] = bytes(page[4:])
        self.words[at // 4] = int.from_bytes(page[:4], "little")
        self.interrupt(layout.HEALTH)

    # ---- commands ----

    def command_reset(self):
        for ring in self.rings:
            self.take_back(ring)
            self.put(f"PRODUCER{ring.number}", ring.producer)
        if self.faults.take("same-generation") is None:
            self.new_generation()
        self.key_len = self.channel.key_len
        self.set_state(layout.STOPPED)
        self.put_geometry()
        return layout.OK

    def command_start(self):
        if self.state == layout.FAULTY or self.faults.take("refuse") is not None:
            return layout.NOT_NOW
        self.set_state(layout.RUNNING)
        return layout.OK

    def command_stop(self):
        if self.state == layout.FAULTY:
            return layout.NOT_NOW
        self.set_state(layout.STOPPED)
        return layout.OK

    def command_find(self):
        at = REGISTERS["KEY_ID"]
        block = self.channel.find(bytes(self.window[at:at + 16]))
        wrong = self.faults.take("find")
        if wrong is not None:
            block = wrong
        if block is None:
            return layout.NOT_FOUND
        self.put_block(block)
        return layout.OK

    def command_advance(self):
        ring, at = self.get("RING"), REGISTERS["BLOCK"]
        block = struct.unpack_from("<Q", self.window, at)[0]
        if ring > 1 or block & 1 != ring or block >> 62:
            return layout.WRONG
        ring = self.rings[ring]
        ring.following, ring.lowest = max(ring.following, block), max(ring.lowest, block)
        return layout.OK

    def obey(self):
        number, code = self.get("NUMBER"), self.get("COMMAND")
        if number == self.looked_at:
            return
        self.looked_at = number
        if self.faults.take("mute") is not None:
            return
        late = self.faults.take("late")
        if late is not None:
            self.after(late, lambda: self.carry_out(number, code))
        else:
            self.carry_out(number, code)

    def carry_out(self, number, code):
        name = layout.COMMANDS.get(code)
        result = getattr(self, "command_" + name)() if name else layout.UNKNOWN
        wrong = self.faults.take("result")
        self.stats[name or "unknown"] += 1
        self.put("RESULT", result if wrong is None else wrong)
        self.put("DONE", number)
        self.interrupt(layout.COMMAND)

    # ---- what is done with it from outside ----

    def interrupt(self, vector):
        if not self.yanked and self.faults.take("silent") is None:
            self.stats[f"interrupts{vector}"] += 1
            self.server.interrupt(vector)

    def fail(self, code):
        self.set_state(layout.FAULTY, code)
        self.interrupt(layout.HEALTH)

    def yank(self):
        """As if it were pulled: a read gives ones, whatever is written."""
        if self.yanked:
            raise ValueError("it has been pulled")
        for ring in self.rings:
            self.take_back(ring)
        self.yanked = True
        self.read_as_ones()

    def read_as_ones(self):
        ones = b"\xff" * len(self.window)
        if self.window[:] != ones:
            self.window[:] = ones

    def plug(self):
        if not self.yanked:
            raise ValueError("it is in its slot")
        self.yanked = False
        self.power_on()

    def poke(self, name, value):
        """Stays, in a register that the device writes, until "clear"."""
        at = REGISTERS[name] if name in REGISTERS else int(name, 0)
        if self.yanked:
            raise ValueError("it has been pulled")
        if at % 4 or not 0 <= at < len(self.window):
            raise ValueError(f"{name} is no register")
        if at < REGISTERS["COMMAND"]:
            self.overrides[at] = value
        self.words[at // 4] = value & INDEX_MASK

    def peek(self, name, number):
        """Registers from there on; no entry of a ring, since keys are told to nobody"""
        at = REGISTERS[name] if name in REGISTERS else int(name, 0)
        if at % 4 or at < 0 or number < 1 or at + 4 * number > layout.RINGS_AT:
            raise ValueError(f"{name}: no {number} registers from there")
        return [self.get(at + 4 * i) for i in range(number)]

    def clear(self):
        self.faults.clear()
        self.overrides.clear()
        if not self.yanked:
            self.put_geometry()
            self.set_state(self.state)
            self.put("GENERATION", self.generation)
            for ring in self.rings:
                self.put(f"PRODUCER{ring.number}", ring.producer)

    def run(self):
        """All that is due; called often, and when the driver rings"""
        if self.yanked:
            self.read_as_ones()
            return
        now = time.monotonic()
        due = [timer for timer in self.timers if timer[0] <= now]
        self.timers = [timer for timer in self.timers if timer[0] > now]
        for _, function in due:
            function()
        self.obey()
        for ring in self.rings:
            self.consume(ring)
            if self.state == layout.RUNNING and "stall" not in self.faults:
                self.fill(ring)
        self.put_health()

    def storm(self):
        """Interrupts that are due by the fault of that name; how many a second it wants"""
        vector, rate = divmod(self.faults.values.get("storm", 0), STORM_VECTOR)
        now = time.monotonic()
        due = min(int((now - self.stormed_at) * rate), STORM_BURST)
        for _ in range(due):
            self.interrupt(vector)
        if due or not rate:
            self.stormed_at = now
        return rate

    def report(self):
        return dict(self.stats, state=self.state, generation=self.generation,
                    attached=self.server.client is not None, next=[ring.following for ring in self.rings],
                    ring=[len(ring.blocks) for ring in self.rings], lost=[len(ring.missing) for ring in self.rings],
                    wiped=self.wiped(), faults=dict(self.faults.done))

    def wiped(self):
        """No byte is left of what was consumed."""
        if self.yanked:
            return True
        return all(not any(self.window[self.entry_at(ring, ring.producer + i)])
                   for ring in self.rings for i in range(self.entries - len(ring.blocks)))

    def close(self):
        self.server.close()
        self.words.release()
        self.window[:] = bytes(len(self.window))
