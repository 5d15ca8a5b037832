// js/pirn.js in Node against `pirn serve`: with npm `ws`, and with the WebSocket that Node has.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PirnSocket, closeInfo } from '../../js/pirn.js';
import { run, serve, skip } from './serving.mjs';

const { default: ws, WebSocketServer } =
    await import('ws').catch(() => skip('no ws; see tools/setup'));

// Of Node, when this script was started again to use it.
const WebSocket = process.argv[2] === 'own' ? globalThis.WebSocket : ws;
const fast = { WebSocket, minDelay: 10, maxDelay: 100, connectTimeout: 1000 };

async function connect(url, options) {
    const socket = new PirnSocket(url, [], { ...fast, ...options });
    await once(socket, 'open');
    return socket;
}

// What the next messages hold.
function messages(socket, count) {
    const contents = [];
    return new Promise(resolve => socket.addEventListener('message', function hear({ data }) {
        contents.push(data);
        if (contents.length < count) return;
        socket.removeEventListener('message', hear);
        resolve(contents);
    }));
}

async function end(socket, server) {
    socket.close(1000);
    const [{ code, wasClean }] = await once(socket, 'close');
    assert.deepEqual([code, wasClean, socket.readyState], [1000, true, PirnSocket.CLOSED]);
    await server.end();
}

// A server that takes the place of one that is gone; the socket may be open before this knows it.
async function serveAgain(socket, { port }, open = once(socket, 'open')) {
    const server = await serve('--port', String(port));
    await open;
    return server;
}

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => String(from + i));

async function echoes() {
    const server = await serve();
    const socket = new PirnSocket(() => server.url, async () => ['mqtt', 'wamp'],
        { ...fast, params: () => ({ token: 'a b' }) });
    socket.binaryType = 'arraybuffer';
    socket.json({ queued: true });
    socket.send(new Uint8Array([1, 2, 3]).subarray(1));
    socket.addEventListener('message', event => assert.deepEqual(event.json(), { queued: true }),
        { once: true });
    const [, bytes] = await messages(socket, 2);
    assert.deepEqual([...new Uint8Array(bytes)], [2, 3]);
    assert.equal(socket.protocol, 'mqtt');
    assert.equal(socket.url, server.url + '?token=a+b');
    socket.send(new Blob(['blob']));
    const [blob] = await once(socket, 'message');
    assert.equal(Buffer.from(blob.data).toString(), 'blob');
    await end(socket, server);
}

// The server crashes; what is sent meanwhile waits for the next, and comes once and in order.
async function queueOverCrash() {
    const first = await serve();
    const socket = await connect(first.url);
    const before = messages(socket, 100);
    numbers(0, 100).forEach(text => socket.send(text));
    assert.deepEqual(await before, numbers(0, 100));
    const gone = first.crash();
    const [lost] = await once(socket, 'close');
    assert.equal(lost.code, 1006);
    assert.equal(socket.readyState, PirnSocket.CONNECTING);
    numbers(100, 1000).forEach(text => socket.send(text));
    const [failed] = await once(socket, 'close');
    assert.equal(failed.attempt, 2);
    const after = messages(socket, 1000);
    await gone;
    const second = await serveAgain(socket, first);
    numbers(1000, 1100).forEach(text => socket.send(text));
    assert.deepEqual(await after, numbers(100, 1100));
    assert.equal(socket.bufferedAmount, 0);
    await end(socket, second);
}

const beats = { heartbeat: () => 'ping', isAnswer: data => data === 'ping' };

// As in the guide: what has no receipt is sent again, and what comes twice is known by its number.
// The heartbeat notices a connection whose end nothing tells of: a server that is killed with
// unread data resets it, and a reset is sent once.
async function receipts() {
    let server = await serve();
    const options = { ...fast, ...beats, heartbeatInterval: 500, heartbeatTimeout: 5000 };
    const socket = new PirnSocket(server.url, [], options), waiting = new Map(), arrived = [];
    const send = id => { waiting.set(id, id); socket.send(id); };
    socket.onopen = () => { for (const id of waiting.keys()) socket.send(id); };
    const all = new Promise(resolve => socket.onmessage = ({ data }) => {
        if (waiting.delete(data)) arrived.push(data); // an echo is a receipt
        if (data === '2999') resolve();
    });
    await once(socket, 'open');
    for (let from = 0; from < 3000; from += 1000) {
        numbers(from, from + 1000).forEach(send);
        if (from === 2000) break;
        await once(socket, 'message'); // in the middle of it
        const open = once(socket, 'open');
        await server.crash();
        server = await serveAgain(socket, server, open);
    }
    await all;
    assert.deepEqual(arrived, numbers(0, 3000));
    await end(socket, server);
}

// A server that shuts down says 1001, and the client waits for another.
async function shutDown() {
    const first = await serve();
    const socket = await connect(first.url), steps = [];
    for (const type of ['close', 'reconnecting', 'giveup'])
        socket.addEventListener(type, event => steps.push([type, event.code, event.reason]));
    const waiting = once(socket, 'reconnecting');
    await first.end();
    await waiting;
    const why = [1001, 'server is shutting down'];
    // (Then it may have tried in vain already.)
    assert.deepEqual(steps.slice(0, 2), [['close', ...why], ['reconnecting', ...why]]);
    await end(socket, await serveAgain(socket, first));
}

async function tooBig() {
    const server = await serve('--max-message', '1000');
    const socket = await connect(server.url);
    socket.send('x'.repeat(1001));
    const [given] = await once(socket, 'giveup');
    assert.deepEqual([given.code, socket.readyState], [1009, PirnSocket.CLOSED]);
    await server.end();
}

async function backPressure() {
    const server = await serve();
    const socket = await connect(server.url), chunk = 'x'.repeat(1 << 19);
    socket.binaryType = 'arraybuffer';
    let received = 0, most = 0;
    socket.onmessage = event => { received += event.data.length; };
    for (let i = 0; i < 40; i++) {
        socket.send(chunk);
        most = Math.max(most, socket.bufferedAmount);
        await socket.drained(chunk.length);
        assert.ok(socket.bufferedAmount <= chunk.length);
    }
    await socket.drained();
    assert.ok(most <= 2.1 * chunk.length, `${most} bytes waited`);
    while (received < 40 * chunk.length) await once(socket, 'message');
    await end(socket, server);
}

// A peer that is there no more, though the connection stays open: no answer to the heartbeat.
async function heartbeat() {
    const server = await serve();
    const socket = await connect(server.url,
        { ...beats, heartbeatInterval: 20, heartbeatTimeout: 500 });
    const heard = [];
    socket.onmessage = event => heard.push(event.data);
    socket.send('x');
    await once(socket, 'message');
    server.signal('SIGSTOP');
    const [{ code, reason }] = await once(socket, 'close');
    assert.deepEqual([code, reason, heard], [3008, 'heartbeatTimeout', ['x']]);
    server.signal('SIGCONT');
    await once(socket, 'open');
    await end(socket, server);
}

async function noAnswer() {
    const server = await serve();
    server.signal('SIGSTOP');
    const socket = new PirnSocket(server.url, [], { ...fast, connectTimeout: 50 });
    const [{ code, reason }] = await once(socket, 'close');
    assert.deepEqual([code, reason], [3008, 'connectTimeout']);
    server.signal('SIGCONT');
    await once(socket, 'open');
    await end(socket, server);
}

// What a server says at the end is understood: every code that may be on the wire.
async function closeCodes() {
    const server = new WebSocketServer({ port: 0 });
    const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012,
        1013, 1014, 3000, 3003, 3007, 3008, 4000, 4999];
    await once(server, 'listening');
    server.on('connection', (peer, { url }) => peer.close(Number(url.slice(1)), 'why'));
    for (const code of codes) {
        const socket = new PirnSocket(`ws://127.0.0.1:${server.address().port}/${code}`, [], fast);
        const steps = [];
        for (const type of ['reconnecting', 'giveup'])
            socket.addEventListener(type, event => steps.push(type));
        const [{ code: got, reason }] = await once(socket, 'close');
        assert.deepEqual([got, reason], [code, 'why']);
        const next = closeInfo(code).retry === 'never' ? 'giveup' : 'reconnecting';
        assert.deepEqual(steps, [next]);
        socket.close();
    }
    server.close();
}

// There is one table of close codes: js/pirn.js says what the command says.
async function sameTable() {
    const server = await serve();
    const html = await (await fetch(server.url.replace('ws:', 'http:'))).text();
    const rows = JSON.parse(/id="codes">(.*?)<\/script>/s.exec(html)[1]);
    assert.ok(rows.length > 20);
    for (const { first, last, name, means, retry } of rows)
        for (const code of [first, last])
            assert.deepEqual(closeInfo(code),
                { code, name, text: means, retry: retry === 'app' ? 'never' : retry });
    await server.end();
}

// The client that is served is the one of the source.
async function served() {
    const server = await serve();
    const answer = await fetch(server.url.replace('ws:', 'http:') + 'pirn.js');
    assert.match(answer.headers.get('Content-Type'), /^text\/javascript/);
    const source = readFileSync(new URL('../../js/pirn.js', import.meta.url), 'utf8');
    assert.ok(await answer.text() === source, 'not js/pirn.js; was it built?');
    await server.end();
}

process.setMaxListeners(0); // one for each server
const tests = {
    echoes, queueOverCrash, receipts, shutDown, tooBig, backPressure, heartbeat, noAnswer,
    closeCodes,
};
if (WebSocket === ws) {
    const flags = globalThis.WebSocket ? [] : ['--experimental-websocket'];
    const has = spawnSync(process.execPath, [...flags, '-e', 'new WebSocket("ws://localhost:1")']);
    Object.assign(tests, { sameTable, served });
    if (has.status === 0) tests.ownWebSocket = async () => {
        const again = spawn(process.execPath, [...flags, fileURLToPath(import.meta.url), 'own'],
            { stdio: 'inherit' });
        assert.deepEqual(await once(again, 'exit'), [0, null]);
    };
}
await run(tests);
