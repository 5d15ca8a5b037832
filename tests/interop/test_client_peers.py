#!/usr/bin/python3
"""Our client against the servers of npm ws, of Python's websockets and of libwebsockets, plain and
over TLS: thousands of messages, both ways to close, Pings of both, fragments, subprotocols."""

import atexit
import functools
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from fronts import has_tls, make_certificates, new_folder
from serving import BUILD, PATIENCE, PIRN, Process, settings

HERE = pathlib.Path(__file__).parent
ECHO_CLIENT = BUILD / "tests/interop/echo_client"
LWS_SERVER = BUILD / "tests/interop/lws_server"
MANY = 1000
SOME = 300  # where peers take a while to compress each
FEW = 10

SERVERS = {}
if (HERE / "node_modules/ws").exists() and shutil.which("node"):
    SERVERS["ws"] = ["node", HERE / "obeying.mjs"]
if importlib.util.find_spec("websockets"):
    SERVERS["websockets"] = [sys.executable, HERE / "obeying.py"]
if os.access(LWS_SERVER, os.X_OK):
    SERVERS["libwebsockets"] = [LWS_SERVER]
if not SERVERS:
    sys.exit(77)

MODES = ["off", "shared", "dedicated"]
TRIED = set(settings(SERVERS, (False, True), MODES))


@functools.cache
def certificates():
    """A folder with them, until the end."""
    holder = new_folder()
    atexit.register(holder.cleanup)
    make_certificates(holder.name)
    return holder.name


class Peers:
    """Tests for one server, which runs as long as the class; TLS: over TLS."""

    TLS = False

    @classmethod
    def setUpClass(cls):
        cls.ca, options = [], []
        if cls.TLS:
            cls.ca = [os.path.join(certificates(), "ca.pem")]
            options = [os.path.join(certificates(), f"localhost.{kind}") for kind in ("pem", "key")]
        cls.server = Process(*SERVERS[cls.NAME], *options)
        scheme = "wss" if cls.TLS else "ws"
        cls.url = f"{scheme}://127.0.0.1:{cls.server.ready.rpartition(' ')[2]}/"
        cls.environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def echo(self, mode, subprotocol, count, *close):
        done = subprocess.run(
            [ECHO_CLIENT, self.url, mode, subprotocol, str(count), *(self.ca or [""]), *close],
            capture_output=True, text=True, timeout=3 * PATIENCE, env=self.environment,
        )
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()

    def connect(self, text, *options):
        """(status, output, complaint) of a client that sends this."""
        ca = ["--ca", *self.ca] if self.ca else []
        done = subprocess.run(
            [PIRN, "connect", *ca, *options, self.url], input=text, text=True,
            capture_output=True, timeout=PATIENCE, env=self.environment,
        )
        return done.returncode, done.stdout, done.stderr

    def test_messages(self):
        # libwebsockets 4.1.6 aborts at the second empty message in a row if its window stays, and
        # over TLS it fails to inflate what zlib does.
        modes = MODES
        if self.NAME == "libwebsockets":
            modes = ["off"] if self.TLS else ["off", "shared"]
        for mode in modes:
            if (self.NAME, self.TLS, mode) not in TRIED:
                continue
            count = MANY if mode == "off" else SOME
            opened, ended = self.echo(mode, "chat", count)
            self.assertTrue(opened.startswith('open "chat" "'), opened)
            self.assertEqual("permessage-deflate" in opened, mode != "off")
            self.assertEqual(ended, f"{count} messages, closed by us: 1000 Normal Closure")
            self.assertEqual(self.server.line(), "closed 1000 done")

    def test_we_close(self):
        for code, name in (("1001", "Going Away"), ("3999", None), ("4321", None)):
            _, ended = self.echo("off", "", FEW, code)
            self.assertTrue(ended.startswith(f"{FEW} messages, closed by us: {code} "), ended)
            self.assertIn(name or "", ended)
            self.assertEqual(self.server.line(), f"closed {code} done")

    def test_it_closes(self):
        rows = (
            (1000, 0), (1001, 0), (1008, 3), (1011, 3), (1012, 3), (1013, 3), (3000, 3), (4999, 3),
        )  # fmt: skip
        for code, status in rows:
            ended, printed, said = self.connect(f"close {code} f\u00e4den\n", "--no-close", "-v")
            self.assertEqual((ended, printed), (status, ""), said)
            self.assertRegex(said, f'closed by peer: {code} [^"]*"f\u00e4den"')
            self.assertRegex(self.server.line(), f"closed {code}")

    def test_its_pings(self):
        self.assertEqual(self.connect("ping abc\n", "--one"), (0, "pong abc\n", ""))
        self.assertEqual(self.server.line(), "closed 1000 ")

    def test_our_pings(self):
        ca = ["--ca", *self.ca] if self.ca else []
        with subprocess.Popen(
            [PIRN, "connect", "-v", "--ping", "0.05", *ca, self.url], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.environment,
        ) as client:
            pongs = 0
            while pongs < 3:
                line = client.stderr.readline()
                self.assertTrue(line, "the end came")
                pongs += line.startswith("< pong")
            _, said = client.communicate(timeout=PATIENCE)
            self.assertEqual(client.returncode, 0, said)
        self.assertEqual(self.server.line(), "closed 1000 ")

    def test_its_fragments(self):
        for count in (2, 3, 1000):
            for option in ("--deflate", "--no-deflate"):
                said = self.connect(f"fragments {count}\n", "--one", option)
                self.assertEqual(said, (0, "part " * count + "\n", ""))
                self.assertEqual(self.server.line(), "closed 1000 ")


def load_tests(loader, *_):
    suite = unittest.TestSuite()
    for name in SERVERS:
        for tls in (False, True) if has_tls() else (False,):
            kind = type(f"{name}{'_tls' if tls else ''}", (Peers, unittest.TestCase),
                        {"NAME": name, "TLS": tls})  # fmt: skip
            suite.addTest(loader.loadTestsFromTestCase(kind))
    return suite


if __name__ == "__main__":
    unittest.main()
