#!/usr/bin/python3
"""The example programs do as their first lines say; echo and foreign_loop have their own tests."""

import pathlib
import subprocess
import tempfile
import unittest

from serving import (BINARY, BUILD, CLOSE, PATIENCE, TEXT, Process, Raw, Server, close_frame, frame,
                     request_head, upgrade_headers)

LINES = 3000
LINE = b"x" * 4000  # together more than the buffers of two sockets hold


class Example(Process):
    """An example on a port that the system chooses; it has no handler for signals."""

    def __init__(self, name, *arguments, **how):
        super().__init__(BUILD / "examples" / name, "0", *arguments, **how)
        self.port = int(self.ready.removesuffix("/").rpartition(":")[2])

    def __exit__(self, kind, *_):
        self.process.kill()
        _, complaint = self.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        assert kind or not complaint, complaint


def answer(example, path, *headers):
    with Raw(example) as raw:
        raw.send(request_head(path, *upgrade_headers(example.port, *headers)))
        return raw.read_head()


class Chat(unittest.TestCase):
    def come(self, chat, room, nick, **how):
        raw = Raw(chat, **how).open(f"/{room}?nick={nick}")
        self.addCleanup(raw.socket.close)
        return raw

    def hears(self, raw, text):
        self.assertEqual(raw.read_message(), (TEXT, text.encode()))

    def test_rooms(self):
        with Example("chat") as chat:
            ada = self.come(chat, "garden", "ada")
            self.hears(ada, "ada has come")
            elsewhere = self.come(chat, "cellar", "ada")
            self.hears(elsewhere, "ada has come")
            bob = self.come(chat, "garden", "b%C3%B6b")
            for raw in ada, bob:
                self.hears(raw, "böb has come")
            bob.send(frame(TEXT, b"hello"))
            for raw in ada, bob:
                self.hears(raw, "böb: hello")
            bob.send(close_frame(1000))
            self.hears(ada, "böb has left")
            ada.send(frame(BINARY, b"?") + close_frame(1003))
            self.assertEqual(ada.read_close(), (1003, "text only"))
            elsewhere.send(frame(TEXT, b"alone"))
            self.hears(elsewhere, "ada: alone")
            self.assertIn("/garden böb: closed by peer: 1000", chat.line())

    def test_nicknames(self):
        with Example("chat") as chat:
            for query in "", "?nick=", "?nick=%FF", "?nick=%", "?nick=" + "x" * 40:
                self.assertIn(" 400 ", answer(chat, "/garden" + query))
            self.assertIn(" 400 ", answer(chat, "/" + "x" * 80 + "?nick=ada"))
            with Raw(chat) as raw:
                raw.send(request_head("/garden?nick=ada", "Host: x"))
                self.assertIn(" 426 ", raw.read_head())

    def test_who_reads_too_slowly_misses_lines_and_knows_how_many(self):
        with Example("chat") as chat:
            slow = self.come(chat, "garden", "slow", receive_buffer=4096)
            self.hears(slow, "slow has come")
            ada = self.come(chat, "garden", "ada")
            self.hears(ada, "ada has come")
            self.hears(slow, "ada has come")
            for _ in range(LINES):
                ada.send(frame(TEXT, LINE))
                self.hears(ada, "ada: " + LINE.decode())
            heard = 0
            while (text := slow.read_message()[1]) == b"ada: " + LINE:
                heard += 1
            self.assertEqual(text.decode(), f"(you have missed {LINES - heard} lines)")
            ada.send(frame(TEXT, b"again"))
            self.hears(slow, "ada: again")


class Gate(unittest.TestCase):
    def test_who_may_come_in(self):
        with Example("gate") as gate:
            head = answer(gate, "/news")
            self.assertIn("HTTP/1.1 401 ", head)
            self.assertIn("WWW-Authenticate: Bearer", head)
            self.assertIn(" 403 ", answer(gate, "/news", "Cookie: token=pepper"))
            self.assertIn(" 404 ", answer(gate, "/other", "Cookie: token=sesame"))
            for header in "Cookie: a=b; token=sesame", "Authorization: bearer sesame":
                head = answer(gate, "/news", header, "Sec-WebSocket-Protocol: news.v1, news.v2")
                self.assertIn("HTTP/1.1 101 ", head)
                self.assertIn("Sec-WebSocket-Protocol: news.v2", head)

    def test_who_does_not_wait(self):
        with Example("gate") as gate:
            for _ in range(5):
                with Raw(gate) as raw:
                    raw.send(request_head("/news", *upgrade_headers(gate.port)))
            self.assertIn(" 401 ", answer(gate, "/news"))

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "index.html").write_text("<h1>news</h1>")
            with Example("gate", folder) as gate, Raw(gate) as raw:
                raw.send(request_head("/", "Host: x"))
                self.assertTrue(raw.read_all().endswith(b"\r\n\r\n<h1>news</h1>"))


class Drain(unittest.TestCase):
    def test_it_says_good_bye(self):
        with Example("drain") as example, Raw(example) as raw:
            raw.open().send(frame(TEXT, b"before"))
            self.assertEqual(raw.read_message(), (TEXT, b"before"))
            example.signal()
            self.assertEqual(raw.read_frame(), (CLOSE, (1001).to_bytes(2, "big") + b"see you"))
            raw.send(close_frame(1001))
            self.assertEqual(example.line(), "0 connections had to be terminated")
            self.assertEqual(example.wait(), (0, ""))


class CoreClient(unittest.TestCase):
    def run_client(self, port, *arguments):
        return subprocess.run(
            [BUILD / "examples" / "core_client", f"ws://127.0.0.1:{port}/", *arguments],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )

    def test_it_hears_what_it_says(self):
        with Server() as server:
            client = self.run_client(server.port, "grüße")
            self.assertEqual(client.stdout, "grüße\nended by us: 1000 Normal Closure\n")
            self.assertEqual((client.returncode, client.stderr), (0, ""))

    def test_it_says_why_it_was_refused(self):
        with Example("chat") as chat:
            client = self.run_client(chat.port)
            self.assertEqual((client.returncode, client.stdout), (1, ""))
            self.assertIn("400", client.stderr)


class Ask(unittest.TestCase):
    def ask(self, url, *arguments):
        return subprocess.run([BUILD / "examples" / "ask", url, *arguments], capture_output=True,
                              text=True, timeout=PATIENCE, check=False)

    def test_it_prints_the_answer(self):
        with Server() as server:
            asked = self.ask(f"ws://127.0.0.1:{server.port}/", "grüße")
            self.assertEqual((asked.returncode, asked.stdout, asked.stderr), (0, "grüße\n", ""))

    def test_it_says_why_not(self):
        with Example("chat") as chat:
            url = f"ws://127.0.0.1:{chat.port}/garden"
            asked = self.ask(url)
            self.assertEqual((asked.returncode, asked.stdout), (1, ""))
            self.assertEqual(asked.stderr, f"{url}: http: 400 Bad Request instead of 101\n")
            asked = self.ask(url + "?nick=ada", "x" * 5000)
            self.assertEqual((asked.returncode, asked.stdout), (0, "ada has come\n"))


class Follow(unittest.TestCase):
    def test_it_comes_back(self):
        with Server() as server:
            port = server.port
            url = f"ws://127.0.0.1:{port}/"
            follow = subprocess.Popen([BUILD / "examples" / "follow", url, "hello"], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.addCleanup(follow.kill)
            self.addCleanup(follow.stdout.close)
            self.addCleanup(follow.stderr.close)
            self.assertEqual(follow.stdout.readline(), "hello\n")
            self.assertEqual(follow.stderr.readline(), f"open: {url}\n")
        self.assertIn("1001", follow.stderr.readline())
        self.assertIn("wait: ", follow.stderr.readline())
        with Server("--port", str(port)):
            self.assertEqual(follow.stdout.readline(), "hello\n")
        follow.kill()
        follow.wait(timeout=PATIENCE)


class Announce(unittest.TestCase):
    def test_a_thread_tells_all(self):
        if not (BUILD / "examples" / "announce").exists():
            self.skipTest("there was no C++ compiler")
        with Example("announce", stdin=subprocess.PIPE) as example:
            with Raw(example).open() as one, Raw(example).open() as two:
                for text in "first\n", "second\n":
                    example.process.stdin.write(text)
                example.process.stdin.flush()
                for raw in one, two:
                    self.assertEqual(raw.read_message(), (TEXT, b"first"))
                    self.assertEqual(raw.read_message(), (TEXT, b"second"))
                two.send(frame(TEXT, b"may I?"))
                self.assertEqual(two.read_frame()[1][:2], (1008).to_bytes(2, "big"))
                example.process.stdin.close()
                self.assertEqual(one.read_frame()[1][:2], (1001).to_bytes(2, "big"))
                one.send(close_frame(1001))
            self.assertEqual(example.wait(), (0, ""))


if __name__ == "__main__":
    unittest.main()
