#!/usr/bin/python3
"""nginx in front of our server: as TLS terminator, as plain reverse proxy, as a proxy that speaks
TLS to it; for our client and for Python's websockets."""

import asyncio
import os
import ssl
import subprocess
import sys
import unittest

from fronts import NGINX, Nginx, has_tls, make_certificates, new_folder
from serving import BUILD, PATIENCE, PIRN, Process, Server, stats

try:
    import websockets
except ImportError:
    sys.exit(77)

if not NGINX or not has_tls():
    sys.exit(77)

FRONT_SERVER = BUILD / "tests/interop/front_server"
ECHO_CLIENT = BUILD / "tests/interop/echo_client"
SIZES = (0, 1, 126, 16385, 65536, 1 << 20)
SHORT = "proxy_read_timeout 2s; proxy_send_timeout 2s;"  # of no traffic, till nginx ends it


class Folder:
    """One nginx at a time runs in it."""

    @classmethod
    def setUpClass(cls):
        cls.holder = new_folder()
        cls.folder = cls.holder.name
        make_certificates(cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def pem(self, name):
        return os.path.join(self.folder, name)

    def nginx(self, port, scheme="http", **more):
        return Nginx(self.folder, f"{scheme}://127.0.0.1:{port}", **more)


class Python(Folder, unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    def connect(self, nginx, **more):
        secure = nginx.url.startswith("wss")
        context = ssl.create_default_context(cafile=self.pem("ca.pem")) if secure else None
        return websockets.connect(nginx.url, ssl=context, max_size=None, **more)

    async def echo_by_way_of(self, nginx):
        async with self.connect(nginx) as client:
            for size in SIZES:
                message = os.urandom(size)
                await client.send(message)
                self.assertEqual(await asyncio.wait_for(client.recv(), PATIENCE), message)
            await client.close(4000, "bye")
            self.assertEqual(client.close_code, 4000)

    async def test_terminator(self):
        with Server() as server, self.nginx(server.port, tls=True) as nginx:
            await self.echo_by_way_of(nginx)
            self.assertIn("closed by peer: 4000", server.line())

    async def test_plain(self):
        with Server() as server, self.nginx(server.port) as nginx:
            await self.echo_by_way_of(nginx)
            self.assertIn("closed by peer: 4000", server.line())

    async def test_tls_behind_it_too(self):
        with Server("--cert", self.pem("both.pem")) as server:
            with self.nginx(server.port, "https", tls=True) as nginx:
                await self.echo_by_way_of(nginx)
                self.assertIn("closed by peer: 4000", server.line())

    async def judge(self, nginx, origin, allowed):
        try:
            async with self.connect(nginx, origin=origin):
                self.assertTrue(allowed, origin)
        except websockets.InvalidHandshake as refusal:
            self.assertFalse(allowed, origin)
            self.assertIn("HTTP 403", str(refusal))

    async def test_origins(self):
        """The server's own is that of the page, whose scheme only `secure` can tell."""
        with Process(FRONT_SERVER, "0") as server:
            port = int(server.ready.rpartition(":")[2].strip("/"))
            with self.nginx(port, tls=True) as nginx:
                host = f"localhost:{nginx.port}"
                await self.judge(nginx, f"https://{host}", True)
                for origin in (f"http://{host}", "https://localhost", "https://evil.test", "null"):
                    await self.judge(nginx, origin, False)
        with Server("--quiet", "--origin", "https://good.test") as server:
            with self.nginx(server.port, tls=True) as nginx:
                await self.judge(nginx, "https://good.test", True)
                await self.judge(nginx, f"https://localhost:{nginx.port}", False)
        with Server("--quiet") as server, self.nginx(server.port) as nginx:
            await self.judge(nginx, f"http://localhost:{nginx.port}", True)
            await self.judge(nginx, f"https://localhost:{nginx.port}", False)

    async def test_pings_of_the_server_keep_it(self):
        """nginx ends it after two seconds; the Pings of more than that must do against it."""
        with Process(FRONT_SERVER, "300") as server:
            port = int(server.ready.rpartition(":")[2].strip("/"))
            with self.nginx(port, settings=SHORT) as nginx:
                pings, enough = [], asyncio.Event()

                class Counting(websockets.WebSocketClientProtocol):
                    async def pong(self, data=b""):
                        pings.append(data)
                        if len(pings) == 8:
                            enough.set()
                        await super().pong(data)

                async with self.connect(
                    nginx, create_protocol=Counting, ping_interval=None
                ) as client:
                    await asyncio.wait_for(enough.wait(), PATIENCE)
                    await client.send("still here")
                    self.assertEqual(await client.recv(), "still here")
                self.assertEqual(server.line(), "closed by peer: 1000 Normal Closure")

    async def test_nobody_keeps_it(self):
        with Process(FRONT_SERVER, "60000") as server:
            port = int(server.ready.rpartition(":")[2].strip("/"))
            with self.nginx(port, settings=SHORT) as nginx:
                async with self.connect(nginx, ping_interval=None) as client:
                    with self.assertRaises(websockets.ConnectionClosedError):
                        await asyncio.wait_for(client.recv(), PATIENCE)
                    self.assertEqual(client.close_code, 1006)
                self.assertRegex(server.line(), r"^lost \(tcp\): ")


class Ours(Folder, unittest.TestCase):
    def command(self, nginx, *options):
        return [PIRN, "connect", "--proxy", "none", "--ca", self.pem("ca.pem"), *options, nginx.url]

    def test_thousands_of_messages(self):
        with Process(FRONT_SERVER, "0") as server:
            port = int(server.ready.rpartition(":")[2].strip("/"))
            for tls in False, True:
                with self.nginx(port, tls=tls) as nginx:
                    ca = [self.pem("ca.pem")] if tls else []
                    done = subprocess.run(
                        [ECHO_CLIENT, nginx.url, "off", "", "3000", *ca],
                        capture_output=True, text=True, timeout=3 * PATIENCE,
                    )
                    self.assertEqual(done.stderr, "")
                    self.assertIn("3000 messages", done.stdout)
                    self.assertIn("closed by us: 1000 Normal Closure", done.stdout)
                    self.assertEqual(server.line(), 'closed by peer: 1000 Normal Closure "done"')

    def test_large_messages(self):
        line = b"x" * (12 << 20) + b"\n"
        with Server("--quiet", "--max-message", "16M") as server:
            for tls in False, True:
                with self.nginx(server.port, tls=tls) as nginx:
                    done = subprocess.run(
                        self.command(nginx, "--max-message", "16M"), input=line,
                        capture_output=True, timeout=2 * PATIENCE,
                    )
                    self.assertEqual((done.returncode, done.stderr), (0, b""))
                    self.assertEqual(done.stdout, line)

    def test_close_codes_of_the_server(self):
        with Server("--max-message", "1k") as server, self.nginx(server.port, tls=True) as nginx:
            done = subprocess.run(
                self.command(nginx), input=b"x" * 2000, capture_output=True, timeout=PATIENCE
            )
            self.assertEqual(done.returncode, 3)
            self.assertIn(b"answered: 1009 Message Too Big", done.stderr)
            self.assertIn("1009", server.line())

    def test_nobody_behind_it(self):
        with Server("--quiet") as server:
            gone = server.port
        with self.nginx(gone, tls=True) as nginx:
            done = subprocess.run(
                self.command(nginx), input=b"", capture_output=True, timeout=PATIENCE
            )
            self.assertEqual(done.returncode, 8)
            self.assertEqual(
                done.stderr, b"pirn: connect: http: 502 Bad Gateway instead of 101\n"
            )

    def open(self, nginx, *options):
        return subprocess.Popen(
            self.command(nginx, *options), bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def test_pings_of_the_client_keep_it(self):
        with Server("--quiet") as server, self.nginx(server.port, settings=SHORT) as nginx:
            with self.open(nginx, "--ping", "0.3", "-v") as client:
                pongs = 0
                while pongs < 8:
                    line = client.stderr.readline()
                    self.assertTrue(line, "the end came")
                    pongs += b"pong" in line.lower()
                client.stdin.write(b"still here\n")
                self.assertEqual(client.stdout.readline(), b"still here\n")
                client.stdin.close()
                client.stdin = None
                self.assertEqual(client.wait(timeout=PATIENCE), 0)

    def test_killed(self):
        """Both ends tell 1006, and why."""
        for tls in False, True:
            with Server() as server, self.nginx(server.port, tls=tls) as nginx:
                with self.open(nginx) as client:
                    client.stdin.write(b"hello\n")
                    self.assertEqual(client.stdout.readline(), b"hello\n")
                    nginx.kill()
                    _, complaint = client.communicate(timeout=PATIENCE)
                    self.assertIn(client.returncode, (5, 7))
                    self.assertRegex(complaint.decode(), r"connect: lost \((tcp|tls)\): \w+")
                    self.assertRegex(server.line(), r"lost \(tcp\): \w+")


if __name__ == "__main__":
    unittest.main()
