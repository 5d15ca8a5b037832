#!/usr/bin/python3
"""`pirn connect` over TLS: whom it trusts, what it shows, what it says when it does not go on."""

import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from serving import PATIENCE, PIRN, Server

SCRIPT = pathlib.Path(__file__).parent.parent / "support" / "certificates.sh"

if not shutil.which("openssl"):
    sys.exit(77)
said = subprocess.run([PIRN, "connect", "-k", "ws://[::1]:1/"], input=b"", capture_output=True)
if b"not built" in said.stderr:
    sys.exit(77)


def accept_of(key):
    whole = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1(whole.encode()).digest()).decode()


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run(["sh", SCRIPT, cls.folder.name], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def pem(self, name):
        return os.path.join(self.folder.name, name)

    def server(self, name, *options):
        return Server("--quiet", "--cert", self.pem(name + ".pem"), "--key",
                      self.pem(name + ".key"), *options)

    def run_client(self, server, *options, **environment):
        done = subprocess.run(
            [PIRN, "connect", *options, f"wss://localhost:{server.port}/"], input=b"hello\n",
            capture_output=True, timeout=PATIENCE, env={**os.environ, **environment}, check=False,
        )
        return done.returncode, done.stdout, done.stderr.decode()

    def test_trusted(self):
        with self.server("localhost") as server:
            ca = ("--ca", self.pem("ca.pem"))
            self.assertEqual(self.run_client(server, *ca), (0, b"hello\n", ""))
            status, _, verbose = self.run_client(server, "-v", *ca)
            self.assertEqual(status, 0)
            self.assertRegex(verbose, r"[*] tls: TLSv1.3 TLS_\w+, verified CN=localhost")

    def test_not_trusted(self):
        rows = (
            ("expired", "ca.pem", "certificate has expired"),
            ("localhost", "other-ca.pem", "unable to get local issuer certificate"),
            ("localhost", None, "unable to get local issuer certificate"),
            ("wrong-host", "ca.pem", "hostname mismatch"),
        )
        for name, ca, text in rows:
            with self.server(name) as server:
                options = ("--ca", self.pem(ca)) if ca else ()
                status, output, complaint = self.run_client(server, *options)
                self.assertEqual((status, output), (7, b""))
                self.assertRegex(complaint, f"^pirn: connect: tls: .*{text}")
                self.assertEqual(self.run_client(server, "-k"), (0, b"hello\n", ""))
                self.assertEqual(self.run_client(server, "--insecure")[0], 0)

    def test_client_certificate(self):
        options = ("--ca", self.pem("ca.pem"))
        with self.server("localhost", "--client-ca", self.pem("ca.pem")) as server:
            shown = ("--cert", self.pem("client.pem"), "--key", self.pem("client.key"))
            self.assertEqual(self.run_client(server, *options, *shown), (0, b"hello\n", ""))
            status, _, complaint = self.run_client(server, *options)
            self.assertEqual(status, 7, complaint)
            self.assertTrue(complaint.startswith("pirn: connect: tls: "), complaint)

    def test_no_tls_there(self):
        with Server("--quiet") as server:
            status, _, complaint = self.run_client(server, "-k")
            self.assertEqual(status, 7)
            self.assertTrue(complaint.startswith("pirn: connect: tls: "), complaint)

    def test_renegotiation(self):
        """What a server of TLS 1.2 asks for in the middle; openssl takes what it reads for a
        command if it begins with an "r"."""
        accept = ["-accept", "127.0.0.1:0", "-cert", self.pem("both.pem"), "-tls1_2", "-crlf"]
        with subprocess.Popen(
            ["openssl", "s_server", *accept], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1,
        ) as server:  # fmt: skip
            said = ""

            def until(pattern):
                nonlocal said
                while not (found := re.search(pattern, said)):
                    line = server.stdout.readline()
                    self.assertTrue(line, said)
                    said += line
                return found[1]

            port = until(r"ACCEPT .*:(\d+)\n")
            with subprocess.Popen(
                [PIRN, "connect", "-v", "--ca", self.pem("ca.pem"), f"wss://localhost:{port}/"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            ) as client:  # fmt: skip
                key = until(r"Sec-WebSocket-Key: (\S+)\n")
                server.stdin.write(
                    "HTTP/1.1 101 Switching Protocols\nupgrade: websocket\n"
                    f"connection: upgrade\nsec-websocket-accept: {accept_of(key)}\n\n"
                )
                while not (line := client.stderr.readline()).startswith("* open"):
                    self.assertTrue(line, "the end came")
                server.stdin.write("r\n")
                until("(no renegotiation)")
                _, complaint = client.communicate(timeout=PATIENCE)
                self.assertIn(client.returncode, (5, 7), complaint)
            server.kill()
            server.communicate()

    def test_key_log(self):
        with self.server("localhost") as server:
            log = self.pem("secrets")
            options = ("--ca", self.pem("ca.pem"))
            self.assertEqual(self.run_client(server, *options, SSLKEYLOGFILE=log)[0], 0)
            self.assertIn("CLIENT_TRAFFIC_SECRET_0", pathlib.Path(log).read_text("ascii"))


if __name__ == "__main__":
    unittest.main()
