#!/usr/bin/python3
"""`pirn serve` as a user of the command sees it: options, lines, exit status."""

import os
import signal
import socket
import subprocess
import tempfile
import unittest

from serving import BINARY, PATIENCE, PIRN, TEXT, Process, Raw, Server, close_frame, frame
from serving import request_head, stats, upgrade_headers


def run(*options):
    return subprocess.run(
        [PIRN, "serve", *options], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


class Refuses(unittest.TestCase):
    def complains(self, status, text, *options):
        result = run(*options)
        self.assertEqual((result.returncode, result.stdout), (status, ""), options)
        self.assertIn(text, result.stderr, options)
        self.assertEqual(result.stderr.count("\n"), 1, options)

    def test_options(self):
        rows = (
            ("'--bogus' is not understood", "--bogus"),
            ("'extra' is not understood", "extra"),
            ("'--quiet=yes' is not understood", "--quiet=yes"),
            ("--port wants a number from 0 to 65535", "--port"),
            ("--port wants a number from 0 to 65535, not '65536'", "--port", "65536"),
            ("--port wants a number from 0 to 65535, not '-1'", "--port=-1"),
            ("--port wants a number from 0 to 65535, not '80x'", "--port", "80x"),
            ("--port wants a number from 0 to 65535, not ''", "--port="),
            ("not '0'", "--max-message", "0"),
            ("not '1kk'", "--max-message", "1kk"),
            ("not '1T'", "--max-message", "1T"),
            ("not 'k'", "--max-message", "k"),
            ("not '9223372036854775808'", "--max-message", "9223372036854775808"),
            ("not '8589934592G'", "--max-message", "8589934592G"),
            ("not 'yes'", "--deflate=yes"),
            ("not 'shared:9'", "--deflate=shared:9"),
            ("not 'dedicated:'", "--deflate", "dedicated:"),
            ("not 'dedicated:8'", "--deflate", "dedicated:8"),
            ("not 'dedicated:16'", "--deflate", "dedicated:16"),
            ("not 'dedicated:9x'", "--deflate", "dedicated:9x"),
            ("not 'k'", "--deflate-threshold", "k"),
            ("not 'example.org'", "--origin", "example.org"),
            ("not 'https://example.org/'", "--origin", "https://example.org/"),
            ("exclude each other", "--any-origin", "--origin", "https://example.org"),
            ("exclude each other", "--unix", "x", "--port", "1"),
            ("exclude each other", "--unix", "x", "--host", "::1"),
        )
        for text, *options in rows:
            self.complains(2, text, *options)

    def test_places(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            self.complains(
                1,
                f"pirn: cannot listen on 127.0.0.1:{port}: Address already in use\n",
                "--port",
                port,
            )
        self.complains(1, "cannot listen on nowhere.invalid:0: ", "--host=nowhere.invalid",
                       "--port=0")
        self.complains(1, "cannot listen on /nowhere/socket: No such file", "--unix",
                       "/nowhere/socket")
        self.complains(1, "cannot serve /nowhere: No such file", "--root", "/nowhere")
        self.complains(1, "cannot serve /etc/passwd: Not a directory", "--root", "/etc/passwd")

    def test_help(self):
        help_option = run("--help")
        help_command = subprocess.run([PIRN, "help", "serve"], capture_output=True, text=True,
                                      check=True)
        self.assertEqual(help_option.stdout, help_command.stdout)
        self.assertTrue(help_option.stdout.startswith("usage: pirn serve"))


class Output(unittest.TestCase):
    def complaint(self, **more):
        result = subprocess.run([PIRN, "serve", "--port", "0"], stderr=subprocess.PIPE, text=True,
                                timeout=PATIENCE, check=False, **more)
        self.assertEqual(result.returncode, 1)
        return result.stderr

    def test_address_cannot_be_said(self):
        text = "pirn: cannot write the output: "
        with open("/dev/full", "wb") as full:
            self.assertEqual(self.complaint(stdout=full), text + "No space left on device\n")
        closed = self.complaint(preexec_fn=lambda: os.close(1))
        self.assertEqual(closed, text + "Bad file descriptor\n")

    def test_a_line_cannot_be_said(self):
        """It goes on, and complains once."""
        with subprocess.Popen([PIRN, "serve", "--port", "0"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, restore_signals=False) as process:
            self.port = int(process.stdout.readline().removesuffix("/\n").rpartition(":")[2])
            process.stdout.close()
            for _ in range(2):
                with Raw(self) as raw:
                    raw.open().send(close_frame(1000))
                    raw.read_all()
            complaint = process.stderr.readline()
            self.assertEqual(complaint, "pirn: cannot write the output: Broken pipe\n")
            process.terminate()
            self.assertEqual(process.stderr.read(), "")
            self.assertEqual(process.wait(timeout=PATIENCE), 1)


class Serves(unittest.TestCase):
    def test_says_where(self):
        with Server() as server:
            self.assertRegex(server.ready, r"^listening on ws://127\.0\.0\.1:[1-9][0-9]*/$")
        with Server("--host", "localhost") as server:
            self.assertRegex(server.ready, r"^listening on ws://localhost:[1-9][0-9]*/$")
        if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
            with Server("--host", "::1") as server:
                self.assertRegex(server.ready, r"^listening on ws://\[::1\]:[1-9][0-9]*/$")
        with Server("--host", "*") as server, Raw(server) as raw:
            raw.open().send(frame(TEXT, b"x"))
            self.assertEqual(raw.read_frame(), (TEXT, b"x"))

    def test_a_line_for_each_connection(self):
        with Server() as server:
            with Raw(server) as raw:
                raw.open("/chat?room=1").send(frame(TEXT, b"12345") + frame(TEXT, b""))
                raw.send(close_frame(4001, "done"))
                raw.read_all()
                local = raw.socket.getsockname()[1]
            line = server.line()
            self.assertRegex(
                line,
                rf"^127\.0\.0\.1:{local} /chat [0-9]+\.[0-9]{{3}} s, "
                r"in 2 messages 5 bytes, out 2 messages 5 bytes, ",
            )
            self.assertIn("4001", line)
            self.assertIn("done", line)
            server.signal()
            self.assertIsNone(server.line())

    def test_quiet(self):
        with Server("--quiet") as server:
            with Raw(server) as raw:
                raw.open().send(close_frame(1000))
                raw.read_all()
            server.signal()
            self.assertIsNone(server.line())

    def test_a_reason_cannot_forge_lines(self):
        with Server() as server:
            with Raw(server) as raw:
                raw.open().send(close_frame(1000, "a\nlistening on \x1b[31m"))
                raw.read_all()
            line = server.line()
            self.assertNotIn("\x1b", line)
            server.signal()
            self.assertIsNone(server.line())

    def test_stats(self):
        """One message comes compressed, as a stored block; it is too short to go back so."""
        offer = "Sec-WebSocket-Extensions: permessage-deflate"
        with Server("--quiet", "--deflate-threshold", "1") as server:
            self.assertEqual((stats(server)["connections"], stats(server)["opened"]), (0, 0))
            with Raw(server) as raw:
                raw.send(request_head("/", *upgrade_headers(server.port, offer)))
                self.assertIn("permessage-deflate", raw.read_head())
                raw.send(frame(0x40 | TEXT, b"\x00\x05\x00\xfa\xffHello\x00"))
                raw.send(frame(BINARY, b"plain"))
                self.assertEqual(raw.read_frame(), (TEXT, b"Hello"))
                self.assertEqual(raw.read_frame(), (BINARY, b"plain"))
                now = stats(server)
        self.assertEqual((now["connections"], now["opened"]), (1, 1))
        self.assertEqual(now["received"], {"messages": 2, "bytes": 10})
        self.assertEqual(now["sent"], {"messages": 2, "bytes": 10})
        self.assertEqual(now["deflate"]["received"], {"messages": 1, "bytes": 5, "wire_bytes": 11})
        self.assertEqual(now["deflate"]["sent"], {"messages": 0, "bytes": 0, "wire_bytes": 0})

    def test_max_message(self):
        for option, limit in (("100", 100), ("1k", 1024), ("2K", 2048), ("2M", 2 << 20)):
            with Server("--max-message", option) as server, Raw(server) as raw:
                data = b"x" * limit
                raw.open().send(frame(TEXT, data))
                self.assertEqual(raw.read_message(), (TEXT, data))
                raw.send(frame(TEXT, data + b"x")[:14])
                self.assertEqual(raw.read_close()[0], 1009)

    def test_unix(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            for _ in range(2):  # the second time over a dead one
                with Server("--unix", path) as server:
                    self.assertEqual(server.ready, f"listening on ws+unix:{path}")
                    with socket.socket(socket.AF_UNIX) as client:
                        client.connect(path)
                        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                        self.assertTrue(client.recv(1024).startswith(b"HTTP/1.1 200 "))
                    self.assertNotEqual(run("--unix", path).returncode, 0)
                self.assertFalse(os.path.exists(path))
                with socket.socket(socket.AF_UNIX) as dead:
                    dead.bind(path)


class Ends(unittest.TestCase):
    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with Server() as server, Raw(server) as raw:
                raw.open()
                server.signal(number)
                opcode, payload = raw.read_frame()
                self.assertEqual((opcode, payload[:2]), (8, b"\x03\xe9"))
                with self.assertRaises(OSError):
                    Raw(server)
                raw.send(frame(8, payload))
                self.assertEqual(raw.read_all(), b"")
                self.assertEqual(server.wait(), (0, ""))
                self.assertIn("1001", server.line())

    def test_hangup_is_ignored(self):
        """Two echoes: the signal would be acted upon before the second."""
        ignoring = ("sh", "-c", f'trap "" HUP; exec "{PIRN}" serve --port 0 --quiet')
        with Process(*ignoring) as server:
            server.port = int(server.ready.removesuffix("/").rpartition(":")[2])
            with Raw(server) as raw:
                raw.open()
                server.signal(signal.SIGHUP)
                for _ in range(2):
                    raw.send(frame(TEXT, b"here"))
                    self.assertEqual(raw.read_frame(), (TEXT, b"here"))

    def test_without_connections(self):
        with Server() as server:
            server.signal()
            self.assertEqual(server.wait(), (0, ""))

    def test_second_signal_waits_for_nobody(self):
        with Server() as server, Raw(server) as mute:
            mute.open()
            server.signal()
            mute.read_frame()
            server.signal()
            self.assertEqual(server.wait(), (0, ""))
            mute.read_to_any_end()

    def test_deadline_for_the_mute(self):
        server = Process(PIRN, "serve", "--port", "0")
        server.port = int(server.ready.removesuffix("/").rpartition(":")[2])
        with Raw(server) as mute:
            mute.open()
            server.signal()
            mute.read_frame()
            status, complaint = server.wait()
        self.assertEqual(status, 0)
        self.assertIn(complaint, ("", "pirn: 1 connections did not close in time\n"))
        server.process.stdout.close()
        server.process.stderr.close()


if __name__ == "__main__":
    unittest.main()
