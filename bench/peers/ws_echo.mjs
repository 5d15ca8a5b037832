// An echo by the package ws: ws_echo.mjs [deflate | tls FILE]
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { WebSocketServer } from "ws";

const [how, file] = process.argv.slice(2);
const pem = how === "tls" && readFileSync(file);
const listener = pem ? https.createServer({ cert: pem, key: pem }) : http.createServer();
const perMessageDeflate = how === "deflate" && { threshold: 0 };
const server = new WebSocketServer({ server: listener, perMessageDeflate });
server.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
listener.listen(0, "127.0.0.1", () => console.log(`listening on ${listener.address().port}`));
