# SPDX-License-Identifier: GPL-2.0-or-later
"""A virtual machine with a QKD device, played: QEMU's side of the ivshmem server protocol, and the driver's of
Documentation/pci-interface.md. The window's numbers stand here once more: tools/qkdbox must not check itself."""
import array
import mmap
import os
import select
import socket
import struct
import time
import zlib

MAGIC, VERSION, STATE, FAULT, GENERATION, KEY_LEN = range(0x000, 0x018, 4)
RING_ENTRIES, RING_OFFSET, HEALTH_OFFSET, PRODUCER = 0x018, 0x01C, 0x024, 0x028
DONE, RESULT, RESULT_BLOCK = 0x030, 0x034, 0x038
COMMAND, RING, BLOCK, KEY_ID, NUMBER, CONSUMER = 0x800, 0x804, 0x808, 0x810, 0x820, 0x824

RESET, START, STOP, FIND, ADVANCE = 1, 2, 3, 4, 5
OK, UNKNOWN, WRONG, NOT_FOUND, NOT_NOW = range(5)
STOPPED, RUNNING, FAULTY = 1, 2, 3
VECTOR_KEYS, VECTOR_HEALTH, VECTOR_COMMAND = range(3)
VECTORS = 3
ONES = 0xFFFFFFFF

ENTRY = struct.Struct("<IIQ16s64sI24sI")  # SEQUENCE: index, generation; BLOCK, ID, KEY, LENGTH, reserved, CHECK
HEALTH = struct.Struct("<IIIIQQII20xI")  # BEAT, CHANNEL, QBER, RATE, NEXT0, NEXT1, LOST0, LOST1, CHECK
MESSAGE = struct.Struct("<q")


class Gone(Exception):
    """The box has closed the connection."""


class Entry:
    def __init__(self, data):
        self.index, self.generation, self.block, self.id, self.key, self.length, self.reserved, self.check = \
            ENTRY.unpack(data)
        self.whole = self.check == zlib.crc32(data[:-4])


class Health:
    def __init__(self, data):
        self.beat, self.channel, self.qber, self.rate, next0, next1, lost0, lost1, self.check = HEALTH.unpack(data)
        self.next, self.lost = [next0, next1], [lost0, lost1]
        self.whole = self.check == zlib.crc32(data[:-4])


class Guest:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(10)
        self.version = self._message()
        self.id = self._message()
        shared, memory = self._message(with_fd=True)
        self.peers = {}  # ID: eventfds
        while len(self.peers.get(self.id, ())) < VECTORS:
            peer, fd = self._message(with_fd=True)
            self.peers.setdefault(peer, []).append(fd)
        self.shared = shared
        self.window = mmap.mmap(memory, os.fstat(memory).st_size)
        os.close(memory)
        self.words = memoryview(self.window).cast("I")

    def _message(self, with_fd=False):
        data, control, _, _ = self.socket.recvmsg(MESSAGE.size, socket.CMSG_SPACE(4))
        if len(data) < MESSAGE.size:
            raise Gone
        fds = array.array("i")
        for _, _, content in control:
            fds.frombytes(content)
        number, = MESSAGE.unpack(data)
        if len(fds) != with_fd:
            raise ValueError(f"message {number} with {len(fds)} descriptors")
        return (number, fds[0]) if with_fd else number

    def close(self):
        for fds in self.peers.values():
            for fd in fds:
                os.close(fd)
        self.words.release()
        self.window.close()
        self.socket.close()

    # ---- registers and interrupts ----

    def get(self, at):
        return self.words[at // 4]

    def put(self, at, value):
        self.words[at // 4] = value & ONES

    def put64(self, at, value):
        self.put(at, value)
        self.put(at + 4, value >> 32)

    def bell(self):
        os.eventfd_write(self.peers[0][0], 1)

    def interrupts(self, vector, seconds=0.0):
        """Those that have come; waits for one"""
        fd = self.peers[self.id][vector]
        ready, _, _ = select.select([fd], [], [], seconds)
        return os.eventfd_read(fd) if ready else 0

    # ---- commands ----

    def tell(self, command):
        """Without waiting for its end"""
        number = self.get(NUMBER) + 1
        if number == self.get(DONE):
            number += 1
        self.put(COMMAND, command)
        self.put(NUMBER, number)
        self.bell()
        return number

    def command(self, command, seconds=5.0):
        """The result, or None: it was not done in time"""
        self.interrupts(VECTOR_COMMAND)
        number, deadline = self.tell(command), time.monotonic() + seconds
        while self.get(DONE) != number:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.interrupts(VECTOR_COMMAND, left)
        return self.get(RESULT)

    def find(self, key_id):
        """(result, block)"""
        self.window[KEY_ID:KEY_ID + 16] = key_id
        result = self.command(FIND)
        return result, self.get(RESULT_BLOCK) | self.get(RESULT_BLOCK + 4) << 32

    def advance(self, ring, block):
        self.put(RING, ring)
        self.put64(BLOCK, block)
        return self.command(ADVANCE)

    def reset(self):
        """As the driver begins"""
        result = self.command(RESET)
        for ring in (0, 1):
            self.put(CONSUMER + 4 * ring, self.get(PRODUCER + 4 * ring))
        return result

    # ---- rings ----

    def waiting(self, ring):
        """Entries that are there and not consumed"""
        return (self.get(PRODUCER + 4 * ring) - self.get(CONSUMER + 4 * ring)) & ONES

    def place(self, ring, ahead=0):
        index = (self.get(CONSUMER + 4 * ring) + ahead) % self.get(RING_ENTRIES)
        return self.get(RING_OFFSET + 4 * ring) + index * ENTRY.size

    def look(self, ring, ahead=0):
        """At the entry; the next, or one behind it"""
        at = self.place(ring, ahead)
        return Entry(self.window[at:at + ENTRY.size])

    def take(self, ring, most=1):
        """Entries, consumed"""
        taken = []
        for _ in range(min(most, self.waiting(ring))):
            taken.append(self.look(ring))
            self.put(CONSUMER + 4 * ring, self.get(CONSUMER + 4 * ring) + 1)
        self.bell()
        return taken

    def health(self):
        at = self.get(HEALTH_OFFSET)
        return Health(self.window[at:at + HEALTH.size])
