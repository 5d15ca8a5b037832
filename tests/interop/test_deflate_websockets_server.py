#!/usr/bin/python3
"""permessage-deflate between our client and the server of Python's websockets: every parameter that
it can be told to answer with, in every class of ours."""

import asyncio
import sys
import unittest

from serving import BUILD, PATIENCE, settings

try:
    import websockets
    from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
except ImportError:
    sys.exit(77)

CLIENT = BUILD / "tests/interop/echo_client"
COUNT = 16
CLASSES = ("shared", "dedicated", "dedicated:9")
SERVER_BITS = (None, 9, 15)  # zlib has no compressor for 8
CLIENT_BITS = (None, 8, 10)
AT_ONCE = 8


class Answers(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    async def talk(self, kind, *answer):
        """What was agreed on, and how many messages came compressed."""
        compressed = 0

        async def echo(socket, path=None):
            nonlocal compressed
            for extension in socket.extensions:
                decode = extension.decode

                def count(frame, *, max_size=None, decode=decode):
                    nonlocal compressed
                    compressed += frame.rsv1
                    return decode(frame, max_size=max_size)

                extension.decode = count
            async for message in socket:
                await socket.send(message)

        factory = ServerPerMessageDeflateFactory(*answer, compress_settings={"level": 1})
        async with websockets.serve(
            echo, "127.0.0.1", 0, compression=None, extensions=[factory], max_size=None
        ) as server:
            port = server.sockets[0].getsockname()[1]
            client = await asyncio.create_subprocess_exec(
                CLIENT, f"ws://127.0.0.1:{port}/", kind, "", str(COUNT),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            printed, said = await asyncio.wait_for(client.communicate(), PATIENCE)
        self.assertEqual(said, b"")
        opened, ended = printed.decode().splitlines()
        self.assertEqual(ended, f"{COUNT} messages, closed by us: 1000 Normal Closure")
        return opened, compressed

    async def test_every_answer(self):
        """zlib cannot compress with windows of 8 bits: what would need one is sent as it is."""
        queue = list(settings(CLASSES, (False, True), (False, True), SERVER_BITS, CLIENT_BITS))

        async def worker():
            while queue:
                kind, *answer = queue.pop()
                with self.subTest(kind=kind, answer=answer):
                    opened, compressed = await self.talk(kind, *answer)
                    self.assertIn("permessage-deflate", opened)
                    for name, wanted in zip(("server", "client"), answer):
                        if wanted:
                            self.assertIn(f"{name}_no_context_takeover", opened)
                    if answer[3] == 8:
                        self.assertEqual(compressed, 0)
                    else:
                        self.assertGreater(compressed, COUNT / 3)

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    unittest.main()
