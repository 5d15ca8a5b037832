// permessage-deflate between the client of npm `ws` and `pirn serve`: every offer that the one can
// make, in every class of the other.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { converse, forEach, LARGE, MESSAGES } from './deflating.mjs';
import { run, serve, skip } from './serving.mjs';

const { default: WebSocket } = await import('ws').catch(() => skip('no ws; see tools/setup'));

const BITS = [8, 9, 10, 11, 12, 13, 14, 15];
const CLASSES = ['shared', 'dedicated:9', 'dedicated:12', 'dedicated:15'];
const SETTINGS = {
    kind: CLASSES,
    serverMaxWindowBits: [undefined, ...BITS],
    clientMaxWindowBits: [undefined, false, ...BITS],
    serverNoContextTakeover: [undefined, true],
    clientNoContextTakeover: [undefined, true]
};

async function connect(server, offer) {
    const socket = new WebSocket(server.url,
        { perMessageDeflate: { threshold: 0, zlibDeflateOptions: { level: 1 }, ...offer } });
    await once(socket, 'open');
    return socket;
}

async function close(socket) {
    socket.removeAllListeners('close');
    socket.close(1000);
    const [code] = await once(socket, 'close');
    assert.equal(code, 1000);
}

const stats = async server => (await fetch(`http://127.0.0.1:${server.port}/stats`)).json();

// zlib has no windows of 8 bits to compress with; such offers are declined, and work without.
const isDeclined = offer => offer.serverMaxWindowBits === 8 || offer.clientMaxWindowBits === 8;

async function everyOffer() {
    const classes = {};
    for (const kind of CLASSES) {
        const server = await serve('--quiet', '--deflate-threshold=1', '--deflate', kind);
        classes[kind] = { server, expected: 0 };
    }
    await forEach(SETTINGS, async ({ kind, ...offer }) => {
        const socket = await connect(classes[kind].server, offer);
        const what = JSON.stringify({ kind, ...offer });
        assert.equal(socket.extensions.includes('permessage-deflate'), !isDeclined(offer), what);
        await converse(socket, MESSAGES).catch(error => {
            throw new Error(`${what}, answered ${socket.extensions}`, { cause: error });
        });
        await close(socket);
        classes[kind].expected += isDeclined(offer) ? 0 : MESSAGES.length;
    });
    for (const { server, expected } of Object.values(classes)) {
        const { deflate: totals } = await stats(server);
        assert.equal(totals.received.messages, expected);
        assert.ok(totals.sent.messages > expected / 2, 'RSV1 is in use');
        assert.ok(totals.sent.wire_bytes < totals.sent.bytes);
        await server.end();
    }
}

// Thousands of messages, and large ones, over a connection of each class.
async function manyMessages() {
    for (const deflate of ['shared', 'dedicated', 'dedicated:9', 'dedicated:15']) {
        const server = await serve('--quiet', '--deflate', deflate);
        const socket = await connect(server, {});
        const many = Array.from({ length: 60 }, () => MESSAGES).flat();
        await converse(socket, [...many, ...LARGE]);
        await close(socket);
        await server.end();
    }
}

await run({ everyOffer, manyMessages });
