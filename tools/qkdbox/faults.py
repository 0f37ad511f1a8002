# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device does wrong now."""

NAMES = set(
    "corrupt sequence length order parity reserved duplicate zero flip torn rewrite producer lose"
    " stall no-beat silent storm mute late result find same-generation refuse"
    " health-torn health-check health-odd".split()
)


class Faults:
    def __init__(self):
        self.clear()

    def clear(self):
        self.values, self.times = {}, {}

    def add(self, words):
        """NAME[=VALUE] [times=N]"""
        name, _, value = words[0].partition("=")
        if name not in NAMES:
            raise ValueError(f"no fault {name}")
        times = None
        for word in words[1:]:
            what, _, text = word.partition("=")
            if what != "times":
                raise ValueError(f"what is {word}?")
            times = int(text, 0)
        self.values[name] = int(value or "1", 0)
        self.times[name] = times

    def __contains__(self, name):
        return name in self.values

    def take(self, name):
        """The fault's value, or None; one time less"""
        value = self.values.get(name)
        if value is not None and self.times[name] is not None:
            self.times[name] -= 1
            if self.times[name] <= 0:
                del self.values[name]
        return value
