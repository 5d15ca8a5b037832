// permessage-deflate between our client and the server of npm `ws`: every parameter that it can be
// told to answer with.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';
import { forEach } from './deflating.mjs';
import { run, skip } from './serving.mjs';

const { WebSocketServer } = await import('ws').catch(() => skip('no ws; see tools/setup'));
const client = path.resolve(process.env.PIRN_BUILD_DIR ?? 'build', 'tests/interop/echo_client');
const COUNT = 20;

// The hundreds of servers here have an address to themselves: another test may be about to come
// back to the port of a server that has just ended.
const HOST = process.platform === 'linux' ? '127.0.0.99' : '127.0.0.1';

// (The zlib of Node takes 9 for 8, and so does our inflater.)
const SETTINGS = {
    mode: ['shared', 'dedicated'],
    serverMaxWindowBits: [undefined, 8, 9, 10, 11, 12, 13, 14, 15],
    clientMaxWindowBits: [undefined, 8, 9, 10, 11, 12, 13, 14, 15],
    serverNoContextTakeover: [undefined, true],
    clientNoContextTakeover: [undefined, true]
};

// Echoes, and counts the messages that came and left compressed.
function echo(socket, counts) {
    const deflate = socket._extensions['permessage-deflate'];
    for (const name of deflate ? ['compress', 'decompress'] : []) {
        const plain = deflate[name];
        deflate[name] = (...all) => {
            counts[name]++;
            return plain.apply(deflate, all);
        };
    }
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

async function talk(perMessageDeflate, mode) {
    const server = new WebSocketServer({ host: HOST, port: 0, perMessageDeflate });
    const counts = { compress: 0, decompress: 0 };
    server.on('connection', socket => echo(socket, counts));
    await once(server, 'listening');
    const url = `ws://${HOST}:${server.address().port}/`;
    const { stdout, stderr } = await promisify(execFile)(client, [url, mode, '', COUNT]);
    server.close();
    assert.equal(stderr, '');
    const [open, end] = stdout.trim().split('\n');
    assert.equal(end, `${COUNT} messages, closed by us: 1000 Normal Closure`);
    return { answered: open.includes('permessage-deflate'), ...counts };
}

const everyAnswer = () => forEach(SETTINGS, async ({ mode, ...answer }) => {
    const what = JSON.stringify({ mode, ...answer });
    const options = { threshold: 0, zlibDeflateOptions: { level: 1 }, ...answer };
    const talked = await talk(options, mode).catch(error => {
        throw new Error(what, { cause: error });
    });
    assert.ok(talked.answered, what);
    assert.ok(talked.compress >= COUNT - 2, what);
    // Our zlib cannot compress with windows of 8 bits: such messages go as they are.
    if (answer.clientMaxWindowBits === 8) assert.equal(talked.decompress, 0, what);
    else assert.ok(talked.decompress > COUNT / 3, `${what}: ${talked.decompress}`);
});

await run({ everyAnswer });
