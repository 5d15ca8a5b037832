#!/usr/bin/python3
"""Peers that behave badly: slow readers, half-closed and reset connections, broken frames."""

import os
import select
import socket
import time
import unittest

from serving import (BINARY, CLOSE, PING, PONG, SANITIZED, TEXT, Raw, Server, close_frame, frame,
                     request_head, upgrade_headers)

HIGH_WATER = 1 << 20


def echoes(server, payload=b"still there?"):
    """Whether somebody else is served."""
    with Raw(server) as raw:
        raw.open().send(frame(TEXT, payload))
        return raw.read_message() == (TEXT, payload)


class SlowReader(unittest.TestCase):
    def send_until_full(self, raw, message):
        """Sends whole messages until the server reads no more; how many fitted, and the rest."""
        raw.socket.setblocking(False)
        count, rest = 0, b""
        while select.select([], [raw.socket], [], 0.5)[1]:
            if not rest:
                rest = frame(BINARY, message(count))
                count += 1
            rest = rest[raw.socket.send(rest):]
        raw.socket.settimeout(20)
        return count, rest

    def slow(self, size):
        def message(i):
            return i.to_bytes(8, "big") * (size // 8)

        with Server("--quiet") as server:
            before = server.rss()
            with Raw(server, receive_buffer=4096) as raw:
                raw.open()
                count, rest = self.send_until_full(raw, message)
                grown = server.rss() - before
                if not SANITIZED:
                    self.assertLess(grown, 3 * HIGH_WATER)
                self.assertTrue(echoes(server), "others wait for the slow one")
                reached = 0
                for i in range(count):
                    self.assertEqual(raw.read_message(), (BINARY, message(i)))
                    if rest:
                        raw.send(rest)
                        rest = b""
                    reached += 1
                self.assertEqual(reached, count)
                raw.send(close_frame(1000))
                self.assertEqual(raw.read_close(), (1000, ""))

    def test_large_messages(self):
        self.slow(200_000)

    def test_small_messages(self):
        self.slow(1000)


class HalfClosed(unittest.TestCase):
    def test_after_a_message(self):
        """The echo still comes; then the end, which was not clean."""
        with Server() as server, Raw(server) as raw:
            raw.open().send(frame(TEXT, b"last words"))
            raw.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(raw.read_message(), (TEXT, b"last words"))
            self.assertEqual(raw.read_to_any_end(), b"")
            self.assertRegex(server.line(), "in 1 messages 10 bytes, out 1 messages 10 bytes, ")

    def test_in_a_frame(self):
        with Server() as server, Raw(server) as raw:
            raw.open().send(frame(TEXT, b"torn in two")[:9])
            raw.socket.shutdown(socket.SHUT_WR)
            raw.read_to_any_end()
            self.assertIn("in 0 messages", server.line())

    def test_after_close(self):
        with Server() as server, Raw(server) as raw:
            raw.open().send(close_frame(1001, "bye"))
            raw.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(raw.read_close()[0], 1001)
            self.assertIn("1001", server.line())

    def test_before_the_answer(self):
        with Server() as server:
            for head in (b"", b"GET / HT"):
                with Raw(server) as raw:
                    raw.send(head)
                    raw.socket.shutdown(socket.SHUT_WR)
                    raw.read_to_any_end()
            with Raw(server) as raw:
                raw.send(request_head("/", "Host: x"))
                raw.socket.shutdown(socket.SHUT_WR)
                self.assertTrue(raw.read_all().endswith(b"</html>\n"))
            self.assertTrue(echoes(server))


class Resets(unittest.TestCase):
    COUNT = 100

    def states(self, server):
        """A connection in each state in which it will be reset."""
        upgrade = request_head("/", *upgrade_headers(server.port))
        yield Raw(server)
        raw = Raw(server)
        raw.send(upgrade[:50])
        yield raw
        raw = Raw(server)
        raw.send(upgrade)
        yield raw
        yield Raw(server).open()
        raw = Raw(server).open()
        raw.send(frame(BINARY, bytes(5000))[:3000])
        yield raw
        raw = Raw(server, receive_buffer=4096).open()
        raw.send(frame(BINARY, bytes(500_000)))
        yield raw
        raw = Raw(server).open()
        raw.send(close_frame(1000))
        yield raw
        raw = Raw(server)
        raw.send(request_head("/", *upgrade_headers(server.port, "Origin: https://a.example")))
        yield raw

    def test_leave_nothing(self):
        with Server("--quiet") as server:
            self.assertTrue(echoes(server))
            descriptors = server.descriptors()
            for _ in range(self.COUNT // 8):
                for raw in list(self.states(server)):
                    raw.reset()
            self.assertTrue(echoes(server))
            patience = time.monotonic() + 10
            while server.descriptors() > descriptors and time.monotonic() < patience:
                self.assertTrue(echoes(server))
            self.assertLessEqual(server.descriptors(), descriptors)

    def test_are_told(self):
        with Server() as server:
            raw = Raw(server).open("/gone")
            raw.reset()
            line = server.line()
            self.assertIn(" /gone ", line)
            self.assertRegex(line, "(?i)reset|1006")


class BrokenFrames(unittest.TestCase):
    def test_codes(self):
        rows = (
            (1002, b"\x81\x01x"),  # not masked
            (1002, b"\xc1\x80aaaa"),  # RSV1
            (1002, b"\x83\x80aaaa"),  # reserved opcode
            (1002, b"\x80\x80aaaa"),  # continues nothing
            (1002, frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")),
            (1002, frame(PING, b"", fin=False)),
            (1002, frame(PING, bytes(126))),
            (1002, b"\x81\xfe\x00\x01aaaax"),  # not the shortest form
            (1002, frame(CLOSE, b"\x03")),
            (1002, close_frame(1005)),
            (1007, frame(TEXT, b"\xff")),
            (1007, frame(TEXT, b"abc\xed\xa0\x80")),
            (1007, frame(TEXT, b"\xc3")),
            (1009, b"\x82\xff\x7f" + b"\xff" * 7 + b"aaaa"),
        )
        with Server("--quiet") as server:
            for code, data in rows:
                with Raw(server) as raw:
                    raw.open().send(frame(TEXT, b"good") + data)
                    self.assertEqual(raw.read_message(), (TEXT, b"good"), data)
                    while True:
                        opcode, _, payload = raw.read_any_frame()
                        if opcode == CLOSE:
                            break
                    self.assertEqual(int.from_bytes(payload[:2], "big"), code, data)
                    self.assertGreater(len(payload), 2, "no reason")
                    self.assertEqual(raw.read_to_any_end(), b"")

    def test_pings_pass(self):
        with Server("--quiet") as server, Raw(server) as raw:
            raw.open().send(frame(TEXT, b"one ", fin=False) + frame(PING, b"?")
                            + frame(0, b"message"))
            seen = [raw.read_any_frame() for _ in range(3)]
            self.assertIn((PONG, True, b"?"), seen)
            self.assertEqual(b"".join(p for o, _, p in seen if o != PONG), b"one message")


if __name__ == "__main__":
    unittest.main()
