#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/qkdbox by itself, each fault of it, with virtual machines that guest.py plays: test.py [TEST]..."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "..", "kmed"))

import guest as g
from guest import Gone, Guest
from stage import check, run, wait_for

BOX = os.path.join(TOP, "tools", "qkdbox", "qkdbox")
SITES = ("geneva", "zurich")
FAST = 2000000  # bits a second
ENTRIES = 16


class Stage:
    """A box, and a guest at each of its sites"""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="qkdbox-")
        self.box = None
        self.guests = {}

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, sites=SITES, entries=ENTRIES, **channel):
        """A box anew. The guests of its sites, reset and started"""
        self.stop()
        settings = {"control": self.path("control"), "rate": FAST, "memory": 1000, **channel}
        with open(self.path("conf"), "w", encoding="ascii") as file:
            file.write("[channel]\n" + "".join(f"{name.replace('_', '-')} = {value}\n" for name, value in settings.items()))
            file.write("".join(f"[site {site}]\nsocket = {self.path(site)}\nentries = {entries}\n" for site in sites))
        with open(self.path("log"), "wb") as log:
            self.box = subprocess.Popen([BOX, "run", self.path("conf")], stdout=log, stderr=log)
        wait_for(lambda: os.path.exists(self.path("control")), "the control socket")
        wait_for(lambda: self.try_ctl("stats", sites[0]), "an answer")
        return [self.attach(site) for site in sites]

    def attach(self, site):
        guest = self.guests[site] = Guest(self.path(site))
        check(guest.reset() == g.OK, "RESET")
        check(guest.command(g.START) == g.OK, "START")
        return guest

    def detach(self, site):
        self.guests.pop(site).close()
        wait_for(lambda: not self.stats(site)["attached"], "the box sees it gone")

    def try_ctl(self, *words):
        try:
            return self.ctl(*words)
        except OSError:
            return None

    def ctl(self, *words):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path("control"))
            connection.sendall(" ".join(map(str, words)).encode() + b"\n")
            return json.loads(connection.makefile().readline())

    def tell(self, *words):
        answer = self.ctl(*words)
        check(answer == "done", f"{words}: {answer}")

    def stats(self, site=SITES[0]):
        return self.ctl("stats", site)

    def block_id(self, block):
        return bytes.fromhex(self.ctl("id", block))

    def stop(self):
        for site in list(self.guests):
            self.guests.pop(site).close()
        if self.box:
            self.box.terminate()
            status, self.box = self.box.wait(), None
            check(status == 0, f"the box's exit status is {status}")

    def log_tail(self):
        with open(self.path("log"), encoding="utf-8") as log:
            return log.read().splitlines()[-20:]

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.dir)


def is_right(entry, guest, ring):
    length = guest.get(g.KEY_LEN)
    return (entry.whole and entry.generation == guest.get(g.GENERATION) and entry.block % 2 == ring
            and entry.length == length and any(entry.key[:length]) and not any(entry.key[length:])
            and not any(entry.reserved))


def taken(guest, ring, number):
    """So many entries, each as it must be"""
    entries = []
    deadline = time.monotonic() + 10
    while len(entries) < number and time.monotonic() < deadline:
        index = guest.get(g.CONSUMER + 4 * ring)
        for entry in guest.take(ring, number - len(entries)):
            check(is_right(entry, guest, ring) and entry.index == index, f"entry {entry.__dict__}")
            check(not entries or entry.block > entries[-1].block, "the order of blocks")
            entries.append(entry)
            index = index + 1 & g.ONES
        if len(entries) < number:
            guest.interrupts(g.VECTOR_KEYS, 0.5)
    check(len(entries) == number, f"{len(entries)} of {number} entries came")
    return entries


def full(guest, ring=0):
    wait_for(lambda: guest.waiting(ring) == guest.get(g.RING_ENTRIES), f"ring {ring} is full")


def still(stage, guest):
    """No key comes until it is told so; what is in the rings is consumed."""
    stage.tell("set", "outage", 1)
    wait_for(lambda: guest.health().channel == 0, "the outage")
    wait_for(lambda: guest.take(0, ENTRIES) + guest.take(1, ENTRIES) == [] and stage.stats()["ring"] == [0, 0], "the end")
    before = guest.health().beat
    wait_for(lambda: guest.health().beat != before, "another beat")
    while guest.interrupts(g.VECTOR_KEYS):
        pass


# ---- QEMU's protocol ----


def test_speaks_the_ivshmem_protocol(stage):
    geneva, zurich = stage.start()
    for guest in geneva, zurich:
        check(guest.version == 0 and guest.id == 1 and guest.shared == -1, str(vars(guest)))
        check([len(fds) for fds in (guest.peers[0], guest.peers[1])] == [1, 3] and len(guest.peers) == 2, str(guest.peers))
        check(len(guest.window) == 131072)
    geneva.put(0x900, 0x1234)
    check(zurich.get(0x900) == 0, "the sites share memory")


def test_one_machine_at_a_time_and_another_after_it(stage):
    geneva, _ = stage.start()
    try:
        Guest(stage.path("geneva")).close()
        check(False, "a second machine has the card too")
    except Gone:
        pass
    geneva.put(0x900, 0x1234)
    generation = geneva.get(g.GENERATION)
    consumed = taken(geneva, 0, 5)
    # Killed: nobody is there to see it go before the next one comes.
    stage.guests.pop("geneva").socket.close()
    guest = Guest(stage.path("geneva"))
    stage.guests["geneva"] = guest
    check(guest.id == 2 and guest.get(0x900) == 0x1234 and guest.get(g.GENERATION) == generation, "the device has changed")
    check(taken(guest, 0, 1)[0].block > consumed[-1].block, "it goes on")
    check(guest.interrupts(g.VECTOR_HEALTH, 2) > 0, "its interrupts")


# ---- what a device does ----


def test_registers_say_what_is_there(stage):
    geneva, _ = stage.start(key_length=48)
    check(geneva.get(g.MAGIC) == 0x31444B51 and geneva.get(g.VERSION) == 0x10000)
    check(geneva.get(g.KEY_LEN) == 48 and geneva.get(g.RING_ENTRIES) == ENTRIES and geneva.get(g.STATE) == g.RUNNING)
    places = sorted([(0, 0x1000), (geneva.get(g.HEALTH_OFFSET), 64)]
                    + [(geneva.get(g.RING_OFFSET + 4 * ring), 128 * ENTRIES) for ring in (0, 1)])
    check(all(at % 128 == 0 for at, _ in places))
    check(all(at + size <= after for (at, size), (after, _) in zip(places, places[1:] + [(131072, 0)])), str(places))


def test_both_sites_have_the_same_keys(stage):
    geneva, zurich = stage.start()
    seen = set()
    for ring in (0, 1):
        here, there = taken(geneva, ring, 100), taken(zurich, ring, 100)
        check([e.block for e in here] == list(range(ring, 200, 2)), "blocks")
        check([(e.block, e.id, e.key) for e in here] == [(e.block, e.id, e.key) for e in there], "keys")
        check(all(e.id == stage.block_id(e.block) for e in here[:5]), "IDs")
        seen |= {e.key for e in here} | {e.id for e in here}
    check(len(seen) == 400, "they are not all different")
    first = geneva.take(0)[0]
    geneva, _ = stage.start()
    check(taken(geneva, 0, 1)[0].key != first.key and first.key not in seen, "another start, other keys")


def test_makes_keys_at_the_rate_told(stage):
    (geneva,) = stage.start(SITES[:1], entries=256, rate=0)
    still(stage, geneva)
    stage.tell("set", "rate", 128000)
    begin, count = time.monotonic(), 0
    stage.tell("set", "outage", 0)
    while time.monotonic() < begin + 1:
        count += len(geneva.take(0, 256)) + len(geneva.take(1, 256))
        geneva.interrupts(g.VECTOR_KEYS, 0.01)
    check(400 <= count <= 650, f"{count} keys of 256 bits in a second at 128000 bits a second")


def test_makes_many_keys_at_both_sites(stage):
    guests = stage.start(entries=256, rate=1 << 31, memory=4096)
    begin, count = time.monotonic(), 0
    while count < 40000:
        got = sum(len(guest.take(ring, 256)) for guest in guests for ring in (0, 1))
        count += got
        if not got:
            guests[0].interrupts(g.VECTOR_KEYS, 0.01)
    seconds = time.monotonic() - begin
    print(f"# {count / 2 / seconds:.0f} keys a second at each site")


def test_holds_back_while_a_ring_is_full(stage):
    geneva, zurich = stage.start(memory=100)
    full(geneva, 0)
    # The other ring goes on.
    taken(geneva, 1, 80)
    first = geneva.look(0).block
    # What is held back at one end is the end of it at both.
    wait_for(lambda: len(zurich.take(0, ENTRIES)) == 0 and stage.stats("zurich")["next"][0] >= 2 * 100, "its memory is full")
    check(stage.stats("zurich")["next"][0] <= 2 * (100 + ENTRIES + 1) + first, str(stage.stats("zurich")))
    check([e.block for e in taken(geneva, 0, 200)] == list(range(first, first + 400, 2)), "a block is missing")
    check(stage.stats()["lost"] == [0, 0])


def test_holds_back_without_end_if_told(stage):
    geneva, zurich = stage.start(memory=0, rate=1 << 24)
    check(len(taken(zurich, 0, 6000)) == 6000, "held up by the other end")
    check(stage.stats("geneva")["next"][0] < 100 and geneva.waiting(0) == ENTRIES)


def test_find_tells_the_block_of_an_id(stage):
    geneva, _ = stage.start()
    blocks = 0, taken(geneva, 1, 3)[2].block, geneva.look(0).block, 1000001, (1 << 61) + 4
    for block in blocks:
        check(geneva.find(stage.block_id(block)) == (g.OK, block), f"block {block}")
    for wrong in (bytes(16), b"\xff" * 16, os.urandom(16), stage.block_id(7)[:15] + bytes([stage.block_id(7)[15] ^ 1])):
        check(geneva.find(wrong)[0] == g.NOT_FOUND, wrong.hex())


def test_advance_leaves_out_blocks_for_good(stage):
    geneva, zurich = stage.start()
    full(geneva, 0)
    check(geneva.advance(0, 500) == g.OK)
    inside = [e.block for e in taken(geneva, 0, ENTRIES)]
    check(max(inside) < 500 and taken(geneva, 0, 3)[0].block == 500, "what is in the ring stays")
    check(geneva.advance(0, 2) == g.OK and taken(geneva, 0, 1)[0].block == 506, "a number that has been passed")
    full(geneva, 1)
    check(geneva.advance(1, 801) == g.OK and geneva.reset() == g.OK and geneva.command(g.START) == g.OK)
    check(taken(geneva, 1, 1)[0].block == 801, "a reset does not take it back")
    for ring, block in ((0, 3), (1, 4), (2, 4), (0, 1 << 62)):
        check(geneva.advance(ring, block) == g.WRONG, f"{ring}, {block}")
    check(geneva.command(77) == g.UNKNOWN)
    check(taken(zurich, 0, 300)[299].block == 598, "the other end goes on as it was")


def test_reset_makes_again_only_what_was_not_consumed(stage):
    geneva, _ = stage.start()
    full(geneva, 0)
    consumed = taken(geneva, 0, 5)
    held = [geneva.look(0, i) for i in range(3)]
    generation, at = geneva.get(g.GENERATION), geneva.place(0)
    check(geneva.command(g.RESET) == g.OK)
    check(geneva.get(g.GENERATION) not in (0, generation) and geneva.get(g.STATE) == g.STOPPED)
    check(geneva.waiting(0) == 0 and not any(geneva.window[at:at + 3 * 128]), "the entries are there still")
    check(geneva.command(g.START) == g.OK)
    again = taken(geneva, 0, 3)
    check([(e.block, e.key) for e in again] == [(e.block, e.key) for e in held], "what was not consumed comes again")
    check(again[0].block == consumed[-1].block + 2)


def test_reset_counts_all_as_consumed_if_nobody_can_tell(stage):
    geneva, _ = stage.start()
    full(geneva, 0)
    last = geneva.look(0, ENTRIES - 1).block
    geneva.put(g.CONSUMER, geneva.get(g.CONSUMER) + ENTRIES + 1)
    check(geneva.reset() == g.OK and geneva.command(g.START) == g.OK)
    check(taken(geneva, 0, 1)[0].block > last, "a block that may have been consumed came again")


def test_stop_stops(stage):
    geneva, _ = stage.start()
    full(geneva, 0)
    check(geneva.command(g.STOP) == g.OK and geneva.get(g.STATE) == g.STOPPED and geneva.waiting(0) == ENTRIES)
    check(len(geneva.take(0, ENTRIES)) == ENTRIES)
    check(geneva.command(g.STOP) == g.OK and geneva.waiting(0) == 0, "keys while it is stopped")
    check(geneva.command(g.START) == g.OK)
    taken(geneva, 0, 1)


def test_wipes_what_was_consumed(stage):
    geneva, _ = stage.start()
    full(geneva, 0)
    check(geneva.command(g.STOP) == g.OK)
    at = geneva.place(0)
    check(any(geneva.window[at:at + 128]))
    geneva.take(0, 4)
    wait_for(lambda: not any(geneva.window[at:at + 4 * 128]), "the box overwrites them")
    check(geneva.look(0).whole and stage.stats()["wiped"] is True)
    geneva.window[at:at + 1] = b"x"
    check(stage.stats()["wiped"] is False, "it would not notice")


def test_interrupts_tell_what_is_new(stage):
    (geneva,) = stage.start(SITES[:1], memory=32)
    still(stage, geneva)
    stage.tell("set", "outage", 0)
    check(geneva.interrupts(g.VECTOR_KEYS, 2) > 0, "keys")
    geneva.interrupts(g.VECTOR_COMMAND)
    number = geneva.tell(g.STOP)
    check(geneva.interrupts(g.VECTOR_COMMAND, 2) > 0 and geneva.get(g.DONE) == number, "command")
    geneva.interrupts(g.VECTOR_HEALTH)
    stage.tell("set", "qber", 33333)
    check(geneva.interrupts(g.VECTOR_HEALTH, 0.4) > 0 and geneva.health().qber == 33333, "health")


def test_health_page_tells_what_is_measured(stage):
    (geneva,) = stage.start(SITES[:1], memory=32)
    page = geneva.health()
    check(page.whole and page.beat % 2 == 0 and page.channel == 1 and page.qber == 20000 and page.rate == FAST)
    wait_for(lambda: geneva.health().beat >= page.beat + 4, "beats", 2)
    stage.tell("set", "qber", 110001)
    wait_for(lambda: geneva.health().channel == 0, "it goes on at such an error rate")
    check(geneva.health().qber == 110001 and geneva.health().rate == 0)
    still(stage, geneva)
    check(geneva.health().qber == g.ONES and geneva.health().next == stage.stats()["next"])
    stage.tell("set", "outage", 0)
    check(geneva.interrupts(g.VECTOR_KEYS, 0.2) == 0, "keys in spite of the error rate")
    stage.tell("set", "qber", 110000)
    taken(geneva, 0, 1)


def test_a_new_key_length_comes_with_a_reset(stage):
    geneva, zurich = stage.start()
    stage.tell("set", "key-length", 16)
    taken(geneva, 0, 40)
    check(geneva.get(g.KEY_LEN) == 32)
    for guest in geneva, zurich:
        check(guest.reset() == g.OK and guest.get(g.KEY_LEN) == 16 and guest.command(g.START) == g.OK)
        guest.advance(0, 2000)
    here, there = ({e.block: e.key for e in taken(guest, 0, 40) if e.block >= 2000} for guest in (geneva, zurich))
    check(len(here.keys() & there) > 20 and all(here[block] == there[block] for block in here.keys() & there))


# ---- what is wrong with entries ----


def what_is_wrong(entry, before, guest, right_id):
    index = before.index + 1 & g.ONES
    wrong = {
        "check": not entry.whole,
        "sequence": (entry.index, entry.generation) != (index, guest.get(g.GENERATION)),
        "length": entry.length != guest.get(g.KEY_LEN),
        "order": entry.block <= before.block,
        "parity": entry.block % 2 == 1,
        "beyond": entry.block > 1 << 61,
        "reserved": any(entry.reserved),
        "zero": not any(entry.key),
        "id": entry.id != right_id,
    }
    return [name for name, holds in wrong.items() if holds]


def entry_fault(fault, what):
    def test(stage):
        (geneva,) = stage.start(SITES[:1])
        first = taken(geneva, 0, 2 * ENTRIES)[-1]
        stage.tell("fault", "geneva", fault, "times=400")
        wrong, before = [], first
        for _ in range(2 * ENTRIES):
            wait_for(lambda: geneva.waiting(0), "an entry")
            entry = geneva.take(0)[0]
            wrong += what_is_wrong(entry, before, geneva, stage.block_id(before.block + 2))
            if wrong:
                break
            before = entry
        check(wrong == [what], f"wrong: {wrong}")
        check(stage.stats()["faults"][fault] > 0)
        stage.tell("clear", "geneva")
        # What is in the ring may be wrong still.
        geneva.take(0, ENTRIES)
        taken(geneva, 0, 20)

    test.__name__ = f"test_{fault}_entries"
    return test


def test_faults_come_as_often_as_told(stage):
    (geneva,) = stage.start(SITES[:1], memory=32)
    still(stage, geneva)
    stage.tell("fault", "geneva", "corrupt", "times=3")
    stage.tell("set", "outage", 0)
    wrong = 0
    for _ in range(60):
        for ring in (0, 1):
            wait_for(lambda r=ring: geneva.waiting(r), "an entry")
            wrong += not geneva.take(ring)[0].whole
    check(wrong == 3 and stage.stats()["faults"] == {"corrupt": 3}, f"{wrong} entries were wrong")
    for words in (("corrupt", "times=0"), ("stall", "times=2"), ("nonsense",), ("storm=3000001",), ("corrupt", "often")):
        check("error" in stage.ctl("fault", "geneva", *words), str(words))


def test_a_key_is_flipped_at_one_end(stage):
    geneva, zurich = stage.start()
    taken(geneva, 0, ENTRIES)
    stage.tell("fault", "geneva", "flip", "times=1")
    here, there = ({e.block: e.key for ring in (0, 1) for e in taken(guest, ring, 100)} for guest in (geneva, zurich))
    differ = [block for block in here if block in there and here[block] != there[block]]
    check(len(differ) == 1, f"blocks that differ: {differ}")
    bits = bin(int.from_bytes(here[differ[0]], "big") ^ int.from_bytes(there[differ[0]], "big")).count("1")
    check(bits == 1, f"{bits} bits")


def test_a_block_is_missing_at_one_end(stage):
    geneva, zurich = stage.start()
    taken(geneva, 0, ENTRIES)
    stage.tell("fault", "geneva", "lose", "times=3")
    here, there = ({e.block for ring in (0, 1) for e in taken(guest, ring, 100)} for guest in (geneva, zurich))
    missing = [block for block in there if 2 * ENTRIES <= block < 150 and block not in here]
    check(len(missing) == 3, f"missing: {missing}")
    wait_for(lambda: sum(geneva.health().lost) == 3, "LOST")
    check(geneva.reset() == g.OK and geneva.command(g.START) == g.OK)
    check(not set(missing) & {e.block for ring in (0, 1) for e in taken(geneva, ring, 50)})


def quiet_then(stage, fault):
    """geneva with empty rings, and a fault; then one block comes into ring 0, or a few."""
    (geneva,) = stage.start(SITES[:1], memory=32)
    still(stage, geneva)
    stage.tell("fault", "geneva", fault, "times=1")
    stage.tell("set", "outage", 0)
    ring = wait_for(lambda: [r for r in (0, 1) if geneva.waiting(r)], "a block")[0]
    return geneva, ring


def test_a_torn_entry_becomes_whole_later(stage):
    geneva, _ = quiet_then(stage, "torn=300")
    wait_for(lambda: all(geneva.waiting(ring) for ring in (0, 1)), "both")
    torn = [(ring, ahead) for ring in (0, 1) for ahead in range(geneva.waiting(ring)) if not geneva.look(ring, ahead).whole]
    check(len(torn) == 1, f"torn: {torn}")
    entry = geneva.look(*torn[0])
    check(entry.id == stage.block_id(entry.block) and entry.length == 0, "its first half")
    wait_for(lambda: is_right(geneva.look(*torn[0]), geneva, torn[0][0]), "its second half", 2)


def test_an_entry_is_rewritten_after_it_was_announced(stage):
    geneva, _ = quiet_then(stage, "rewrite=300")
    wait_for(lambda: all(geneva.waiting(ring) == ENTRIES for ring in (0, 1)), "both")
    places = [(ring, ahead) for ring in (0, 1) for ahead in range(ENTRIES)]
    before = {place: geneva.look(*place) for place in places}
    changed = wait_for(lambda: [p for p in places if geneva.look(*p).key != before[p].key], "the change", 2)
    check(len(changed) == 1 and geneva.look(*changed[0]).whole and geneva.look(*changed[0]).id == before[changed[0]].id)


def test_what_is_late_touches_nothing_that_was_taken(stage):
    geneva, _ = quiet_then(stage, "rewrite=200")
    while geneva.take(0, ENTRIES) or geneva.take(1, ENTRIES):
        pass
    check(geneva.reset() == g.OK)
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        check(stage.stats()["wiped"] is True, "a key is in an entry that was consumed")


def test_producer_jumps(stage):
    geneva, _ = stage.start()
    full(geneva)
    stage.tell("fault", "geneva", "producer=0x10000")
    geneva.take(0)
    wait_for(lambda: geneva.waiting(0) > 0xFFFF, "it")
    stage.tell("clear", "geneva")
    check(geneva.waiting(0) <= ENTRIES)
    taken(geneva, 0, 20)


# ---- what is wrong with the device ----


def test_a_stalled_device_gives_no_sign_of_life(stage):
    geneva, _ = stage.start()
    stage.tell("fault", "geneva", "stall")
    beat = geneva.health().beat
    while geneva.take(0, ENTRIES):
        pass
    check(geneva.command(g.START) == g.OK, "commands work")
    stage.tell("set", "qber", 5)
    time.sleep(0.6)
    check(geneva.health().beat == beat and geneva.waiting(0) == 0)
    stage.tell("clear", "geneva")
    taken(geneva, 0, 1)
    wait_for(lambda: geneva.health().qber == 5, "the beat")


def test_a_silent_device_makes_keys(stage):
    geneva, _ = stage.start()
    stage.tell("fault", "geneva", "silent")
    for vector in range(3):
        geneva.interrupts(vector)
    before = geneva.health().beat
    geneva.take(0, ENTRIES)
    full(geneva)
    wait_for(lambda: geneva.health().beat != before, "a beat")
    number = geneva.tell(g.STOP)
    wait_for(lambda: geneva.get(g.DONE) == number, "the command")
    check([geneva.interrupts(vector) for vector in range(3)] == [0, 0, 0], "an interrupt")


def test_storms_of_each_vector(stage):
    (geneva,) = stage.start(SITES[:1], memory=32)
    still(stage, geneva)
    for vector in range(3):
        for rate, least in ((500, 150), (50000, 5000)):
            stage.tell("fault", "geneva", f"storm={vector * 1000000 + rate}")
            geneva.interrupts(vector)
            end, count = time.monotonic() + 0.5, 0
            while time.monotonic() < end:
                count += geneva.interrupts(vector, 0.1)
            stage.tell("clear", "geneva")
            check(least < count < rate, f"{count} interrupts of vector {vector} in 0.5 s at {rate} a second")


def test_commands_go_wrong_as_told(stage):
    geneva, _ = stage.start()
    stage.tell("fault", "geneva", "mute", "times=1")
    check(geneva.command(g.START, 0.3) is None, "it was carried out")
    check(geneva.command(g.START) == g.OK, "the next one")
    stage.tell("fault", "geneva", "late=300", "times=1")
    begin = time.monotonic()
    check(geneva.command(g.START) == g.OK and time.monotonic() - begin > 0.25, "not late")
    for fault, command, result in (("result=77", g.START, 77), ("refuse", g.START, g.NOT_NOW)):
        stage.tell("fault", "geneva", fault, "times=1")
        check(geneva.command(command) == result, fault)
    stage.tell("fault", "geneva", "find=12345", "times=1")
    check(geneva.find(bytes(16)) == (g.OK, 12345))
    generation = geneva.get(g.GENERATION)
    stage.tell("fault", "geneva", "same-generation", "times=1")
    check(geneva.reset() == g.OK and geneva.get(g.GENERATION) == generation)
    check(geneva.reset() == g.OK and geneva.get(g.GENERATION) != generation)


def test_a_late_command_is_carried_out_once(stage):
    geneva, _ = stage.start()
    stage.tell("fault", "geneva", "late=200", "times=1")
    late = geneva.tell(g.FIND)
    wait_for(lambda: stage.stats()["faults"].get("late"), "the box has seen it")
    check(geneva.command(g.RESET) == g.OK)
    resets, generation = stage.stats()["reset"], geneva.get(g.GENERATION)
    wait_for(lambda: geneva.get(g.DONE) == late, "the late one")
    check(geneva.command(g.START) == g.OK)
    check(stage.stats()["reset"] == resets and geneva.get(g.GENERATION) == generation, "and RESET once more")


def test_a_fault_is_reported_until_reset(stage):
    geneva, _ = stage.start()
    stage.tell("fail", "geneva", "0x77")
    check(geneva.get(g.STATE) == g.FAULTY and geneva.get(g.FAULT) == 0x77)
    check(geneva.command(g.START) == g.NOT_NOW)
    check(geneva.reset() == g.OK and geneva.get(g.STATE) == g.STOPPED and geneva.get(g.FAULT) == 0)


def test_registers_are_wrong_as_poked(stage):
    geneva, _ = stage.start()
    wrong = {"MAGIC": g.MAGIC, "VERSION": g.VERSION, "KEY_LEN": g.KEY_LEN, "RING_ENTRIES": g.RING_ENTRIES,
             "RING_OFFSET0": g.RING_OFFSET, "RING_OFFSET1": g.RING_OFFSET + 4, "HEALTH_OFFSET": g.HEALTH_OFFSET,
             "GENERATION": g.GENERATION, "STATE": g.STATE, "0x38": g.RESULT_BLOCK}
    right = {at: geneva.get(at) for at in wrong.values()}
    for name, at in wrong.items():
        stage.tell("poke", "geneva", name, "0xdeadbeef")
        check(geneva.get(at) == 0xDEADBEEF, name)
        geneva.command(g.RESET)
        check(geneva.get(at) == 0xDEADBEEF, f"{name} after a reset")
        check(stage.ctl("peek", "geneva", name) == [0xDEADBEEF])
        stage.tell("clear", "geneva")
        check(name in ("GENERATION", "STATE", "0x38") or geneva.get(at) == right[at], f"{name} is not put right")
    check(geneva.get(g.STATE) == g.STOPPED)
    for at in ("0x2000", "2", "-4", "0x1ffc 2", "NOTHING"):
        check("error" in stage.ctl("peek", "geneva", at), at)


def health_fault(fault, is_wrong):
    def test(stage):
        geneva, _ = stage.start()
        stage.tell("fault", "geneva", fault)
        for qber in range(3):
            stage.tell("set", "qber", 40000 + qber)
            geneva.interrupts(g.VECTOR_HEALTH)
        check(wait_for(lambda: is_wrong(geneva.health()), "it"))
        stage.tell("clear", "geneva")
        wait_for(lambda: geneva.health().whole and geneva.health().beat % 2 == 0 and geneva.health().qber == 40002, "a right one")

    test.__name__ = f"test_{fault.replace('-', '_')}"
    return test


def test_a_heart_that_stands_still(stage):
    geneva, _ = stage.start()
    stage.tell("fault", "geneva", "no-beat")
    beat = geneva.health().beat
    time.sleep(0.6)
    check(geneva.health().beat == beat)
    taken(geneva, 0, 40)


def test_a_pulled_device_reads_as_ones_and_comes_back_reset(stage):
    geneva, _ = stage.start()
    generation = geneva.get(g.GENERATION)
    last = taken(geneva, 0, 5)[-1].block
    stage.tell("yank", "geneva")
    check(geneva.window[:] == b"\xff" * len(geneva.window))
    geneva.put(g.NUMBER, 5)
    geneva.put(0x900, 0)
    geneva.bell()
    wait_for(lambda: geneva.get(g.NUMBER) == g.ONES and geneva.get(0x900) == g.ONES, "writes go nowhere")
    check(stage.stats()["attached"] is True)
    for words in (("yank", "geneva"), ("poke", "geneva", "STATE", 1)):
        check("error" in stage.ctl(*words), str(words))
    stage.tell("plug", "geneva")
    check(geneva.get(g.MAGIC) == 0x31444B51 and geneva.get(g.STATE) == g.STOPPED)
    check(geneva.get(g.GENERATION) not in (0, generation))
    check("error" in stage.ctl("plug", "geneva"))
    check(geneva.reset() == g.OK and geneva.command(g.START) == g.OK)
    check(taken(geneva, 0, 1)[0].block == last + 2, "the stream goes on where it was")


# ---- control ----


def test_control_is_for_serial_ports_too(stage):
    stage.start()
    with socket.socket(socket.AF_UNIX) as a, socket.socket(socket.AF_UNIX) as b:
        for connection in a, b:
            connection.settimeout(10)
            connection.connect(stage.path("control"))
        a.sendall(b"set qb")
        b.sendall(b'\r\n\r\nset qber 7\r\nnonsense\r{"error": "an echo"}\r\n"done"\r\nid 0\n')
        lines = b.makefile()
        check(json.loads(lines.readline()) == "done")
        check("error" in json.loads(lines.readline()))
        check(json.loads(lines.readline()) == stage.block_id(0).hex(), "an echo was answered")
        a.sendall(b"er 8\r")
        check(json.loads(a.makefile().readline()) == "done")
    for words in ("set rate nan", "set rate -1", "set qber 1e9", "set outage 2", "set key-length 15", "set nothing 1",
                  "id -1", "id", "stats", "stats basel", "poke geneva 0x20000 1", "fail geneva x", "\xff", "fault geneva"):
        check("error" in stage.ctl(words), words)


def test_who_reads_no_answer_holds_nobody_up(stage):
    geneva, _ = stage.start()
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(stage.path("control"))
        deaf.settimeout(0.2)
        try:
            for _ in range(4000):
                deaf.sendall(b"peek geneva MAGIC 500\n")
        except OSError:
            pass
        taken(geneva, 0, 40)
        check(stage.stats()["produced"] > 40)


def test_refuses_a_configuration_that_cannot_be(stage):
    stage.stop()
    good = {"rate": "1", "socket": stage.path("x")}
    for wrong in ({"rate": "-1"}, {"qber": "x"}, {"key-length": "65"}, {"entries": "9"}, {"window": "65537"},
                  {"entries": "32768"}, {"memory": "-1"}):
        channel, site = ({**good, **wrong} for _ in range(2))
        with open(stage.path("bad"), "w", encoding="ascii") as file:
            for section, settings in (("channel", channel), ("site s", site)):
                file.write(f"[{section}]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
        done = subprocess.run([BOX, "run", stage.path("bad")], capture_output=True, timeout=10, check=False)
        check(done.returncode == 1 and b"Error" in done.stderr and b"Traceback" not in done.stderr, f"{wrong}: {done}")


ENTRY_FAULTS = (("corrupt", "check"), ("sequence", "sequence"), ("length", "length"), ("order", "order"),
                ("parity", "parity"), ("beyond", "beyond"), ("reserved", "reserved"), ("duplicate", "id"), ("zero", "zero"))
HEALTH_FAULTS = (
    ("health-check", lambda page: not page.whole),
    ("health-torn", lambda page: not page.whole),
    ("health-odd", lambda page: page.whole and page.beat % 2 == 1),
)

TESTS = (
    test_speaks_the_ivshmem_protocol,
    test_one_machine_at_a_time_and_another_after_it,
    test_registers_say_what_is_there,
    test_both_sites_have_the_same_keys,
    test_makes_keys_at_the_rate_told,
    test_makes_many_keys_at_both_sites,
    test_holds_back_while_a_ring_is_full,
    test_holds_back_without_end_if_told,
    test_find_tells_the_block_of_an_id,
    test_advance_leaves_out_blocks_for_good,
    test_reset_makes_again_only_what_was_not_consumed,
    test_reset_counts_all_as_consumed_if_nobody_can_tell,
    test_stop_stops,
    test_wipes_what_was_consumed,
    test_interrupts_tell_what_is_new,
    test_health_page_tells_what_is_measured,
    test_a_new_key_length_comes_with_a_reset,
    *(entry_fault(*row) for row in ENTRY_FAULTS),
    test_faults_come_as_often_as_told,
    test_a_key_is_flipped_at_one_end,
    test_a_block_is_missing_at_one_end,
    test_a_torn_entry_becomes_whole_later,
    test_an_entry_is_rewritten_after_it_was_announced,
    test_what_is_late_touches_nothing_that_was_taken,
    test_producer_jumps,
    test_a_stalled_device_gives_no_sign_of_life,
    test_a_silent_device_makes_keys,
    test_storms_of_each_vector,
    test_commands_go_wrong_as_told,
    test_a_late_command_is_carried_out_once,
    test_a_fault_is_reported_until_reset,
    test_registers_are_wrong_as_poked,
    *(health_fault(*row) for row in HEALTH_FAULTS),
    test_a_heart_that_stands_still,
    test_a_pulled_device_reads_as_ones_and_comes_back_reset,
    test_control_is_for_serial_ports_too,
    test_who_reads_no_answer_holds_nobody_up,
    test_refuses_a_configuration_that_cannot_be,
)

if __name__ == "__main__":
    only = sys.argv[1:]
    sys.exit(run(Stage(), [t for t in TESTS if not only or t.__name__ in only]))
