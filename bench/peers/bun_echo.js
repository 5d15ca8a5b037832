// An echo by Bun, whose WebSockets are those of uWebSockets.
const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, server) {
        if (!server.upgrade(request)) return new Response("upgrade", { status: 426 });
    },
    websocket: {
        perMessageDeflate: false,
        maxPayloadLength: 16 << 20,
        backpressureLimit: 256 << 20,
        message(socket, message) {
            socket.send(message);
        },
    },
});
console.log(`listening on ${server.port}`);
