#!/usr/bin/python3
"""permessage-deflate between the client of Python's websockets and `pirn serve`: every offer that
the one can make, in every class of the other."""

import asyncio
import os
import sys
import unittest

from serving import PATIENCE, Server, settings, stats

try:
    import websockets
    from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
except ImportError:
    sys.exit(77)

BITS = range(8, 16)
OFFERS = ((False, True), (False, True), (None, *BITS), (None, True, *BITS))
CLASSES = ("shared", "dedicated:9", "dedicated:12", "dedicated:15")
AT_ONCE = 8

# Of many sizes and kinds. The last refer back to what is 300, 5000 and 40000 bytes before them: to
# within, or beyond, windows of all sizes.
NOISE = os.urandom(40000)
PROSE = "warp and weft, F\u00e4den, \u7d4c\u7cf8, \U0001f9f5. "
MESSAGES = (
    "", b"", "x", b"\0", '{"id":7,"word":"warp"}', PROSE * 20, os.urandom(700), bytes(3000),
    PROSE * 300, NOISE[:300], NOISE[:5000], NOISE, NOISE[:5000],
)  # fmt: skip
COMPRESSIBLE = 4  # of MESSAGES, at least
LARGE = (os.urandom(1 << 20), bytes(1 << 20), PROSE * 20000)


def pieces(message):
    """What websockets sends as fragments; the second is empty."""
    cut = len(message) // 2
    return [message[:cut], message[:0], message[cut:]]


async def converse(socket, messages):
    """Sends them, every third in fragments, with a Ping behind every fifth."""

    async def send():
        for i, message in enumerate(messages):
            await socket.send(pieces(message) if i % 3 == 2 else message)
            if i % 5 == 4:
                pong = await socket.ping()
        await asyncio.wait_for(pong, PATIENCE)

    sending = asyncio.create_task(send())
    for i, message in enumerate(messages):
        assert await asyncio.wait_for(socket.recv(), PATIENCE) == message, f"message {i}"
    await sending


async def try_offer(server, offer):
    """Whether it was accepted; what came back is what was sent either way."""
    factory = ClientPerMessageDeflateFactory(*offer, compress_settings={"level": 1})
    async with websockets.connect(
        server.url, compression=None, extensions=[factory], max_size=None
    ) as socket:
        await converse(socket, MESSAGES)
        return len(socket.extensions) == 1


class Offers(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    async def test_every_offer(self):
        """Offers with windows of 8 bits, which zlib cannot compress with, are declined."""
        tried = list(settings(CLASSES, *OFFERS))
        for kind in CLASSES:
            with Server("--quiet", "--deflate", kind, "--deflate-threshold=1") as server:
                queue, accepted = [row[1:] for row in tried if row[0] == kind], 0

                async def worker():
                    nonlocal accepted
                    while queue:
                        offer = queue.pop()
                        with self.subTest(kind=kind, offer=offer):
                            is_accepted = await try_offer(server, offer)
                            self.assertEqual(is_accepted, 8 not in offer)
                            accepted += is_accepted

                await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
                totals = stats(server)["deflate"]
                self.assertEqual(totals["received"]["messages"], accepted * len(MESSAGES))
                self.assertGreaterEqual(totals["sent"]["messages"], accepted * COMPRESSIBLE)
                self.assertLess(totals["sent"]["wire_bytes"], totals["sent"]["bytes"])

    async def test_many_messages(self):
        for kind in CLASSES:
            with Server("--quiet", "--deflate", kind) as server:
                async with websockets.connect(server.url, max_size=None) as socket:
                    self.assertEqual(len(socket.extensions), 1)
                    await converse(socket, MESSAGES * 50 + LARGE)


if __name__ == "__main__":
    unittest.main()
