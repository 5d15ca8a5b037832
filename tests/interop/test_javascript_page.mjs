// js/pirn.js in pages of headless Chromium against `pirn serve`.
import assert from 'node:assert/strict';
import { launch } from './chromium.mjs';
import { run, serve } from './serving.mjs';


const browser = await launch({
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    args: ['--enable-features=BackForwardCache']
});

// Opens a page of the server with a socket to it, and a record of what happens at the socket.
async function openPage(server, options = {}) {
    const context = await browser.newContext(), page = await context.newPage();
    page.setDefaultTimeout(15000);
    await page.goto(`http://localhost:${server.port}/`);
    await page.evaluate(async wanted => {
        const { PirnSocket } = await import('/pirn.js');
        if (wanted.heartbeatInterval)
            Object.assign(wanted, { heartbeat: () => 'ping', isAnswer: data => data === 'ping' });
        const socket = new PirnSocket(`ws://${location.host}/`, [],
            { minDelay: 10, maxDelay: 100, ...wanted });
        Object.assign(window, { PirnSocket, socket, events: [], received: [] });
        for (const type of ['open', 'close', 'reconnecting', 'giveup'])
            socket.addEventListener(type, ({ code, reason }) =>
                events.push([type, code, reason].filter(Boolean).join(' ')));
        socket.onmessage = event => received.push(event.data);
    }, options);
    await happens(page, 'open');
    return { page, context };
}

// Waits until the latest event is this one.
const happens = (page, event) => page.waitForFunction(
    wanted => events.at(-1) === wanted, event);
const seen = page => page.evaluate(() => events.splice(0));
const send = (page, ...texts) =>
    page.evaluate(all => all.forEach(each => socket.send(each)), texts);
const receives = (page, ...texts) => page.waitForFunction(
    wanted => JSON.stringify(received) === wanted, JSON.stringify(texts));

async function crash() {
    const first = await serve();
    const { page, context } = await openPage(first);
    await send(page, 'a');
    await receives(page, 'a');
    const gone = first.crash();
    await page.waitForFunction(() => events.includes('close 1006'));
    await send(page, 'b', 'c');
    await gone;
    const second = await serve('--port', String(first.port));
    await happens(page, 'open');
    await send(page, 'd');
    await receives(page, 'a', 'b', 'c', 'd');
    await context.close();
    await second.end();
}

// What a page notices of WebSocket: exceptions, events, kinds of data.
async function dropIn() {
    const server = await serve();
    const { page, context } = await openPage(server);
    const differences = await page.evaluate(async () => {
        const thrown = act => {
            try { act(); return 'nothing'; } catch (error) { return error.name; }
        };
        const url = `ws://${location.host}/`, wrong = [];
        const compare = (what, act) => {
            const [theirs, ours] = [WebSocket, PirnSocket].map(act);
            if (theirs !== ours) wrong.push(`${what}: ${theirs} and ${ours}`);
        };
        for (const bad of ['http://[', 'ws://h/#x', 'ftp://h/'])
            for (const params of [undefined, { a: 1 }])
                compare(bad, Kind => thrown(() => new Kind(bad, [], { params })));
        compare('subprotocols', Kind => thrown(() => new Kind(url, ['a', 'a'])));
        const ways = [
            [1001], [2999], [5000], [1000, 'x'.repeat(124)], [3000, 'x'], [], [undefined],
        ];
        for (const how of ways)
            compare(`close(${how})`, Kind => thrown(() => new Kind(url).close(...how)));
        for (const name of ['readyState', 'bufferedAmount', 'binaryType', 'protocol', 'extensions',
            'url', 'onopen', 'onmessage', 'onclose', 'onerror', 'CLOSED'])
            compare(name, Kind => {
                const made = new Kind(url);
                setTimeout(() => made.close());
                return made[name];
            });
        return wrong;
    });
    assert.deepEqual(differences, []);
    const data = await page.evaluate(async () => {
        const next = () => new Promise(resolve =>
            socket.addEventListener('message', event => resolve(event.data), { once: true }));
        socket.send(new Blob(['blob']));
        const blob = await next();
        socket.binaryType = 'arraybuffer';
        socket.send(new Uint8Array([1, 2, 3]).subarray(1));
        const buffer = await next();
        return [blob instanceof Blob, await blob.text(), [...new Uint8Array(buffer)]];
    });
    assert.deepEqual(data, [true, 'blob', [2, 3]]);
    await page.evaluate(() => socket.close(4000, 'done'));
    await happens(page, 'close 4000');
    await context.close();
    await server.end();
}

async function offline() {
    const server = await serve();
    // The page asks for an answer when it goes offline, and must not give up before it is told to.
    const { page, context } = await openPage(server,
        { heartbeatInterval: 60000, heartbeatTimeout: 60000 });
    await context.setOffline(true);
    await page.evaluate(() => socket.reconnect());
    await page.waitForFunction(() => events.includes('reconnecting 1000 reconnect'));
    await send(page, 'waits');
    assert.ok(!await page.evaluate(() => navigator.onLine));
    assert.equal(await page.evaluate(() => socket.readyState), 0);
    await context.setOffline(false);
    await happens(page, 'open');
    await receives(page, 'waits');
    await context.close();
    await server.end();
}

// Chromium takes the page into its cache and gives it back: the connection goes and comes.
async function cache() {
    const server = await serve();
    const { page, context } = await openPage(server);
    await page.evaluate(() => {
        window.mark = 'same page';
        addEventListener('pagehide', () => socket.send('in the cache'));
    });
    await page.goto(`http://localhost:${server.port}/nothing-here`);
    await page.goBack({ waitUntil: 'commit' });
    assert.equal(await page.evaluate(() => window.mark), 'same page');
    await happens(page, 'open');
    assert.deepEqual(await seen(page),
        ['open', 'close 1000 pagehide', 'reconnecting 1000 pagehide', 'open']);
    await receives(page, 'in the cache');
    await context.close();
    await server.end();
}

// A page that closes and reconnects by itself goes into the cache and comes back, too.
async function cacheByHand() {
    const server = await serve();
    const { page, context } = await openPage(server);
    await page.evaluate(() => {
        window.mark = 'same page';
        addEventListener('pagehide', () => socket.close());
        addEventListener('pageshow', () => socket.reconnect());
    });
    await page.goto(`http://localhost:${server.port}/nothing-here`);
    await page.goBack({ waitUntil: 'commit' });
    assert.equal(await page.evaluate(() => window.mark), 'same page');
    await happens(page, 'open');
    await seen(page);
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await send(page, 'still here');
    await receives(page, 'still here');
    assert.deepEqual(await seen(page), []);
    await context.close();
    await server.end();
}

// Headless Chromium does not freeze a page that it shows; the page is told so.
async function frozen() {
    const server = await serve();
    const { page, context } = await openPage(server);
    const tell = type => page.evaluate(name => document.dispatchEvent(new Event(name)), type);
    await tell('freeze');
    assert.deepEqual(await seen(page),
        ['open', 'close 1000 pagehide', 'reconnecting 1000 pagehide']);
    assert.equal(await page.evaluate(() => socket.socket), undefined);
    await tell('resume');
    await happens(page, 'open');
    await context.close();
    await server.end();
}

async function heartbeat() {
    const server = await serve();
    const { page, context } = await openPage(server,
        { heartbeatInterval: 20, heartbeatTimeout: 500, connectTimeout: 5000 });
    await send(page, 'x');
    await receives(page, 'x');
    server.signal('SIGSTOP');
    await page.waitForFunction(() => events.includes('close 3008 heartbeatTimeout'));
    server.signal('SIGCONT');
    await happens(page, 'open');
    await context.close();
    await server.end();
}

async function backPressure() {
    const server = await serve();
    const { page, context } = await openPage(server);
    const result = await page.evaluate(async () => {
        const chunk = 'x'.repeat(1 << 19);
        let bytes = 0, most = 0;
        const all = new Promise(resolve => socket.onmessage = event => {
            bytes += event.data.length;
            if (bytes === 40 * chunk.length) resolve();
        });
        for (let i = 0; i < 40; i++) {
            socket.send(chunk);
            most = Math.max(most, socket.bufferedAmount);
            await socket.drained(chunk.length);
        }
        await socket.drained();
        const left = socket.bufferedAmount;
        await all;
        return { chunks: most / chunk.length, left };
    });
    assert.equal(result.left, 0);
    assert.ok(result.chunks <= 2, `${result.chunks} chunks waited`);
    await context.close();
    await server.end();
}

await run({ crash, dropIn, offline, cache, cacheByHand, frozen, heartbeat, backPressure });
