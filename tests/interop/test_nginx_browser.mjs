// Headless Chromium by way of nginx to `pirn serve`: nginx ends TLS, is a plain reverse proxy, or
// speaks TLS on both sides.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { run, serve, skip, start } from './serving.mjs';
import { certificates, converse, launchTrusting } from './chromium.mjs';

if (!['/usr/sbin/nginx', '/usr/bin/nginx'].some(existsSync)) skip('no nginx');

const front = path.join(path.dirname(new URL(import.meta.url).pathname), 'front.py');
const folder = certificates();
const pem = name => path.join(folder, name);
const browser = await launchTrusting(pem('localhost.pem'));
const SIZES = [0, 5, 126, 70000, 1 << 20];

// The page of the server in a browser, through nginx. The server cannot know by itself what origin
// its page has there.
async function visit(test, ends, ...options) {
    const nginx = await start('/usr/bin/python3', front, folder, ...ends);
    const address = nginx.url.replace('ws', 'http');
    const server = await serve('--quiet', '--origin', new URL(address).origin, ...options);
    nginx.write(new URL(server.url.replace('ws', 'http')).origin + '\n');
    const page = await browser.newPage(), troubles = [];
    page.setDefaultTimeout(20000);
    page.on('console', message => troubles.push(message.text()));
    page.on('pageerror', error => troubles.push(error.message));
    try {
        await page.goto(address);
        await test(page, nginx.url, server);
        assert.deepEqual(troubles, []);
    } finally {
        await page.close();
    }
    await nginx.end();
    await server.end();
}

async function echoes(page, url) {
    assert.equal(await page.inputValue('#url'), url);
    await page.waitForFunction(() => document.body.dataset.state === 'open');
    await page.fill('#text', 'by way of nginx');
    await page.press('#text', 'Enter');
    await page.locator('.received', { hasText: 'by way of nginx' }).waitFor();
    const { extensions, ...said } = await converse(page, url, SIZES);
    assert.match(extensions, /^permessage-deflate/);
    assert.deepEqual(said, { echoes: SIZES, code: 1000, wasClean: true });
}

// That the server goes away comes through, and is not taken for an error of the connection's.
async function isTold(page, url, server) {
    const closed = page.evaluate(address => new Promise(resolve => {
        const socket = new WebSocket(address);
        socket.onopen = () => { document.title = 'open'; };
        socket.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
    }), url);
    await page.waitForFunction(() => document.title === 'open');
    await server.end();
    assert.deepEqual(await closed, { code: 1001, wasClean: true });
}

const deflate = '--deflate=shared';
await run({
    'nginx ends TLS': () => visit(echoes, ['tls'], deflate),
    'nginx as reverse proxy': () => visit(echoes, [], deflate),
    'TLS on both sides': () => visit(echoes, ['tls'], deflate, '--cert', pem('both.pem')),
    'the server goes away': () => visit(isTold, ['tls']),
    'the browser ends well': () => browser.close()
});
