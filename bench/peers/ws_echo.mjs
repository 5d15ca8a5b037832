// An echo by the package ws: ws_echo.mjs [deflate]
import { WebSocketServer } from "ws";

const perMessageDeflate = process.argv[2] === "deflate" && { threshold: 0 };
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate });
server.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on("listening", () => console.log(`listening on ${server.address().port}`));
