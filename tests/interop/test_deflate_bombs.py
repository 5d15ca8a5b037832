#!/usr/bin/python3
"""Compressed data that is made to cost much, sent to `pirn serve`."""

import os
import unittest
import zlib

from serving import BINARY, TEXT, Raw, Server, close_frame, frame, request_head
from serving import upgrade_headers

MIB = 1 << 20
RSV1 = 0x40
CLASSES = ("shared", "dedicated", "dedicated:15")
TICKS = os.sysconf("SC_CLK_TCK")


def bomb(size):
    """A message of zeros, a thousandth of its size."""
    packer = zlib.compressobj(9, wbits=-15)
    data = b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB))
    return (data + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def cpu_ms(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as stat:
        return sum(map(int, stat.read().rpartition(") ")[2].split()[11:13])) * 1000 // TICKS


class Deflated(Raw):
    def open(self, path="/"):
        offer = "Sec-WebSocket-Extensions: permessage-deflate"
        self.send(request_head(path, *upgrade_headers(self.server.port, offer)))
        assert "permessage-deflate" in self.read_head()
        return self

    def code_at_the_end(self):
        """The close code, behind messages that may be compressed; or None."""
        data = self.read_to_any_end()
        at = data.rfind(b"is over the limit") if b"limit" in data[-60:] else data.rfind(b"\x88\x02")
        close = data.rfind(b"\x88", 0, at + 1)
        return int.from_bytes(data[close + 2 : close + 4], "big") if close >= 0 else None


class Bombs(unittest.TestCase):
    def setUp(self):
        if os.environ.get("PIRN_SANITIZE"):
            self.skipTest("sanitizers have memory and time of their own")

    def cost(self, server, data):
        """KiB of memory and ms of time that a connection with these bytes has cost, its code."""
        with Deflated(server) as warm:
            message = frame(RSV1 | TEXT, zlib.compress(b"x" * 5000)[2:-4])
            warm.open().send(message + close_frame(1000))
            warm.read_all()
        rss, cpu = server.rss(), cpu_ms(server)
        with Deflated(server) as raw:
            raw.open()
            try:
                raw.send(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            code = raw.code_at_the_end()
            return (server.rss() - rss) >> 10, cpu_ms(server) - cpu, code

    def test_a_gibibyte(self):
        data = frame(RSV1 | BINARY, bomb(1024 * MIB))
        for kind in CLASSES:
            with Server("--quiet", "--deflate", kind) as server:
                kib, ms, code = self.cost(server, data)
                self.assertEqual(code, 1009)
                self.assertLessEqual(kib, 2048)
                self.assertLessEqual(ms, 100)  # 10 or 20, if the machine has nothing else to do

    def test_empty_blocks(self):
        """A message of a million stored blocks that hold nothing, and one of fixed ones."""
        for block in (b"\x00\x00\x00\xff\xff", b"\x02\x08\x20\x80\x00"):
            data = frame(RSV1 | BINARY, block * 1000000 + b"\x00") + close_frame(1000)
            with Server("--quiet") as server:
                kib, ms, code = self.cost(server, data)
                self.assertEqual(code, 1000)
                self.assertLessEqual(kib, 2048)
                self.assertLessEqual(ms, 500)


if __name__ == "__main__":
    unittest.main()
