"""What the tests in Python share: a `pirn serve` for each, and sockets without a library."""

import base64
import itertools
import json
import os
import pathlib
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import urllib.request

BUILD = pathlib.Path(os.environ.get("PIRN_BUILD_DIR", "build"))
PIRN = BUILD / "pirn"
SANITIZED = bool(os.environ.get("PIRN_SANITIZE"))
LONG = "PIRN_LONG" in os.environ
PATIENCE = 20  # seconds for anything that should come

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

if not os.access(PIRN, os.X_OK):
    sys.exit(77)


class Process:
    """A program that prints a line when it is ready, and is ended by a signal."""

    def __init__(self, *command, stdin=None):
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        threading.Thread(target=self.read_lines, daemon=True).start()
        self.ready = self.line()

    def read_lines(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line(self):
        """The next line of its output; None at the end."""
        return self.lines.get(timeout=PATIENCE)

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        """Its exit status, and what it has complained of."""
        status = self.process.wait(timeout=PATIENCE)
        return status, self.process.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if kind else signal.SIGTERM)
        status, complaint = self.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        if not kind:
            assert (status, complaint) == (0, ""), f"exit status {status}: {complaint}"


class Server(Process):
    """`pirn serve` on a port that the system chooses. It must end well when it is told to."""

    def __init__(self, *options):
        if "--unix" not in options:
            options = ("--port", "0", *options)
        super().__init__(PIRN, "serve", *options)
        self.url = self.ready.removeprefix("listening on ")
        if self.url.startswith(("ws://", "wss://")):
            self.port = int(self.url.removesuffix("/").rpartition(":")[2])

    def rss(self):
        """Bytes of memory that it holds."""
        statm = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text()
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def settings(*parameters):
    """So many combinations of their values that any three of different parameters meet (any two in
    a sanitized build, which is slow); all if PIRN_LONG is set."""
    combinations, seen = list(itertools.product(*parameters)), set()
    for i in range(len(combinations)):
        combination = combinations[i * 11 % len(combinations)]  # neighbours have much in common
        met = set(itertools.combinations(enumerate(combination), 2 if SANITIZED else 3))
        if LONG or not met <= seen:
            seen |= met
            yield combination


def stats(server):
    """What `pirn serve` has counted."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/stats", timeout=PATIENCE) as reply:
        return json.load(reply)


def request_head(path="/", *headers, method="GET", version="HTTP/1.1"):
    lines = [f"{method} {path} {version}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def upgrade_headers(port, *more):
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"Host: localhost:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *more,
    )


class Raw:
    """A socket to a server, with just enough WebSocket to say what no library would."""

    def __init__(self, server, receive_buffer=None):
        self.server = server
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect(("127.0.0.1", server.port))
        except OSError:
            self.socket.close()
            raise
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def open(self, path="/"):
        """The opening handshake; returns itself."""
        self.send(request_head(path, *upgrade_headers(self.server.port)))
        head = self.read_head()
        assert head.startswith("HTTP/1.1 101 "), head
        return self

    def fill(self):
        data = self.socket.recv(1 << 16)
        self.received += data
        return len(data) > 0

    def read(self, count):
        while len(self.received) < count:
            assert self.fill(), f"the end came after {self.received!r}"
        data, self.received = self.received[:count], self.received[count:]
        return data

    def read_head(self):
        while b"\r\n\r\n" not in self.received:
            assert self.fill(), f"the end came after {self.received!r}"
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        return head.decode()

    def read_all(self):
        """Everything up to the end of the connection."""
        while self.fill():
            pass
        return self.received

    def read_any_frame(self):
        """(opcode, fin, payload); asserts that it is not masked."""
        first, size = self.read(2)
        assert first & 0x70 == 0 and size & 0x80 == 0
        if size == 126:
            (size,) = struct.unpack("!H", self.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.read(8))
        return first & 0x0F, first & 0x80 != 0, self.read(size)

    def read_frame(self):
        """(opcode, payload) of a message in a single frame, or of a control frame."""
        opcode, fin, payload = self.read_any_frame()
        assert fin, "a fragment"
        return opcode, payload

    def read_message(self):
        """(opcode, payload) of a message, however many its fragments are."""
        message, payload, fin = None, b"", False
        while not fin:
            opcode, fin, part = self.read_any_frame()
            assert opcode == 0 if message else opcode in (TEXT, BINARY), opcode
            message = message or opcode
            payload += part
        return message, payload

    def read_close(self):
        """(code, reason), and after it nothing but the end."""
        opcode, payload = self.read_frame()
        assert opcode == CLOSE, (opcode, payload)
        assert self.read_all() == b""
        code = struct.unpack("!H", payload[:2])[0] if payload else None
        return code, payload[2:].decode()

    def read_to_any_end(self):
        """As read_all(), but the end may be a reset."""
        try:
            return self.read_all()
        except ConnectionResetError:
            return self.received

    def reset(self):
        """Ends the connection by RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def frame(opcode, payload=b"", fin=True):
    """A frame as a client sends it."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", opcode | fin << 7, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", opcode | fin << 7, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", opcode | fin << 7, 0x80 | 127, size)
    key = os.urandom(4)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "big")
    masked = (int.from_bytes(payload, "big") ^ mask).to_bytes(size, "big")
    return head + key + masked


def close_frame(code, reason=""):
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())
