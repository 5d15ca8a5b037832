"""The client by way of proxies: the real ones that Debian has, tinyproxy for CONNECT and microsocks
for SOCKS 5, with and without a password; and one of our own that asks for Digest."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time

from asking_proxy import AskingProxy
from fronts import has_tls
from serving import PATIENCE, PIRN, Server

TINYPROXY = shutil.which("tinyproxy")
MICROSOCKS = shutil.which("microsocks")


def echo(url, **environment):
    """What comes back of a "hello", or the text of the failure to connect."""
    others = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [PIRN, "connect", "--one", url], input="hello\n", text=True, capture_output=True,
        timeout=PATIENCE, env=others | environment,
    )  # fmt: skip
    assert bool(done.stdout) == (done.returncode == 0) != bool(done.stderr), done
    return (done.stdout or done.stderr.removeprefix("pirn: connect: ")).rstrip("\n")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(port, *command):
    """A proxy, from when it listens until the end of the block."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < end, command
                time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


@contextlib.contextmanager
def tinyproxy(*lines):
    port = free_port()
    with tempfile.NamedTemporaryFile("w", prefix="pirn-tinyproxy-") as config:
        print(f"Port {port}", "Listen 127.0.0.1", "MaxClients 20", *lines, sep="\n", file=config)
        config.flush()
        with running(port, TINYPROXY, "-d", "-c", config.name):
            yield port


def microsocks(*options):
    port = free_port()
    return running(port, MICROSOCKS, "-i", "127.0.0.1", "-p", str(port), *options)


def expect(got, wanted):
    assert got == wanted, f"{got!r} instead of {wanted!r}"


def check_http(url, nobody):
    with tinyproxy() as port:
        expect(echo(url, http_proxy=f"http://127.0.0.1:{port}"), "hello")
        expect(echo(url, all_proxy=f"http://ada:x@localhost:{port}/"), "hello")
        refused = echo(nobody, http_proxy=f"127.0.0.1:{port}")
        assert refused.startswith("proxy: 50"), refused
    with tinyproxy("BasicAuth ada secret") as port:
        expect(echo(url, http_proxy=f"http://ada:secret@127.0.0.1:{port}"), "hello")
        expect(echo(url, http_proxy=f"http://%61da:s%65cret@127.0.0.1:{port}"), "hello")
        expect(
            echo(url, http_proxy=f"http://127.0.0.1:{port}"),
            "proxy: 407 Proxy Authentication Required",
        )
        expect(  # what tinyproxy says of a wrong one
            echo(url, http_proxy=f"http://ada:wrong@127.0.0.1:{port}"),
            "proxy: 401 Unauthorized",
        )


def check_socks(url, nobody):
    with microsocks() as port:
        for scheme in ("socks5", "socks5h"):
            expect(echo(url, all_proxy=f"{scheme}://127.0.0.1:{port}"), "hello")
            by_name = url.replace("127.0.0.1", "localhost")
            expect(echo(by_name, all_proxy=f"{scheme}://localhost:{port}"), "hello")
        expect(
            echo(nobody, all_proxy=f"socks5h://127.0.0.1:{port}"),
            "proxy: SOCKS reply 5, connection refused",
        )
    with microsocks("-u", "ada", "-P", "secret") as port:
        expect(echo(url, all_proxy=f"socks5://ada:secret@127.0.0.1:{port}"), "hello")
        expect(echo(url, all_proxy=f"socks5h://127.0.0.1:{port}"), "proxy: it wants a password")
        expect(
            echo(url, all_proxy=f"socks5h://ada:wrong@127.0.0.1:{port}"),
            "proxy: user name or password is wrong",
        )


def check_digest(url):
    for how, connections in ("keep", 1), ("close", 2), ("drop", 2):
        for algorithm in ("SHA-256",) if how == "drop" else ("MD5", "SHA-256", "SHA-512-256"):
            with AskingProxy(how, algorithm) as proxy:
                expect(echo(url, http_proxy=f"http://ada:s%65cret@127.0.0.1:{proxy.port}"), "hello")
            expect(len(proxy.requests), connections)
            first, *_, last = [head for heads in proxy.requests for head in heads]
            assert "Proxy-Authorization: Basic " in first, first
            assert "secret" not in last and "Basic" not in last, last
            assert proxy.passed.startswith(b"GET / HTTP/1.1\r\n"), proxy.passed
            for secret in (b"Authorization", b"ada", b"secret", b"Digest"):
                assert secret not in proxy.passed, proxy.passed
    for user in ("ada:wrong@", ""):
        with AskingProxy() as proxy:
            expect(
                echo(url, http_proxy=f"http://{user}127.0.0.1:{proxy.port}"),
                "proxy: 407 Proxy Authentication Required",
            )
        expect([len(heads) for heads in proxy.requests], [2 if user else 1])


def check_none(url):
    dead = free_port()
    proxy = f"socks5h://127.0.0.1:{dead}"
    expect(echo(url, all_proxy=proxy), f"proxy: tcp: connection refused (127.0.0.1:{dead})")
    expect(echo(url, all_proxy=proxy, no_proxy="localhost,127.0.0.0/8"), "hello")
    expect(echo(url), "hello")


def main():
    with Server() as server:
        url = f"ws://127.0.0.1:{server.port}/"
        nobody = f"ws://127.0.0.1:{free_port()}/"
        check_none(url)
        if has_tls():  # whose hash functions Digest takes
            check_digest(url)
        if TINYPROXY:
            check_http(url, nobody)
        if MICROSOCKS:
            check_socks(url, nobody)


main()
