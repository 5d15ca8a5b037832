// npm ws and headless Chromium over wss to `pirn serve`.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { run, serve, skip } from './serving.mjs';

const { WebSocket } = await import('ws').catch(() => skip('no ws; see tools/setup'));
const folder = mkdtempSync(path.join(tmpdir(), 'pirn-tls-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const script = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname),
    '../support/certificates.sh');
try {
    execFileSync('sh', [script, folder]);
} catch {
    skip('no openssl');
}
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
        const { chromium } = await import('playwright-core').catch(() => skip('no playwright'));
        const executablePath = ['chromium', 'chromium-browser', 'google-chrome']
            .map(name => '/usr/bin/' + name).find(existsSync);
        if (!executablePath) return console.log('no chromium');
        const { publicKey } = new X509Certificate(readFileSync(pem('localhost.pem')));
        const key = createHash('sha256')
            .update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
        const server = await secureServer();
        const profile = mkdtempSync(path.join(tmpdir(), 'pirn-page-'));
        const browser = await chromium.launchPersistentContext(profile, {
            executablePath,
            args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking',
                '--disable-component-update', '--disable-sync', '--no-first-run',
                `--ignore-certificate-errors-spki-list=${key}`]
        });
        try {
            const page = await browser.newPage(), url = `https://localhost:${server.port}/`;
            await page.goto(url);
            assert.equal(await page.inputValue('#url'), url.replace('https', 'wss'));
            const echoes = await page.evaluate(async address => {
                const socket = new WebSocket(address), echoes = [];
                await new Promise(resolve => { socket.onopen = resolve; });
                for (const size of [0, 5, 70000, 1 << 20]) {
                    socket.send('x'.repeat(size));
                    const { data } = await new Promise(resolve => { socket.onmessage = resolve; });
                    echoes.push(data.length);
                }
                socket.close(1000, 'done');
                const { code, wasClean } =
                    await new Promise(resolve => { socket.onclose = resolve; });
                return { echoes, code, wasClean };
            }, url.replace('https', 'wss'));
            assert.deepEqual(echoes,
                { echoes: [0, 5, 70000, 1 << 20], code: 1000, wasClean: true });
        } finally {
            await browser.close();
            rmSync(profile, { recursive: true, force: true });
        }
        await server.end();
    }
});
