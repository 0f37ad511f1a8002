#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Peers that the daemon's tests set on it, and the honest one beside them.

usage: hostile.py echo PORT
           An application that sends back what it gets.
       hostile.py silent|drip|stuck|garbage ADDRESS PORT SOURCE COUNT
           Keeps COUNT connections from SOURCE: each says nothing, or a hello of 16 KiB byte by byte, or all of it but
           the last byte, or random bytes; when one ends the next begins. Until SIGTERM; then prints "begun N ended N".
       hostile.py flood ADDRESS PORT SOURCE COUNT
           COUNT connections, one after the other, each reset as soon as it stands.
       hostile.py hoard ADDRESS PORT COUNT
           COUNT connections that send without end and never read. Until SIGTERM; then "begun N sent BYTES".
       hostile.py honest ADDRESS PORT
           Connection after connection, sends 32 KiB to an echo and compares what comes back. Until SIGTERM; then
           "good N bad N"; each bad one is said.
       hostile.py cut LISTEN-PORT ADDRESS PORT APP-PORT STEP
           A wire between a client service, whose application connects to APP-PORT, and a server service: it breaks
           after 0, STEP, 2 STEP... bytes towards the server, then towards the client, until a whole exchange goes
           through each way; both ends are reset. Prints "cut N whole N".
       hostile.py hold LISTEN-PORT ADDRESS PORT APP-PORT COPIES
           The same wire keeps the client's first flight back and sends COPIES of it to the server at once, then one
           more: prints "answered N refused N late-answered N", by whether a handshake or an alert came back.
"""

import os
import selectors
import signal
import socket
import struct
import sys
import threading
import time

RESET = struct.pack("ii", 1, 0)
HELLO = bytes.fromhex("160303 3fff 01 003ffb 0303") + bytes(0x3FFF - 6)  # the largest that a record holds
PACE_S = 0.1
HANDSHAKE, ALERT = 22, 21
WAIT_S = 30

stop = threading.Event()


def until_told(*_):
    stop.set()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def connect(address, port, source=None):
    return socket.create_connection((address, port), WAIT_S, (source, 0) if source else None)


class Crowd:
    """COUNT connections, each with what it still has to say; a new one for each that ends."""

    def __init__(self, kind, address, port, source, count):
        self.kind, self.target, self.source = kind, (address, port), source
        self.selector = selectors.DefaultSelector()
        self.begun = self.ended = 0
        for _ in range(count):
            self.begin()

    def words(self):
        if self.kind == "silent":
            return b""
        if self.kind == "garbage":
            return os.urandom(1 + os.urandom(1)[0] * 8)
        return HELLO if self.kind == "drip" else HELLO[:-1]

    def begin(self):
        sock = socket.socket()
        sock.bind((self.source, 0))
        sock.setblocking(False)
        sock.connect_ex(self.target)
        self.selector.register(sock, selectors.EVENT_READ, [self.words()])
        self.begun += 1

    def end(self, sock):
        self.selector.unregister(sock)
        sock.close()
        self.ended += 1
        self.begin()

    def say(self, sock, rest):
        size = 1 if self.kind == "drip" else len(rest[0])
        if not size or not rest[0]:
            return
        try:
            rest[0] = rest[0][sock.send(rest[0][:size], socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            pass
        except OSError:
            self.end(sock)

    def run(self):
        due = time.monotonic()
        while not stop.is_set():
            for key, _ in self.selector.select(PACE_S):
                try:
                    over = not key.fileobj.recv(4096)
                except BlockingIOError:
                    continue
                except OSError:
                    over = True
                if over:
                    self.end(key.fileobj)
            if time.monotonic() < due:
                continue
            due = time.monotonic() + PACE_S
            for key in list(self.selector.get_map().values()):
                self.say(key.fileobj, key.data)
        print(f"begun {self.begun} ended {self.ended}")


def send_back(sock):
    try:
        with sock:
            while data := sock.recv(65536):
                sock.sendall(data)
    except OSError:
        pass  # it has gone


def serve(port):
    with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=send_back, args=(sock,), daemon=True).start()


def flood(address, port, source, count):
    for _ in range(count):
        reset(connect(address, port, source))


def hoard(address, port, count):
    socks, sent, data = [], 0, bytes(65536)
    for _ in range(count):
        socks.append(connect(address, port))
        socks[-1].setblocking(False)
    while not stop.wait(PACE_S):
        for sock in socks:
            try:
                while True:
                    sent += sock.send(data, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                pass
    for sock in socks:
        reset(sock)
    print(f"begun {count} sent {sent}")


def send_all(sock, data):
    try:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # who receives finds out


def echo(sock, data):
    """Whether the echo is the data, and nothing else comes"""
    sender = threading.Thread(target=send_all, args=(sock, data))
    sender.start()
    back = bytearray()
    while part := sock.recv(65536):
        back += part
    sender.join()
    return back == data


def honest(address, port):
    good = bad = 0
    while not stop.is_set():
        try:
            with connect(address, port) as sock:
                fine = echo(sock, os.urandom(32768))
                reason = "other bytes came back"
        except OSError as error:
            fine, reason = False, str(error)
        good += fine
        bad += not fine
        if not fine:
            print("bad:", reason, flush=True)
    print(f"good {good} bad {bad}")


class Wire:
    """One accepted connection at a time, carried on to the server's until a limit of bytes in one direction."""

    def __init__(self, port, address, server_port):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.settimeout(WAIT_S)
        self.target = (address, server_port)

    def carry(self, limits):
        """limits: bytes towards the server and towards the client, None for all. Bytes that went; broken or not"""
        near, _ = self.listener.accept()
        far = connect(*self.target)
        moved, ends, broken = [0, 0], [near, far], False
        selector = selectors.DefaultSelector()
        for way in 0, 1:
            selector.register(ends[way], selectors.EVENT_READ, way)
        while selector.get_map() and not broken:
            ready = selector.select(WAIT_S)
            if not ready:
                raise TimeoutError("nobody says anything")
            for key, _ in ready:
                way = key.data
                room = 65536 if limits[way] is None else limits[way] - moved[way]
                try:
                    data = ends[way].recv(room) if room else b""
                    broken = broken or (limits[way] is not None and moved[way] + len(data) >= limits[way])
                    if data:
                        ends[1 - way].sendall(data)
                    elif not broken:
                        selector.unregister(ends[way])
                        ends[1 - way].shutdown(socket.SHUT_WR)
                except OSError:
                    broken = True
                moved[way] += len(data)
        for end in ends:
            (reset if broken else socket.socket.close)(end)
        return moved, broken


def ask(app_port, answers):
    """What an application sees of one exchange"""
    try:
        with connect("127.0.0.1", app_port) as sock:
            answers.append(echo(sock, b"hello\n"))
    except OSError:
        answers.append(False)


def exchange(wire, app_port, limits):
    answers = []
    application = threading.Thread(target=ask, args=(app_port, answers))
    application.start()
    _, broken = wire.carry(limits)
    application.join()
    return broken, answers[0]


def cut(wire, app_port, step):
    cuts = whole = 0
    for way in 0, 1:
        limit, broken = 0, True
        while broken:
            limits = [None, None]
            limits[way] = limit
            broken, answered = exchange(wire, app_port, limits)
            if not broken and not answered:
                sys.exit("a whole wire, and no answer")
            cuts += broken
            whole += not broken
            limit += step
    print(f"cut {cuts} whole {whole}")


def first_flight(sock):
    """The records that a client sends before it waits"""
    sock.settimeout(WAIT_S)
    data = sock.recv(65536)
    sock.settimeout(0.5)
    try:
        while part := sock.recv(65536):
            data += part
    except TimeoutError:
        pass
    return data


def answer_to(target, flight):
    with connect(*target) as sock:
        sock.sendall(flight)
        try:
            return sock.recv(1)
        except ConnectionResetError:
            return b""


def hold(wire, app_port, copies):
    answers = []
    application = threading.Thread(target=ask, args=(app_port, answers))
    application.start()
    near, _ = wire.listener.accept()
    flight = first_flight(near)
    results, threads = [], []
    for _ in range(copies):
        threads.append(threading.Thread(target=lambda: results.append(answer_to(wire.target, flight))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    late = answer_to(wire.target, flight)
    reset(near)
    application.join()
    if answers[0]:
        sys.exit("the application got an answer")
    count = lambda kind: sum(r == bytes([kind]) for r in results)  # noqa: E731
    print(f"answered {count(HANDSHAKE)} refused {count(ALERT)} late-answered {int(late == bytes([HANDSHAKE]))}")


def main(kind, *args):
    signal.signal(signal.SIGTERM, until_told)
    if kind == "echo":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        serve(int(args[0]))
    elif kind in ("silent", "drip", "stuck", "garbage"):
        address, port, source, count = args
        Crowd(kind, address, int(port), source, int(count)).run()
    elif kind == "flood":
        address, port, source, count = args
        flood(address, int(port), source, int(count))
    elif kind == "hoard":
        address, port, count = args
        hoard(address, int(port), int(count))
    elif kind == "honest":
        address, port = args
        honest(address, int(port))
    elif kind in ("cut", "hold"):
        listen, address, port, app_port, number = args
        wire = Wire(int(listen), address, int(port))
        (cut if kind == "cut" else hold)(wire, int(app_port), int(number))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
