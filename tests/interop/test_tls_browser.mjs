// npm ws and headless Chromium over wss to `pirn serve`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { once } from 'node:events';
import { certificates, converse, launchTrusting } from './chromium.mjs';
import { run, serve, skip } from './serving.mjs';

const { WebSocket } = await import('ws').catch(() => skip('no ws; see tools/setup'));
const folder = certificates();
const pem = name => path.join(folder, name);
const options = ['--quiet', '--cert', pem('localhost.pem'), '--key', pem('localhost.key')];

async function secureServer() {
    const server = await serve(...options);
    if (!server.url.startsWith('wss:')) skip('built without TLS');
    return server;
}

await run({
    async 'echoes of npm ws'() {
        for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
            const server = await secureServer();
            const socket = new WebSocket(`wss://localhost:${server.port}/`,
                { ca: readFileSync(pem('ca.pem')), maxVersion, perMessageDeflate: false });
            await once(socket, 'open');
            for (const size of [0, 1, 126, 16384, 16385, 65536, 1 << 20]) {
                const message = Buffer.alloc(size, 'pirn');
                socket.send(message);
                const [echo] = await once(socket, 'message');
                assert.ok(message.equals(echo), `${size} bytes`);
            }
            socket.close(4000, 'bye');
            assert.equal((await once(socket, 'close'))[0], 4000);
            await server.end();
        }
    },
    async 'the page in Chromium'() {
        const server = await secureServer();
        const browser = await launchTrusting(pem('localhost.pem'));
        const page = await browser.newPage(), url = `https://localhost:${server.port}/`;
        const sizes = [0, 5, 70000, 1 << 20];
        await page.goto(url);
        assert.equal(await page.inputValue('#url'), url.replace('https', 'wss'));
        const { echoes, code, wasClean } =
            await converse(page, url.replace('https', 'wss'), sizes);
        assert.deepEqual({ echoes, code, wasClean }, { echoes: sizes, code: 1000, wasClean: true });
        await browser.close();
        await server.end();
    }
});
