"""An echo server that keeps the rules, but for those that it is told to break."""

import base64
import hashlib
import re
import socket
import struct
import threading

from serving import BINARY, CLOSE, PING, PONG, TEXT

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LOCAL_ONLY = (1005, 1006, 1015)


class Fail(Exception):
    """Ends a connection with this close code."""


class WrongServer:
    """Listens on a port of its own; `fault` is the rule that it breaks, or None."""

    def __init__(self, fault=None):
        self.fault = fault
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.fault != "dies":
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()
            if self.fault == "dies":
                self.listener.close()
                return

    def serve(self, peer):
        with peer:
            try:
                Connection(self.fault, peer).run()
            except (OSError, EOFError):
                pass


class Connection:
    def __init__(self, fault, peer):
        self.fault, self.peer = fault, peer
        self.received = b""
        self.message = None  # [opcode, payload] of the one that is being put together

    def fill(self):
        data = self.peer.recv(65536)
        if not data:
            raise EOFError
        self.received += data

    def read(self, count):
        while len(self.received) < count:
            self.fill()
        data, self.received = self.received[:count], self.received[count:]
        return data

    # ---- the opening handshake

    def run(self):
        while b"\r\n\r\n" not in self.received:
            self.fill()
            if len(self.received) > 16384:
                return self.refuse("431 Too Large")
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").lstrip("\r\n").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                return self.refuse("400 Bad Request")
            headers.setdefault(name.lower(), []).append(value.strip(" \t"))
        status = self.judge(lines[0], headers)
        if status:
            return self.refuse(status)
        self.open(headers)
        return self.frames()

    def judge(self, line, headers):
        """The status that refuses a request."""
        tokens = ",".join(headers.get("connection", [])).lower().replace(" ", "").split(",")
        key = headers.get("sec-websocket-key", [])
        good = (
            re.fullmatch(r"GET \S+ HTTP/1\.1", line)
            and len(headers.get("host", [])) == 1
            and headers.get("upgrade", [""])[0].lower().endswith("websocket")
            and "upgrade" in tokens
            and (self.fault == "any-key" or len(key) == 1 and re.fullmatch(r"[\w+/]{22}==", key[0]))
            and not re.search(r"=;|; *=", ",".join(headers.get("sec-websocket-extensions", [])))
        )
        version = headers.get("sec-websocket-version", [])
        if good and version != ["13"] and self.fault != "any-version":
            return "426 Upgrade Required"
        return None if good else "400 Bad Request"

    def refuse(self, status):
        version = "" if self.fault == "no-version-told" else "Sec-WebSocket-Version: 13\r\n"
        answer = f"HTTP/1.1 {status}\r\n{version}Connection: close\r\nContent-Length: 0\r\n\r\n"
        if self.fault == "bare-lf":
            answer = answer.replace("\r", "")
        self.peer.sendall(answer.encode())

    def open(self, headers):
        key = headers.get("sec-websocket-key", [""])[0].encode()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        lines = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": "x" * 28 if self.fault == "accept" else accept,
        }
        offered = ",".join(headers.get("sec-websocket-extensions", []))
        if self.fault == "any-extension" and offered:
            lines["Sec-WebSocket-Extensions"] = offered.partition(",")[0]
        if self.fault == "unasked-extension":
            lines["Sec-WebSocket-Extensions"] = "permessage-deflate"
        if self.fault == "unasked-subprotocol":
            lines["Sec-WebSocket-Protocol"] = "chat"
        if self.fault == "no-upgrade":
            del lines["Upgrade"]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.peer.sendall(f"HTTP/1.1 101 Open\r\n{head}\r\n".encode())

    # ---- frames

    def send(self, opcode, payload, first=None):
        first = 0x80 | opcode if first is None else first
        size, mask = len(payload), 0x80 if self.fault == "masks" else 0
        if self.fault == "sends-rsv":
            first |= 0x20
        if size < 126 and self.fault != "sends-length":
            head = struct.pack("!BB", first, mask | size)
        elif size < 65536:
            head = struct.pack("!BBH", first, mask | 126, size)
        else:
            head = struct.pack("!BBQ", first, mask | 127, size)
        self.peer.sendall(head + (bytes(4) if mask else b"") + payload)

    def frames(self):
        try:
            while self.take_frame():
                pass
        except Fail as failure:
            if self.fault != "no-close-frame":
                self.send(CLOSE, struct.pack("!H", failure.args[0]))
            self.peer.shutdown(socket.SHUT_WR)

    def check(self, good, code, *faults):
        if not good and self.fault not in faults:
            raise Fail(code)

    def take_frame(self):
        first, second = self.read(2)
        opcode, size = first & 15, second & 127
        self.check(first & 0x70 == 0, 1002, "any-rsv", "any-extension", "unasked-extension")
        self.check(opcode in (0, TEXT, BINARY, CLOSE, PING, PONG), 1002, "any-opcode")
        self.check(second & 128, 1002, "any-mask")
        if size > 125:
            form, count, least = ("!H", 2, 126) if size == 126 else ("!Q", 8, 65536)
            self.check(opcode < 8, 1002, "long-control")
            (size,) = struct.unpack(form, self.read(count))
            self.check(size >= least, 1002, "any-length")
        self.check(size < 1 << 20, 1009)
        key = self.read(4) if second & 128 else bytes(4)
        payload = self.read_masked(key, size)
        if opcode >= 8:
            self.check(first & 0x80, 1002)
            return self.control(opcode, payload)
        self.data(opcode, payload, first & 0x80)
        return True

    def read_masked(self, key, size):
        masked = self.read(size)
        mask = int.from_bytes((key * (size // 4 + 1))[:size], "big")
        return (int.from_bytes(masked, "big") ^ mask).to_bytes(size, "big")

    def control(self, opcode, payload):
        if opcode == PING and self.fault != "no-pong":
            self.send(PONG, b"other" if self.fault == "other-pong" else payload)
        if opcode != CLOSE:
            return True
        if self.fault == "no-answer":
            return False
        code = struct.unpack("!H", payload[:2])[0] if len(payload) > 1 else None
        if self.fault != "any-code":
            valid = code is None or code in (1000, 1001, 1002, 1003) or 1006 < code < 1015
            self.check(len(payload) != 1 and (valid or 3000 <= code < 5000), 1002)
        self.check_text(payload[2:], True)
        self.send(CLOSE, payload)
        if self.fault == "after-close":
            self.send(TEXT, b"late")
        if self.fault == "stays":
            self.peer.settimeout(5)
            self.peer.recv(1)
        return False

    def check_text(self, payload, whole):
        try:
            payload.decode()
        except UnicodeDecodeError as error:
            if whole or error.reason != "unexpected end of data":
                self.check(False, 1007, "any-text")

    def data(self, opcode, payload, fin):
        in_message = self.message is not None
        self.check(in_message == (opcode == 0), 1002, "any-order")
        if self.fault == "fragments":
            self.check(fin and opcode, 1002)
        if opcode or not in_message:
            self.message = [opcode or BINARY, b""]
        self.message[1] += payload
        opcode, message = self.message
        if opcode == TEXT:
            self.check_text(message, fin)
        if not fin:
            return
        self.message = None
        if self.fault == "changes-text":
            message = b"other"
        self.send(opcode, message)
