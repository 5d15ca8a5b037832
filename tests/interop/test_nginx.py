#!/usr/bin/python3
"""nginx in front of `pirn serve`: as TLS terminator, and as a proxy that speaks TLS to it."""

import asyncio
import atexit
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

from serving import PATIENCE, Server

try:
    import websockets
except ImportError:
    sys.exit(77)

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
if not NGINX or not shutil.which("openssl"):
    sys.exit(77)

SCRIPT = pathlib.Path(__file__).parent.parent / "support" / "certificates.sh"
FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
subprocess.run(["sh", SCRIPT, FOLDER.name], check=True)

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen unix:{folder}/front.sock ssl;
        ssl_certificate {folder}/localhost.pem;
        ssl_certificate_key {folder}/localhost.key;
        location / {{
            proxy_pass {backend};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $host;
            proxy_ssl_trusted_certificate {folder}/ca.pem;
            proxy_ssl_verify on;
            proxy_ssl_name localhost;
            proxy_ssl_server_name on;
        }}
    }}
}}
"""


class Nginx:
    def __init__(self, backend):
        self.socket = os.path.join(FOLDER.name, "front.sock")
        path = os.path.join(FOLDER.name, "nginx.conf")
        text = CONFIGURATION.format(folder=FOLDER.name, backend=backend)
        pathlib.Path(path).write_text(text)
        self.process = subprocess.Popen([NGINX, "-c", path, "-p", FOLDER.name])
        end = time.monotonic() + PATIENCE
        while not os.path.exists(self.socket):
            assert self.process.poll() is None and time.monotonic() < end, "no nginx"
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        if os.path.exists(self.socket):
            os.unlink(self.socket)


class Proxied(unittest.IsolatedAsyncioTestCase):
    async def echo_by_way_of(self, nginx):
        context = ssl.create_default_context(cafile=os.path.join(FOLDER.name, "ca.pem"))
        async with websockets.unix_connect(
            nginx.socket, "wss://localhost/", ssl=context, server_hostname="localhost",
            max_size=None,
        ) as client:
            for size in (0, 1, 126, 16385, 65536, 1 << 20):
                message = os.urandom(size)
                await client.send(message)
                self.assertEqual(await asyncio.wait_for(client.recv(), PATIENCE), message)
            await client.close(4000, "bye")
            self.assertEqual(client.close_code, 4000)

    async def test_terminator(self):
        with Server() as server, Nginx(f"http://127.0.0.1:{server.port}") as nginx:
            await self.echo_by_way_of(nginx)
            self.assertIn("closed by peer: 4000", server.line())

    async def test_tls_behind_it_too(self):
        cert = ("--cert", os.path.join(FOLDER.name, "both.pem"))
        with Server(*cert) as server, Nginx(f"https://127.0.0.1:{server.port}") as nginx:
            await self.echo_by_way_of(nginx)
            self.assertIn("closed by peer: 4000", server.line())


if __name__ == "__main__":
    unittest.main()
