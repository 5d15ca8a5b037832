#!/usr/bin/python3
"""`pirn connect` in pipes: against `pirn serve`, and a peer that does what it is told."""

import base64
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from peer import Peer, frame
from serving import BINARY, PATIENCE, PING, PIRN, PONG, SANITIZED, TEXT, Server

BOUND = 24 << 20  # bytes of memory that a client may hold, whatever goes through it

for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSLKEYLOGFILE"):
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)


def run(*arguments, stdin=b"", **more):
    """(status, output, complaint) of a client that comes to its end by itself."""
    done = subprocess.run(
        [PIRN, "connect", *arguments], input=stdin, capture_output=True, timeout=PATIENCE, **more
    )
    return done.returncode, done.stdout, done.stderr.decode()


class Client:
    """A client that a peer talks to meanwhile."""

    def __init__(self, *arguments, stdin=subprocess.PIPE, **more):
        self.process = subprocess.Popen(
            [PIRN, "connect", *arguments],
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **more,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def write(self, data):
        self.process.stdin.write(data)

    def end(self):
        self.process.stdin.close()
        self.process.stdin = None

    def line(self):
        """The next line of its output, which must come."""
        line = b""
        while not line.endswith(b"\n"):
            assert select.select([self.process.stdout], [], [], PATIENCE)[0], line
            data = self.process.stdout.read(1)
            if not data:
                break
            line += data
        return line

    def wait(self):
        output, complaint = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, output, complaint.decode()

    def rss(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Pipes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--quiet").__enter__()
        cls.url = cls.server.url

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def test_lines(self):
        for sent, printed in ((b"", b""), (b"a\nb\n\n", b"a\nb\n\n"), (b"\xc3\xa4", b"\xc3\xa4\n"),
                              (b"\x1b[2J\r\n", b"\x1b[2J\r\n")):
            self.assertEqual(run(self.url, stdin=sent), (0, printed, ""))

    def test_url_without_scheme(self):
        self.assertEqual(run(f"127.0.0.1:{self.server.port}", stdin=b"x\n"), (0, b"x\n", ""))

    def test_all_bytes(self):
        every = bytes(range(256))
        encoded = base64.b64encode(every) + b"\n" + base64.b64encode(every[:-1]) + b"\n\nAA==\n"
        self.assertEqual(run("--base64", self.url, stdin=encoded), (0, encoded, ""))
        self.assertEqual(run("--base64", self.url, stdin=b"AAE\nAA"), (0, b"AAE=\nAA==\n", ""))
        parts = b"\0".join((every[1:], b"", b"a\nb")) + b"\0"
        self.assertEqual(run("-0", "--binary", self.url, stdin=parts), (0, parts, ""))
        self.assertEqual(run("--null", self.url, stdin=b"a\nb\0c"), (0, b"a\nb\0c\0", ""))

    def test_what_cannot_be_sent(self):
        rows = (
            ((), b"good\n\xff\nlost\n", "message 2 of the input is not UTF-8"),
            (("--base64",), b"Z29vZA==\n*\n", "message 2 of the input is not base64"),
            (("--max-message", "1k"), b"good\n" + b"x" * 200_000, "message 2 of the input is too"),
            (("--max-message", "4"), b"good\nlarge\nlost\n", "message 2 of the input is too large"),
            (("--max-message", "4", "--base64"), b"Z29vZA==\nbGFyZ2U=\n",
             "message 2 of the input is too large"),
        )
        for options, sent, complaint in rows:
            status, output, said = run(*options, self.url, stdin=sent)
            self.assertEqual(status, 1)
            self.assertIn(output, (b"good\n", b"Z29vZA==\n"))
            self.assertIn("pirn: connect: " + complaint, said)

    def test_files(self):
        lines = b"".join(b"%d\n" % i for i in range(300_000))
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
            source.write(lines)
            source.seek(0)
            subprocess.run([PIRN, "connect", self.url], stdin=source, stdout=target, check=True,
                           timeout=PATIENCE)
            target.seek(0)
            self.assertEqual(target.read(), lines)

    def test_large_messages(self):
        lines = b"".join(bytes([97 + i]) * 900_000 + b"\n" for i in range(20))
        self.assertEqual(run(self.url, stdin=lines), (0, lines, ""))

    def test_one(self):
        self.assertEqual(run("-1", self.url, stdin=b"first\nsecond\n"), (0, b"first\n", ""))

    def test_reader_goes(self):
        with Client(self.url) as client:
            client.write(b"a\n")
            self.assertEqual(client.line(), b"a\n")
            client.process.stdout.close()
            self.assertEqual(client.process.wait(timeout=PATIENCE), 0)

    def test_closed_descriptors(self):
        """What the client opens does not become its standard output."""
        for which, status, output in ((0, 0, b""), (1, 1, b""), (2, 0, b"a\n")):
            got = run(self.url, stdin=b"a\n", preexec_fn=lambda fd=which: os.close(fd))
            self.assertEqual(got[:2], (status, output), got)

    def test_full_output(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PIRN, "connect", self.url], input=b"a\n", stdout=full,
                                  stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr.decode()),
                         (1, "pirn: connect: No space left on device\n"))

    def test_json(self):
        text = 'a "quoted" \\ \t \x07 \x7f \u0085 \u20ac'
        status, output, _ = run("--json", self.url, stdin=text.encode())
        self.assertEqual(status, 0)
        out, back, close = map(json.loads, output.splitlines())
        for record, direction in ((out, "out"), (back, "in")):
            self.assertEqual(record["direction"], direction)
            self.assertEqual((record["opcode"], record["payload"]), ("text", text))
            self.assertRegex(record["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[.]\d{6}Z$")
        self.assertEqual((close["opcode"], close["code"], close["clean"]), ("close", 1000, True))
        self.assertNotIn(b"\x7f", output)
        every = bytes(range(1, 10)) + bytes(range(11, 256))
        _, output, _ = run("--json", "--binary", self.url, stdin=every)
        for record in map(json.loads, output.splitlines()[:2]):
            self.assertEqual((record["opcode"], record["encoding"]), ("binary", "base64"))
            self.assertEqual(base64.b64decode(record["payload"]), every)

    def test_unix(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            with Server("--quiet", "--unix", path):
                self.assertEqual(run("--unix", path, stdin=b"x\n"), (0, b"x\n", ""))
                self.assertEqual(run("--unix", path, "ws://any.test/", stdin=b"x\n")[0], 0)

    def test_letters_of_options(self):
        self.assertEqual(run("-k10", self.url, stdin=b"first\0second"), (0, b"first\0", ""))


class BackPressure(unittest.TestCase):
    def test_slow_reader(self):
        """Output that nobody reads stops the peer; then all of it comes."""
        messages = [os.urandom(50_000).hex().encode() for _ in range(20)]
        with Peer() as peer, Client(peer.url, "--no-close", stdin=subprocess.DEVNULL) as client:
            session = peer.open()
            data, sent = b"", 0
            session.socket.setblocking(False)
            while select.select([], [session.socket], [], 0.3)[1]:
                data = data or frame(messages[sent % 20])
                size = session.socket.send(data)
                data = data[size:]
                sent += not data
            if not SANITIZED:
                self.assertLess(client.rss(), BOUND)
            session.socket.settimeout(PATIENCE)
            for i in range(sent):
                self.assertEqual(self.read(client, 100_001), messages[i % 20] + b"\n")
            if data:
                session.socket.sendall(data)
                self.assertEqual(self.read(client, 100_001), messages[sent % 20] + b"\n")
            session.close(1000)
            session.socket.close()
            self.assertEqual(client.wait()[0], 0)

    def read(self, client, count):
        data = b""
        while len(data) < count:
            part = client.process.stdout.read(count - len(data))
            self.assertTrue(part)
            data += part
        return data

    def test_slow_peer(self):
        """A peer that does not read stops the input; then all of it comes."""
        line = b"x" * 9999 + b"\n"
        with Peer() as peer, Client("--no-deflate", peer.url) as client:
            session = peer.open()
            stdin = client.process.stdin
            os.set_blocking(stdin.fileno(), False)
            total = 0
            while select.select([], [stdin], [], 0.3)[1]:
                total += stdin.write((line * 7)[total % 10_000:]) or 0
            if not SANITIZED:
                self.assertLess(client.rss(), BOUND)
            count = total // 10_000
            for _ in range(count):
                self.assertEqual(session.read_frame(), (TEXT, line[:-1]))
            client.end()
            if total % 10_000:
                self.assertEqual(session.read_frame(), (TEXT, line[:total % 10_000]))
            self.assertEqual(session.end(), (1000, ""))
            self.assertEqual(client.wait(), (0, b"", ""))


class Endings(unittest.TestCase):
    def expect(self, act, status, complaint, *options):
        with Peer() as peer, Client("--no-close", *options, peer.url, stdin=subprocess.DEVNULL) \
                as client, peer.accept() as session:
            act(session)
            session.socket.shutdown(socket.SHUT_WR)
            said = client.wait()
            self.assertEqual((said[0], said[2]), (status, complaint))

    def test_closed_by_peer(self):
        rows = (
            (1000, 0, ""), (1001, 0, ""), (None, 0, ""),
            (1008, 3, 'pirn: connect: closed by peer: 1008 Policy Violation "why"\n'),
            (4000, 3, 'pirn: connect: closed by peer: 4000 Private Use "why"\n'),
        )
        for code, status, complaint in rows:
            reason = "why" if code else ""
            self.expect(lambda session, c=code, r=reason: session.open().close(c, r), status,
                        complaint)

    def test_broken(self):
        self.expect(lambda session: session.open(), 5,
                    "pirn: connect: lost (tcp): connection ended without a close frame\n")
        self.expect(lambda session: session.open().socket.sendall(b"\x81\x81abcd."), 9,
                    "pirn: connect: failed: 1002 frame from a server is masked\n")
        self.expect(lambda session: session.answer("403 Forbidden", "Content-Length: 0"), 8,
                    "pirn: connect: http: 403 Forbidden instead of 101\n")
        self.expect(lambda session: session.answer("302 Found", "Location: /elsewhere"), 8,
                    "pirn: connect: http: 302 Found instead of 101\n")
        if b"not built" in subprocess.run([PIRN, "connect", "--deflate", "ws://[::1]:1/"],
                                          stderr=subprocess.PIPE, check=False).stderr:
            self.skipTest("built without zlib")
        self.expect(lambda session: session.open(), 9,
                    "pirn: connect: websocket: server did not agree on permessage-deflate, which "
                    "is required\n", "--deflate")

    def test_not_reached(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            rows = (
                (5, f"tcp: connection refused (127.0.0.1:{port})", (f"ws://127.0.0.1:{port}/",)),
                (6, "proxy: tcp: connection refused", ("--proxy", f"http://127.0.0.1:{port}",
                                                       "ws://a.test/")),
                (4, "dns: ", (f"ws://{'x' * 64}.test/",)),
                (5, "tcp: unix: no such file", ("--unix", "/none/such")),
            )
            for status, text, arguments in rows:
                got = run(*arguments)
                self.assertEqual((got[0], got[1]), (status, b""))
                self.assertTrue(got[2].startswith("pirn: connect: " + text), got[2])

    def test_timeouts(self):
        with Peer() as peer:
            status, output, said = run("--timeout", "0.1", peer.url)
            self.assertEqual((status, output), (10, b""))
            # The time for all of it and that for the handshake may end in the same turn.
            what = "(open connection|answer to the opening handshake)"
            self.assertRegex(said, f"^pirn: connect: timeout: no {what} within 100 ms\n$")
            peer.accept().socket.close()
            with Client("--timeout", "0.6", peer.url) as client, peer.open() as session:
                client.end()
                self.assertEqual(session.read_close(), (1000, ""))
                late = "pirn: connect: timeout: no close frame before the closing timeout\n"
                self.assertEqual(client.wait(), (10, b"", late))

    def test_violation_by_a_peer_that_stays(self):
        for options in ((), ("--no-close",), ("--reconnect",)):
            with Peer() as peer, Client("--timeout", "0.6", *options, peer.url) as client, \
                    peer.open() as session:
                session.send(b"\xff")
                self.assertEqual(session.read_close()[0], 1007)
                said = "pirn: connect: failed: 1007 text is not UTF-8 at byte 0\n"
                self.assertEqual(client.wait(), (9, b"", said))

    def test_close_by_a_peer_that_stays(self):
        rows = (
            (1000, "", 0, ""),
            (4000, "why?", 3, 'pirn: connect: closed by peer: 4000 Private Use "why?"\n'),
        )
        for code, reason, status, complaint in rows:
            with Peer() as peer, Client("--json", "--timeout", "0.6", peer.url) as client, \
                    peer.open() as session:
                session.close(code, reason)
                self.assertEqual(session.read_close(), (code, ""))
                ended, output, said = client.wait()
                self.assertEqual((ended, said), (status, complaint))
                record = json.loads(output)
                self.assertEqual((record["code"], record["clean"]), (code, True))
        with Peer() as peer, Client("--timeout", "0.6", peer.url) as client, \
                peer.open() as session:
            client.end()
            self.assertEqual(session.read_close(), (1000, ""))
            session.close(1000)
            self.assertEqual(client.wait(), (0, b"", ""))

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with Peer() as peer, Client(peer.url) as client, peer.open() as session:
                client.write(b"open\n")
                session.read_frame()
                client.process.send_signal(number)
                self.assertEqual(session.end(), (1000, ""))
                self.assertEqual(client.wait(), (0, b"", ""))
        with Peer() as peer, Client(peer.url) as client, peer.open() as session:
            client.write(b"open\n")
            session.read_frame()
            client.process.send_signal(signal.SIGINT)
            session.read_close()
            client.process.send_signal(signal.SIGINT)
            self.assertEqual(client.wait()[0], 130)

    def test_usage(self):
        rows = (
            ((), "wants a URL"), (("a", "b"), "one URL"), (("--bogus", "a"), "'--bogus'"),
            (("--json=1", "a"), "'--json=1'"), (("-kx", "a"), "'-kx'"), (("-k=1", "a"), "'-k=1'"),
            (("-kH",), "-H wants a header"), (("--ping", "x", "a"), "--ping wants a number"),
            (("a", "-H"), "-H wants a header"), (("--text", "--binary", "a"), "exclude"),
            (("-H", "nonsense", "a"), "is no header"),
            (("-H", "X: 1", "-H", "user-agent: b", "a"), "header 'user-agent' belongs to"),
            (("-H", "Host: b", "a"), "header 'Host' belongs to"),
            (("ftp://a/",), "'ftp://a/' is not a WebSocket URL: its scheme is none of ws,"),
            (("a/#x",), "'ws://a/#x' is not a WebSocket URL: it has a fragment"),
            (("ws://a/a b",), "it has a character that no URL has"),
            (("a:99999",), "its host or port cannot be"), ((":9001",), "its host or port cannot"),
            (("--proxy", "ftp://x", "a"), "proxy"),
            (("--bearer", "a b", "a"), "--bearer wants letters"),
            (("--cookie", "/none", "a"), "cannot read the cookies of /none"),
            (("--key", "x", "a"), "--key wants a --cert"), (("--ca", "/none", "wss://a"), "tls: "),
        )
        for arguments, complaint in rows:
            status, output, said = run(*arguments)
            self.assertEqual((status, output), (2, b""), arguments)
            self.assertIn(complaint, said)
            self.assertEqual(said.count("\n"), 1, said)
        self.assertTrue(run("--help")[1].startswith(b"usage: pirn connect"))


class Requests(unittest.TestCase):
    def request(self, *options, answer=()):
        """The headers of the request, of a client that goes on as if all were well."""
        with Peer() as peer, Client(*options, peer.url) as client, peer.open(*answer) as session:
            client.end()
            session.end()
            self.assertEqual(client.wait(), (0, b"", ""))
            return session.headers

    def test_headers(self):
        got = self.request(
            "-H", "X-One: 1", "--header=X-Two:2", "-HX-One: again", "--origin", "https://a.test",
            "--bearer", "token", "--cookie", "a=b; c=d", "--subprotocol", "v2",
            "--subprotocol", "v1", answer=("Sec-WebSocket-Protocol: v1",),
        )
        self.assertEqual(got["x-one"], ["1", "again"])
        self.assertEqual(got["x-two"], ["2"])
        self.assertEqual(got["origin"], ["https://a.test"])
        self.assertEqual(got["authorization"], ["Bearer token"])
        self.assertEqual(got["cookie"], ["a=b; c=d"])
        self.assertEqual(got["sec-websocket-protocol"], ["v2, v1"])
        for options in (("-kLHX-One: 1",), ("-kH", "X-One: 1"), ("-LkH=X-One: 1",)):
            self.assertEqual(self.request(*options)["x-one"], ["1"])

    def test_user(self):
        for given, wanted in (("ada:se:cret", b"ada:se:cret"), ("ada", b"ada:")):
            got = self.request("-u", given)["authorization"]
            self.assertEqual(got, ["Basic " + base64.b64encode(wanted).decode()])

    def test_cookie_file(self):
        with tempfile.NamedTemporaryFile("w") as jar:
            print("127.0.0.1", "FALSE", "/", "FALSE", "0", "name", "value", sep="\t", file=jar)
            jar.flush()
            self.assertEqual(self.request("--cookie", jar.name)["cookie"], ["name=value"])

    def test_deflate(self):
        offer = self.request("--text").get("sec-websocket-extensions")
        self.assertNotIn("sec-websocket-extensions", self.request("--no-deflate"))
        if not offer:
            self.skipTest("built without zlib")
        self.assertIn("permessage-deflate", offer[0])
        with Server("--quiet", "--deflate", "shared") as server:
            line = b"all alike " * 1000 + b"\n"
            status, output, said = run("--deflate", "-v", server.url, stdin=line)
            self.assertEqual((status, output), (0, line))
            self.assertIn("* extensions: permessage-deflate", said)

    def test_redirect(self):
        with Peer() as peer, Server("--quiet") as server, Client("-L", peer.url) as client, \
                peer.accept() as session:
            client.write(b"arrived\n")
            session.answer("302 Found", f"Location: {server.url}", "Content-Length: 0")
            self.assertEqual(client.line(), b"arrived\n")
            client.end()
            self.assertEqual(client.wait(), (0, b"", ""))

    def test_proxy(self):
        """The peer is the proxy, and then what is behind it."""
        with Peer() as peer:
            proxy = f"http://ada:secret@127.0.0.1:{peer.port}"
            with Client("--proxy", proxy, "ws://far.test/x") as client, peer.accept() as session:
                self.assertEqual(session.line, "CONNECT far.test:80 HTTP/1.1")
                self.assertIn("proxy-authorization", session.headers)
                session.answer("200 OK")
                session.read_request()
                session.open()
                client.end()
                self.assertEqual(session.end(), (1000, ""))
                self.assertEqual(client.wait()[0], 0)
            environment = {**os.environ, "http_proxy": proxy}
            with Client("--proxy", "none", peer.url, env=environment) as client, \
                    peer.open() as session:
                client.end()
                self.assertEqual(session.end(), (1000, ""))

    def test_verbose(self):
        with Peer() as peer, Client("-v", peer.url) as client, peer.open("X-Said: this") \
                as session:
            client.write(b"hello\n")
            session.read_frame()
            session.send(b"\0\1", BINARY)
            session.send(b"now", PING)
            self.assertEqual(session.read_frame(), (PONG, b"now"))
            client.end()
            session.end()
            status, _, said = client.wait()
            self.assertEqual(status, 0)
            for line in (f"* handshake: {peer.url}", "< HTTP/1.1 101 Switching Protocols",
                         "< X-Said: this", "> text, fin, 5 bytes", "< binary, fin, 2 bytes",
                         "< ping, fin, 3 bytes", "> pong, fin, 3 bytes", "> close 1000",
                         "> close, fin, 2 bytes", "< close, fin, 2 bytes",
                         "* closed by us: 1000 Normal Closure"):
                self.assertEqual(said.count(line), 1, said)

    def test_verbose_shows_frames_as_they_are(self):
        with Peer() as peer, Client("-v", peer.url) as client, \
                peer.open("Sec-WebSocket-Extensions: permessage-deflate") as session:
            hello = bytes.fromhex("f248cdc9c90700")  # RFC 7692, 7.2.3.1
            session.socket.sendall(b"\x41\x03" + hello[:3] + b"\x80\x04" + hello[3:])
            self.assertEqual(client.line(), b"Hello\n")
            client.write(b"x" * 5000 + b"\n")
            session.read_frame()
            client.end()
            session.end()
            status, _, said = client.wait()
            self.assertEqual(status, 0)
            for line in ("< text, rsv1, 3 bytes", "< continuation, fin, 4 bytes"):
                self.assertEqual(said.count(line), 1, said)
            self.assertRegex(said, r"> text, fin, rsv1, \d\d? bytes\n")


class Alive(unittest.TestCase):
    def test_ping(self):
        with Peer() as peer, Client("--json", "--ping", "0.05", peer.url) as client, \
                peer.open() as session:
            opcode, payload = session.read_frame()
            self.assertEqual(opcode, PING)
            session.send(payload, PONG)
            record = json.loads(client.line())
            self.assertEqual((record["direction"], record["opcode"]), ("in", "pong"))
            self.assertGreater(record["rtt_ms"], 0)
            session.send(b"later")
            record = json.loads(client.line())
            self.assertEqual(record["payload"], "later")
            self.assertGreater(record["rtt_ms"], 0)

    def test_one_waits(self):
        with Peer() as peer, Client("--one", peer.url, stdin=subprocess.DEVNULL) as client, \
                peer.open() as session:
            session.send(b"\xff\n", BINARY)
            session.send(b"not this")
            self.assertEqual(session.end(), (1000, ""))
            self.assertEqual(client.wait(), (0, b"\xff\n\n", ""))

    def test_one_is_not_answered_before_it_is_sent(self):
        with Peer() as peer, Client("-1", peer.url) as client, peer.open() as session:
            session.send(b"welcome")
            session.send(b"", PING)
            self.assertEqual(session.read_frame(), (PONG, b""))
            client.write(b"question\n")
            self.assertEqual(session.read_frame(), (TEXT, b"question"))
            session.send(b"answer")
            self.assertEqual(session.end(), (1000, ""))
            self.assertEqual(client.wait(), (0, b"answer\n", ""))

    def test_wait(self):
        with Peer() as peer, Client("--wait", "0.5", peer.url) as client, peer.open() as session:
            client.end()
            for text in (b"one", b"two", b"three"):
                self.assertFalse(select.select([session.socket], [], [], 0.2)[0])
                session.send(text)
                self.assertEqual(client.line(), text + b"\n")
            self.assertEqual(session.end(), (1000, ""))
            self.assertEqual(client.wait(), (0, b"", ""))

    def test_one_gives_up(self):
        for sent in (b"", b"hello\n"):
            with Peer() as peer, Client("-1", "--wait", "0.1", peer.url) as client, \
                    peer.open() as session:
                client.write(sent)
                if not sent:
                    client.end()
                self.assertEqual(session.end(), (1000, ""))
                said = "pirn: connect: timeout: no message within 100 ms\n"
                self.assertEqual(client.wait(), (10, b"", said))

    def test_messages_after_the_end(self):
        """What comes between our Close and the answer is printed."""
        with Peer() as peer, Client(peer.url) as client, peer.open() as session:
            client.end()
            self.assertEqual(session.read_close(), (1000, ""))
            session.send(b"late")
            session.close(1000)
            session.socket.close()
            self.assertEqual(client.wait(), (0, b"late\n", ""))

    def test_answers_that_say_something_else(self):
        """What was sent last may not have been understood: that is no good end."""
        rows = (
            (1009, "too big", 3, '1009 Message Too Big "too big"'),
            (4001, "", 3, "4001 "),
            (1001, "", 0, None),
            (None, "", 0, None),
        )
        for code, reason, status, text in rows:
            with Peer() as peer, Client(peer.url) as client, peer.open() as session:
                client.end()
                self.assertEqual(session.read_close(), (1000, ""))
                session.close(code, reason)
                session.socket.close()
                ended, _, said = client.wait()
                self.assertEqual(ended, status)
                begin = "pirn: connect: closed by us: 1000 Normal Closure; answered: "
                self.assertTrue(said.startswith(begin + text) if text else not said, said)

    def test_reconnect(self):
        with Peer() as peer, Client("--reconnect", peer.url) as client:
            for text in (b"one",):
                with peer.open() as session:
                    client.write(text + b"\n")
                    self.assertEqual(session.read_frame(), (TEXT, text))
                    session.send(text.upper())
                    self.assertEqual(client.line(), text.upper() + b"\n")
            with peer.open() as session:
                client.end()
                self.assertEqual(session.end(), (1000, ""))
            status, _, said = client.wait()
            self.assertEqual(status, 0)
            self.assertEqual(said.count("lost (tcp)"), 1)

    def test_reconnect_after_a_close(self):
        with Peer() as peer, Client("--reconnect", peer.url) as client:
            with peer.open() as session:
                session.close(1001, "later")
                self.assertEqual(session.read_close(), (1001, ""))
            with peer.open() as session:
                client.end()
                self.assertEqual(session.end(), (1000, ""))
            status, _, said = client.wait()
            self.assertEqual(status, 0)
            self.assertRegex(said, '^pirn: connect: closed by peer: 1001 Going Away "later"\n'
                                   r"\* wait: \d+ ms before attempt 2\n"
                                   f"\\* open: {peer.url}\n$")

    def test_reconnect_to_a_new_server(self):
        first = Server("--quiet")
        with Client("--reconnect", first.url) as client:
            client.write(b"before\n")
            self.assertEqual(client.line(), b"before\n")
            first.signal(signal.SIGKILL)
            self.assertEqual(first.wait()[0], -signal.SIGKILL)
            first.process.stdout.close()
            first.process.stderr.close()
            with Server("--quiet", "--port", str(first.port)):
                client.write(b"after\n")
                self.assertEqual(client.line(), b"after\n")
                client.end()
                self.assertEqual(client.wait()[0], 0)


if __name__ == "__main__":
    unittest.main()
