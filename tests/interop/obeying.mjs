// A server by npm `ws` that does what obeying.py says: obeying.mjs [CERT KEY]
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { WebSocketServer } from 'ws';

const [cert, key] = process.argv.slice(2).map(name => readFileSync(name));
const http = cert ? createSecureServer({ cert, key }) : createServer();
const server = new WebSocketServer({ server: http, maxPayload: 0, perMessageDeflate: true });

function sendFragments(socket, count) {
    for (let i = 1; i <= count; i++) socket.send('part ', { fin: i === count });
}

server.on('connection', socket => {
    socket.on('message', (data, binary) => {
        const [, word, rest] = /^(\w+) ([^\n]*)$/.exec(binary ? '' : data) ?? [];
        const [, code, reason] = /^(\d+) ?(.*)$/.exec(rest) ?? [];
        if (word === 'close') socket.close(Number(code), reason);
        else if (word === 'ping') socket.ping(rest);
        else if (word === 'fragments') sendFragments(socket, Number(rest));
        else socket.send(data, { binary });
    });
    socket.on('pong', data => socket.send(`pong ${data}`));
    socket.on('error', error => console.log(`error ${error.message}`));
    socket.on('close', (code, reason) => console.log(`closed ${code} ${reason}`));
});
process.on('SIGTERM', () => process.exit(0));
http.listen(0, '127.0.0.1', () => console.log(`listening on ${http.address().port}`));
