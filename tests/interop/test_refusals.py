#!/usr/bin/python3
"""Requests over HTTP: the page, and everything that is refused, each with its status."""

import re
import socket
import unittest

from serving import SANITIZED, TEXT, Raw, Server, frame, request_head, upgrade_headers


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def ask(self, head, server=None):
        """The answer to a request, up to the end that has to come: (status, head, body)."""
        with Raw(server or self.server) as raw:
            raw.send(head)
            answer = raw.read_all()
        head, _, body = answer.partition(b"\r\n\r\n")
        head = head.decode()
        self.assertRegex(head, "(?im)^connection:.*close", head)
        return int(head.split()[1]), head, body

    def upgrade(self, *more, leave_out="", path="/", **line):
        headers = upgrade_headers(self.server.port)
        kept = [header for header in headers if not leave_out or not header.startswith(leave_out)]
        return request_head(path, *kept, *more, **line)

    def refused(self, status, head, server=None):
        got, answer, _ = self.ask(head, server)
        self.assertEqual(got, status, answer)
        return answer

    def test_page(self):
        status, head, body = self.ask(request_head("/", "Host: localhost"))
        self.assertEqual(status, 200)
        self.assertIn("Content-Type: text/html; charset=utf-8", head)
        self.assertIn("Content-Security-Policy: default-src 'none'; ", head)
        self.assertNotIn("unsafe", head)
        self.assertIn(f"Content-Length: {len(body)}", head)
        self.assertTrue(body.startswith(b"<!doctype html>"))
        self.assertIn(b'"first":1006,', body)
        self.assertNotRegex(body, rb'(src|href)="(?!data:)')
        status, head_of_head, nothing = self.ask(request_head("/", "Host: x", method="HEAD"))
        self.assertEqual((status, nothing), (200, b""))
        self.assertIn(f"Content-Length: {len(body)}", head_of_head)
        self.refused(405, request_head("/", "Host: x", method="DELETE"))

    def test_403(self):
        origin = f"Origin: http://localhost:{self.server.port}"
        foreign = self.upgrade("Origin: https://example.org")
        self.refused(403, foreign)
        self.refused(403, self.upgrade("Origin: null"))
        self.refused(403, self.upgrade(f"Origin: https://localhost:{self.server.port}"))
        with Raw(self.server) as raw:
            raw.send(self.upgrade(origin))
            self.assertIn(" 101 ", raw.read_head())
        for options in (("--any-origin",),
                        ("--origin", "https://other.example", "--origin=https://example.org")):
            with Server(*options) as server, Raw(server) as raw:
                raw.send(foreign)
                self.assertIn(" 101 ", raw.read_head())
                if options[0] == "--origin":
                    self.refused(403, self.upgrade("Origin: https://example.com"), server)

    def test_405(self):
        self.assertIn("Allow: GET", self.refused(405, self.upgrade(method="POST")))
        self.refused(405, request_head("/", "Host: x", "Content-Length: 0", method="POST"))

    def test_426(self):
        for head in (
            self.upgrade("Sec-WebSocket-Version: 8", leave_out="Sec-WebSocket-Version"),
            request_head("/chat", "Host: x"),
        ):
            answer = self.refused(426, head)
            self.assertIn("Sec-WebSocket-Version: 13", answer)
            self.assertIn("Upgrade: websocket", answer)

    def test_431(self):
        self.refused(431, self.upgrade("X: " + "x" * 16384))
        self.refused(431, self.upgrade(*[f"X-{i}: y" for i in range(100)]))
        self.refused(431, b"GET /" + b"x" * 20000)

    @unittest.skipIf(SANITIZED, "waits ten seconds; net/server_limits does not")
    def test_408(self):
        """A second of it each second does not help: the deadline is absolute."""
        with Raw(self.server) as silent, Raw(self.server) as trickling:
            trickling.socket.settimeout(1)
            for byte in self.upgrade():
                try:
                    trickling.send(bytes((byte,)))
                    if not trickling.fill():
                        break
                except socket.timeout:
                    pass
            self.assertTrue(trickling.received.startswith(b"HTTP/1.1 408 "), trickling.received)
            self.assertTrue(silent.read_all().startswith(b"HTTP/1.1 408 "))

    def test_others(self):
        rows = (
            (505, self.upgrade(version="HTTP/1.0")),
            (400, self.upgrade(leave_out="Sec-WebSocket-Key")),
            (400, self.upgrade(leave_out="Connection")),
            (400, self.upgrade(leave_out="Host")),
            (400, self.upgrade("Content-Length: 5")),
            (400, self.upgrade("Host: x")),
            (400, self.upgrade("Sec-WebSocket-Protocol: a b")),
            (400, self.upgrade(" folded")),
            (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
            (400, request_head("/")),
        )
        for status, head in rows:
            self.refused(status, head)

    def test_nothing_behind_a_refusal(self):
        again = self.upgrade() + frame(TEXT, b"x")
        for first in (self.upgrade(method="POST"), request_head("/", "Host: x")):
            _, _, body = self.ask(first + again)
            self.assertNotIn(b"HTTP/1.1", body)
            self.assertFalse(body.endswith(b"\x81\x01x"))

    def test_subprotocol(self):
        """An echo speaks them all: the first that the client offers."""
        with Raw(self.server) as raw:
            raw.send(self.upgrade("Sec-WebSocket-Protocol: v2.chat, v1.chat"))
            lines = re.findall("(?im)^sec-websocket-protocol: .*$", raw.read_head())
            self.assertEqual([line.strip().lower() for line in lines],
                             ["sec-websocket-protocol: v2.chat"])

    def test_in_pieces_and_with_a_message_behind(self):
        with Raw(self.server) as raw:
            for byte in self.upgrade() + frame(TEXT, b"early"):
                raw.send(bytes((byte,)))
            self.assertIn(" 101 ", raw.read_head())
            self.assertEqual(raw.read_message(), (TEXT, b"early"))


if __name__ == "__main__":
    unittest.main()
