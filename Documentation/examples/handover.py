#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: handover.py SOCKET HOST PORT: a connection whose TLS handshake qkdtlsd does, by its service at the UNIX socket"""
import os, socket, struct, sys


def hand_over(path, tcp, timeout_ms=10000):
    """<qkd/handover.h> in Python: the peer's identity, or OSError; then tcp must be closed"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as daemon:
        daemon.connect(path)
        socket.send_fds(daemon, [struct.pack("=4I", 1, 0, timeout_ms, 0)], [tcp.fileno()])
        data, fds, _, _ = socket.recv_fds(daemon, 2048, 1)
    for fd in fds:  # that of the sealed session, with which keys could be changed
        os.close(fd)
    if len(data) != 1320:
        raise OSError("no answer")
    _, error, flags, suite, group, _, _, alert, _, key, *texts = struct.unpack("=3I6H16s256s256s256s256s256s", data)
    peer, subject, sae, alpn, reason = (text.split(b"\0")[0].decode() for text in texts)
    if error:
        raise OSError(error, f"{reason} (alert {alert} received)" if alert != 256 else reason)
    return {"peer": peer, "subject": subject, "sae": sae, "alpn": alpn, "key": key.hex() if flags & 2 else None,
            "sealed": bool(flags & 4), "suite": hex(suite), "group": hex(group)}


if __name__ == "__main__":
    with socket.create_connection((sys.argv[2], int(sys.argv[3]))) as tcp:
        print(hand_over(sys.argv[1], tcp), file=sys.stderr)
        tcp.sendall(sys.stdin.buffer.read())
        tcp.sendmsg([b"\1\0"], [(282, 1, b"\x15")])  # close_notify: an alert, as a record of its own
        while (message := tcp.recvmsg(65536, socket.CMSG_SPACE(1)))[0]:
            if any(level == 282 and value[0] != 23 for level, _, value in message[1]):
                sys.exit(message[0] != b"\1\0")  # the peer's close_notify, or something else
            sys.stdout.buffer.write(message[0])
            sys.stdout.flush()
    sys.exit("the peer's stream was cut off")
