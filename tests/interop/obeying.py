#!/usr/bin/python3
"""A server by Python's websockets that echoes, but for these texts, which it obeys, as do
obeying.mjs (npm ws):

    close CODE REASON    closes
    ping TEXT            sends a Ping with TEXT; when its Pong is there, the message "pong TEXT"
    fragments N          sends a message of N fragments, each "part "

Prints "listening on PORT", and "closed CODE REASON" of each Close of a client.

    obeying.py [CERT KEY]
"""

import asyncio
import signal
import ssl
import sys

import websockets


async def obey(socket, *_):
    try:
        async for message in socket:
            word, _, rest = message.partition(" ") if isinstance(message, str) else ("", "", "")
            if word == "close":
                code, _, reason = rest.partition(" ")
                await socket.close(int(code), reason)
            elif word == "ping":
                await (await socket.ping(rest))
                await socket.send("pong " + rest)
            elif word == "fragments":
                await socket.send(["part "] * int(rest))
            else:
                await socket.send(message)
    except websockets.ConnectionClosed:
        pass
    finally:
        await socket.wait_closed()
        print("closed", socket.close_code, socket.close_reason, flush=True)


async def main():
    context = None
    if len(sys.argv) == 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[1:])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with websockets.serve(
        obey, "127.0.0.1", 0, max_size=None, subprotocols=["chat"], ssl=context
    ) as server:
        print("listening on", server.sockets[0].getsockname()[1], flush=True)
        await stop.wait()


asyncio.run(main())
