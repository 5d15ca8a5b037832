#!/usr/bin/python3
"""Our client against the server of Python's websockets."""

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


async def echo(socket, *_):
    async for message in socket:
        await socket.send(message)


class Server(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    async def run_client(self, *arguments, **options):
        async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, **options) as server:
            port = server.sockets[0].getsockname()[1]
            client = await asyncio.create_subprocess_exec(
                CLIENT, f"ws://127.0.0.1:{port}/", *arguments,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
            out, complaint = await asyncio.wait_for(client.communicate(), 3 * PATIENCE)
            self.assertEqual(complaint.decode(), "")
            return out.decode().splitlines()

    def assert_ended_well(self, lines, count=1000):
        self.assertEqual(lines[1:],
                         [f"{count} messages, closed by us: 1000 Normal Closure"])

    async def test_plain(self):
        lines = await self.run_client("off", "chat", compression=None, subprotocols=["chat"])
        self.assertEqual(lines[0], 'open "chat" ""')
        self.assert_ended_well(lines)

    async def test_deflate(self):
        for mode in "shared", "dedicated":
            lines = await self.run_client(mode)
            self.assertTrue(lines[0].startswith('open "" "permessage-deflate'), lines[0])
            self.assert_ended_well(lines)

    async def test_what_a_server_may_ask_for(self):
        for bits, reset, mode in settings((9, 12, 15), (False, True), ("shared", "dedicated")):
            factory = ServerPerMessageDeflateFactory(
                server_no_context_takeover=reset, client_no_context_takeover=reset,
                server_max_window_bits=bits, client_max_window_bits=bits,
                compress_settings={"level": 1})
            lines = await self.run_client(mode, "", "22", compression=None, extensions=[factory])
            self.assert_ended_well(lines, 22)

    async def test_one_that_compresses_nothing(self):
        lines = await self.run_client("dedicated", compression=None)
        self.assertEqual(lines[0], 'open "" ""')
        self.assert_ended_well(lines)


if __name__ == "__main__":
    unittest.main()
