"""The example foreign_loop: it answers while its own loop has other things to do, and ends."""

import os
import socket
import subprocess
import sys

ROUNDS = 200


def frame(payload):
    """A masked text frame; the key is zero, so the payload stays as it is."""
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def read_exactly(stream, length):
    data = stream.read(length)
    assert len(data) == length, "connection ended early"
    return data


def upgrade(connection, stream):
    connection.sendall(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(stream, 1)
    assert head.startswith(b"HTTP/1.1 101 "), head
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head


def talk(port, program):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        stream = connection.makefile("rb")
        upgrade(connection, stream)
        for number in range(ROUNDS):
            text = b"message %d" % number
            connection.sendall(frame(text))
            if number % 3 == 0:
                program.stdin.write(b"something of its own\n")
                program.stdin.flush()
            assert read_exactly(stream, 2 + len(text)) == bytes([0x81, len(text)]) + text
        program.stdin.close()
        assert program.wait(20) == 0


path = os.path.join(os.environ.get("PIRN_BUILD_DIR", "build"), "examples", "foreign_loop")
if not os.path.exists(path):
    sys.exit(77)
with subprocess.Popen([path, "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
    try:
        talk(int(child.stdout.readline().rstrip(b"/\n").rpartition(b":")[2]), child)
    finally:
        child.kill()
print(ROUNDS, "messages echoed")
