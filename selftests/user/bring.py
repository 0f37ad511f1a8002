#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What programs may bring to a UNIX socket of qkdtlsd, good or not, and sockets as systemd gives them.

bring.py CASE PATH              says what the daemon answers: the name of the errno, and its reason
bring.py activate KIND:ADDRESS:NAME... -- COMMAND...   runs it with these listening sockets (KIND: tcp, udp, unix, stream)
"""
import contextlib
import errno
import os
import resource
import socket
import struct
import sys

REPLY = 1320

KEPT = []


def request(version=1, flags=0, timeout=0, reserved=0):
    return struct.pack("=4I", version, flags, timeout, reserved)


def reach(path):
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    daemon.settimeout(60)
    daemon.connect(path)
    return daemon


def bring(daemon, fds, message=None):
    fds = [fd if isinstance(fd, int) else fd.fileno() for fd in fds]
    with contextlib.suppress(BrokenPipeError):  # refused already
        if fds:
            socket.send_fds(daemon, [request() if message is None else message], fds)
        else:
            daemon.send(request() if message is None else message)


def hear(daemon):
    data, fds, _, _ = socket.recv_fds(daemon, 4096, 4)
    for fd in fds:
        os.close(fd)
    if not data:
        return "nothing"
    assert len(data) == REPLY, len(data)
    version, error = struct.unpack_from("=2I", data)
    assert version == 1
    return f"{errno.errorcode.get(error, error) if error else 'OK'} {data[-256:].split(bytes(1))[0].decode()}"


def pair():
    """Both ends of a TCP connection, of which the other stays open, too"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    KEPT.append(far)
    return near, far


def answer(path, fds, message=None):
    daemon = reach(path)
    bring(daemon, fds, message)
    return hear(daemon)


def one_udp(path):
    return answer(path, [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)])


def closed_by_peer(path):
    near, far = pair()
    far.close()
    while near.recv(1):
        pass
    return answer(path, [near])


def silence(path):
    return hear(reach(path))


def gone(path):
    reach(path).close()
    return "gone"


def never_reads(path):
    """Requests whose answers nobody reads, and that end all at once"""
    daemons = []
    near, _ = pair()
    for _ in range(50):
        daemons.append(reach(path))
        bring(daemons[-1], [near])
    return "sent"


def many_messages(path):
    """Of which the daemon does not read all: it may be gone before the last, and its answer lost, then"""
    near, _ = pair()
    daemon = reach(path)
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        for _ in range(20):
            bring(daemon, [near])
        return hear(daemon)
    return "reset"


def descriptors(path):
    """As many as a message takes, a hundred times"""
    near, _ = pair()
    answers = {answer(path, [near] * 253).split()[0] for _ in range(100)}
    return " ".join(sorted(answers))


def flood(path):
    """More programs than max-connections, which say nothing"""
    daemons = [reach(path) for _ in range(12)]
    answers = []
    for daemon in daemons:
        daemon.settimeout(0.5)
        with contextlib.suppress(socket.timeout):
            answers.append(hear(daemon).split()[0])
    return " ".join(answers)


def crowded(path):
    """One that asks, behind as many as max-connections that say nothing"""
    KEPT.extend(reach(path) for _ in range(5))
    daemon, (near, _) = reach(path), pair()
    bring(daemon, [near])
    try:
        return hear(daemon)
    except ConnectionResetError:  # the request came when the answer was under way, and was not read
        return hear(daemon)


CASES = {
    "good": lambda path: answer(path, [pair()[0]]),
    "good-timeout": lambda path: answer(path, [pair()[0]], request(timeout=5)),
    "none": lambda path: answer(path, []),
    "two": lambda path: answer(path, pair()),
    "five": lambda path: answer(path, [pair()[0]] * 5),
    "file": lambda path: answer(path, [os.open("/etc/passwd", os.O_RDONLY)]),
    "pipe": lambda path: answer(path, [os.pipe()[0]]),
    "udp": one_udp,
    "unix": lambda path: answer(path, [socket.socketpair()[0]]),
    "listening": lambda path: answer(path, [socket.create_server(("127.0.0.1", 0))]),
    "unconnected": lambda path: answer(path, [socket.socket(socket.AF_INET, socket.SOCK_STREAM)]),
    "closed-by-peer": closed_by_peer,
    "itself": lambda path: (lambda daemon: (bring(daemon, [daemon]), hear(daemon))[1])(reach(path)),
    "short": lambda path: answer(path, [pair()[0]], request()[:-1]),
    "long": lambda path: answer(path, [pair()[0]], request() + b"\0"),
    "huge": lambda path: answer(path, [pair()[0]], bytes(100000)),
    "huge-version-1": lambda path: answer(path, [pair()[0]], request() + bytes(100000)),
    "empty": lambda path: answer(path, [pair()[0]], b""),
    "version": lambda path: answer(path, [pair()[0]], request(version=2)),
    "flags": lambda path: answer(path, [pair()[0]], request(flags=1)),
    "reserved": lambda path: answer(path, [pair()[0]], request(reserved=1)),
    "silence": silence,
    "gone": gone,
    "never-reads": never_reads,
    "many-messages": many_messages,
    "descriptors": descriptors,
    "flood": flood,
    "crowded": crowded,
}


def listening(kind, address):
    if kind in ("unix", "stream"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET if kind == "unix" else socket.SOCK_STREAM)
        sock.bind(address)
        os.chmod(address, 0o666)
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        host, port = address.rsplit(":", 1)
        sock.bind((host, int(port)))
    if kind != "udp":
        sock.listen(16)
    return sock


def activate(args):
    at = args.index("--")
    sockets, names = [], []
    for arg in args[:at]:
        kind, rest = arg.split(":", 1)
        address, name = rest.rsplit(":", 1)
        sockets.append(listening(kind, address))
        names.append(name)
    high = [os.dup2(sock.fileno(), 100 + i, inheritable=False) for i, sock in enumerate(sockets)]
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES=":".join(names))
    os.execvp(args[at + 1], args[at + 1:])


if __name__ == "__main__":
    if sys.argv[1] == "activate":
        activate(sys.argv[2:])
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    print(CASES[sys.argv[1]](sys.argv[2]))
