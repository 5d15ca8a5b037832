// An echo by Bun, whose WebSockets are those of uWebSockets.
// bun_echo.js [shared | dedicated | tls FILE]
// The argument has it compress, with a window for all connections or one for each, or speak TLS.
const tls = process.argv[2] === "tls" && Bun.file(process.argv[3]);
const window = tls ? undefined : process.argv[2];
const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: tls ? { cert: tls, key: tls } : undefined,
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
