#!/usr/bin/python3
"""`pirn connect` and `pirn serve`, as a user has them, over a path that loses and swallows."""

import os
import socket
import stat
import subprocess
import sys
import threading
import time
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, "..", "interop"))
from serving import LONG, PIRN, Process  # noqa: E402

SEED = os.environ.get("PIRN_SEED", "20")
PING_TIMEOUT = 20  # seconds, of the command

try:
    if not stat.S_ISSOCK(os.fstat(3).st_mode):
        raise OSError
    network = socket.socket(fileno=3)
except OSError:
    print("skipped: not run by tests/network/badnet")
    sys.exit(77)


def plan(text):
    """What became of packets under the plan before: (dropped, swallowed)."""
    network.sendall(text.encode() + b"\n")
    counts = [int(count) for count in network.recv(256).split()]
    return counts[1] + counts[6], counts[4] + counts[9]


def serve(*options):
    """A server at the far end, which dies with this process whatever happens."""
    return Process(
        "setpriv", "--pdeathsig", "SIGKILL", "nsenter", f"--net=/proc/{os.getpid()}/fd/4",
        PIRN, "serve", "--host", "192.0.2.2", "--port", "0", *options,
    )


def url(server):
    return server.ready.removeprefix("listening on ")


class BadNetwork(unittest.TestCase):
    def pipe(self, *options):
        lines = b"".join(b"%d %s\n" % (i, b"line" * (i % 40)) for i in range(count()))
        plan(f"seed={SEED} delay_us=1000 drop=20 double=20 late=50 hole=0")
        with serve("--deflate", "shared") as server:
            done = subprocess.run(
                ["setpriv", "--pdeathsig", "SIGKILL", PIRN, "connect", *options, url(server)],
                input=lines, capture_output=True, timeout=600, check=False,
            )
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertTrue(done.stdout == lines, "other lines came back")
            self.assertGreater(plan("drop=0 double=0 late=0")[0], 0)

    def test_lines_come_back_each_once(self):
        self.pipe("--no-deflate")

    def test_lines_come_back_compressed(self):
        self.pipe("--deflate")

    @unittest.skipUnless(LONG, "a matter of half a minute")
    def test_the_command_comes_back(self):
        plan("delay_us=1000 hole=0")
        with serve() as server, subprocess.Popen(
            ["setpriv", "--pdeathsig", "SIGKILL", PIRN, "connect", "--reconnect",
             "--ping", "1", "--timeout", "1", url(server)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        ) as client:
            said, lost = [], threading.Event()

            def hear():
                for line in client.stderr:
                    said.append(line)
                    lost.set()

            listener = threading.Thread(target=hear, daemon=True)
            listener.start()
            client.stdin.write(b"before\n")
            self.assertEqual(client.stdout.readline(), b"before\n")
            plan("hole=3")
            begin = time.monotonic()
            self.assertTrue(lost.wait(PING_TIMEOUT + 5))
            self.assertLess(time.monotonic() - begin, 1 + PING_TIMEOUT + 1)
            self.assertIn(b"ping timeout", said[0])
            client.stdin.write(b"in\nthe\ndark\n")
            time.sleep(3)  # attempts fail
            self.assertGreater(plan("hole=0")[1], 0)
            self.assertEqual([client.stdout.readline() for _ in range(3)],
                             [b"in\n", b"the\n", b"dark\n"])
            client.stdin.close()
            self.assertEqual(client.wait(20), 0)


def count():
    return 300000 if LONG else 10000


if __name__ == "__main__":
    program = unittest.main(exit=False)
    if not program.result.wasSuccessful():
        print(f"the pattern of the network was that of PIRN_SEED={SEED}")
        sys.exit(1)
