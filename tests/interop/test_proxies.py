"""The client by way of real proxies, those that Debian has: tinyproxy for CONNECT, microsocks for
SOCKS 5; with and without a password. The library is called from here."""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from serving import BUILD, PATIENCE, Server

TINYPROXY = shutil.which("tinyproxy")
MICROSOCKS = shutil.which("microsocks")
LIBRARY = BUILD / "libpirn.so"

# An instrumented library cannot be loaded into a program that is not.
if os.environ.get("PIRN_SANITIZE") or not LIBRARY.exists() or not TINYPROXY or not MICROSOCKS:
    sys.exit(77)


class Message(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("data", ctypes.c_void_p), ("len", ctypes.c_size_t)]


try:
    pirn = ctypes.CDLL(str(LIBRARY))
    pirn.pirn_blocking_connect.restype = ctypes.c_void_p
except (OSError, AttributeError):
    sys.exit(77)


def echo(url, **environment):
    """What comes back of a "hello", or the text of the failure to connect."""
    for name in ("http_proxy", "all_proxy", "no_proxy"):
        os.environ.pop(name, None)
    os.environ.update(environment)
    error = ctypes.create_string_buffer(256)
    client = ctypes.c_void_p(
        pirn.pirn_blocking_connect(url.encode(), None, error, ctypes.c_size_t(256))
    )
    if not client:
        return error.value.decode()
    message = Message()
    assert pirn.pirn_blocking_send(client, 1, b"hello", ctypes.c_size_t(5)) == 0
    assert pirn.pirn_blocking_receive(client, PATIENCE * 1000, ctypes.byref(message)) == 1
    text = ctypes.string_at(message.data, message.len).decode()
    pirn.pirn_blocking_free(client)
    return text


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
        check_http(url, nobody)
        check_socks(url, nobody)


main()
