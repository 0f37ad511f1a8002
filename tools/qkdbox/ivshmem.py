# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's ivshmem server protocol: one client, the virtual machine, and one peer of it, the box itself.

Messages are 64-bit numbers, little-endian, each with at most one file descriptor: the protocol's version, the client's
ID, -1 with the shared memory; then an ID with an eventfd for each interrupt vector of that peer.
"""
import os
import selectors
import socket
import struct

VERSION = 0
IDS = 65535
BOX = 0  # the box as a peer
GUEST = 1  # the first ID of a virtual machine; each that comes has another one
DOORBELLS = 1  # vectors of the box


class Server:
    """doorbell: called when the guest rings"""

    def __init__(self, path, memory_fd, vectors, selector, doorbell):
        self.path, self.memory_fd, self.vectors = path, memory_fd, vectors
        self.selector, self.doorbell = selector, doorbell
        self.client, self.next_id = None, GUEST
        self.box_fds = self._eventfds(DOORBELLS)
        self.guest_fds = []
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)
        selector.register(self.listener, selectors.EVENT_READ, self._on_connect)
        for fd in self.box_fds:
            selector.register(fd, selectors.EVENT_READ, self._on_doorbell)

    @staticmethod
    def _eventfds(number):
        return [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(number)]

    def _send(self, number, fd=None):
        socket.send_fds(self.client, [struct.pack("<q", number)], [] if fd is None else [fd])

    def _on_connect(self, _):
        client, _ = self.listener.accept()
        if self.client and self._is_there():
            client.close()  # one card, one slot
            return
        self._drop()
        self.client = client
        self.selector.register(client, selectors.EVENT_READ, self._on_client)
        self.guest_fds = self._eventfds(self.vectors)
        own_id, self.next_id = self.next_id, self.next_id % IDS + 1
        try:
            self._send(VERSION)
            self._send(own_id)
            self._send(-1, self.memory_fd)
            for fd in self.box_fds:
                self._send(BOX, fd)
            for fd in self.guest_fds:
                self._send(own_id, fd)
        except OSError:
            self._drop()

    def _is_there(self):
        """A client has nothing to say; if it can be read from, it is gone."""
        try:
            return bool(self.client.recv(64, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _on_client(self, _):
        if not self._is_there():
            self._drop()

    def _drop(self):
        if not self.client:
            return
        self.selector.unregister(self.client)
        self.client.close()
        self.client = None
        for fd in self.guest_fds:
            os.close(fd)
        self.guest_fds = []

    def _on_doorbell(self, fd):
        try:
            os.eventfd_read(fd)
        except BlockingIOError:
            return
        self.doorbell()

    def interrupt(self, vector):
        if self.guest_fds:
            try:
                os.eventfd_write(self.guest_fds[vector], 1)
            except BlockingIOError:
                pass

    def close(self):
        self.listener.close()
        os.unlink(self.path)
