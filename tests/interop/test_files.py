#!/usr/bin/python3
"""Static files of `pirn serve --root`, and that nothing outside comes out."""

import os
import pathlib
import tempfile
import unittest

from serving import TEXT, Raw, Server, frame, request_head

SECRET = b"not for you"


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        outside = pathlib.Path(folder.name)
        self.root = outside / "root"
        (self.root / "sub").mkdir(parents=True)
        (outside / "secret.txt").write_bytes(SECRET)
        (outside / "rootless").mkdir()
        (outside / "rootless" / "secret.txt").write_bytes(SECRET)
        self.files = {
            "/a.txt": (b"text", "text/plain; charset=utf-8"),
            "/app.js": (b"let x;", "text/javascript; charset=utf-8"),
            "/sub/b.html": (b"<p>", "text/html; charset=utf-8"),
            "/data": (os.urandom(3 << 20), "application/octet-stream"),
            "/with blank.css": (b"p{}", "text/css; charset=utf-8"),
            "/empty.json": (b"", "application/json"),
        }
        for name, (content, _) in self.files.items():
            (self.root / name[1:]).write_bytes(content)
        os.symlink(outside / "secret.txt", self.root / "link.txt")
        os.symlink(outside, self.root / "up")
        os.mkfifo(self.root / "pipe")
        server = Server("--root", str(self.root))
        self.server = server.__enter__()
        self.addCleanup(lambda: server.__exit__(None))

    def ask(self, path, method="GET"):
        with Raw(self.server) as raw:
            raw.send(request_head(path, "Host: localhost", method=method))
            head, _, body = raw.read_all().partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), body

    def test_files(self):
        for name, (content, kind) in self.files.items():
            status, head, body = self.ask(name.replace(" ", "%20"))
            self.assertEqual((status, len(body)), (200, len(content)), name)
            self.assertEqual(body, content)
            self.assertIn(f"Content-Type: {kind}\r\n", head + "\r\n")
            self.assertIn("X-Content-Type-Options: nosniff", head)
            status, head, body = self.ask(name.replace(" ", "%20"), "HEAD")
            self.assertEqual((status, body), (200, b""))
            self.assertIn(f"Content-Length: {len(content)}\r\n", head + "\r\n")
        self.assertEqual(self.ask("/a.txt?version=2")[2], b"text")
        self.assertEqual(self.ask("/a.txt", "POST")[0], 405)

    def test_nothing_there(self):
        for path in ("/b.txt", "/sub/", "/a.txt/", "/a.txt/x", "/pipe", "/%00", "/a.txt%00",
                     "/%", "/%2", "/%zz", "/" + "x" * 5000):
            self.assertEqual(self.ask(path)[0], 404, path)

    def test_no_escape(self):
        paths = (
            "/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/%2E./secret.txt",
            "/sub/../../secret.txt", "/sub/..%2f..%2fsecret.txt", "/..\\secret.txt",
            "/..%5csecret.txt", "/%252e%252e/secret.txt", "//secret.txt", "/./../secret.txt",
            "/../rootless/secret.txt", "/link.txt", "/up/secret.txt", "/up/root/a.txt",
            "/%c0%ae%c0%ae/secret.txt", "/....//secret.txt", "/../root/a.txt",
            str(self.root.parent / "secret.txt"), "/" + str(self.root.parent / "secret.txt"),
        )
        for path in paths:
            status, _, body = self.ask(path)
            self.assertIn(status, (400, 404), path)
            self.assertNotIn(SECRET, body, path)

    def test_home(self):
        """The page, until there is an index.html when the server starts."""
        self.assertIn(b"WebSocket console", self.ask("/")[2])
        (self.root / "index.html").write_bytes(b"mine")
        with Server("--root", str(self.root)) as server:
            self.server, before = server, self.server
            self.assertEqual(self.ask("/")[2], b"mine")
            self.server = before

    def test_folder(self):
        (self.root / "sub" / "index.html").write_bytes(b"sub")
        status, head, _ = self.ask("/sub")
        self.assertEqual(status, 301)
        self.assertIn("Location: /sub/\r\n", head + "\r\n")
        self.assertEqual(self.ask("/sub/")[2], b"sub")
        self.assertIn("Location: /sub/\r\n", self.ask("//sub")[1] + "\r\n")

    def test_websockets_beside_files(self):
        for path in ("/", "/a.txt", "/nothing"):
            with Raw(self.server) as raw:
                raw.open(path).send(frame(TEXT, b"x"))
                self.assertEqual(raw.read_message(), (TEXT, b"x"))


if __name__ == "__main__":
    unittest.main()
