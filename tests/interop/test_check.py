#!/usr/bin/python3
"""`pirn check`: finds nothing in `pirn serve`, and every fault of a server that has it."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from fronts import has_tls, make_certificates
from serving import PATIENCE, PIRN, SANITIZED, Process, Server
from wrong_server import WrongServer

HERE = pathlib.Path(__file__).parent
WS = (HERE / "node_modules/ws").exists() and shutil.which("node") and HERE / "obeying.mjs"

# Cases of all kinds, that npm ws passes.
SOME = "open*,mask*,fragments*,control*,ping*,utf8-lone*,close-1*,deflate-text*"

# RFC 9112 wants an empty line before a request ignored; ours is strict about that on purpose.
KNOWN = {"open-empty-line"}

# What the server breaks, and what must be found with which level, of the cases that are tried.
FAULTS = [
    ("accept", "open*", "open-accept", "MUST"),
    ("no-upgrade", "open*", "open-upgrade", "MUST"),
    ("bare-lf", "no-key*,sends-*", "sends-http", "MUST"),
    ("any-key", "no-key*", "no-key-empty", "MUST"),
    ("any-version", "no-version*", "no-version-14", "MUST"),
    ("no-version-told", "no-version*", "no-version-99", "MUST"),
    ("unasked-subprotocol", "subprotocol*", "subprotocol-none", "MUST"),
    ("unasked-extension", "extension*", "extension-none", "MUST"),
    ("any-extension", "extension*", "extension-unknown", "MUST"),
    ("any-extension", "deflate*", "deflate-bits-7", "MUST"),
    ("any-mask", "mask*", "mask-none", "MUST"),
    ("any-rsv", "rsv*", "rsv-4-text", "MUST"),
    ("any-opcode", "opcode*", "opcode-3", "MUST"),
    ("any-length", "length*", "length-minimal-16", "SHOULD"),
    ("any-order", "fragments*", "fragments-cont-first", "SHOULD"),
    ("fragments", "fragments*", "fragments-2", "MUST"),
    ("long-control", "control*,sends*", "control-126-ping", "SHOULD"),
    ("long-control", "control*,sends*", "sends-control-126", "MUST"),
    ("no-pong", "ping*", "ping", "MUST"),
    ("other-pong", "ping*", "ping-125", "MUST"),
    ("any-text", "utf8-lone*,sends*", "utf8-lone-80", "MUST"),
    ("any-text", "utf8-lone*,sends*", "sends-utf8", "MUST"),
    ("no-answer", "close-1000", "close-1000", "MUST"),
    ("stays", "close-1000", "close-1000", "MUST"),
    ("any-code", "close*,sends*", "sends-close-code", "MUST"),
    ("any-code", "close*,sends*", "close-5000", "MAY"),
    ("after-close", "close*,sends*", "sends-after-close", "MUST"),
    ("no-close-frame", "rsv*", "rsv-4-text", "SHOULD"),
    ("masks", "ping*,sends*", "sends-masked", "MUST"),
    ("sends-rsv", "ping*,sends*", "sends-rsv", "MUST"),
    ("sends-length", "ping*,sends*", "sends-length", "MUST"),
]


def compresses():
    """Whether it was built with zlib."""
    command = [PIRN, "serve", "--deflate=shared", "--help"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def check(*options):
    """Exit status, output and complaints."""
    command = [PIRN, "check", *options]
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=5 * PATIENCE, check=False
    )
    return run.returncode, run.stdout, run.stderr


def check_json(url, *options):
    """Exit status, the records of cases by their id, and the summary."""
    status, output, complaints = check("--json", *options, url)
    assert complaints == "", complaints
    *cases, summary = map(json.loads, output.splitlines())
    assert summary.pop("summary")
    return status, {case["id"]: case for case in cases}, summary


def judged(cases):
    return {id: case for id, case in cases.items() if case["verdict"] != "not judged"}


def only(patterns):
    return [f"--only={pattern}" for pattern in patterns.split(",")]


def try_fault(row):
    fault, patterns, _, _ = row
    with WrongServer(fault) as server:
        return check_json(server.url, "--timeout=0.5", *only(patterns))


class Check(unittest.TestCase):
    def assert_clean(self, cases, known=frozenset()):
        wrong = {id for id, case in cases.items() if case["verdict"] != "ok"}
        self.assertEqual(wrong, known, [cases[id] for id in wrong])

    def test_serve(self):
        with Server("--quiet") as server:
            status, cases, summary = check_json(server.url, "--timeout=10")
        self.assertEqual(status, 0)
        self.assertGreater(len(cases), 200)
        self.assertEqual((summary["cases"], summary["echoes"]), (len(cases), True))
        if compresses():
            self.assertEqual(summary["not_judged"], 0)
        count = len(judged(cases))
        self.assertEqual(summary["not_judged"], len(cases) - count)
        self.assert_clean(judged(cases), KNOWN)
        self.assertEqual(summary["ok"], count - len(KNOWN))
        self.assertEqual(summary["violated"], {"MUST": 0, "SHOULD": len(KNOWN)})

    def test_serve_without_deflate_on_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            with Server("--quiet", "--unix", path, "--deflate=off"):
                status, output, _ = check("--timeout=10", "--unix", path)
        self.assertEqual(status, 0, output)
        self.assertIn("violated 0 MUST", output)
        self.assertIn("not judged deflate-text ", output)

    def test_a_good_server(self):
        with WrongServer() as server:
            status, cases, _ = check_json(server.url)
        broken = [c for c in cases.values() if c["verdict"] == "violated" and c["level"] == "MUST"]
        self.assertEqual((status, broken), (0, []))

    def test_faults(self):
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(try_fault, FAULTS))
        for (fault, _, expected, level), (status, cases, summary) in zip(FAULTS, found):
            with self.subTest(fault=fault, id=expected):
                case = cases[expected]
                verdict = "differs" if level == "MAY" else "violated"
                self.assertEqual((case["verdict"], case["level"]), (verdict, level), case)
                self.assertTrue(case["clause"] and case["came"] and case["expected"], case)
                self.assertEqual(status, 1 if summary["violated"]["MUST"] else 0)

    def test_text_is_not_echoed(self):
        with WrongServer("changes-text") as server:
            status, cases, summary = check_json(server.url, *only("length-*"))
        self.assertFalse(summary["echoes"])
        self.assertEqual((status, cases["length-1"]["verdict"]), (0, "ok"))

    def test_the_server_dies(self):
        with WrongServer("dies") as server:
            status, output, complaints = check("--only=length-*", server.url)
        self.assertEqual(status, 1)
        self.assertIn("cannot connect: Connection refused", output)
        self.assertRegex(complaints, r"^pirn check: \d+ cases could not connect any more$")

    def test_verbose(self):
        with Server("--quiet") as server:
            status, output, _ = check("-v", "--only=no-http-1.0", "--only=ping", server.url)
        self.assertEqual(status, 0)
        self.assertIn("request: first GET $TARGET HTTP/1.0\n", output)
        self.assertIn('sent: ping "Hello"\n', output)

    def test_no_websocket(self):
        with Server("--quiet") as server:
            closed = server.url
            self.assertEqual(check("-H", "Sec-WebSocket-Version: 12", server.url)[0], 2)
        status, _, complaints = check(closed)
        self.assertEqual(status, 2)
        self.assertIn("Connection refused", complaints)

    def test_usage(self):
        for options, complaint in [
            ((), "wants a URL"),
            (("ws://localhost/", "ws://localhost/"), "one URL is enough"),
            (("-k", "--ca=x", "wss://localhost/"), "exclude each other"),
            (("gopher://localhost/",), "'gopher://localhost/' is not a WebSocket URL: its scheme"),
            (("localhost",), "it has no scheme"),
            (("--only=bogus", "ws://localhost/"), "no such case"),
            (("-H", "bogus", "ws://localhost/"), "not a header"),
            (("--subprotocol", "a b", "ws://localhost/"), "not a subprotocol"),
            (("--bogus", "ws://localhost/"), "--bogus"),
        ]:
            status, output, complaints = check(*options)
            self.assertEqual((status, output), (2, ""), options)
            self.assertIn(complaint, complaints)
        self.assertIn("usage: pirn check", check("--help")[1])


@unittest.skipUnless(has_tls(), "built without TLS")
class Secure(unittest.TestCase):
    assert_clean = Check.assert_clean

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.holder.cleanup)
        make_certificates(cls.holder.name)
        cls.ca, cls.cert, cls.key = (
            os.path.join(cls.holder.name, name)
            for name in ("ca.pem", "localhost.pem", "localhost.key")
        )

    def test_serve(self):
        some = only(SOME) if SANITIZED else []
        with Server("--quiet", "--cert", self.cert, "--key", self.key) as server:
            status, cases, summary = check_json(
                server.url, "--timeout=10", "--ca", self.ca, *some
            )
            self.assertEqual((status, summary["echoes"]), (0, True))
            self.assert_clean(judged(cases), KNOWN & set(cases))
            status, cases, _ = check_json(server.url, "-k", *only("ping*"))
            self.assertEqual(status, 0)
            self.assert_clean(judged(cases))
            status, _, complaints = check(server.url)
            self.assertEqual(status, 2)
            self.assertIn("cannot connect: certificate verify failed", complaints)
            self.assertEqual(check(server.url.replace("wss:", "ws:"))[0], 2)

    def test_ws(self):
        if not WS:
            self.skipTest("no ws")
        with Process("node", WS, self.cert, self.key) as server:
            url = f"wss://127.0.0.1:{server.ready.rpartition(' ')[2]}/"
            status, cases, summary = check_json(
                url, "--timeout=10", "--ca", self.ca, *only(SOME)
            )
        self.assertEqual((status, summary["echoes"]), (0, True), cases)
        self.assertGreater(len(judged(cases)), 40)

    def test_plain_servers(self):
        for plain, seconds, complaint in (
            (Server("--quiet"), PATIENCE, "wrong version"), (WrongServer(), 0.1, "no TLS"),
        ):  # fmt: skip
            with plain:
                url = plain.url.replace("ws:", "wss:")
                status, _, complaints = check("-k", f"--timeout={seconds}", url)
                self.assertEqual(status, 2)
                self.assertIn(f"cannot connect: {complaint}", complaints)


if __name__ == "__main__":
    unittest.main()
