#!/usr/bin/python3
"""The code in the README and in docs/guide is true: what begins with #include compiles and links
without a warning, and every other piece stands, letter for letter, in one of the examples; what it
names is there."""

import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import unittest

from serving import BUILD, PATIENCE

SOURCE = pathlib.Path(os.environ.get("PIRN_SOURCE_DIR", "."))
PAGES = [SOURCE / "README.md", *sorted((SOURCE / "docs/guide").glob("*.md"))]
FLAGS = "-std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"


def pieces(page, *languages):
    """(where it begins, the piece) for each piece of code in a page."""
    text = page.read_text()
    for piece in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        if piece[1] in languages:
            yield f"{page.name}:{text.count(chr(10), 0, piece.start()) + 2}", piece[2]


def cached(name):
    """What CMake was told, or has found out."""
    found = re.search(f"^{name}:[A-Z]*=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.M)
    return found[1] if found else ""


class Guide(unittest.TestCase):
    def build(self, program, folder):
        """With the compiler and the sanitizers that have built the library."""
        path = pathlib.Path(folder, "program.c")
        path.write_text(program)
        sanitizers = os.environ.get("PIRN_SANITIZE")
        more = [f"-fsanitize={sanitizers}"] if sanitizers else []
        more += ["--coverage"] if cached("PIRN_COVERAGE") == "ON" else []
        libraries = [BUILD / "libpirn.a", BUILD / "libpirn-core.a", "-lpthread"]
        archives = b"".join(library.read_bytes() for library in libraries[:2])
        libraries += ["-lssl", "-lcrypto"] if b"SSL_CTX_new" in archives else []
        libraries += ["-lz"] if b"deflateInit2_" in archives else []
        subprocess.run(
            [cached("CMAKE_C_COMPILER"), *shlex.split(FLAGS), *more, "-I", SOURCE / "include", path,
             *libraries, "-o", pathlib.Path(folder, "program")],
            check=True, timeout=PATIENCE,
        )

    def test_programs(self):
        programs = [each for page in PAGES for each in pieces(page, "c") if "#include" in each[1]]
        self.assertGreaterEqual(len(programs), 3)
        with tempfile.TemporaryDirectory() as folder:
            for where, program in programs:
                with self.subTest(where):
                    self.build(program, folder)

    def test_names(self):
        """What stands as `name()` is declared."""
        headers = "".join(path.read_text() for path in (SOURCE / "include/pirn").iterdir())
        declared = set(re.findall(r"\b(pirn_\w+)\(", headers))
        for page in PAGES:
            with self.subTest(page.name):
                named = set(re.findall(r"`(pirn_\w+)\(\)`", page.read_text()))
                self.assertEqual(named - declared, set())

    def test_pieces_of_examples(self):
        examples = [path.read_text() for path in (SOURCE / "examples").iterdir()]
        for page in PAGES:
            for where, piece in pieces(page, "c", "html"):
                if "#include" not in piece:
                    with self.subTest(where):
                        self.assertTrue(any(piece in example for example in examples), piece)


if __name__ == "__main__":
    unittest.main()
