#!/usr/bin/python3
"""Runs echo servers side by side and writes what was measured, as JSON.

    bench/run.py [--quick | --smoke] [--deflate | --tls] [--rounds N] [--only PART,...]
                 [--servers NAME,...] [--out FILE] [--cell SIZE/KIND/CONNECTIONS/OUTSTANDING ...]

In every round each server is started anew, and in every cell they run in random order: the floor (a
TCP echo of the same bytes), Pirn, and the peers that are installed. The server has processor 0 for
itself, the load processor 1. Parts: echo, calls, handshake, idle. With --deflate all compress, and
those that cannot are left out; with --tls all of it goes over TLS 1.3, with a certificate on P-256
and no resumption. Where the machine controls congestion by BBR, a run (not one of --smoke) sets
net.ipv4.tcp_congestion_control to cubic, if it may, until it ends. bench/report.py makes tables of
the result."""

import argparse
import contextlib
import datetime
import functools
import json
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("PIRN_BUILD_DIR", ROOT / "build"))
BENCH = BUILD / "bench"
PEERS = ROOT / "bench/peers"
SERVER_CPU, LOAD_CPU = "0", "1"
CONGESTION = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")

PIRN = [BUILD / "pirn", "serve", "--quiet", "--port", "0", "--max-message", "16M"]
BUN = [PEERS / "node_modules/.bin/bun", PEERS / "bun_echo.js"]
WS = ["node", PEERS / "ws_echo.mjs"]

SERVERS = ("floor", "pirn", "bun", "ws", "libwebsockets", "beast", "pirn-shared", "bun-shared",
           "pirn-dedicated", "bun-dedicated", "ws-dedicated",
           "pirn-tls", "bun-tls", "ws-tls")
PARTS = ("echo", "calls", "handshake", "idle")
QUICK_CELLS = [
    (20, "binary", 1, 1),
    (20, "binary", 50, 16),
    (1 << 10, "binary", 50, 16),
    (1 << 10, "text", 50, 16),
    (16 << 10, "binary", 50, 16),
    (64 << 10, "text", 50, 1),
]
SMOKE_CELLS = [(1 << 10, "ascii", 10, 4)]
DEFLATE_CELLS = [
    (1 << 10, "json", 1, 1),
    (1 << 10, "json", 50, 1),
    (1 << 10, "json", 50, 16),
    (1 << 10, "json", 500, 1),
    (16 << 10, "json", 50, 1),
]
SMOKE_DEFLATE_CELLS = [(1 << 10, "json", 10, 4)]
TLS_CELLS = [
    (20, "binary", 50, 1),
    (20, "binary", 50, 16),
    (16 << 10, "binary", 50, 1),
    (16 << 10, "binary", 50, 16),
]
CALLS_CELLS = [
    (20, "binary", 1, 1),
    (20, "binary", 50, 16),
    (16 << 10, "binary", 50, 16),
    (64 << 10, "binary", 50, 1),
]


def full_cells():
    for size in (20, 1 << 10, 16 << 10, 64 << 10):
        for connections in (1, 50, 500):
            for outstanding in (1, 16):
                yield size, "binary", connections, outstanding
        for kind in ("ascii", "text"):
            for outstanding in (1, 16):
                yield size, kind, 50, outstanding
    for kind in ("binary", "ascii", "text"):
        yield 1 << 20, kind, 1, 1
        yield 1 << 20, kind, 50, 1
    yield 20, "binary", 5000, 1


def frame_bytes(size):
    """Of a masked frame, and of its echo."""
    header = 2 if size < 126 else 4 if size < 65536 else 10
    return header + 4 + size, header + size


# ---- servers


def commands(size):
    """What starts each server that is installed; each prints its port."""
    found = {
        "floor": [BENCH / "bench_floor", *map(str, frame_bytes(size))],
        "pirn": PIRN,
        "bun": BUN,
        "ws": WS,
        "libwebsockets": [BENCH / "peers/lws_echo"],
        "beast": [BENCH / "peers/beast_echo"],
        "pirn-shared": [*PIRN, "--deflate=shared"],
        "pirn-dedicated": [*PIRN, "--deflate=dedicated"],
        "bun-shared": [*BUN, "shared"],
        "bun-dedicated": [*BUN, "dedicated"],
        "ws-dedicated": [*WS, "deflate"],
        "pirn-tls": [*PIRN, "--cert", certificate()],
        "bun-tls": [*BUN, "tls", certificate()],
        "ws-tls": [*WS, "tls", certificate()],
    }
    return {name: words for name, words in found.items() if is_installed(words)}


@functools.cache
def certificate():
    """A file with a key and its certificate."""
    path = BENCH / "localhost.pem"
    if not path.exists():
        run_and_read("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650", "-subj",
                     "/CN=localhost", "-keyout", str(path), "-out", str(path) + ".cert")
        with path.open("a") as file:
            file.write(pathlib.Path(str(path) + ".cert").read_text())
    return path


def is_installed(words):
    if words[0] == "node":
        return (PEERS / "node_modules/ws").exists() and shutil.which("node")
    for option in "--deflate", "--cert":
        if any(str(word).startswith(option) for word in words):
            return option in run_and_read(str(BUILD / "pirn"), "serve", "--help")
    return pathlib.Path(words[0]).exists()


def compresses(name):
    """With a window for each connection (dedicated), or one for all of them (shared)."""
    return name.endswith(("-shared", "-dedicated"))


def speaks_tls(name):
    return name.endswith("-tls")


def client_options(name):
    return ["--deflate"] if compresses(name) else ["--tls"] if speaks_tls(name) else []


def pinned(cpu, words):
    return ["taskset", "-c", cpu, *map(str, words)]


class Server:
    def __init__(self, words):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            pinned(SERVER_CPU, words), stdin=subprocess.DEVNULL, stdout=self.output
        )
        self.port = self.wait_for_port()

    def wait_for_port(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            self.output.seek(0)
            match = re.search(rb"listening on \S*?(\d+)/?\n", self.output.read())
            if match:
                return int(match.group(1))
            time.sleep(0.01)
        self.stop()
        sys.exit(f"bench: {self.process.args} does not start")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.output.close()


class Servers:
    """The servers of a round: the floor is another one for each size of messages."""

    def __init__(self, names):
        self.names, self.running = names, {}

    def get(self, name, size):
        key = (name, size if name == "floor" else 0)
        if key not in self.running:
            self.running[key] = Server(commands(size)[name])
        return self.running[key]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.running.values():
            server.stop()


# ---- what is measured


def run_client(program, server, *words):
    """The JSON that a program prints; None if it failed, which is told."""
    command = [BENCH / program, "--port", server.port, *words]
    done = subprocess.run(pinned(LOAD_CPU, command), capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip()
    return json.loads(done.stdout), None


def load_options(name, cell):
    size, kind, connections, outstanding = cell
    words = ["--size", size, "--kind", kind, "--connections", connections]
    words += ["--outstanding", outstanding]
    return words + (["--raw"] if name == "floor" else client_options(name))


def measure_echo(servers, cell, milliseconds):
    """One row for each server, in random order."""
    for name in random.sample(servers.names, len(servers.names)):
        server = servers.get(name, cell[0])
        words = ["--warm-up", milliseconds // 3, "--run", milliseconds]
        words += ["--server", server.process.pid]
        result, fault = run_client("bench_load", server, *load_options(name, cell), *words)
        if fault:
            print(f"bench: {name} {cell}: {fault}", file=sys.stderr)
            server.stop()
            servers.running = {k: s for k, s in servers.running.items() if s is not server}
        yield {"server": name, "cell": cell, **(result or {"fault": fault})}


@contextlib.contextmanager
def traced(words):
    """A server under strace, and where strace leaves its counts."""
    with tempfile.NamedTemporaryFile("r") as counts:
        server = Server(["strace", "-f", "-c", "-o", counts.name, *words])
        try:
            yield server, counts
        finally:
            server.stop()


def children(pid):
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def read_counts(text):
    """Calls by name, from the table of strace -c."""
    rows = (line.split() for line in text.splitlines())
    return {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[3].isdigit()}


def measure_calls(name, cell):
    """System calls per message: those of a run less those of a run of almost no messages."""
    few, many = cell[2] * cell[3], cell[2] * cell[3] + (20000 if cell[0] < 10000 else 4000)
    found = []
    for messages in (few, many):
        with traced(commands(cell[0])[name]) as (server, counts):
            words = load_options(name, cell) + ["--messages", messages]
            _, fault = run_client("bench_load", server, *words)
            for child in children(server.process.pid):
                os.kill(child, signal.SIGTERM)
            server.process.wait(10)
            found.append(read_counts(pathlib.Path(counts.name).read_text()))
        if fault:
            return {"server": name, "cell": cell, "fault": fault}
    calls = {
        call: round((count - found[0].get(call, 0)) / (many - few), 4)
        for call, count in found[1].items()
        if call != "total" and count - found[0].get(call, 0) > (many - few) * 0.001
    }
    return {"server": name, "cell": cell, "calls": calls}


def measure_handshake(servers, milliseconds):
    for name in random.sample(servers.names, len(servers.names)):
        if name == "floor":
            continue
        server = servers.get(name, 20)
        words = ["--server", server.process.pid, "--run", milliseconds, *client_options(name)]
        result, fault = run_client("bench_handshake", server, *words)
        yield {"server": name, **(result or {"fault": fault})}


def measure_idle(name, connections):
    server = Server(commands(20)[name])
    words = ["--server", server.process.pid, "--connections", connections]
    words += client_options(name)
    result, fault = run_client("bench_idle", server, *words)
    server.stop()
    return {"server": name, **(result or {"fault": fault})}


# ---- a run


def busy_processors():
    """How many there were on average in a second in which nothing is measured yet."""
    def busy():
        row = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()
        return sum(map(int, row[1:4] + row[6:9])) / os.sysconf("SC_CLK_TCK")

    before = busy()
    time.sleep(1)
    return busy() - before


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {
        "processor": model.group(1) if model else platform.machine(),
        "processors": os.cpu_count(),
        "kernel": platform.release(),
        "congestion": CONGESTION.read_text().strip() if CONGESTION.exists() else "",
        "date": datetime.date.today().isoformat(),
        "load": busy_processors(),
        "revision": first_line("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
        "compiler": first_line("cc", "--version"),
        "bun": first_line(str(BUN[0]), "--version"),
        "node": first_line("node", "--version"),
    }


@functools.cache
def run_and_read(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError:
        return ""
    return done.stdout


def first_line(*command):
    return (run_and_read(*command).splitlines() or [""])[0]


def echo_rounds(options, names):
    milliseconds = 600 if options.pace == "full" else 300
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        with Servers(names) as servers:
            for cell in options.cell:
                yield from measure_echo(servers, cell, milliseconds)


def handshake_rounds(options, names):
    for _ in range(options.rounds):
        with Servers(names) as servers:
            yield from measure_handshake(servers, 1000 if options.pace == "full" else 300)


@contextlib.contextmanager
def unpaced():
    """BBR lets timers pace what is sent, even to the same machine, and the slower of two servers
    pays for more timers. So for the time of a run it gives way to the kernel's default."""
    usual = CONGESTION.read_text() if CONGESTION.exists() else ""
    changed = usual.strip() == "bbr" and os.access(CONGESTION, os.W_OK)
    if changed:
        CONGESTION.write_text("cubic")
    try:
        yield
    finally:
        if changed:
            CONGESTION.write_text(usual)


def run(options, names):
    result = {"machine": machine(), "rounds": options.rounds, "pace": options.pace}
    others = [name for name in names if name != "floor"]
    if "echo" in options.only:
        result["echo"] = list(echo_rounds(options, names))
    if "handshake" in options.only and not options.deflate:
        result["handshake"] = list(handshake_rounds(options, names))
    if "idle" in options.only:
        count = {"smoke": 200, "quick": 2000, "full": 10000}[options.pace]
        result["idle"] = [measure_idle(name, count) for name in others]
    if "calls" in options.only:
        own_cells = options.deflate or options.tls or options.pace == "smoke"
        cells = options.cell if own_cells else CALLS_CELLS
        result["calls"] = [measure_calls(name, cell) for cell in cells for name in names]
    return result


def read_cell(text):
    size, kind, connections, outstanding = text.split("/")
    return int(size), kind, int(connections), int(outstanding)


def usual_cells(options):
    if options.tls and options.pace != "smoke":
        return TLS_CELLS
    if options.deflate:
        return SMOKE_DEFLATE_CELLS if options.pace == "smoke" else DEFLATE_CELLS
    return {"smoke": SMOKE_CELLS, "quick": QUICK_CELLS, "full": list(full_cells())}[options.pace]


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    pace = parser.add_mutually_exclusive_group()
    for name, text in (("quick", "in two minutes"), ("smoke", "in seconds, to see that it works")):
        pace.add_argument(f"--{name}", dest="pace", action="store_const", const=name, help=text)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--deflate", action="store_true", help="with permessage-deflate")
    kind.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", type=lambda text: text.split(","), default=PARTS)
    parser.add_argument("--servers", type=lambda text: text.split(","))
    parser.add_argument("--cell", type=read_cell, nargs="+", action="extend")
    parser.add_argument("--out", type=pathlib.Path, default=BENCH / "results.json")
    parser.set_defaults(pace="full")
    options = parser.parse_args()
    options.rounds = options.rounds or {"smoke": 1, "quick": 3, "full": 5}[options.pace]
    options.cell = options.cell or usual_cells(options)
    return options


def usual_servers(options):
    return [name for name in SERVERS
            if (options.deflate, options.tls) == (compresses(name), speaks_tls(name))]


def main():
    options = read_options()
    wanted = options.servers or usual_servers(options)
    there = commands(20)
    for name in wanted:
        if name not in there:
            print(f"skipped {name}: it is not there (tools/setup bench)", file=sys.stderr)
    with contextlib.nullcontext() if options.pace == "smoke" else unpaced():
        result = run(options, [name for name in wanted if name in there])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
