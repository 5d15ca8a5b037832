#!/usr/bin/python3
"""nginx in front of a server, for tests in other languages: front.py FOLDER [tls].

Prints "listening on URL", reads the line "http[s]://HOST:PORT" that says where the server is, and
runs until SIGTERM: so the server can be told before where the front is."""

import signal
import socket
import sys

from fronts import Nginx

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
folder, tls = sys.argv[1], "tls" in sys.argv[2:]
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
print(f"listening on {'wss' if tls else 'ws'}://localhost:{port}/", flush=True)
with Nginx(folder, sys.stdin.readline().strip(), tls=tls, listener=listener):
    signal.sigwait([signal.SIGTERM])
