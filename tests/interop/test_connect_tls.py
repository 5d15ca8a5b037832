#!/usr/bin/python3
"""`pirn connect` over TLS: whom it trusts, what it shows, what it says when it does not go on."""

import os
import pathlib
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

    def test_key_log(self):
        with self.server("localhost") as server:
            log = self.pem("secrets")
            options = ("--ca", self.pem("ca.pem"))
            self.assertEqual(self.run_client(server, *options, SSLKEYLOGFILE=log)[0], 0)
            self.assertIn("CLIENT_TRAFFIC_SECRET_0", pathlib.Path(log).read_text("ascii"))


if __name__ == "__main__":
    unittest.main()
