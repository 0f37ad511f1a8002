# SPDX-License-Identifier: GPL-2.0-or-later
"""A stage for tests of qkdkmed: links whose kernel is played here, KMEs by tools/kme, the daemon, and TAP."""
import errno
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLOWNESS = float(os.environ.get("TEST_SLOWNESS", "1"))

KEYS, ID, CLOSE = 1, 2, 3
KEY, REFUSE, REPORT = 1, 2, 3
OUTBOUND, INBOUND = 0, 1
UP, DOWN = 0, 1
REQUEST = struct.Struct("=IIII16s")
MESSAGE = struct.Struct("=IIII16s64s")
INFO = struct.Struct("=II32s32sIIIIIIIIII256s256s")
ERRNO = struct.Struct("=i")


class Failure(Exception):
    pass


def check(holds, text="it does not hold"):
    if not holds:
        raise Failure(text)


def wait_for(what, text, seconds=10.0):
    """Polls until what() is true, which is returned."""
    deadline = time.monotonic() + seconds * SLOWNESS
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"not in time: {text}")
        time.sleep(0.01)


class Link:
    """A link's kernel side, by the contract of <linux/qkd.h>: a store of keys, and who waits for them"""

    def __init__(self, folder, name, local, remote, capacity=1000, low=10):
        self.name, self.local, self.remote = name, local, remote
        self.capacity, self.low = capacity, low
        self.outbound = []  # (UUID, bytes), oldest first
        self.inbound = {}
        self.refused = {}
        self.wanted = {}  # UUID: whether the feed has been asked
        self.known = set()
        self.reports = []
        self.feeds = 0
        self.told_low = False
        self.feed = None
        self.calls = []
        self.busy = False
        self.lock = threading.RLock()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(os.path.join(folder, name))
        self.listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            word = connection.recv(16)
            if word == b"call":
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            else:
                with self.lock:
                    self.feed = connection
                    self.feeds += 1
                    self.told_low = False
                    self._look_at_level()
                    for key_id, (deadline, _) in list(self.wanted.items()):
                        self._ask(key_id, deadline)

    def _serve(self, connection):
        with self.lock:
            taken = self.busy
            self.busy = True
            self.calls.append(connection)
        connection.send(ERRNO.pack(-errno.EBUSY if taken else 0))
        if taken:
            return
        try:
            while True:
                packet = connection.recv(4096)
                if not packet:
                    break
                with self.lock:
                    connection.send(self._answer(packet))
        except OSError:
            pass
        with self.lock:
            self.busy = False
            self.feed = None
            self.reports.append(DOWN)

    def _answer(self, packet):
        if packet == b"info":
            return INFO.pack(INFO.size, 0, self.name.encode(), b"feed", 0, self.state(), 32, self.capacity, self.low, 0,
                             len(self.outbound), len(self.inbound), 0, 0, self.local.encode(), self.remote.encode())
        kind, value, direction, length, key_id, key = MESSAGE.unpack(packet)
        key_id = uuid.UUID(bytes=key_id)
        if kind == KEY:
            return ERRNO.pack(-self._take(direction, key_id, key[:length]))
        if kind == REFUSE:
            if key_id not in self.wanted:
                return ERRNO.pack(-errno.ENOENT)
            del self.wanted[key_id]
            self.refused[key_id] = value
        else:
            self.reports.append(value)
        return ERRNO.pack(0)

    def _take(self, direction, key_id, key):
        if len(key) != 32 or not any(key):
            return errno.EINVAL
        if key_id in self.known:
            return errno.EEXIST
        if direction == INBOUND:
            if key_id not in self.wanted:
                return errno.ENOENT
            del self.wanted[key_id]
            self.inbound[key_id] = key
        else:
            if len(self.outbound) >= self.capacity:
                return errno.ENOSPC
            self.outbound.append((key_id, key))
            if len(self.outbound) >= self.low:
                self.told_low = False
        self.known.add(key_id)
        return 0

    def _say(self, kind, count=0, timeout=0, key_id=bytes(16)):
        if self.feed:
            try:
                self.feed.send(REQUEST.pack(kind, count, timeout, 0, key_id))
            except OSError:
                pass

    def _look_at_level(self):
        level = len(self.outbound)
        if (level < self.low or not level) and not self.told_low and self.feed:
            self.told_low = True
            self._say(KEYS, count=self.capacity - level)

    def _ask(self, key_id, deadline):
        left = int(1000 * (deadline - time.monotonic()))
        if left > 0 and self.feed:
            self.wanted[key_id] = (deadline, True)
            self._say(ID, timeout=left, key_id=key_id.bytes)

    # ---- what a test does ----

    def state(self):
        return self.reports[-1] if self.reports else DOWN

    def get(self, number=1):
        """The next outbound keys"""
        with self.lock:
            keys, self.outbound = self.outbound[:number], self.outbound[number:]
            self._look_at_level()
            return keys

    def want(self, *ids, timeout=5.0):
        """Somebody asks for inbound keys"""
        with self.lock:
            for key_id in ids:
                self.refused.pop(key_id, None)
                self._ask(key_id, time.monotonic() + timeout * SLOWNESS)
                self.wanted.setdefault(key_id, (time.monotonic() + timeout * SLOWNESS, False))

    def outcome(self, key_id):
        """The key's bytes, or the errno, or None: none yet"""
        with self.lock:
            return self.inbound.get(key_id) or self.refused.get(key_id)

    def wait_outcome(self, key_id, seconds=10.0):
        return wait_for(lambda: self.outcome(key_id), f"an outcome of {key_id}", seconds)

    def close(self):
        """The link is deleted"""
        with self.lock:
            self._say(CLOSE)
            for connection in self.calls + ([self.feed] if self.feed else []):
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.listener.close()


class Stage:
    """A folder with certificates, KMEs and the daemon. Everything ends with close()."""

    SAES = ("alice", "bob", "carol")

    def __init__(self, build):
        self.build = build
        self.dir = tempfile.mkdtemp(prefix="qkdkmed.")
        os.chdir(self.dir)
        os.mkdir("feeds")
        self.kme_tool = os.path.join(TOP, "tools", "kme")
        self.run_tool("pki", ".", "kme-a", "kme-b", *self.SAES)
        os.mkdir("other")
        self.run_tool("pki", "other", "alice", "kme-a")
        self.kme = None
        self.daemon = None
        self.log_name = "log"
        self.runs = 0
        self.ports = {}
        self.links = {}
        self.notify = None

    def run_tool(self, *words):
        done = subprocess.run((self.kme_tool, *words), capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"tools/kme {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    # ---- KMEs ----

    def start_kmes(self, **pair):
        """a, a2 serve alice; b, b2 bob and carol"""
        lines = ["[network]", "control = ctl"]
        for node, saes in (("a", "alice"), ("a2", "alice"), ("b", "bob carol"), ("b2", "bob carol")):
            name = "kme-" + node[0]
            lines += [f"[node {node}]", "listen = 127.0.0.1:0", f"certificate = {name}.pem",
                      f"private-key = {name}.key", "trust = ca.pem", f"saes = {saes}"]
        for pair_name in ("alice bob", "alice carol"):
            lines.append(f"[pair {pair_name}]")
            lines += [f"{key.replace('_', '-')} = {value}" for key, value in pair.items()]
        with open("net.conf", "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        with open("kme.log", "w", encoding="ascii") as log:
            # pylint: disable=consider-using-with
            self.kme = subprocess.Popen((self.kme_tool, "run", "net.conf"), stdout=log, stderr=log)
        wait_for(lambda: os.path.exists("ctl"), "tools/kme runs")
        self.ports = wait_for(self._try_ports, "tools/kme answers")

    def _try_ports(self):
        try:
            return self.ctl("ports")
        except OSError:
            return None

    def ctl(self, *words):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect("ctl")
            connection.sendall(" ".join(words).encode() + b"\n")
            answer = json.loads(connection.makefile().readline())
        if isinstance(answer, dict) and "error" in answer:
            raise Failure(f"{words}: {answer}")
        return answer

    def stats(self, node):
        return self.ctl("stats", node)

    # ---- the daemon ----

    def kme_section(self, node, sae, **settings):
        section = {"url": f"https://localhost:{self.ports[node]}", "certificate": f"{sae}.pem",
                   "private-key": f"{sae}.key", "trust": "ca.pem", "connect-timeout": 1000,
                   "request-timeout": 2000} | {key.replace("_", "-"): value for key, value in settings.items()}
        lines = [f"{key} = {value}" for key, value in section.items() if value is not None]
        return "\n".join([f"[kme {node}]"] + lines) + "\n"

    @staticmethod
    def link_section(name, kmes, **settings):
        section = {"kme": kmes, "high": 40, "batch": 16, "retry-max": 1, "status-interval": 1} | {
            key.replace("_", "-"): value for key, value in settings.items()}
        lines = [f"{key} = {value}" for key, value in section.items() if value is not None]
        return "\n".join([f"[link {name}]"] + lines) + "\n"

    def config(self, *sections):
        with open("qkdkmed.conf", "w", encoding="ascii") as file:
            file.write("".join(sections))

    def start(self, notify=False, wait=True):
        self.runs += 1
        self.log_name = f"log.{self.runs}"
        environment = dict(os.environ, QKDKMED_FEEDS=os.path.join(self.dir, "feeds"))
        if notify:
            self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.notify.bind("notify")
            self.notify.settimeout(10 * SLOWNESS)
            environment |= {"NOTIFY_SOCKET": os.path.join(self.dir, "notify"), "WATCHDOG_USEC": "400000"}
        with open(self.log_name, "w", encoding="ascii") as log:
            # pylint: disable=consider-using-with
            self.daemon = subprocess.Popen((os.path.join(self.build, "qkdkmed-played"), "-c", "qkdkmed.conf"),
                                           stdout=log, stderr=log, env=environment)
        if wait:
            for link in self.links.values():
                wait_for(lambda link=link: link.state() == UP, f"link {link.name} is up")

    def log(self):
        with open(self.log_name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_tail(self):
        try:
            return self.log().splitlines()[-25:]
        except OSError:
            return []

    def wait_log(self, text, times=1, seconds=10.0):
        wait_for(lambda: self.log().count(text) >= times, f'the log says "{text}"', seconds)

    def stop(self):
        """Ends the daemon; its exit status"""
        if not self.daemon:
            return 0
        self.daemon.send_signal(signal.SIGTERM)
        try:
            return self.daemon.wait(10 * SLOWNESS)
        finally:
            self.daemon.kill()
            self.daemon.wait()
            self.daemon = None

    def reload(self):
        times = self.log().count("configuration read again")
        self.daemon.send_signal(signal.SIGHUP)
        self.wait_log("configuration read again", times + 1)

    # ---- all ----

    def new_link(self, name, local, remote, **settings):
        if name in self.links:
            self.links.pop(name).close()
        path = os.path.join("feeds", name)
        if os.path.exists(path):
            os.unlink(path)
        self.links[name] = Link("feeds", name, local, remote, **settings)
        return self.links[name]

    def fresh(self, **pair):
        """Everything anew"""
        self.stop()
        if self.kme:
            self.kme.terminate()
            self.kme.wait()
        for name in list(self.links):
            self.links.pop(name).close()
        self.start_kmes(**pair)

    def close(self):
        if self.daemon:
            self.daemon.kill()
            self.daemon.wait()
        if self.kme:
            self.kme.terminate()
            self.kme.wait()
        os.chdir("/")
        shutil.rmtree(self.dir)


def run(stage, tests):
    """TAP for functions that take the stage; their name says the property. The exit status."""
    failed = 0
    print("TAP version 13")
    print(f"1..{len(tests)}", flush=True)
    try:
        for number, test in enumerate(tests, 1):
            name = test.__name__.removeprefix("test_").replace("_", " ")
            try:
                skip = test(stage)
                print(f"ok {number} - {name}" + (f" # SKIP {skip}" if skip else ""), flush=True)
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                print(f"not ok {number} - {name}")
                text = str(error) if isinstance(error, Failure) else traceback.format_exc()
                line = traceback.extract_tb(error.__traceback__)
                place = [f"line {frame.lineno}" for frame in line if frame.filename == sys.argv[0]]
                for said in [f"{' '.join(place)}: {text}", *stage.log_tail()]:
                    print("# " + said.replace("\n", "\n# "), flush=True)
    finally:
        stage.close()
    return 1 if failed else 0
