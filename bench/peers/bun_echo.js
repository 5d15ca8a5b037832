// An echo by Bun, whose WebSockets are those of uWebSockets: bun_echo.js [shared|dedicated]
// The argument has it compress, with a window for all connections or one for each.
const window = process.argv[2];
const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, server) {
        if (!server.upgrade(request)) return new Response("upgrade", { status: 426 });
    },
    websocket: {
        perMessageDeflate: window ? { compress: window, decompress: window } : false,
        maxPayloadLength: 16 << 20,
        backpressureLimit: 256 << 20,
        message(socket, message) {
            socket.send(message, window !== undefined);
        },
    },
});
console.log(`listening on ${server.port}`);
