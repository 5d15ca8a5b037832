"""A WebSocket server that does exactly what a test tells it to, one step after the other."""

import base64
import hashlib
import socket
import struct

from serving import CLOSE, PATIENCE, TEXT

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer:
    """Listens; accept() is the next connection."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def accept(self):
        connection, _ = self.socket.accept()
        connection.settimeout(PATIENCE)
        return Session(connection)

    def open(self, *headers):
        return self.accept().open(*headers)


class Session:
    """A connection, whose request has been read."""

    def __init__(self, connection):
        self.socket = connection
        self.received = b""
        self.read_request()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def fill(self):
        data = self.socket.recv(1 << 16)
        self.received += data
        return len(data) > 0

    def read_request(self):
        while b"\r\n\r\n" not in self.received:
            assert self.fill(), f"the end came after {self.received!r}"
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        self.line, *lines = head.decode().split("\r\n")
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            self.headers.setdefault(name.lower(), []).append(value)

    def answer(self, status, *headers):
        lines = [f"HTTP/1.1 {status}", *headers]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")

    def open(self, *headers):
        key = self.headers["sec-websocket-key"][0].encode()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        self.answer(
            "101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept}",
            *headers,
        )
        return self

    def read(self, count):
        while len(self.received) < count:
            assert self.fill(), f"the end came after {self.received!r}"
        data, self.received = self.received[:count], self.received[count:]
        return data

    def read_frame(self):
        """(opcode, payload) of a whole message or a control frame."""
        first, second = self.read(2)
        size = second & 0x7F
        assert first & 0x80 and second & 0x80, "a fragment, or not masked"
        if size == 126:
            (size,) = struct.unpack("!H", self.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.read(8))
        key, masked = self.read(4), self.read(size)
        mask = int.from_bytes((key * (size // 4 + 1))[:size], "big")
        return first & 0x0F, (int.from_bytes(masked, "big") ^ mask).to_bytes(size, "big")

    def read_close(self):
        """(code, reason) of the next Close, over messages that come before."""
        opcode, payload = self.read_frame()
        while opcode != CLOSE:
            opcode, payload = self.read_frame()
        return (struct.unpack("!H", payload[:2])[0] if payload else None), payload[2:].decode()

    def send(self, payload, opcode=TEXT):
        self.socket.sendall(frame(payload, opcode))

    def close(self, code=None, reason=""):
        """Our side of the closing handshake; and the end, once theirs has come."""
        payload = b"" if code is None else struct.pack("!H", code) + reason.encode()
        self.send(payload, CLOSE)

    def end(self, code=1000):
        """Waits for their Close, answers, and ends; what they sent."""
        said = self.read_close()
        self.close(code)
        self.socket.close()
        return said


def frame(payload, opcode=TEXT):
    """A frame as a server sends it."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", opcode | 0x80, size)
    elif size < 65536:
        head = struct.pack("!BBH", opcode | 0x80, 126, size)
    else:
        head = struct.pack("!BBQ", opcode | 0x80, 127, size)
    return head + payload
