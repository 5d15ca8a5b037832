"""An HTTP proxy that asks for Digest (RFC 7616), and does the sums on its own."""

import contextlib
import hashlib
import re
import socket
import threading

from serving import PATIENCE

USER, PASSWORD, REALM, NONCE = "ada", "secret", "the way out", "b64+/nonce=="


def fields(credentials):
    """What is said to Proxy-Authorization: Digest ..."""
    pairs = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))', credentials)
    return {name: quoted or plain for name, quoted, plain in pairs}


class AskingProxy:
    """Serves CONNECT to whom knows the password. how: "keep" its connection over the 407, "close"
    it, or "drop" it, which is to promise the first and to do the second. Once it is left,
    `requests` are the heads that came, one list a connection, and `passed` is what it passed on to
    hosts."""

    def __init__(self, how="keep", algorithm="SHA-256"):
        self.how, self.algorithm = how, algorithm
        self.challenge = (
            f'Digest realm="{REALM}", nonce="{NONCE}", qop="auth", algorithm={algorithm}'
        )
        self.requests, self.passed, self.threads = [], b"", []

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.begin(self.accept)
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(PATIENCE)
        self.socket.close()

    def begin(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.begin(self.serve, self.socket.accept()[0])

    def serve(self, client):
        client.settimeout(PATIENCE)
        heads = []
        self.requests.append(heads)
        with client, contextlib.suppress(OSError):
            while head := self.read_head(client):
                heads.append(head)
                if self.is_known(head):
                    self.tunnel(client, head)
                    return
                self.ask(client)
                if self.how == "close":
                    return
            if self.how == "drop":
                self.how = "keep"

    def read_head(self, client):
        head = b""
        if self.how == "drop" and self.requests[-1]:
            return None
        while not head.endswith(b"\r\n\r\n"):
            byte = client.recv(1)
            if not byte:
                return None
            head += byte
        return head.decode()

    def ask(self, client):
        keeps = self.how != "close"
        lines = [
            "HTTP/1.1 407 Who are you?",
            f"Proxy-Authenticate: {self.challenge}",
            "Content-Length: 5000",
            "Connection: keep-alive" if keeps else "Proxy-Connection: close",
        ]
        client.sendall("\r\n".join([*lines, "", "?" * 5000]).encode())

    def is_known(self, head):
        sent = re.search(r"\r\nProxy-Authorization: (Digest .*)\r\n", head)
        if not sent:
            return False
        said = fields(sent[1])
        name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
        h = lambda *parts: hashlib.new(name[self.algorithm], ":".join(parts).encode()).hexdigest()
        target = head.split(" ")[1]
        secret, request = h(USER, REALM, PASSWORD), h("CONNECT", target)
        wanted = h(secret, NONCE, said["nc"], said["cnonce"], "auth", request)
        return said["uri"] == target and said["response"] == wanted and len(said["cnonce"]) >= 16

    def tunnel(self, client, head):
        host, _, port = head.split(" ")[1].rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as server:
            client.sendall(b"HTTP/1.1 200 Here you are\r\n\r\n")
            back = threading.Thread(target=self.pass_on, args=(server, client, False))
            back.start()
            self.pass_on(client, server, True)
            back.join(PATIENCE)

    def pass_on(self, source, target, note):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.passed += data if note else b""
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
