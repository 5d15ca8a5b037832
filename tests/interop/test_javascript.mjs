// js/pirn.js on a WebSocket and a clock that the test moves: what it does at every ending, and
// when.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { mock, test } from 'node:test';
import { FakeSocket, check, connect, opened, pass, setOnline, settle } from './faking.mjs';

const { PirnSocket, closeInfo, retryDelay } = await import('../../js/pirn.js');
const { CONNECTING, CLOSED } = PirnSocket;
const MOST = 1e9; // as long as a timer of pirn.js can be

// ---- the package

test('the module has at most 4 KiB and the version of Pirn', () => {
    const module = readFileSync(new URL('../../js/pirn.js', import.meta.url));
    const size = gzipSync(module, { level: 9 }).length + 'pirn.js'.length + 1; // as gzip(1) does
    assert.ok(size <= 4096, `${size} bytes`);
    const { version } = JSON.parse(readFileSync(new URL('../../js/package.json', import.meta.url)));
    const base = readFileSync(new URL('../../include/pirn/base.h', import.meta.url), 'utf8');
    assert.equal(version, /PIRN_VERSION_STRING "(.*)"/.exec(base)[1]);
});

// ---- when to connect again

const NEVER = 'never', ONCE = 'once', WAIT = 'wait', LONG = 'long';
const RULES = [
    [-1, NEVER], [0, NEVER], [999, NEVER], [1000, NEVER], [1001, WAIT], [1002, NEVER],
    [1003, NEVER],
    [1004, NEVER], [1005, NEVER], [1006, ONCE], [1007, NEVER], [1008, NEVER], [1009, NEVER],
    [1010, NEVER], [1011, WAIT], [1012, LONG], [1013, LONG], [1014, WAIT], [1015, NEVER],
    [1016, NEVER], [2000, NEVER], [2999, NEVER], [3000, NEVER], [3001, NEVER], [3002, NEVER],
    [3003, NEVER], [3004, NEVER], [3007, NEVER], [3008, ONCE], [3009, NEVER], [3999, NEVER],
    [4000, NEVER], [4999, NEVER], [5000, NEVER], [65535, NEVER]
];
const FIRST = { [NEVER]: undefined, [ONCE]: 0, [WAIT]: 500, [LONG]: 17500 };

for (const [code, rule] of RULES) check(`after close code ${code}: ${rule}`, async () => {
    const { socket, events } = opened();
    FakeSocket.last.end(code, 'why');
    const delay = FIRST[rule];
    assert.deepEqual(events(), [`close ${code} why`,
        rule === NEVER ? `giveup ${code}` : `reconnecting 1 in ${delay}`]);
    assert.equal(socket.readyState, rule === NEVER ? CLOSED : CONNECTING);
    pass(rule === NEVER ? MOST : Math.max(0, delay - 1));
    await settle();
    assert.equal(FakeSocket.made.length, rule === ONCE ? 2 : 1);
    if (rule === NEVER) return;
    pass(1);
    await settle();
    assert.equal(FakeSocket.made.length, 2);
    FakeSocket.last.open();
    assert.deepEqual(events(), ['open']);
});

test('delays grow, are drawn from the whole range, and end', () => {
    const options = { minDelay: 100, maxDelay: 1000, factor: 3, attempts: 5 };
    const range = (code, attempt, wasOpen = true, how = options) =>
        [0, 1].map(random => retryDelay({ code, attempt, wasOpen }, how, random));
    assert.deepEqual(range(1001, 1), [0, 100]);
    assert.deepEqual(range(1001, 2), [0, 300]);
    assert.deepEqual(range(1001, 3), [0, 900]);
    assert.deepEqual(range(1001, 4), [0, 1000]);
    assert.deepEqual(range(1001, 5), [0, 1000]);
    assert.deepEqual(range(1001, 6), [undefined, undefined]);
    assert.deepEqual(range(1006, 1), [0, 0]);
    assert.deepEqual(range(1006, 1, false), [0, 100]);
    assert.deepEqual(range(1006, 2), [0, 300]);
    assert.deepEqual(range(1012, 9, true, {}), [5000, 65000]);
    for (const code of [1012, 1013]) assert.deepEqual(range(code, 1), [5000, 30000]);
    assert.deepEqual(range(1001, 2000, true, { minDelay: 0 }), [0, 0]);
    assert.deepEqual(range(1001, 1, true, { minDelay: undefined, attempts: undefined }), [0, 1000]);
    const drawn = Array.from({ length: 1000 }, () => retryDelay({ code: 1001, attempt: 3 }));
    assert.ok(drawn.every(delay => delay >= 0 && delay <= 4000));
    assert.ok(new Set(drawn).size > 900);
});

check('retry overrules the table', async () => {
    const answers = ['wait', 'once', 'never', 12345, undefined], asked = [];
    const retry = close => (asked.push(close), answers.shift());
    const again = async delay => {
        pass(delay);
        await settle();
        FakeSocket.last.open();
    };
    const { events } = opened({ retry, stableAfter: 0 });
    FakeSocket.last.end(4001, 'banned');
    assert.deepEqual(asked, [
        { code: 4001, reason: 'banned', wasClean: true, wasOpen: true, attempt: 1 },
    ]);
    await again(500);
    FakeSocket.last.end(1000);
    await again(0);
    assert.deepEqual(events(), ['close 4001 banned', 'reconnecting 1 in 500', 'open',
        'close 1000', 'reconnecting 1 in 0', 'open']);
    FakeSocket.last.end(1001);
    assert.deepEqual(events(), ['close 1001', 'giveup 1001']);
    const other = opened({ retry });
    FakeSocket.last.end(1013, 'retry-after');
    await again(12345);
    FakeSocket.last.end(1011);
    assert.deepEqual(other.events(), ['close 1013 retry-after', 'reconnecting 1 in 12345', 'open',
        'close 1011', 'reconnecting 2 in 1000']);
});

check('the count of attempts ends, and begins anew after a stable connection', async () => {
    const { socket, events } = opened({ attempts: 3, stableAfter: 5000 });
    const lose = async (age, delay) => {
        pass(age);
        FakeSocket.last.end();
        assert.deepEqual(events().slice(1), [delay]);
        pass(Number(delay.split(' ').at(-1)));
        await settle();
        FakeSocket.last.open();
        assert.deepEqual(events(), ['open']);
    };
    await lose(4999, 'reconnecting 1 in 0');
    await lose(4999, 'reconnecting 2 in 1000');
    await lose(5000, 'reconnecting 1 in 0');
    await lose(0, 'reconnecting 2 in 1000');
    await lose(0, 'reconnecting 3 in 2000');
    FakeSocket.last.end();
    assert.deepEqual(events(), ['close 1006', 'giveup 1006']);
    assert.equal(socket.readyState, CLOSED);
});

// ---- attempts

check('an option that is undefined is as if not given', async () => {
    const { socket, events } = connect({
        connectTimeout: undefined, minDelay: undefined, attempts: undefined, queueBytes: undefined,
        signal: undefined, params: undefined
    });
    socket.send('waits');
    pass(9999);
    assert.deepEqual(events(), []);
    pass(1);
    assert.deepEqual(events(), ['close 3008 connectTimeout', 'reconnecting 1 in 500']);
});

check('URL, subprotocols and parameters are asked for at each attempt', async () => {
    let count = 0;
    const { socket, events } = connect({ params: async () => ({ csrf: 'a&b', n: count }) },
        () => ['v' + count], () => `ws://host${++count}/?keep=1&n=0`);
    assert.equal(socket.url, '');
    await settle();
    assert.equal(FakeSocket.last.url, 'ws://host1/?keep=1&n=0&csrf=a%26b&n=1');
    assert.deepEqual(FakeSocket.last.protocols, ['v1']);
    FakeSocket.last.end();
    pass(500);
    await settle();
    FakeSocket.last.open('v2');
    assert.equal(socket.url, 'ws://host2/?keep=1&n=0&csrf=a%26b&n=2');
    assert.equal(socket.protocol, 'v2');
    assert.equal(socket.extensions, 'x');
    assert.equal(socket.socket, FakeSocket.last);
    assert.deepEqual(events(), ['close 1006', 'reconnecting 1 in 500', 'open']);
});

check('what a function throws is an attempt that failed', async () => {
    let count = 0;
    const url = () => {
        if (++count === 1) throw new Error('no token');
        if (count === 2) return Promise.reject(new Error('no network'));
        return count === 3 ? 'not a URL' : 'ws://host/';
    };
    const { events } = connect({}, [], url);
    await settle();
    assert.deepEqual(events(),
        ['error no token', 'close 1006 Error: no token', 'reconnecting 1 in 500']);
    pass(500);
    await settle();
    assert.deepEqual(events(),
        ['error no network', 'close 1006 Error: no network', 'reconnecting 2 in 1000']);
    pass(1000);
    await settle();
    assert.match(events()[0], /^error Invalid URL/);
    pass(2000);
    await settle();
    FakeSocket.last.open();
    assert.deepEqual(events(), ['open']);
});

check('an attempt that takes too long is left', async () => {
    const { socket, events } = connect({ connectTimeout: 700 });
    const late = FakeSocket.last;
    pass(699);
    assert.deepEqual(events(), []);
    pass(1);
    assert.deepEqual(events(), ['close 3008 connectTimeout', 'reconnecting 1 in 500']);
    assert.equal(late.closed.length, 1);
    pass(500);
    await settle();
    late.onopen({});
    late.end();
    assert.deepEqual(events(), []);
    assert.equal(socket.readyState, CONNECTING);
    pass(699);
    FakeSocket.last.open();
    pass(MOST);
    assert.deepEqual(events(), ['open']);

    const hanging = connect({ connectTimeout: 700 }, [], () => new Promise(() => {}));
    pass(700);
    assert.deepEqual(hanging.events(), ['close 3008 connectTimeout', 'reconnecting 1 in 500']);
    const patient = connect({ connectTimeout: Infinity });
    pass(MOST - 1);
    assert.deepEqual(patient.events(), []);
});

check('a URL that comes too late is not used, nor its failure told', async () => {
    for (const isGood of [true, false]) {
        let give, fail;
        const { socket, events } = connect({}, [],
            () => new Promise((...both) => { [give, fail] = both; }));
        await settle();
        socket.close();
        isGood ? give('ws://host/') : fail(new Error('late'));
        await settle();
        assert.equal(FakeSocket.made.length, 0);
        assert.equal(socket.readyState, CLOSED);
        assert.deepEqual(events(), ['close 1005']);
    }
});

check('an error before open ends an attempt, with its close or without', async () => {
    const { events } = connect(), first = FakeSocket.last;
    first.onerror({});
    assert.deepEqual(events(), ['error', 'close 1006', 'reconnecting 1 in 500']);
    first.end();
    pass(500);
    await settle();
    FakeSocket.last.onerror({ error: new Error('refused') });
    assert.deepEqual(events(),
        ['error refused', 'close 1006 Error: refused', 'reconnecting 2 in 1000']);
    pass(1000);
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.onerror({});
    FakeSocket.last.end(1002, 'bad frame');
    assert.deepEqual(events(), ['open', 'error', 'close 1002 bad frame', 'giveup 1002']);
    const { events: second } = opened();
    FakeSocket.last.end();
    pass(0);
    await settle();
    FakeSocket.last.onerror({});
    assert.deepEqual(second(),
        ['close 1006', 'reconnecting 1 in 0', 'error', 'close 1006', 'reconnecting 2 in 1000']);
});

check('a listener of error may reconnect, or close', async () => {
    for (const isOpen of [false, true]) {
        const { socket, events } = isOpen ? opened() : connect();
        const failed = FakeSocket.last;
        socket.addEventListener('error', () => socket.reconnect(), { once: true });
        failed.onerror({});
        failed.end();
        pass(0);
        await settle();
        FakeSocket.last.open();
        assert.notEqual(FakeSocket.last, failed);
        assert.deepEqual(events(),
            ['error', 'close 1000 reconnect', 'reconnecting 1 in 0', 'open']);
    }
    let count = 0;
    const { socket, events } = connect({}, [], () => {
        if (++count === 1) throw new Error('no token');
        return 'ws://host/';
    });
    socket.addEventListener('error', () => socket.reconnect(), { once: true });
    await settle();
    FakeSocket.last.open();
    assert.deepEqual([count, ...events()], [2, 'error no token', 'open']);

    const closing = connect();
    closing.socket.onerror = () => closing.socket.close();
    FakeSocket.last.onerror({});
    assert.equal(closing.socket.readyState, CLOSED);
    assert.deepEqual(closing.events(), ['error', 'close 1006']);
});

// ---- page and network

const inPage = (name, body) => check(name, body, { page: true });
const fire = (world, ...types) => types.forEach(type => world.dispatchEvent(new Event(type)));

inPage('without a network it waits for it', async world => {
    const { events } = opened();
    setOnline(false);
    fire(world, 'offline');
    FakeSocket.last.end();
    pass(MOST);
    fire(world, 'visibilitychange');
    await settle();
    assert.equal(FakeSocket.made.length, 1);
    setOnline(true);
    fire(world, 'online');
    await settle();
    assert.equal(FakeSocket.made.length, 2);
    FakeSocket.last.open();
    fire(world, 'online');
    assert.deepEqual(events(), ['close 1006', 'reconnecting 1 in 0', 'open']);
    setOnline(false);
    const local = opened({ waitOnline: false });
    FakeSocket.last.end();
    pass(0);
    await settle();
    FakeSocket.last.open();
    assert.deepEqual(local.events(), ['close 1006', 'reconnecting 1 in 0', 'open']);
});

inPage('a sign of the network ends a wait, but not one that the server wants', async world => {
    for (const [code, reconnects] of [[1006, true], [1001, false], [1011, false], [1013, false]]) {
        opened();
        FakeSocket.last.end(code);
        pass(0);
        await settle();
        if (code === 1006) FakeSocket.last.end(); // now it waits for the second attempt
        const count = FakeSocket.made.length;
        fire(world, 'online', 'pageshow', 'resume', 'visibilitychange');
        await settle();
        assert.equal(FakeSocket.made.length, count + Number(reconnects), String(code));
        mock.timers.reset();
        mock.timers.enable({ apis: ['setTimeout'] });
    }
});

inPage('a sign of the network ends a wait that retry() wants', async world => {
    opened({ retry: () => 'wait' });
    FakeSocket.last.end(4001);
    fire(world, 'online');
    await settle();
    assert.equal(FakeSocket.made.length, 2);
});

inPage('a page that becomes hidden ends no wait and tries nothing', async world => {
    const { events } = opened({ heartbeat: () => 'ping' });
    document.hidden = true;
    fire(world, 'visibilitychange');
    assert.deepEqual(FakeSocket.last.sent, []);
    FakeSocket.last.end(1006);
    fire(world, 'visibilitychange');
    await settle();
    assert.equal(FakeSocket.made.length, 1);
    document.hidden = false;
    fire(world, 'visibilitychange');
    await settle();
    assert.equal(FakeSocket.made.length, 2);
    assert.deepEqual(events(), ['close 1006', 'reconnecting 1 in 0']);
});

inPage('a page that closes when it goes and reconnects when it comes is not away', async world => {
    const { socket, events } = opened();
    world.addEventListener('pagehide', () => socket.close());
    world.addEventListener('pageshow', () => socket.reconnect());
    fire(world, 'pagehide');
    await settle();
    assert.deepEqual(events(), ['close 1000 pagehide', 'reconnecting 1 in 0', 'close 1005']);
    fire(world, 'pageshow');
    await settle();
    FakeSocket.last.open();
    fire(world, 'visibilitychange', 'online');
    assert.deepEqual(events(), ['open']);
    FakeSocket.last.end();
    pass(0);
    await settle();
    FakeSocket.last.open();
    assert.deepEqual(events(), ['close 1006', 'reconnecting 1 in 0', 'open']);
});

for (const [gone, back] of [['pagehide', 'pageshow'], ['freeze', 'resume']])
    inPage(`between ${gone} and ${back} there is no connection`, async world => {
        const { socket, events } = opened();
        const old = FakeSocket.last;
        fire(world, gone);
        assert.deepEqual(old.closed, [[1000, 'pagehide']]);
        assert.deepEqual(events(), ['close 1000 pagehide', 'reconnecting 1 in 0']);
        pass(MOST);
        fire(world, 'online', 'visibilitychange');
        await settle();
        assert.equal(FakeSocket.made.length, 1);
        socket.send('waits');
        fire(world, back);
        await settle();
        old.end();
        FakeSocket.last.open();
        assert.deepEqual(events(), ['open']);
        assert.deepEqual(FakeSocket.last.sent, ['waits']);
        socket.close();
        fire(world, gone, back);
        FakeSocket.last.end(1005);
        fire(world, gone, back);
        assert.deepEqual(events(), ['close 1005']);
    });

inPage('a sign of the page tries an open connection', world => {
    const { events } = opened({ heartbeat: () => 'ping', heartbeatTimeout: 100 });
    fire(world, 'visibilitychange');
    assert.deepEqual(FakeSocket.last.sent, ['ping']);
    pass(99);
    FakeSocket.last.receive('pong');
    pass(99);
    fire(world, 'offline');
    assert.deepEqual(FakeSocket.last.sent, ['ping', 'ping']);
    pass(100);
    assert.deepEqual(events(),
        ['message pong', 'close 3008 heartbeatTimeout', 'reconnecting 1 in 0']);
});

inPage('no sign of the page gives a heartbeat more time', world => {
    const { events } = opened({ heartbeat: () => 'ping', heartbeatTimeout: 100 });
    for (let i = 0; i < 2; i++) {
        fire(world, 'visibilitychange', 'online');
        pass(50);
    }
    assert.deepEqual(FakeSocket.last.sent, ['ping']);
    assert.deepEqual(events(), ['close 3008 heartbeatTimeout', 'reconnecting 1 in 0']);
});

inPage('page and signal are listened to once, until the end, and after it again', async world => {
    const types = new Set(), { signal } = new AbortController();
    globalThis.addEventListener = (type, listener, capture) => {
        types.add(type);
        assert.ok(capture); // the events of the document do not bubble
        world.addEventListener(type, listener, capture);
    };
    const counts = () => [...types].map(type => getEventListeners(world, type).length)
        .concat(getEventListeners(signal, 'abort').length);
    const { socket } = opened({ signal });
    FakeSocket.last.end();
    pass(0);
    await settle();
    FakeSocket.last.open();
    assert.deepEqual(counts(), Array(8).fill(1));
    socket.close();
    FakeSocket.last.end(1005);
    assert.deepEqual(counts(), Array(8).fill(0));
    socket.reconnect();
    assert.deepEqual(counts(), Array(8).fill(1));
});

inPage('who stops waiting does not connect twice', async world => {
    const { events } = opened();
    FakeSocket.last.end();
    pass(0);
    await settle();
    FakeSocket.last.end();
    fire(world, 'online');
    await settle();
    pass(2500);
    await settle();
    FakeSocket.last.open();
    events();
    pass(MOST);
    fire(world, 'online');
    await settle();
    assert.equal(FakeSocket.made.length, 3);
    assert.deepEqual(events(), []);
});

// ---- close codes

test('close codes have names and meanings', () => {
    assert.deepEqual(closeInfo(1001), {
        code: 1001, name: 'Going Away', retry: 'wait',
        text: 'The endpoint goes away: a server shuts down, or a browser leaves the page.'
    });
    const names = { 0: 'Not Defined', 1016: 'Unassigned', 3003: 'Forbidden', 3007: 'Unassigned',
        4321: 'Private Use', 65535: 'Not Defined' };
    for (const [code, name] of Object.entries(names))
        assert.equal(closeInfo(Number(code)).name, name);
});
