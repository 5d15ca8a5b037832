#!/usr/bin/python3
"""The HTTP side of our client against Apache, which lets in whom it knows and hands them on to
`pirn serve`: Basic, Digest and Bearer, cookies, redirects. And Digest by SHA-256, which Apache has
not, against a server that computes it with Python's hashlib."""

import base64
import hashlib
import os
import pathlib
import subprocess
import sys
import unittest
import urllib.request

from fronts import APACHE, Apache, has_tls, new_folder
from peer import Peer
from serving import CLOSE, PATIENCE, PIRN, Server

if not APACHE:
    sys.exit(77)

MODULES = (
    "mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic",
    "auth_digest", "alias", "headers", "proxy", "proxy_http",
)  # fmt: skip

SETTINGS = """
ProxyPass /login !
ProxyPass /first !
ProxyPass /second !
ProxyPass /away !
ProxyPass /round !
ProxyPass / http://127.0.0.1:{backend}/ upgrade=websocket
<Location /basic>
    AuthType Basic
    AuthName house
    AuthUserFile {folder}/basic
    Require valid-user
</Location>
<Location /digest>
    AuthType Digest
    AuthName house
    AuthDigestProvider file
    AuthUserFile {folder}/digest
    Require valid-user
</Location>
<Location /bearer>
    Require expr %{{HTTP:Authorization}} == 'Bearer abc.def'
</Location>
<Location /inside>
    Require expr %{{HTTP_COOKIE}} =~ /session=17/
</Location>
<Location /login>
    Redirect 302 /inside
    Header always set Set-Cookie "session=17; Path=/; HttpOnly"
</Location>
Redirect 301 /first /second
Redirect 308 /second /basic/third
Redirect 307 /away http://localhost:{backend}/
Redirect 302 /round /round
"""

USER, PASSWORD = "ada", "l\u00f6ve: lace"


def run(*arguments):
    """(status, output, complaint)"""
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [PIRN, "connect", *arguments], input=b"hello\n", capture_output=True, timeout=PATIENCE,
        env=environment,
    )
    return done.returncode, done.stdout, done.stderr.decode()


needs_hashes = unittest.skipUnless(has_tls(), "Digest takes the hashes of the TLS library")
GOOD = (0, b"hello\n", "")


class Behind(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = new_folder()
        name = cls.folder.name
        digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        pathlib.Path(name, "basic").write_text(f"{USER}:{{SHA}}{digest}\n")
        secret = hashlib.md5(f"{USER}:house:{PASSWORD}".encode()).hexdigest()
        pathlib.Path(name, "digest").write_text(f"{USER}:house:{secret}\n")
        cls.server = Server("--quiet")
        cls.apache = Apache(name, MODULES, SETTINGS.format(folder=name, backend=cls.server.port))

    @classmethod
    def tearDownClass(cls):
        cls.apache.__exit__()
        cls.server.__exit__(None)
        cls.folder.cleanup()

    def url(self, path="", user=""):
        return f"ws://{user}127.0.0.1:{self.apache.port}/{path}"

    def refused(self, text, *arguments):
        status, output, complaint = run(*arguments)
        self.assertEqual((status, output), (8, b""), complaint)
        self.assertEqual(complaint, f"pirn: connect: http: {text}\n")

    def test_open_to_all(self):
        self.assertEqual(run(self.url()), GOOD)

    def test_basic(self):
        self.assertEqual(run("-u", f"{USER}:{PASSWORD}", self.url("basic")), GOOD)
        self.assertEqual(run(self.url("basic", f"{USER}:l%C3%B6ve%3A%20lace@")), GOOD)
        self.refused("401 Unauthorized instead of 101", self.url("basic"))
        self.refused("401 Unauthorized instead of 101", "-u", "ada:wrong", self.url("basic"))

    @needs_hashes
    def test_digest(self):
        for path in ("digest", "digest?a=1&b=%20"):
            self.assertEqual(run("-u", f"{USER}:{PASSWORD}", self.url(path)), GOOD)
        self.assertEqual(run(self.url("digest", f"{USER}:l%C3%B6ve%3A%20lace@")), GOOD)
        self.refused("401 Unauthorized instead of 101", self.url("digest"))
        self.refused("401 Unauthorized instead of 101", "-u", "ada:wrong", self.url("digest"))
        self.refused("401 Unauthorized instead of 101", "-u", "eve:x", self.url("digest"))

    def test_bearer(self):
        self.assertEqual(run("--bearer", "abc.def", self.url("bearer")), GOOD)
        self.refused("403 Forbidden instead of 101", "--bearer", "abc.de", self.url("bearer"))
        self.refused("403 Forbidden instead of 101", self.url("bearer"))

    def test_cookies(self):
        self.refused("403 Forbidden instead of 101", self.url("inside"))
        self.assertEqual(run("--cookie", "session=17", self.url("inside")), GOOD)
        jar = pathlib.Path(self.folder.name, "jar")
        cookie = "127.0.0.1\tFALSE\t/in\tFALSE\t0\tsession\t17\n"
        jar.write_text("# Netscape HTTP Cookie File\n" + cookie)
        self.refused("403 Forbidden instead of 101", "--cookie", str(jar), self.url("inside"))
        jar.write_text(
            "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/inside\tFALSE\t0\tsession\t17\n"
        )
        self.assertEqual(run("--cookie", str(jar), self.url("inside")), GOOD)

    def test_cookies_that_are_set_are_sent_back(self):
        jar = pathlib.Path(self.folder.name, "empty")
        jar.write_text("# Netscape HTTP Cookie File\n")
        self.assertEqual(run("-L", "--cookie", str(jar), self.url("login")), GOOD)

    def test_redirects(self):
        self.refused("301 Moved Permanently instead of 101", self.url("first"))
        self.assertEqual(run("-L", "-u", f"{USER}:{PASSWORD}", self.url("first")), GOOD)
        self.refused("401 Unauthorized instead of 101", "-L", self.url("first"))
        self.assertEqual(run("-L", self.url("away")), GOOD)
        self.refused("more redirects than the limit", "-L", self.url("round"))


def parts_of(header):
    """Of an Authorization: Digest."""
    scheme, _, text = header.partition(" ")
    assert scheme == "Digest", header
    return urllib.request.parse_keqv_list(urllib.request.parse_http_list(text))


class Sha256(unittest.TestCase):
    def answer_of(self, parts, hashed):
        def digest(*what):
            return hashed(":".join(what).encode()).hexdigest()

        return digest(
            digest(USER, "house", PASSWORD), parts["nonce"], parts["nc"], parts["cnonce"],
            parts["qop"], digest("GET", parts["uri"]),
        )

    @needs_hashes
    def test_digest(self):
        offers = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
        rows = (["SHA-256"], ["MD5"], ["SHA-256", "MD5"], ["MD5", "SHA-256"])
        for algorithms in rows:
            with self.subTest(algorithms), Peer() as peer:
                client = subprocess.Popen(
                    [PIRN, "connect", "--proxy", "none", "-u", f"{USER}:{PASSWORD}",
                     peer.url + "a?b"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                )  # fmt: skip
                with peer.accept() as session:
                    session.answer("401 Unauthorized", "Content-Length: 0", *(
                        f'WWW-Authenticate: Digest realm="house", nonce="n0", qop="auth", '
                        f'algorithm={name}, opaque="o"' for name in algorithms
                    ))  # fmt: skip
                with peer.accept() as session:
                    parts = parts_of(session.headers["authorization"][0])
                    best = "SHA-256" if "SHA-256" in algorithms else "MD5"
                    self.assertEqual(parts["algorithm"], best)
                    self.assertEqual(
                        (parts["uri"], parts["opaque"], parts["nc"]), ("/a?b", "o", "00000001")
                    )
                    self.assertEqual(parts["response"], self.answer_of(parts, offers[best]))
                    session.open()
                    self.assertEqual(session.read_frame()[0], CLOSE)
                    session.close(1000)
                _, complaint = client.communicate(timeout=PATIENCE)
                self.assertEqual((client.returncode, complaint), (0, b""))


if __name__ == "__main__":
    unittest.main()
