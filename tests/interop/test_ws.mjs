// The client of npm `ws` against `pirn serve`.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { run, serve, skip } from './serving.mjs';

const { default: WebSocket } = await import('ws').catch(() => skip('no ws; see tools/setup'));

const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 20];

async function connect(server, ...more) {
    const socket = new WebSocket(server.url, ...more);
    await once(socket, 'open');
    return socket;
}

async function closed(socket) {
    const [code, reason] = await once(socket, 'close');
    return [code, reason.toString()];
}

async function echoes() {
    const server = await serve();
    const socket = await connect(server);
    for (const size of SIZES) {
        const bytes = randomBytes(size), text = 'w\u00e9b\u{1f578}'.repeat(size / 8);
        for (const sent of [bytes, text]) {
            socket.send(sent);
            const [data, isBinary] = await once(socket, 'message');
            assert.equal(isBinary, sent === bytes);
            assert.ok(data.equals(Buffer.from(sent)), `${size} bytes`);
        }
    }
    socket.close(1000);
    assert.deepEqual(await closed(socket), [1000, '']);
    await server.end();
}

async function fragments() {
    const server = await serve();
    const socket = await connect(server);
    for (let i = 0; i < 1000; i++) socket.send(String(i % 10), { fin: i === 999 });
    const [data] = await once(socket, 'message');
    assert.equal(data.toString(), '0123456789'.repeat(100));
    socket.close();
    assert.equal((await closed(socket))[0], 1005);
    await server.end();
}

async function inOrder() {
    const server = await serve();
    const socket = await connect(server);
    const count = 20000;
    let next = 0;
    const all = new Promise(resolve => socket.on('message', data => {
        assert.equal(data.toString(), 'message ' + next);
        if (++next === count) resolve();
    }));
    for (let i = 0; i < count; i++) socket.send('message ' + i);
    await all;
    socket.close(4999, 'that was all'); // the answer has the code alone
    assert.deepEqual(await closed(socket), [4999, '']);
    await server.end();
}

async function pings() {
    const server = await serve();
    const socket = await connect(server);
    for (const payload of ['', 'x', 'y'.repeat(125)]) {
        socket.ping(payload);
        const [pong] = await once(socket, 'pong');
        assert.equal(pong.toString(), payload);
    }
    socket.terminate();
    await server.end();
}

// How large a compressed message is nobody knows that stops at the limit.
async function tooBig() {
    for (const [deflate, words] of [['off', /65537/], ['shared', /65536/]]) {
        const server = await serve('--max-message', '64k', '--deflate', deflate);
        const socket = await connect(server);
        socket.send(Buffer.alloc(65537));
        const [code, reason] = await closed(socket);
        assert.equal(code, 1009);
        assert.match(reason, words);
        await server.end();
    }
}

async function offers() {
    const server = await serve('--deflate=off');
    const socket = await connect(server, ['graphql-transport-ws', 'mqtt'],
        { perMessageDeflate: true });
    assert.equal(socket.protocol, 'graphql-transport-ws');
    assert.equal(socket.extensions, '');
    socket.terminate();
    await server.end();
}

async function thousandAtOnce() {
    const server = await serve('--quiet');
    const sockets = await Promise.all(Array.from({ length: 1000 }, () => connect(server)));
    await Promise.all(sockets.map(async (socket, i) => {
        const answer = once(socket, 'message');
        socket.send('I am ' + i);
        assert.equal((await answer)[0].toString(), 'I am ' + i);
    }));
    const ends = sockets.map(closed);
    server.signal();
    for (const end of await Promise.all(ends))
        assert.deepEqual(end, [1001, 'server is shutting down']);
    await server.end();
}

await run({ echoes, fragments, inOrder, pings, tooBig, offers, thousandAtOnce });
