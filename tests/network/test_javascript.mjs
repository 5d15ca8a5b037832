// js/pirn.js in Node with npm `ws`, over a path that is cut and mended, and one that loses packets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { PirnSocket } from '../../js/pirn.js';
import { pirn, run, skip, start } from '../interop/serving.mjs';

const long = 'PIRN_LONG' in process.env, seed = process.env.PIRN_SEED ?? '20';
const heartbeatInterval = 150, heartbeatTimeout = 150, slack = 500;

function find(what) {
    try {
        return what();
    } catch (error) {
        skip(error.message);
    }
}
const WebSocket = find(() => createRequire(new URL('../interop/', import.meta.url))('ws'));
if (!find(() => fstatSync(3)).isSocket()) skip('not run by tests/network/badnet');
const network = new Socket({ fd: 3 });

// Sets the plan; returns how many packets were swallowed, and dropped, under the one before.
async function plan(text) {
    network.write(text + '\n');
    const [answer] = await once(network, 'data');
    const counts = String(answer).split(' ').map(Number);
    return { swallowed: counts[4] + counts[9], dropped: counts[1] + counts[6] };
}

// At the far end; it dies with this process, whatever happens.
function serve() {
    return start('setpriv', '--pdeathsig', 'SIGKILL',
        'nsenter', `--net=/proc/${process.pid}/fd/4`,
        pirn, 'serve', '--host', '192.0.2.2', '--port', '0');
}

async function end(socket, server) {
    socket.close(1000);
    const [{ code, wasClean }] = await once(socket, 'close');
    assert.deepEqual([code, wasClean], [1000, true]);
    await server.end();
}

// The echoes, and a promise for when there are so many.
function hear(socket) {
    const heard = [];
    let count = Infinity, done;
    socket.addEventListener('message', ({ data }) => {
        heard.push(Number(data));
        if (heard.length >= count) done();
    });
    const wait = wanted => new Promise(resolve => {
        [count, done] = [wanted, resolve];
        if (heard.length >= count) done();
    });
    return [heard, wait];
}

async function comesBack() {
    await plan(`seed=${seed} delay_us=2000 drop=0 double=0 late=0 hole=0`);
    const server = await serve();
    const socket = new PirnSocket(server.url, [], {
        WebSocket, minDelay: 10, maxDelay: 100, connectTimeout: 300,
        heartbeat: () => 'alive?', isAnswer: data => data === 'alive?',
        heartbeatInterval, heartbeatTimeout
    });
    const [heard, wait] = hear(socket), rounds = long ? 30 : 3;
    let sent = 0;
    const send = () => { for (let i = 0; i < 50; i++) socket.send(String(sent++)); };
    send();
    for (let round = 0; round < rounds; round++) {
        send();
        await wait(sent);
        await plan(`hole=${1 + round % 3}`);
        const begin = performance.now();
        const [lost] = await once(socket, 'close');
        const took = performance.now() - begin;
        assert.deepEqual([lost.code, lost.reason, lost.wasOpen], [3008, 'heartbeatTimeout', true]);
        assert.ok(took > heartbeatTimeout - 20, `found in ${took} ms`);
        assert.ok(took < heartbeatInterval + heartbeatTimeout + slack, `found in ${took} ms`);
        send();
        const [failed] = await once(socket, 'close');
        assert.deepEqual([failed.code, failed.reason], [3008, 'connectTimeout']);
        send();
        assert.ok((await plan('hole=0')).swallowed > 0);
    }
    await wait(sent);
    assert.deepEqual(heard, Array.from({ length: sent }, (_, i) => i));
    await end(socket, server);
}

async function losesNothing() {
    await plan('delay_us=1000 drop=20 double=20 late=50');
    const server = await serve();
    const socket = new PirnSocket(server.url, [], { WebSocket });
    const [heard, wait] = hear(socket), count = long ? 300000 : 10000;
    await once(socket, 'open');
    for (let i = 0; i < count; i++) {
        socket.send(String(i));
        if (i % 1000 === 0) await socket.drained(1 << 16);
    }
    await wait(count);
    assert.deepEqual(heard, Array.from({ length: count }, (_, i) => i));
    await end(socket, server);
    assert.ok((await plan('drop=0 double=0 late=0')).dropped > 0);
}

process.on('exit', status => {
    if (status === 1) console.log(`the pattern of the network was that of PIRN_SEED=${seed}`);
});
await run({ comesBack, losesNothing });
