// The page of `pirn serve` in headless Chromium, used as people use it. Leaves screenshots in
// the folder screenshots of the build.
import assert from 'node:assert/strict';
import path from 'node:path';
import { launch } from './chromium.mjs';
import { run, serve } from './serving.mjs';

const screenshots = path.resolve(process.env.PIRN_BUILD_DIR ?? 'build', 'screenshots');

const browser = await launch();

// Calls test with a page that is open on a server, and expects the page to have had no trouble
// and to have asked nobody else for anything.
async function withPage(test,
    { options = [], crashes = false, leaves = crashes, before, ...context } = {}) {
    const server = await serve('--quiet', ...options);
    const visit = await browser.newContext({ viewport: { width: 1280, height: 820 }, ...context });
    try {
        const page = await visit.newPage(), troubles = [];
        const origin = `http://localhost:${server.port}/`;
        page.setDefaultTimeout(15000);
        page.on('console', message => troubles.push(message.text()));
        page.on('pageerror', error => troubles.push(error.message));
        page.on('request', request => {
            const known = [origin, origin + 'pirn.js', origin + 'stats'].includes(request.url());
            if (!known && !request.url().startsWith('data:'))
                troubles.push('asks for ' + request.url());
        });
        if (before) await page.addInitScript(before);
        await page.goto(origin);
        await state(page, 'open');
        await test(page, server);
        // Chromium tells its console of each request that a server does not answer, or with 503.
        const refusals = /ERR_(CONNECTION_REFUSED|CONNECTION_RESET|SOCKET_NOT_CONNECTED)|of 503 /;
        assert.deepEqual(troubles.filter(each => !leaves || !refusals.test(each)), []);
    } finally {
        await visit.close();
    }
    if (!crashes) await server.end();
}

const state = (page, name) => page.waitForFunction(
    wanted => document.body.dataset.state === wanted, name);
const picture = (page, name) => page.screenshot(
    { path: path.join(screenshots, name + '.png'), animations: 'disabled' });
const echoed = (page, count) => page.waitForFunction(
    wanted => document.querySelectorAll('.received').length === wanted, count);

async function say(page, text) {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
}

// What a row of the list shows.
async function row(page, direction, index) {
    const item = page.locator('#frames .' + direction).nth(index);
    const cells = ['kind', 'size', 'body', 'rtt'].map(name => item.locator('.' + name).innerText());
    const [kind, size, body, rtt] = await Promise.all(cells);
    return { kind, size, body, rtt };
}

async function conversation(page) {
    const texts = ['Hello, weaver', '<img src=x onerror=alert(1)><b>bold</b>', 'w\u00e9b \u{1f578}',
        '{"type":"subscribe","channel":"prices","symbols":["AAPL","GOOG"],"since":"today","n":50}'];
    for (const text of texts) await say(page, text);
    texts.push('<img src=x onerror=alert(1)>'.repeat(10));
    await say(page, texts[4]);
    for (let i = 0; i < 15; i++) await say(page, 'The pirn carries thread ' + i);
    await echoed(page, 20);
    const first = await row(page, 'received', 0);
    assert.match(first.rtt, /^\d.* ms$/);
    assert.deepEqual({ ...first, rtt: '' },
        { kind: 'text', size: '13 B', body: 'Hello, weaver', rtt: '' });
    assert.equal((await row(page, 'sent', 1)).body, texts[1]);
    assert.equal((await row(page, 'received', 2)).size, '9 B');
    assert.equal(await page.locator('#frames img, #frames b:not(.note b)').count(), 0);

    await page.locator('[name=mode][value=hex]').check();
    await say(page, '48 65 6c 6c 6');
    assert.match(await page.innerText('#hint'), /pairs/);
    await say(page, '0x48 65:6c,6C 6f 00 ff');
    await page.locator('[name=mode][value=file]').check();
    const buffer = Buffer.alloc(300000, 'pirn');
    await page.setInputFiles('#file', { name: 'a.bin', mimeType: 'x/y', buffer });
    await page.click('#send');
    await echoed(page, 22);
    assert.equal((await row(page, 'received', 20)).body, '48 65 6c 6c 6f 00 ff');
    const file = await row(page, 'received', 21);
    assert.deepEqual([file.kind, file.size], ['bin', '293 KiB']);
    assert.match(file.rtt, / ms$/);
    await page.locator('#frames .received summary').last().click();
    assert.match(await page.innerText('#frames pre'), /^000000 {2}70 69 72 6e .*pirnpirn/);
    await page.locator('#frames .received summary').last().click();
    assert.equal(await page.innerText('#sent-count'), '22');
    assert.equal(await page.innerText('#received-count'), '22');
    assert.match(await page.innerText('#rtt'), / ms$/);
    await page.locator('[name=mode][value=text]').check();
}

const session = () => withPage(async page => {
    await conversation(page);
    await page.focus('#text');
    await picture(page, 'light-open');

    await page.fill('#code', '1001');
    assert.match(await page.innerText('#code-means'), /1000 and 3000 to 4999/);
    await page.fill('#code', '3008');
    assert.match(await page.innerText('#code-means'), /^Timeout\. /);
    await page.fill('#reason', '\u20ac'.repeat(42));
    assert.match(await page.innerText('#code-means'), /123 bytes/);
    await page.fill('#code', '4001');
    await page.fill('#reason', 'done for today');
    await page.click('#do-close');
    await state(page, 'idle');
    assert.equal(await page.innerText('#end-code'), '4001');
    assert.equal(await page.innerText('#end-name'), 'Private Use');
    assert.match(await page.innerText('#end-retry'), /Only the application knows/);
    await page.click('#again');
    await state(page, 'open');
});

// The server shuts down: code, name, meaning and what is done are there. In the dark.
const ending = () => withPage(async (page, server) => {
    await conversation(page);
    server.signal();
    await state(page, 'waiting');
    const shown = await page.innerText('#ending');
    for (const part of ['1001', 'Going Away', 'server is shutting down', 'The endpoint goes away',
        'attempt 1', 'Connect now'])
        assert.ok(shown.includes(part), `no '${part}' in ${shown}`);
    await picture(page, 'dark-ended');
    await page.click('#toggle');
    await state(page, 'idle');
    assert.equal(await page.innerText('#end-code'), '1000');
}, {
    colorScheme: 'dark', leaves: true,
    before: () => { Math.random = () => 12.3; } // in as many seconds it would connect again
});

// The server crashes and comes back, and so does the connection.
const returning = () => withPage(async (page, server) => {
    await say(page, 'before');
    await echoed(page, 1);
    const gone = server.crash();
    await page.locator('.note', { hasText: 'Closed' }).waitFor();
    assert.equal(await page.innerText('#end-code'), '1006');
    await gone;
    const again = await serve('--quiet', '--port', String(server.port));
    await state(page, 'open');
    assert.ok(await page.isHidden('#ending'));
    await say(page, 'after');
    await echoed(page, 2);
    await page.close();
    await again.end();
}, { crashes: true });

const tooBig = () => withPage(async page => {
    await say(page, 'x'.repeat(1001));
    await state(page, 'idle');
    assert.equal(await page.innerText('#end-code'), '1009');
    assert.match(await page.innerText('#end-means'), /larger than its limit/);
    assert.match(await page.innerText('#end-retry'), /Do not reconnect/);
    assert.match(await page.locator('#frames .note').last().innerText(), /without an echo: 1\./);
}, { options: ['--max-message', '1000'] });

// With the keyboard alone, and everything that takes input has a name.
const keyboard = () => withPage(async page => {
    const nameless = await page.evaluate(() =>
        [...document.querySelectorAll('input,textarea,button')]
        .filter(each => !each.labels?.length && !each.ariaLabel && !each.textContent.trim())
        .map(each => each.outerHTML));
    assert.deepEqual(nameless, []);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text');
    await page.keyboard.type('first');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('second');
    await page.keyboard.press('Enter');
    await echoed(page, 1);
    assert.equal((await row(page, 'received', 0)).size, '12 B');
    await page.keyboard.type('again');
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await echoed(page, 3);
    await page.focus('#url');
    await page.focus('#toggle');
    await page.keyboard.press('Enter');
    await state(page, 'idle');
    assert.equal(await page.innerText('#end-code'), '1000');
    await page.fill('#subprotocol', 'mqtt, wamp');
    await page.press('#subprotocol', 'Enter');
    await state(page, 'open');
    assert.equal(await page.innerText('#agreed'), 'mqtt');
});

// The ratio is that of all that passed, as the server counts it.
const compression = () => withPage(async (page, server) => {
    assert.equal(await page.innerText('#deflate'), 'on');
    await say(page, 'compress me '.repeat(500));
    await echoed(page, 1);
    await page.waitForFunction(() => /: 1$/.test(document.getElementById('deflate').textContent));
    const { deflate } = await (await fetch(`http://localhost:${server.port}/stats`)).json();
    assert.equal(deflate.received.messages, 1);
    assert.deepEqual([deflate.received.bytes, deflate.sent.bytes], [6000, 6000]);
    const ratio = 12000 / (deflate.received.wire_bytes + deflate.sent.wire_bytes);
    assert.ok(ratio > 20);
    assert.equal(await page.innerText('#deflate'), `on, ${ratio.toFixed(1)} : 1`);
    for (let i = 0; i < 8; i++) await say(page, JSON.stringify({ i, at: Math.random() }));
    await echoed(page, 9);
    await page.focus('#text');
    await picture(page, 'compression');
});

const noCompression = () => withPage(async page => {
    assert.equal(await page.innerText('#deflate'), 'off');
}, { options: ['--deflate=off'] });

const narrow = () => withPage(async page => {
    await conversation(page);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.ok(!wider, 'the page is wider than the window');
    await picture(page, 'narrow');
}, { viewport: { width: 400, height: 860 } });

await run({ session, ending, returning, tooBig, keyboard, compression, noCompression, narrow });
