#!/usr/bin/python3
"""Makes a text table and an SVG of what bench/run.py has measured.

    bench/report.py RESULTS.json [--save NAME [--readme]]

Prints the tables; with --save they go to bench/results/NAME.txt, with NAME.svg beside it, and with
--readme a short one and the chart into README.md too, between its marks. All numbers are medians of
the rounds. How to read them: docs/guide/performance.md."""

import argparse
import json
import pathlib
import re
import statistics

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench/results"
README = ROOT / "README.md"
SERVERS = ["floor", "pirn", "bun", "libwebsockets", "beast", "ws", "pirn-shared", "bun-shared",
           "pirn-dedicated", "bun-dedicated", "ws-dedicated", "pirn-tls", "bun-tls", "ws-tls"]
COLOURS = {"pirn": "#c2410c", "bun": "#94a3b8", "libwebsockets": "#64748b", "beast": "#475569",
           "ws": "#cbd5e1"}
CHART_CELLS = [(20, "binary", 50, 16), (1 << 10, "binary", 50, 16), (1 << 10, "text", 50, 16),
               (16 << 10, "binary", 50, 16), (64 << 10, "text", 50, 1)]


class Cell:
    """What one server did in one cell: medians over the rounds."""

    def __init__(self, rows):
        rates = [row["messages"] / row["seconds"] for row in rows]
        self.rate = statistics.median(rates)
        self.spread = (max(rates) - min(rates)) / self.rate
        self.cpu_us = statistics.median(row["server_cpu"] / row["messages"] * 1e6 for row in rows)
        self.p50 = statistics.median(row["p50"] for row in rows)
        self.p99 = statistics.median(row["p99"] for row in rows)
        self.bytes = statistics.median(
            row.get("echo_bytes", 0) / max(row["messages"], 1) for row in rows
        )


def echo_cells(result):
    """By cell and server, in the order in which they were measured."""
    grouped = {}
    for row in result.get("echo", []):
        if "fault" not in row:
            servers = grouped.setdefault(tuple(row["cell"]), {})
            servers.setdefault(row["server"], []).append(row)
    return {
        cell: {name: Cell(rows) for name, rows in servers.items()}
        for cell, servers in grouped.items()
    }


def size_text(size):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


def rate_text(rate):
    if rate >= 999500:
        return f"{rate / 1e6:.2f} M"
    return f"{rate / 1e3:.0f} k" if rate >= 9950 else f"{rate / 1e3:.1f} k"


def cell_text(cell):
    size, kind, connections, outstanding = cell
    return f"{size_text(size):>7} {kind:6} {connections:5} {outstanding:3}"


HEAD = "   size kind   conns out"


def present(cells):
    return [name for name in SERVERS if any(name in servers for servers in cells.values())]


def is_ours(name):
    return name.startswith("pirn")


def ours(cells):
    return [name for name in present(cells) if is_ours(name)]


def rates(cells):
    names = present(cells)
    yield "Echoes: messages per second, and in brackets the share of the floor's"
    yield HEAD + "".join(f"{name:>16}" for name in names) + "   spread of pirn"
    for cell, servers in cells.items():
        line = cell_text(cell)
        for name in names:
            line += f"{with_share(servers, name):>16}"
        spreads = [servers[name].spread for name in ours(cells) if name in servers]
        yield line + (f"{max(spreads):14.0%}" if spreads else "")


def with_share(servers, name):
    if name not in servers:
        return "failed"
    rate = servers[name].rate
    share = f" ({rate / servers['floor'].rate:.2f})" if "floor" in servers else ""
    return rate_text(rate) + (share if name != "floor" else "       ")


def processor(cells):
    names = present(cells)
    yield "Echoes: processor time of the server, microseconds a message, and in brackets how many"
    yield "times the floor's; latency of pirn in microseconds"
    yield HEAD + "".join(f"{name:>16}" for name in names) + "      p50      p99"
    for cell, servers in cells.items():
        line = cell_text(cell)
        for name in names:
            text = "failed"
            if name in servers:
                us = servers[name].cpu_us
                times = f"({us / servers['floor'].cpu_us:.2f})" if "floor" in servers else ""
                text = f"{us:.3g} {times if name != 'floor' else '      '}"
            line += f"{text:>16}"
        if "pirn" in servers:
            line += f"{servers['pirn'].p50:9.0f}{servers['pirn'].p99:9.0f}"
        yield line


def sizes(cells):
    """What is on the wire, where servers compress."""
    names = [name for name in present(cells) if name.endswith(("-shared", "-dedicated"))]
    if not names:
        return
    yield "Echoes: bytes on the wire, of a message"
    yield HEAD + "".join(f"{name:>16}" for name in names)
    for cell, servers in cells.items():
        texts = [f"{servers[name].bytes:.0f}" if name in servers else "failed" for name in names]
        yield cell_text(cell) + "".join(f"{text:>16}" for text in texts)


def against(cells, own):
    names = [name for name in present(cells) if name != "floor" and not is_ours(name)]
    if not names:
        return
    yield f"Echoes: how many times as many messages per second as each peer has {own}"
    yield HEAD + "".join(f"{name:>16}" for name in names)
    for cell, servers in cells.items():
        line = cell_text(cell)
        for name in names:
            both = name in servers and own in servers
            text = f"{servers[own].rate / servers[name].rate:.2f}" if both else "failed"
            line += f"{text:>16}"
        yield line


def promises(cells):
    if any({"pirn", "floor"} <= servers.keys() for servers in cells.values()):
        yield "Promises"
    for cell, servers in cells.items():
        if not {"pirn", "floor"} <= servers.keys():
            continue
        pirn, floor = servers["pirn"], servers["floor"]
        limit = 1.1 if cell[0] == 20 and cell[3] == 16 else 1.25 if cell[0] >= 16 << 10 else None
        peers = {name: cell.rate for name, cell in servers.items() if name not in ("pirn", "floor")}
        faster = [name for name, rate in peers.items() if rate > pirn.rate]
        faults = []
        if pirn.rate < 0.9 * floor.rate:
            faults.append(f"{pirn.rate / floor.rate:.2f} of the floor")
        if faster:
            faults.append("slower than " + ", ".join(faster))
        if limit and pirn.cpu_us > limit * floor.cpu_us:
            faults.append(f"{pirn.cpu_us / floor.cpu_us:.2f} of the floor's processor time")
        yield f"{cell_text(cell)}  {'; '.join(faults) or 'kept'}"


def by_server(rows, value):
    grouped = {}
    for row in rows:
        if "fault" not in row:
            grouped.setdefault(row["server"], []).append(value(row))
    return {name: statistics.median(grouped[name]) for name in SERVERS if name in grouped}


def handshakes(result):
    rows = result.get("handshake", [])
    rate = by_server(rows, lambda row: row["connections"] / row["seconds"])
    cpu = by_server(rows, lambda row: row["server_cpu"] / row["connections"] * 1e6)
    if rate:
        yield "Connections: made, upgraded, one echo, closed"
        yield f"{'':14}{'per second':>12}{'us of processor each':>24}"
    for name in rate:
        yield f"{name:14}{rate[name]:12.0f}{cpu[name]:24.1f}"


def idle(result):
    rows = by_server(result.get("idle", []), lambda row: row["bytes_each"])
    if rows:
        yield "Idle connections: resident bytes of the server each, without the kernel's"
    for name, value in rows.items():
        yield f"{name:14}{value:12.0f}"


def calls(result):
    rows = [row for row in result.get("calls", []) if "calls" in row]
    if rows:
        yield "System calls a message"
    for row in rows:
        counts = sorted(row["calls"].items(), key=lambda item: -item[1])
        text = ", ".join(f"{name} {count:.3f}" for name, count in counts)
        total = sum(row["calls"].values())
        yield f"{cell_text(row['cell'])}  {row['server']:14} {total:.3f}: {text}"


def head(result):
    machine = result["machine"]
    yield f"Measured on {machine['date']} on {machine['processor']},"
    yield f"{machine['processors']} processors, Linux {machine['kernel']}"
    yield f"(congestion control: {machine['congestion']}); {machine['compiler']}"
    yield f"Pirn at {machine['revision']}, Bun {machine['bun']}, node {machine['node']};"
    yield f"medians of {result['rounds']} rounds; server and load have a processor each."
    if machine["load"] > 0.3:
        yield "THE MACHINE WAS BUSY: trust the processor time more than the messages per second."


def report(result):
    cells = echo_cells(result)
    parts = [head(result)]
    if cells:
        parts += [rates(cells), processor(cells), sizes(cells)]
        parts += [against(cells, own) for own in ours(cells)] + [promises(cells)]
    parts += [handshakes(result), idle(result), calls(result)]
    texts = ["\n".join(part) for part in parts]
    return "\n\n".join(text for text in texts if text) + "\n"


# ---- the chart


def bar(x, width, share, colour, label):
    height = min(share, 1.15) * 150
    return (
        f'<rect x="{x}" y="{190 - height:.1f}" width="{width}" height="{height:.1f}" '
        f'fill="{colour}"><title>{label}</title></rect>'
    )


def group(left, cell, servers, names):
    floor = servers["floor"].rate
    for i, name in enumerate(names):
        if name in servers:
            share = servers[name].rate / floor
            yield bar(left + i * 20, 18, share, COLOURS[name], f"{name}: {share:.2f} of the floor")
    size, kind, connections, outstanding = cell
    middle = left + len(names) * 10
    kind = {"text": "non-ASCII text"}.get(kind, kind)
    yield f'<text x="{middle}" y="206" text-anchor="middle">{size_text(size)} {kind}</text>'
    yield (
        f'<text x="{middle}" y="220" text-anchor="middle" fill="#64748b">'
        f"{connections} connections, {outstanding} each</text>"
    )


def chart(result):
    cells = echo_cells(result)
    shown = [cell for cell in CHART_CELLS if "floor" in cells.get(cell, {})]
    names = [name for name in present(cells) if name != "floor"]
    step = len(names) * 20 + 44
    width = max(len(shown) * step + 20, 520)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 232" width="{width}" '
        'height="232" font-family="sans-serif" font-size="11" fill="#0f172a">',
        f'<rect width="{width}" height="232" rx="6" fill="#fff"/>',
        '<text x="12" y="18" font-weight="bold">Echoes per second, as a share of raw TCP</text>',
    ]
    for i, name in enumerate(names):
        x = width - 88 * len(names) + 88 * i
        parts.append(f'<rect x="{x}" y="26" width="9" height="9" fill="{COLOURS[name]}"/>')
        parts.append(f'<text x="{x + 13}" y="34">{name}</text>')
    parts.append(
        f'<path d="M12 40H{width - 12}" stroke="#0f172a" stroke-dasharray="3 3"/>'
        f'<path d="M12 190H{width - 12}" stroke="#0f172a"/>'
    )
    for i, cell in enumerate(shown):
        parts += group(32 + i * step, cell, cells[cell], names)
    return "\n".join(parts + ["</svg>"]) + "\n"


# ---- the first page


def times_text(servers, name, value):
    if not {name, "floor"} <= servers.keys():
        return "-"
    return f"{value(servers[name]) / value(servers['floor']):.2f}"


def short_table(result, name):
    """Processor time a message, as a multiple of the floor's."""
    cells = echo_cells(result)
    names = [each for each in present(cells) if each != "floor"]
    machine = result["machine"]
    yield f"![Echoes per second, as a share of raw TCP](bench/results/{name}.svg)"
    yield ""
    yield "| processor time of an echo, raw TCP = 1 | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 1) + "|"
    for cell in CHART_CELLS:
        servers = cells.get(cell, {})
        size, kind, connections, outstanding = cell
        kind = {"text": "text that is not ASCII"}.get(kind, kind)
        row = [f"{size_text(size)} {kind}, {connections} connections, {outstanding} each"]
        row += [times_text(servers, each, lambda server: server.cpu_us) for each in names]
        yield "| " + " | ".join(row) + " |"
    yield ""
    yield f"{machine['processor']}, Linux {machine['kernel']}, {machine['date']}, medians of"
    yield f"{result['rounds']} rounds; [all numbers](bench/results/{name}.txt),"
    yield "[how they were measured](docs/guide/performance.md)."


def put_into_readme(lines):
    marks = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
    text = "\n".join(lines)
    README.write_text(marks.sub(lambda found: f"{found[1]}{text}\n{found[2]}", README.read_text()))


def save(result, name):
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.txt").write_text(report(result))
    if any("floor" in servers for servers in echo_cells(result).values()):
        (RESULTS / f"{name}.svg").write_text(chart(result))
    print(f"wrote {RESULTS.relative_to(ROOT)}/{name}.txt")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--save", metavar="NAME")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    if options.readme and not options.save:
        parser.error("--readme needs --save")
    result = json.loads(options.results.read_text())
    print(report(result), end="")
    if options.save:
        save(result, options.save)
    if options.readme:
        put_into_readme(short_table(result, options.save))


if __name__ == "__main__":
    main()
