// Our client against the server of npm `ws`.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';
import { run, skip } from './serving.mjs';

const { WebSocketServer } = await import('ws').catch(() => skip('no ws; see tools/setup'));
const client = path.resolve(process.env.PIRN_BUILD_DIR ?? 'build', 'tests/interop/echo_client');

// What the client prints about a server with these options.
async function talk(options, ...more) {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 0, ...options });
    server.on('connection', socket => {
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    await once(server, 'listening');
    const url = `ws://127.0.0.1:${server.address().port}/`;
    const { stdout, stderr } = await promisify(execFile)(client, [url, ...more]);
    assert.equal(stderr, '');
    server.close();
    const [open, end] = stdout.trim().split('\n');
    const count = more[2] ?? 1000;
    assert.equal(end, `${count} messages, closed by us: 1000 Normal Closure`);
    return open;
}

async function plain() {
    assert.equal(await talk({ perMessageDeflate: false }, 'off'), 'open "" ""');
    assert.equal(await talk({ perMessageDeflate: false }, 'dedicated', 'chat'), 'open "chat" ""');
}

async function deflate() {
    for (const mode of ['shared', 'dedicated'])
        assert.match(await talk({ perMessageDeflate: true }, mode), /^open "" "permessage-deflate/);
}

async function whatAServerMayAskFor() {
    for (const bits of [9, 12, 15])
        for (const reset of [false, true]) {
            const perMessageDeflate = {
                threshold: 0, zlibDeflateOptions: { level: 1 },
                serverNoContextTakeover: reset, clientNoContextTakeover: reset,
                serverMaxWindowBits: bits, clientMaxWindowBits: bits
            };
            for (const mode of ['shared', 'dedicated'])
                await talk({ perMessageDeflate }, mode, '', '22');
        }
}

await run({ plain, deflate, whatAServerMayAskFor });
