#!/usr/bin/python3
"""`pirn bench` as a user of the command sees it: what it prints and counts, against `pirn serve`
and against servers that do not do what it wants."""

import asyncio
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from serving import PATIENCE, PIRN, Server

try:
    import websockets
except ImportError:
    sys.exit(77)

SCRIPT = pathlib.Path(__file__).parent.parent / "support" / "certificates.sh"


def bench(*words):
    """Exit status, output and complaint of a run."""
    done = subprocess.run([PIRN, "bench", *map(str, words)], capture_output=True, text=True,
                          timeout=3 * PATIENCE)
    return done.returncode, done.stdout, done.stderr


class Results(unittest.TestCase):
    def check(self, result):
        """What must be the case of every result."""
        count = result["messages"]
        times = result["round_trip_us"]
        self.assertEqual(count, times["count"])
        self.assertEqual(count, sum(row["count"] for row in result["histogram"]))
        self.assertEqual(result["connected"], result["set_up_us"]["count"])
        order = [times[key] for key in ("min", "p50", "p90", "p99", "p999", "max")]
        self.assertEqual(order, sorted(order))
        self.assertLessEqual(times["min"], times["mean"])
        self.assertLessEqual(times["mean"], times["max"])
        for row in result["histogram"]:
            self.assertLessEqual(row["to_us"] - row["from_us"], max(0.001, row["from_us"] / 60))
        if result["seconds"] > 0:
            self.assertAlmostEqual(result["messages_per_second"] * result["seconds"], count,
                                   delta=1 + count / 1000)

    def run_json(self, *words, status=0):
        done = bench("--json", *words)
        self.assertEqual((done[0], done[2]), (status, ""), done)
        result = json.loads(done[1])
        self.check(result)
        return result


class Echo(Results):
    def assert_whole(self, result, messages):
        self.assertEqual(result["messages"], messages)
        self.assertEqual((result["errors"], result["mismatches"]), ([], 0))
        self.assertFalse(result["silent"] or result["interrupted"])

    def test_sizes_and_types(self):
        with Server() as server:
            for size in 1, 7, 8, 9, 125, 126, 70000:
                for kind in "--text", "--binary":
                    result = self.run_json("-c", 3, "-n", 5, "-m", 60, "-s", size, kind, server.url)
                    self.assert_whole(result, 60)
                    self.assertEqual((result["type"], result["size"]), (kind[2:], size))

    def test_more_connections_than_messages(self):
        with Server() as server:
            self.assert_whole(self.run_json("-c", 40, "-n", 9, "-m", 7, server.url), 7)

    def test_large_ones_all_at_once(self):
        with Server("--max-message", "4M") as server:
            result = self.run_json("-c", 2, "-n", 8, "-m", 32, "-s", "2M", server.url)
            self.assert_whole(result, 32)

    def test_deflate(self):
        with Server() as server:
            load = ("--deflate", "--text", "-s", "4k", "-m", 50, server.url)
            if "without" in bench(*load)[2]:
                self.skipTest("no zlib")
            self.assert_whole(self.run_json(*load), 50)
        with Server("--deflate", "off") as server:
            result = self.run_json("--deflate", "-m", 5, server.url, status=1)
            self.assertEqual(sum(row["count"] for row in result["errors"]), 1)

    def test_unix(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            with Server("--unix", path):
                self.assert_whole(self.run_json("--unix", path, "-m", 20), 20)
                self.assert_whole(self.run_json("--unix", path, "-m", 20, "ws://any/where"), 20)

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["sh", SCRIPT, folder], check=True)
            pem = {name: os.path.join(folder, name) for name in os.listdir(folder)}
            said = bench("--ca", pem["ca.pem"], "wss://localhost:1/")[2]
            if "not built" in said:
                self.skipTest("no TLS")
            cert = ("--cert", pem["localhost.pem"], "--key", pem["localhost.key"])
            with Server(*cert) as server:
                url = f"wss://localhost:{server.port}/"
                load = ("-c", 4, "-n", 4, "-m", 100, url)
                self.assert_whole(self.run_json("--ca", pem["ca.pem"], *load), 100)
                self.assert_whole(self.run_json("-k", "-s", "64k", *load), 100)
                result = self.run_json(*load, status=1)
                self.assertEqual(result["errors"][0]["count"], 4)
                self.assertIn("tls", result["errors"][0]["text"])

    def test_duration(self):
        with Server() as server:
            result = self.run_json("-d", "0.3", "-c", 2, server.url)
            self.assertEqual((result["errors"], result["mismatches"]), ([], 0))
            self.assertGreaterEqual(result["seconds"], 0.3)
            self.assertGreater(result["messages"], 0)

    def test_rate(self):
        with Server() as server:
            result = self.run_json("--rate", 500, "-m", 150, "-c", 3, server.url)
            self.assert_whole(result, 150)
            self.assertGreaterEqual(result["seconds"], 0.29)

    def test_for_people(self):
        with Server() as server:
            status, out, complaint = bench("-m", 100, "-c", 2, server.url)
            self.assertEqual((status, complaint), (0, ""))
            for words in "messages    100 in", "round trip  p50 ", "p99.9", "2 of 2 connections":
                self.assertIn(words, out)
            rows = [line.split()[-1] for line in out.splitlines() if "%" in line and " - " in line]
            self.assertEqual(sum(map(int, rows)), 100)

    def test_progress_on_a_terminal(self):
        ours, its = pty.openpty()
        with Server() as server:
            done = subprocess.run([PIRN, "bench", "-d", "0.6", server.url], stderr=its,
                                  stdout=subprocess.PIPE, timeout=PATIENCE)
        os.close(its)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"messages a second, p50", os.read(ours, 65536))
        os.close(ours)

    def test_interrupt(self):
        with Server() as server:
            process = subprocess.Popen([PIRN, "bench", "--json", "-d", "0", server.url],
                                       stdout=subprocess.PIPE, text=True)
            while not self.catches_interrupt(process.pid):
                pass
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=PATIENCE)
            result = json.loads(out)
            self.check(result)
            self.assertTrue(result["interrupted"])

    @staticmethod
    def catches_interrupt(pid):
        with open(f"/proc/{pid}/status") as status:
            mask = next(line for line in status if line.startswith("SigCgt"))
        return int(mask.split()[1], 16) >> (signal.SIGINT - 1) & 1


class Others(unittest.IsolatedAsyncioTestCase, Results):
    """Servers that do not echo."""

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    async def against(self, handler, *words, status=1):
        async with websockets.serve(handler, "127.0.0.1", 0, max_size=None) as server:
            port = server.sockets[0].getsockname()[1]
            words = ("--timeout", "0.5", *words, f"ws://127.0.0.1:{port}/")
            return await asyncio.to_thread(self.run_json, *words, status=status)

    async def test_silence(self):
        async def swallow(socket, *_):
            async for _ in socket:
                pass

        result = await self.against(swallow, "-m", 10)
        self.assertEqual((result["messages"], result["silent"]), (0, True))

    async def test_other_replies(self):
        async def shout(socket, *_):
            async for message in socket:
                await socket.send(bytes(byte ^ 1 for byte in message))

        result = await self.against(shout, "-m", 30, "-n", 3)
        self.assertEqual((result["messages"], result["mismatches"]), (0, 30))

    async def test_replies_of_another_type(self):
        async def as_text(socket, *_):
            async for message in socket:
                await socket.send(message.decode("latin-1"))

        result = await self.against(as_text, "-m", 5, "-s", 8)
        self.assertEqual((result["messages"], result["mismatches"]), (0, 5))

    async def test_a_greeting(self):
        async def greet(socket, *_):
            await socket.send("welcome")
            async for message in socket:
                await socket.send(message)

        result = await self.against(greet, "-m", 30, "-c", 2, "-n", 3)
        self.assertEqual((result["messages"], result["mismatches"]), (30, 2))

    async def test_wrong_order(self):
        async def swap(socket, *_):
            async for message in socket:
                other = await socket.recv()
                await socket.send(other)
                await socket.send(message)

        result = await self.against(swap, "-m", 20, "-n", 2)
        self.assertEqual((result["messages"], result["mismatches"]), (0, 20))

    async def test_closing_in_the_middle(self):
        async def leave(socket, *_):
            for _ in range(10):
                await socket.send(await socket.recv())
            await socket.close(1011, "enough")

        result = await self.against(leave, "-d", "5", "-c", 3, "-n", 2)
        self.assertEqual(result["messages"], 30)
        self.assertEqual(sum(row["count"] for row in result["errors"]), 3)
        self.assertIn('1011 Internal Error "enough"', result["errors"][0]["text"])
        self.assertFalse(result["silent"])

    async def test_others_take_over(self):
        """What was on its way on a connection that broke is sent by another."""
        seen = []

        async def first_leaves(socket, *_):
            seen.append(socket)
            if len(seen) == 1:
                await socket.recv()
                socket.transport.abort()
            else:
                async for message in socket:
                    await socket.send(message)

        result = await self.against(first_leaves, "-m", 50, "-c", 3, "-n", 8)
        self.assertEqual(result["messages"], 50)
        self.assertEqual(sum(row["count"] for row in result["errors"]), 1)

    async def test_a_pause_delays_what_was_due(self):
        """At a rate a server that stands still is seen by more than the message it has."""
        async def pause(socket, *_):
            async for message in socket:
                if message[0] == ord("0") and message[1] == ord("1"):
                    await asyncio.sleep(0.3)
                await socket.send(message)

        result = await self.against(pause, "--rate", 200, "-m", 80, status=0)
        self.assertGreater(result["round_trip_us"]["p50"], 50000)


class Refusals(unittest.TestCase):
    def test_options(self):
        for words, text in (
            ((), "wants a URL"),
            (("a", "b"), "one URL"),
            (("-c", "0", "a"), "-c wants"),
            (("-c", "2M", "a"), "-c is at most"),
            (("-n", "1M", "a"), "-n is at most"),
            (("-s", "1G", "a"), "-s is at most"),
            (("--text", "--binary", "a"), "exclude"),
            (("-d", "1", "-m", "1", "a"), "exclude"),
            (("-k", "--ca", "x", "a"), "exclude"),
            (("ftp://a/"), "not a WebSocket URL"),
            (("--wrong", "a"), "not understood"),
        ):
            words = (words,) if isinstance(words, str) else words
            status, out, complaint = bench(*words)
            self.assertEqual((status, out), (2, ""), words)
            self.assertIn(text, complaint)
            self.assertEqual(complaint.count("\n"), 1)

    def test_nobody_there(self):
        status, out, complaint = bench("-c", 3, "ws://127.0.0.1:1/")
        self.assertEqual((status, complaint), (1, ""))
        self.assertIn("3  tcp: connection refused", out)

    def test_help(self):
        status, out, _ = bench("--help")
        self.assertEqual((status, out.split("\n")[0]), (0, "usage: pirn bench [OPTION ...] URL"))


if __name__ == "__main__":
    unittest.main()
