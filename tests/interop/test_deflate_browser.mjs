// permessage-deflate between headless Chromium and `pirn serve`: thousands of messages in every
// class of the server, each compared byte by byte in the page.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { run, SANITIZED, serve, skip } from './serving.mjs';

const { chromium } = await import('playwright-core')
    .catch(() => skip('no playwright-core; see tools/setup'));
const browsers = ['chromium', 'chromium-browser', 'google-chrome'];
const executablePath = browsers.map(name => '/usr/bin/' + name).find(existsSync)
    ?? skip('no chromium');
const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync']
});

const MESSAGES = SANITIZED ? 400 : 2000;

// In the page. Sends texts and binary messages of 0 to 100 KiB, half of them noise, 64 at a time on
// their way; resolves with what the server chose, and how many messages and bytes came back right.
function converse(count) {
    const alphabet = Array.from('warp weft "pirn": 0123 {},\u00e4\u7d4c\u{1f9f5}');
    const bytes = crypto.getRandomValues(new Uint8Array(1 << 16));
    const noise = new Uint8Array(1 << 17).map((_, i) => bytes[i & 0xffff] ^ i >> 9);
    const letters = Array.from(noise, byte => alphabet[byte % alphabet.length]).join('');
    const lengths = [0, 1, 2, 125, 126, 700, 1023, 1024, 4096, 32768, 65535, 65536, 102400];
    const makers = [
        (length, i) => noise.slice(i, i + length),
        (length, i) => letters.slice(i, i + length).toWellFormed(),
        (length, i) => new Uint8Array(length).fill(i),
        (length, i) => JSON.stringify({ i, row: 'weft '.repeat(length / 5) }).slice(0, length)
    ];
    // Most are short, as those of 100 KiB take the time of hundreds.
    const make = i => makers[i % 4](
        i % 10 ? noise[i] * 8 : lengths[(i / 10 | 0) % lengths.length], i);
    const same = (got, sent) => typeof sent === 'string' ? got === sent
        : got instanceof ArrayBuffer && got.byteLength === sent.length &&
            new Uint8Array(got).every((byte, at) => byte === sent[at]);
    return new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://${location.host}/`), waiting = [];
        let sent = 0, right = 0, total = 0;
        const fill = () => {
            for (; sent < count && waiting.length < 64; sent++) {
                waiting.push(make(sent));
                socket.send(waiting.at(-1));
            }
        };
        socket.binaryType = 'arraybuffer';
        socket.onopen = fill;
        socket.onmessage = ({ data }) => {
            if (!same(data, waiting.shift())) reject(new Error(`message ${right} is another`));
            right++;
            total += data.byteLength ?? data.length;
            if (right === count) socket.close(1000);
            fill();
        };
        socket.onclose = ({ code, wasClean }) =>
            resolve({ code, wasClean, right, total, extensions: socket.extensions });
    });
}

async function talk(kind) {
    const server = await serve('--quiet', '--deflate', kind, '--deflate-threshold=64');
    const page = await browser.newPage();
    await page.goto(`http://localhost:${server.port}/stats`);
    const { extensions, total, ...seen } = await page.evaluate(converse, MESSAGES);
    const { deflate } = await (await fetch(`http://localhost:${server.port}/stats`)).json();
    assert.deepEqual(seen, { code: 1000, wasClean: true, right: MESSAGES }, kind);
    assert.ok(total > MESSAGES * 1000, kind);
    await page.close();
    await server.end();
    return { extensions, deflate };
}

async function off() {
    const { extensions, deflate } = await talk('off');
    assert.equal(extensions, '');
    assert.equal(deflate.received.messages + deflate.sent.messages, 0);
}

// Chromium compresses all that it sends, our server what is 64 bytes long and gains by it.
async function on(kind, pattern) {
    const { extensions, deflate: { received, sent } } = await talk(kind);
    assert.match(extensions, pattern);
    assert.equal(received.messages, MESSAGES);
    assert.ok(sent.messages > MESSAGES / 3, `${sent.messages} were sent compressed`);
    assert.ok(received.wire_bytes < received.bytes && sent.wire_bytes < sent.bytes);
}

const shared = () => on('shared', /^permessage-deflate; .*server_no_context_takeover/);
const dedicated = () => on('dedicated', /^permessage-deflate(?!.*no_context_takeover)/);
const smallWindows = () => on('dedicated:9', /client_max_window_bits=9/);

await run({ off, shared, dedicated, smallWindows });
