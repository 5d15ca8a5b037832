"""What the checks ask of the source: its files, its public functions, the objects of build/."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADERS = ROOT / "include/pirn"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"][^>"]+[>"])', re.M)
PROTOTYPE = re.compile(r"^PIRN_API\b[^;{]*?\b(pirn_\w+)\s*[(\[;]", re.M)


def includes(path):
    return INCLUDE.findall(path.read_text())


def core_headers():
    """The names of the headers that core.h includes, and its own."""
    names = [name[6:-1] for name in includes(HEADERS / "core.h") if name.startswith("<pirn/")]
    return {"core.h", *names}


def prototypes(header):
    return set(PROTOTYPE.findall(header.read_text()))


def public_functions(library):
    """The functions that the headers of "pirn-core" or "pirn" declare."""
    core = core_headers()
    return {
        name
        for header in HEADERS.glob("*.h")
        if (header.name in core) == (library == "pirn-core")
        for name in prototypes(header)
    }


def objects(library):
    """The objects of the files that are; build/ may have more, of files that were, and lacks one
    of deflate.c and deflate_none.c."""
    folder = "src/core" if library == "pirn-core" else "src/net"
    built = ROOT / f"build/CMakeFiles/{library}-objects.dir"
    files = [built / f"{path.relative_to(ROOT)}.o" for path in (ROOT / folder).rglob("*.c")]
    return sorted(path for path in files if path.exists())


def symbols(path, *options):
    """Rows (name, class, section) of nm."""
    command = ["nm", "--format=sysv", *options, str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [[cell.strip() for cell in line.split("|")] for line in output.splitlines()]
    return [(row[0].split("@")[0], row[2], row[6]) for row in rows if len(row) == 7]


def finish(faults):
    """Prints the faults; the status of the check."""
    for fault in sorted(faults):
        print(fault)
    return 1 if faults else 0
