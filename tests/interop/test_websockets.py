#!/usr/bin/python3
"""The client of Python's websockets against `pirn serve`."""

import asyncio
import os
import sys
import tempfile
import unittest

from serving import PATIENCE, Server

try:
    import websockets
except ImportError:
    sys.exit(77)

SIZES = (0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 20)


class Client(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    def connect(self, server, **options):
        return websockets.connect(server.url, max_size=None, **options)

    async def ending(self, socket):
        await asyncio.wait_for(socket.wait_closed(), PATIENCE)
        return socket.close_code, socket.close_reason

    async def test_echo(self):
        with Server() as server:
            async with self.connect(server) as socket:
                for size in SIZES:
                    for message in (os.urandom(size), "\u00fc" * (size // 2)):
                        await socket.send(message)
                        self.assertEqual(await socket.recv(), message)
                await socket.close(4000, "\u2713")
                self.assertEqual(await self.ending(socket), (4000, ""))
            self.assertIn("4000 Private Use \"\u2713\"", server.line())

    async def test_fragments(self):
        with Server() as server:
            async with self.connect(server) as socket:
                await socket.send(str(i) for i in range(1000))
                self.assertEqual(await socket.recv(), "".join(map(str, range(1000))))

    async def test_keep_alive(self):
        with Server() as server:
            async with self.connect(server, ping_interval=0.01) as socket:
                for _ in range(10):
                    pong = await socket.ping()
                    await asyncio.wait_for(pong, PATIENCE)

    async def test_offers(self):
        """Compression is asked for by default, and not there."""
        with Server("--deflate=off") as server:
            async with self.connect(server, subprotocols=["mqtt", "wamp"]) as socket:
                self.assertEqual(socket.subprotocol, "mqtt")
                self.assertEqual(socket.extensions, [])

    async def test_too_big(self):
        with Server("--max-message", "1000") as server:
            async with self.connect(server, compression=None) as socket:
                await socket.send("x" * 1001)
                code, reason = await self.ending(socket)
                self.assertEqual(code, 1009)
                self.assertIn("1001", reason)

    async def test_drain(self):
        with Server() as server:
            async with self.connect(server) as one, self.connect(server) as two:
                server.signal()
                for socket in (one, two):
                    self.assertEqual(await self.ending(socket), (1001, "server is shutting down"))

    async def test_origin(self):
        with Server("--origin", "https://example.org") as server:
            async with self.connect(server, origin="https://example.org"):
                pass
            with self.assertRaises(websockets.InvalidStatusCode) as refused:
                await self.connect(server, origin="https://example.com")
            self.assertEqual(refused.exception.status_code, 403)

    async def test_unix(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            with Server("--unix", path):
                async with websockets.unix_connect(path, "ws://localhost/") as socket:
                    await socket.send("over there")
                    self.assertEqual(await socket.recv(), "over there")

    async def test_many_at_once(self):
        async def one(server, number):
            async with self.connect(server, compression=None) as socket:
                for i in range(5):
                    await socket.send(f"{number}: {i}")
                    self.assertEqual(await socket.recv(), f"{number}: {i}")

        with Server("--quiet") as server:
            await asyncio.gather(*(one(server, number) for number in range(100)))


if __name__ == "__main__":
    unittest.main()
