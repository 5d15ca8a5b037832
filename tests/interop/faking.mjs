// A world for js/pirn.js: a WebSocket and a clock that the test moves, a page, and chance.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { skip } from './serving.mjs';

if (parseInt(process.versions.node) < 20) skip('pirn.js is for Node 20 and later');
const { PirnSocket } = await import('../../js/pirn.js');
const { CONNECTING, OPEN, CLOSING, CLOSED } = PirnSocket;

// A WebSocket that does what the test says.
export class FakeSocket {
    static made = [];
    static get last() { return FakeSocket.made.at(-1); }

    constructor(url, protocols) {
        this.url = new URL(url).href;
        this.protocols = protocols;
        Object.assign(this, { readyState: CONNECTING, bufferedAmount: 0, sent: [], closed: [] });
        FakeSocket.made.push(this);
    }

    send(data) {
        assert.equal(this.readyState, OPEN);
        this.sent.push(data);
    }

    close(...how) {
        this.closed.push(how.filter(each => each !== undefined)); // which is as if not given
        this.readyState = CLOSING;
    }

    open(protocol = '') {
        Object.assign(this, { readyState: OPEN, protocol, extensions: 'x' });
        this.onopen({});
    }

    receive(data) {
        this.onmessage({ data, origin: 'ws://peer' });
    }

    end(code = 1006, reason = '', wasClean = code !== 1006) {
        this.readyState = CLOSED;
        this.onclose({ code, reason, wasClean });
    }
}

let now = 0;

export function pass(ms) {
    now += ms;
    mock.timers.tick(ms);
}

export const settle = () => new Promise(setImmediate);

// What happened at a socket since it was asked last, one text for each event.
export function record(socket) {
    const events = [];
    const tell = {
        message: event => event.data, drop: event => event.data,
        close: event => event.code + (event.reason && ' ' + event.reason),
        reconnecting: event => `${event.attempt} in ${event.delay}`,
        giveup: event => event.code, error: event => event.error?.message ?? ''
    };
    for (const type of ['open', 'message', 'close', 'error', 'reconnecting', 'giveup', 'drop'])
        socket.addEventListener(type, event =>
            events.push(`${type} ${tell[type]?.(event) ?? ''}`.trim()));
    return () => events.splice(0);
}

// Runs a test in its own world: a page, a clock, a WebSocket, chance in the middle.
export function check(name, body, { page = false } = {}) {
    test(name, async () => {
        const world = new EventTarget();
        FakeSocket.made = [];
        now = 1000;
        mock.timers.enable({ apis: ['setTimeout'] });
        mock.method(performance, 'now', () => now);
        mock.method(Math, 'random', () => 0.5);
        if (page) Object.assign(globalThis, {
            addEventListener: world.addEventListener.bind(world),
            removeEventListener: (type, listener, capture) =>
                world.removeEventListener(type, listener, { capture }), // Node's takes no boolean
            document: { hidden: false, baseURI: 'ws://page/base/' }
        });
        try {
            await body(world);
        } finally {
            for (const name of ['addEventListener', 'removeEventListener', 'document'])
                delete globalThis[name];
            setOnline(undefined);
            mock.timers.reset();
            mock.restoreAll();
        }
    });
}

export function setOnline(onLine) {
    Object.defineProperty(globalThis, 'navigator', { value: { onLine }, configurable: true });
}

export function connect(options = {}, protocols, url = 'ws://host/') {
    const socket = new PirnSocket(url, protocols, { WebSocket: FakeSocket, ...options });
    return { socket, events: record(socket) };
}

export function opened(options) {
    const made = connect(options);
    FakeSocket.last.open();
    assert.deepEqual(made.events(), ['open']);
    return made;
}
