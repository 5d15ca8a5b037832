#!/usr/bin/python3
"""`pirn serve` over TLS: Python's ssl and websockets, openssl and curl at the other end."""

import asyncio
import atexit
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

from serving import PATIENCE, PIRN, Server, frame

try:
    import websockets
except ImportError:
    sys.exit(77)

SCRIPT = pathlib.Path(__file__).parent.parent / "support" / "certificates.sh"
FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
SIZES = (0, 1, 125, 126, 16000, 16384, 16385, 65536, 1 << 20)


def pem(name):
    return os.path.join(FOLDER.name, name)


if not shutil.which("openssl"):
    sys.exit(77)
subprocess.run(["sh", SCRIPT, FOLDER.name], check=True)
CERT = ("--cert", pem("localhost.pem"), "--key", pem("localhost.key"))

# A build without TLS says so, and has nothing to be tested here.
said = subprocess.run([PIRN, "serve", "--port", "0", "--cert", "/none"], capture_output=True)
if b"not built" in said.stderr:
    sys.exit(77)


def context(ca="ca.pem", least=None, most=None, client=None):
    made = ssl.create_default_context(cafile=pem(ca))
    made.minimum_version = least or ssl.TLSVersion.TLSv1_2
    made.maximum_version = most or ssl.TLSVersion.TLSv1_3
    if client:
        made.load_cert_chain(pem(client + ".pem"), pem(client + ".key"))
    return made


TLS_1_2 = {"least": ssl.TLSVersion.TLSv1_2, "most": ssl.TLSVersion.TLSv1_2}


def connect(server, made=None, name="localhost", session=None):
    """A TLS socket to it."""
    plain = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    made = made or context()
    return made.wrap_socket(plain, server_hostname=name, session=session)


def ask(secure, path="/nowhere", method="GET"):
    """Everything that is answered to a request."""
    secure.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = b""
    while data := secure.recv(1 << 16):
        answer += data
    return answer.decode()


def common_name(secure):
    return dict(part[0] for part in secure.getpeercert()["subject"])["commonName"]


class WebSockets(unittest.IsolatedAsyncioTestCase):
    async def test_echo(self):
        for versions in ({}, TLS_1_2):
            with Server(*CERT) as server:
                self.assertTrue(server.url.startswith("wss://"))
                url = f"wss://localhost:{server.port}/"
                async with websockets.connect(
                    url, ssl=context(**versions), max_size=None
                ) as client:
                    for size in SIZES:
                        message = os.urandom(size)
                        await client.send(message)
                        self.assertEqual(await client.recv(), message)
                self.assertIn("closed by peer: 1000", server.line())

    async def test_more_than_is_read(self):
        """16 MiB on the way before the first echo is read."""
        with Server(*CERT) as server:
            url = f"wss://localhost:{server.port}/"
            async with websockets.connect(
                url, ssl=context(), max_size=None, max_queue=1
            ) as client:
                messages = [os.urandom(1 << 20) for _ in range(16)]

                async def send():
                    for message in messages:
                        await client.send(message)

                sending = asyncio.create_task(send())
                await asyncio.sleep(0)
                for message in messages:
                    self.assertEqual(await client.recv(), message)
                await sending

    async def test_reload(self):
        with tempfile.TemporaryDirectory() as folder:
            both = os.path.join(folder, "both.pem")
            shutil.copy(pem("both.pem"), both)
            server = Server("--cert", both)
            async with websockets.connect(
                f"wss://localhost:{server.port}/", ssl=context()
            ) as client:
                text = pathlib.Path(pem("other.pem")).read_text()
                text += pathlib.Path(pem("other.key")).read_text()
                pathlib.Path(both).write_text(text)
                server.signal(signal.SIGHUP)
                self.assertEqual(server.line(), "certificate read again")
                with connect(server, name="other.test") as secure:
                    self.assertEqual(common_name(secure), "other")
                pathlib.Path(both).write_text("rubbish")
                server.signal(signal.SIGHUP)
                complaint = server.process.stderr.readline()
                self.assertIn("the certificate stays as it was: no certificate in", complaint)
                with connect(server, name="other.test") as secure:
                    self.assertEqual(common_name(secure), "other")
                await client.send("still here")
                self.assertEqual(await client.recv(), "still here")
            server.signal()
            self.assertEqual(server.wait(), (0, ""))
            server.process.stdout.close()
            server.process.stderr.close()

    async def test_client_certificates(self):
        with Server(*CERT, "--client-ca", pem("ca.pem")) as server:
            url = f"wss://localhost:{server.port}/"
            for versions in ({}, TLS_1_2):
                for client in (None, "foreign-client"):
                    with self.assertRaises((OSError, websockets.InvalidMessage)):
                        await websockets.connect(url, ssl=context(client=client, **versions))
                made = context(client="client", **versions)
                async with websockets.connect(url, ssl=made) as client:
                    await client.send("it is me")
                    self.assertEqual(await client.recv(), "it is me")


class Ssl(unittest.TestCase):
    def test_http(self):
        with Server(*CERT) as server:
            url = f"https://localhost:{server.port}/"
            with urllib.request.urlopen(url, context=context(), timeout=PATIENCE) as answer:
                self.assertIn(b"<html", answer.read())
            with self.assertRaises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(f"http://localhost:{server.port}/", timeout=PATIENCE)
            self.assertEqual(refusal.exception.code, 400)
            self.assertIn(b"this port speaks TLS", refusal.exception.read())
            refusal.exception.close()

    def test_versions(self):
        for options, made, version in (
            ((), context(), "TLSv1.3"),
            ((), context(**TLS_1_2), "TLSv1.2"),
            (("--tls-min", "1.3"), context(), "TLSv1.3"),
            (("--tls-min", "1.3"), context(**TLS_1_2), None),
        ):
            with self.subTest(options), Server(*CERT, *options) as server:
                if not version:
                    with self.assertRaises(ssl.SSLError):
                        connect(server, made)
                    continue
                with connect(server, made) as secure:
                    self.assertEqual(secure.version(), version)
                    self.assertIn("HTTP/1.1 426", ask(secure))

    def test_names(self):
        more = ("--cert", pem("other.pem"), "--key", pem("other.key"))
        with Server(*CERT, *more) as server:
            for name, subject in (
                ("localhost", "localhost"), ("other.test", "other"), ("a.wild.test", "other"),
            ):
                with connect(server, name=name) as secure:
                    self.assertEqual(common_name(secure), subject)

    def test_resumption(self):
        for versions in ({}, TLS_1_2):
            with Server(*CERT) as server:
                made, session = context(**versions), None
                for resumed in (False, True, True):
                    with connect(server, made, session=session) as secure:
                        ask(secure)
                        self.assertEqual(secure.session_reused, resumed)
                        session = secure.session

    def test_protocols(self):
        for offered, chosen in (
            (["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), ([], None),
        ):
            with Server(*CERT) as server:
                made = context()
                made.set_alpn_protocols(offered)
                with connect(server, made) as secure:
                    self.assertEqual(secure.selected_alpn_protocol(), chosen)
        with Server(*CERT) as server:
            made = context()
            made.set_alpn_protocols(["h2"])
            with self.assertRaises(ssl.SSLError):
                connect(server, made)

    def test_cut_off(self):
        with Server(*CERT) as server:
            secure = connect(server)
            secure.sendall(
                b"GET /cut HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + frame(1, b"hello")
            )
            answer = b""
            while not answer.endswith(b"hello"):
                answer += secure.recv(1000)
            secure.close()  # of the socket alone
            self.assertIn("/cut", line := server.line())
            self.assertIn("lost (tls): unexpected eof while reading", line)

    def test_key_log(self):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "keys")
            os.environ["SSLKEYLOGFILE"] = log
            try:
                server = Server(*CERT)
            finally:
                del os.environ["SSLKEYLOGFILE"]
            with server, connect(server) as secure:
                ask(secure)
                self.assertIn("SERVER_TRAFFIC_SECRET_0 ", pathlib.Path(log).read_text())


class Openssl(unittest.TestCase):
    """What Python's ssl does not do."""

    def client(self, server, *options, lines=""):
        """What s_client says when it is given these lines, and then stays until it is ended."""
        process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        return process.communicate(lines, timeout=PATIENCE)[0]

    def test_old_versions(self):
        with Server(*CERT) as server:
            for version in ("-tls1", "-tls1_1"):
                said = self.client(server, version, "-cipher", "ALL:@SECLEVEL=0")
                self.assertRegex(said, "alert (protocol version|handshake failure)")

    def test_renegotiation(self):
        with Server(*CERT) as server:
            said = self.client(server, "-tls1_2", lines="R\n")
            self.assertIn("no renegotiation", said)
            with connect(server) as secure:
                self.assertIn("HTTP/1.1 426", ask(secure))

    def test_keys_anew(self):
        """KeyUpdate of TLS 1.3, with an answer."""
        with Server(*CERT) as server:
            said = self.client(
                server, "-tls1_3",
                lines="K\nGET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
            )
            self.assertIn("KEYUPDATE", said)

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_curl(self):
        with Server(*CERT) as server:
            said = subprocess.run(
                ["curl", "-sv", "--cacert", pem("ca.pem"), f"https://localhost:{server.port}/x"],
                capture_output=True, timeout=PATIENCE,
            )
            self.assertIn(b"HTTP/1.1 426", said.stderr)


class Usage(unittest.TestCase):
    def refused(self, status, *options):
        with subprocess.Popen(
            [PIRN, "serve", "--port", "0", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:
            _, complaint = process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, status, complaint)
            self.assertEqual(complaint.count("\n"), 1)
            return complaint

    def test_options(self):
        for complaint, *options in (
            ("--client-ca wants a --cert", "--client-ca", "x"),
            ("--tls-min wants a --cert", "--tls-min", "1.2"),
            ("--tls-min wants 1.2 or 1.3, not '1.1'", *CERT, "--tls-min", "1.1"),
            ("--key wants a file in PEM, and a --cert before it", "--key", "x"),
            ("--key wants a file in PEM, and a --cert before it", *CERT, "--key", "x"),
        ):
            self.assertIn(complaint, self.refused(2, *options))

    def test_files(self):
        for complaint, *options in (
            ("cannot read /none: No such file", "--cert", "/none"),
            ("no private key in " + pem("localhost.pem") + "\n", "--cert", pem("localhost.pem")),
            ("is not that of the certificate in " + pem("localhost.pem") + "\n",
             "--cert", pem("localhost.pem"), "--key", pem("other.key")),
            ("no certificate in", *CERT, "--client-ca", pem("localhost.key")),
        ):
            self.assertIn(complaint, self.refused(1, *options))


if __name__ == "__main__":
    unittest.main()
