# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device does wrong now."""
import collections

from layout import VECTORS

NAMES = set(
    "corrupt sequence length order parity beyond reserved duplicate zero flip torn rewrite producer lose"
    " stall no-beat silent storm mute late result find same-generation refuse"
    " health-torn health-check health-odd".split()
)


LASTING = {"stall", "storm"}  # have no times
STORM_VECTOR = 1000000  # storm's value: vector * this + interrupts a second


class Faults:
    """done: how often each was done, but for the lasting ones"""

    def __init__(self):
        self.done = collections.Counter()
        self.clear()

    def clear(self):
        self.values, self.times = {}, {}

    def add(self, words):
        """NAME[=VALUE] [times=N]"""
        name, _, value = words[0].partition("=")
        if name not in NAMES:
            raise ValueError(f"no fault {name}")
        number, times = int(value or "1", 0), None
        for word in words[1:]:
            what, _, text = word.partition("=")
            if what != "times" or name in LASTING:
                raise ValueError(f"what is {word}?")
            times = int(text, 0)
            if times < 1:
                raise ValueError("times is 1 or more")
        if name == "storm" and (number < 1 or number // STORM_VECTOR >= VECTORS or not number % STORM_VECTOR):
            raise ValueError("storm is vector * 1000000 + interrupts a second")
        self.values[name] = number
        self.times[name] = times

    def __contains__(self, name):
        return name in self.values

    def take(self, name):
        """The fault's value, or None; one time less"""
        value = self.values.get(name)
        if value is None:
            return None
        self.done[name] += 1
        if self.times[name] is not None:
            self.times[name] -= 1
            if self.times[name] <= 0:
                del self.values[name]
        return value
