#!/usr/bin/python3
"""`pirn connect` on a terminal: its prompt, its commands, and what peers may not do to a screen."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import unittest

from peer import Peer
from serving import BINARY, BUILD, PATIENCE, PING, PIRN, PONG, TEXT

HIDE = r"(\x1b\[\d+A)?\r\x1b\[J"  # the line being typed is taken off the screen


class Terminal:
    """A client that has a terminal."""

    def __init__(self, *arguments, columns=80, **environment):
        self.seen = ""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        names = {"TERM": "xterm", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **environment}
        self.process = subprocess.Popen(
            [PIRN, "connect", *arguments], stdin=slave, stdout=slave, stderr=slave,
            env={**os.environ, **names}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)

    def type(self, text):
        os.write(self.master, text.encode())

    def see(self, pattern):
        """Waits for it on the screen; what was there before and with it is not looked at again."""
        while not (found := re.search(pattern, self.seen)):
            assert select.select([self.master], [], [], PATIENCE)[0], (pattern, self.seen)
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                data = b""
            assert data, (pattern, self.seen)
            self.seen += data.decode()
        passed, self.seen = self.seen[:found.end()], self.seen[found.end():]
        return passed

    def wait(self):
        while True:  # a terminal that is not read would make it wait
            try:
                if not os.read(self.master, 1 << 16):
                    break
            except OSError:
                break
        return self.process.wait(timeout=PATIENCE)


cache = (BUILD / "CMakeCache.txt").read_text()
HAS_PROMPT = "PIRN_EDIT:STRING=OFF" not in cache and "EDIT_LIBRARY:FILEPATH=/" in cache


@unittest.skipUnless(HAS_PROMPT, "built without libedit")
class Prompt(unittest.TestCase):
    def setUp(self):
        self.peer = Peer()
        self.addCleanup(self.peer.socket.close)

    def start(self, *options, **more):
        terminal = Terminal(*options, self.peer.url, **more)
        self.addCleanup(terminal.__exit__)
        session = self.peer.open()
        self.addCleanup(session.socket.close)
        terminal.see(r"connected to ws://\S+; /help")
        terminal.see("> ")
        return terminal, session

    def test_line_is_drawn_again(self):
        terminal, session = self.start()
        terminal.type("half a ")
        terminal.see("half a ")
        session.send(b"meanwhile")
        terminal.see(HIDE + r"\x1b\[32m< meanwhile\x1b\[0m\r\n")
        terminal.see("> half a ")
        terminal.type("line\r")
        self.assertEqual(session.read_frame(), (TEXT, b"half a line"))
        terminal.type("\x04")
        self.assertEqual(session.end(), (1000, ""))
        terminal.see("closed by us: 1000")
        self.assertEqual(terminal.wait(), 0)

    def test_wrapped_line(self):
        """What is typed takes three rows; the cursor goes up two of them before it prints."""
        terminal, session = self.start(columns=20)
        typed = "0123456789" * 5
        terminal.type(typed)
        terminal.type("!")
        terminal.see("!")
        session.send(b"meanwhile")
        terminal.see(r"\x1b\[2A\r\x1b\[J\x1b\[32m< meanwhile")
        terminal.type("\r")
        self.assertEqual(session.read_frame(), (TEXT, typed.encode() + b"!"))

    def test_editing_and_history(self):
        terminal, session = self.start()
        for text in ("first", "sec\u00f6nd"):
            terminal.type(text + "\r")
            self.assertEqual(session.read_frame(), (TEXT, text.encode()))
        for typed, sent in (("\x1b[A\x1b[A\r", "first"), ("\x1b[A\x1b[D!\r", "firs!t"),
                            ("\x1bOA\x01a \r", "a firs!t"), ("xy\x7f\x15\x1b[A\r", "a firs!t")):
            terminal.type(typed)
            self.assertEqual(session.read_frame(), (TEXT, sent.encode()))
        terminal.type("\x1b")  # an arrow in pieces; messages pass meanwhile
        session.send(b"pass")
        terminal.see("< pass")
        terminal.type("[")
        session.send(b"on")
        terminal.see("< on")
        terminal.type("A\r")
        self.assertEqual(session.read_frame(), (TEXT, b"a firs!t"))

    def test_search(self):
        terminal, session = self.start()
        for text in ("first", "second"):
            terminal.type(text + "\r")
            self.assertEqual(session.read_frame(), (TEXT, text.encode()))
        terminal.type("\x12")
        terminal.see("bck:")
        terminal.type("irs")
        terminal.see("first")
        terminal.type("\x1b\r")
        self.assertEqual(session.read_frame(), (TEXT, b"first"))

    def test_commands(self):
        terminal, session = self.start()
        terminal.type("/ping now\r")
        opcode, payload = session.read_frame()
        self.assertEqual((opcode, payload), (PING, b"now"))
        session.send(payload, PONG)
        terminal.see(r"< pong now \(\d+[.]\d ms\)")
        session.send(b"who", PING)
        terminal.see("< ping who")
        self.assertEqual(session.read_frame(), (PONG, b"who"))
        terminal.type("/pong\r")
        self.assertEqual(session.read_frame(), (PONG, b""))
        terminal.type("//path\r")
        self.assertEqual(session.read_frame(), (TEXT, b"/path"))
        terminal.type("/help\r")
        terminal.see(r"/close \[CODE \[REASON\]\]")
        terminal.type("/bogus\r")
        terminal.see("! no command /bogus")
        terminal.type("/close 1005\r")
        terminal.see("! close code must not be sent")
        terminal.type("/close bye bye\r")
        terminal.see("! 'bye' is no close code")
        terminal.type("/ping " + "x" * 126 + "\r")
        terminal.see("! control frame is longer")
        terminal.type("/close 4321 that is it\r")
        self.assertEqual(session.end(4321), (4321, "that is it"))
        self.assertEqual(terminal.wait(), 0)

    def test_help_fits(self):
        terminal, _ = self.start(NO_COLOR="1")
        terminal.type("/help\r")
        shown = terminal.see(r"  /help [^\n]*\n")
        for line in re.findall(r"  /\w[^\r\n]*", shown):
            self.assertLessEqual(len(line), 80, line)

    def test_close_by_name(self):
        terminal, session = self.start()
        terminal.type("/close going_away\r")
        self.assertEqual(session.end(1001), (1001, ""))
        self.assertEqual(terminal.wait(), 0)

    def test_bytes_that_are_not_utf8(self):
        terminal, session = self.start()
        os.write(terminal.master, b"\xff\xfe\xc3A\x80\xe2\x82\xac\r")
        self.assertEqual(session.read_frame(), (TEXT, "\ufffd\ufffd\ufffdA\ufffd\u20ac".encode()))

    def test_peer_cannot_write_to_the_screen(self):
        terminal, session = self.start(NO_COLOR="1")
        session.send("\x1b[2J\x07\r\u009b2J\u202e\x7f tab\t\u20ac".encode())
        shown = "\\x1b[2J\\x07\\x0d\\xc2\\x9b2J\\xe2\\x80\\xae\\x7f tab\t\u20ac"
        terminal.see(re.escape(f"< {shown}\r\n"))
        session.send(b"two\nlines")
        terminal.see("< two\r\n  lines\r\n")
        session.send(b"\x1b\0\xff", BINARY)
        terminal.see(re.escape("< [binary, 3 bytes] 1b 00 ff\r\n"))
        session.close(1008, "\u009b reason")
        session.socket.close()
        terminal.see("closed by peer: 1008 Policy Violation")
        self.assertEqual(terminal.wait(), 3)

    def test_interrupt(self):
        terminal, session = self.start()
        terminal.type("typed\x03")
        self.assertEqual(session.end(), (1000, ""))
        self.assertEqual(terminal.wait(), 0)

    def test_end_before_it_is_open(self):
        for typed in ("\x04", "/close\r"):
            with Terminal("--reconnect", self.peer.url) as terminal, self.peer.accept():
                terminal.type(typed)
                terminal.see("closed by us before it was open")
                self.assertEqual(terminal.wait(), 0)

    def test_settings_come_back(self):
        terminal, session = self.start()
        during = termios.tcgetattr(terminal.master)
        terminal.type("/close\r")
        session.end()
        terminal.wait()
        self.assertFalse(during[3] & termios.ICANON)
        after = termios.tcgetattr(terminal.master)
        self.assertTrue(after[3] & termios.ICANON and after[3] & termios.ECHO)

    def test_lines_wait_for_the_next_connection(self):
        terminal, session = self.start("--reconnect")
        session.close(1001, "later")
        self.assertEqual(session.read_close(), (1001, ""))
        terminal.type("typed before the end\r")
        terminal.see("end.*\r\n")
        session.socket.close()
        terminal.see('closed by peer: 1001 Going Away "later"')
        terminal.see(r"wait: \d+ ms")
        terminal.type("and behind it\r")
        with self.peer.open() as session:
            for text in (b"typed before the end", b"and behind it"):
                self.assertEqual(session.read_frame(), (TEXT, text))

    def test_resize(self):
        terminal, session = self.start()
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.type("still here\r")
        self.assertEqual(session.read_frame(), (TEXT, b"still here"))


class NoPrompt(unittest.TestCase):
    def test_safe_nevertheless(self):
        with Peer() as peer, Terminal(peer.url, TERM="dumb") as terminal, peer.open() as session:
            session.send(b"\x1b[2J")
            terminal.see(re.escape("\\x1b[2J\r\n"))
            terminal.type("line\n")
            self.assertEqual(session.read_frame(), (TEXT, b"line"))
            terminal.type("\x04")
            self.assertEqual(session.end(), (1000, ""))


if __name__ == "__main__":
    unittest.main()
