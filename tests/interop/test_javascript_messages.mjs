// js/pirn.js in the place of a WebSocket: its attributes, its events, and what becomes of messages.
import assert from 'node:assert/strict';
import { FakeSocket, check, connect, opened, pass, settle } from './faking.mjs';

const { PirnSocket } = await import('../../js/pirn.js');
const { CONNECTING, OPEN, CLOSING, CLOSED } = PirnSocket;
const MOST = 1e9; // as long as a timer of pirn.js can be

// ---- as WebSocket

check('a mistake throws at once, and leaves nothing behind', () => {
    assert.throws(() => connect({}, [], 'not a URL'), /Invalid URL/);
    pass(MOST);
    assert.equal(FakeSocket.made.length, 0);
});

check('with params a mistake throws what the WebSocket throws', () => {
    class Strict extends FakeSocket {
        constructor(url, protocols) {
            if (!URL.canParse(url)) throw new DOMException('invalid', 'SyntaxError');
            super(url, protocols);
        }
    }
    for (const params of [undefined, { a: 1 }])
        assert.throws(() => connect({ WebSocket: Strict, params }, [], 'http://['),
            { name: 'SyntaxError' });
});

check('with params a relative URL belongs to the base of the document', () => {
    connect({ params: { a: 1 } }, [], 'feed?b');
    assert.equal(FakeSocket.last.url, 'ws://page/base/feed?b=&a=1');
}, { page: true });

check('constants, properties and on* are those of WebSocket', () => {
    const { socket } = connect();
    for (const each of [PirnSocket, socket])
        assert.deepEqual([each.CONNECTING, each.OPEN, each.CLOSING, each.CLOSED], [0, 1, 2, 3]);
    assert.deepEqual([socket.readyState, socket.protocol, socket.bufferedAmount, socket.binaryType],
        [CONNECTING, '', 0, 'blob']);
    socket.binaryType = 'arraybuffer';
    socket.binaryType = 'nodebuffer';
    assert.equal(socket.binaryType, 'arraybuffer');
    assert.equal(FakeSocket.last.binaryType, 'arraybuffer');
    assert.equal(socket.onopen, null);
    const seen = [];
    socket.onopen = () => seen.push('first');
    socket.onopen = () => seen.push('open');
    socket.onmessage = event => seen.push(event.data, event.json().a, event.origin);
    FakeSocket.last.open();
    FakeSocket.last.receive('{"a":7}');
    socket.onmessage = null;
    FakeSocket.last.receive('{"a":8}');
    assert.deepEqual(seen, ['open', '{"a":7}', 7, 'ws://peer']);
    socket.json({ b: [1] });
    assert.deepEqual(FakeSocket.last.sent, ['{"b":[1]}']);
});

check('listeners and binaryType stay over connections', async () => {
    const { socket, events } = opened();
    socket.binaryType = 'arraybuffer';
    FakeSocket.last.end();
    pass(0);
    await settle();
    assert.equal(FakeSocket.last.binaryType, 'arraybuffer');
    FakeSocket.last.open();
    FakeSocket.last.receive('again');
    assert.deepEqual(events(), ['close 1006', 'reconnecting 1 in 0', 'open', 'message again']);
});

const REFUSED = [
    [[1001], 'InvalidAccessError'], [[999], 'InvalidAccessError'], [[0], 'InvalidAccessError'],
    [[2999], 'InvalidAccessError'], [[5000], 'InvalidAccessError'], [['x'], 'InvalidAccessError'],
    [[1000, '\u20ac'.repeat(42)], 'SyntaxError'], [[undefined, 'x'.repeat(124)], 'SyntaxError']
];
for (const [how, name] of REFUSED) check(`close(${how.join()}) throws ${name}`, () => {
    const { socket } = opened();
    assert.throws(() => socket.close(...how), { name });
    assert.equal(socket.readyState, OPEN);
    assert.deepEqual(FakeSocket.last.closed, []);
});

for (const how of [[], [1000], [3000], [4999, '\u20ac'.repeat(41)]])
    check(`close(${how.join()}) ends for good`, () => {
        const { socket, events } = opened();
        socket.close(...how);
        socket.close(4000, 'twice');
        assert.equal(socket.readyState, CLOSING);
        assert.deepEqual(FakeSocket.last.closed, [how.length ? [how[0], how[1] ?? ''] : []]);
        FakeSocket.last.end(1006);
        assert.deepEqual(events(), ['close 1006']);
        assert.equal(socket.readyState, CLOSED);
        socket.close();
        pass(MOST);
        assert.deepEqual(events(), []);
    });

check('close() between attempts, and while a URL is asked for', async () => {
    const { socket, events } = opened();
    FakeSocket.last.end(1001);
    events();
    socket.close(4000, 'enough');
    assert.equal(socket.readyState, CLOSING);
    await settle();
    assert.deepEqual(events(), ['close 4000 enough']);
    assert.equal(socket.readyState, CLOSED);
    pass(MOST);
    await settle();
    assert.equal(FakeSocket.made.length, 1);
    const asking = connect({}, [], () => new Promise(() => {}));
    asking.socket.close();
    await settle();
    assert.deepEqual(asking.events(), ['close 1005']);
});

check('a listener of close may close or reconnect', async () => {
    for (const type of ['close', 'reconnecting']) {
        const { socket, events } = opened();
        socket.addEventListener(type, () => socket.close(), { once: true });
        FakeSocket.last.end(1001);
        await settle();
        pass(MOST);
        assert.equal(socket.readyState, CLOSED);
        const told = type === 'close' ? [] : ['reconnecting 1 in 500'];
        assert.deepEqual(events(), ['close 1001', ...told, 'close 1005']);
    }
    const { socket, events } = opened();
    socket.addEventListener('close', () => socket.reconnect(), { once: true });
    const count = FakeSocket.made.length;
    FakeSocket.last.end(1002);
    await settle();
    assert.equal(FakeSocket.made.length, count + 1);
    assert.deepEqual(events(), ['close 1002']);
});

check('reconnect() by hand', async () => {
    const { socket, events } = opened();
    const old = FakeSocket.last;
    socket.reconnect();
    assert.deepEqual(old.closed, [[1000, 'reconnect']]);
    assert.deepEqual(events(), ['close 1000 reconnect', 'reconnecting 1 in 0']);
    pass(0);
    await settle();
    old.receive('late');
    old.end();
    FakeSocket.last.open();
    FakeSocket.last.end(1013);
    socket.reconnect();
    await settle();
    FakeSocket.last.open();
    socket.close();
    FakeSocket.last.end(1005);
    assert.deepEqual(events(),
        ['open', 'close 1013', 'reconnecting 2 in 17500', 'open', 'close 1005']);
    socket.reconnect();
    assert.equal(socket.readyState, CONNECTING);
    await settle();
    FakeSocket.last.open();
    assert.deepEqual(events(), ['open']);
    pass(MOST);
    assert.equal(FakeSocket.made.length, 4);
    FakeSocket.last.end(1001);
    socket.close();
    socket.reconnect();
    await settle();
    FakeSocket.last.open();
    assert.deepEqual(events(), ['close 1001', 'reconnecting 1 in 500', 'open']);
    assert.equal(socket.readyState, OPEN);
});

check('reconnect() begins to count anew', async () => {
    const { socket, events } = opened({ attempts: 2 });
    for (let i = 0; i < 2; i++) {
        FakeSocket.last.end(1001);
        pass(5000);
        await settle();
        FakeSocket.last.open();
    }
    events();
    socket.reconnect();
    assert.deepEqual(events(), ['close 1000 reconnect', 'reconnecting 1 in 0']);
});

check('a signal stops it for good', async () => {
    const stop = new AbortController();
    const { socket, events } = opened({ signal: stop.signal });
    stop.abort();
    assert.equal(socket.readyState, CLOSING);
    FakeSocket.last.end(1005);
    socket.reconnect();
    await settle();
    assert.deepEqual(events(), ['close 1005']);
    const never = connect({ signal: stop.signal });
    await settle();
    assert.deepEqual(never.events(), ['close 1005']);
    assert.equal(FakeSocket.made.length, 1);
});

// ---- messages

check('what is sent without a connection waits, in order, as it was then', async () => {
    const { socket } = connect();
    const bytes = new Uint8Array([1, 2, 3, 4]), blob = new Blob(['blob']);
    socket.send('\u20ac');
    socket.send(bytes.subarray(1, 3));
    socket.send(bytes.buffer);
    socket.send(new DataView(bytes.buffer, 3));
    socket.send(blob);
    socket.send(7);
    assert.equal(socket.bufferedAmount, 3 + 2 + 4 + 1 + 4 + 1);
    bytes.fill(9);
    socket.onopen = () => socket.send('login');
    FakeSocket.last.open();
    assert.equal(socket.bufferedAmount, 0);
    const [login, text, view, buffer, data, piece, number] = FakeSocket.last.sent;
    assert.deepEqual([login, text, number], ['login', '\u20ac', '7']);
    const plain = each => [...new Uint8Array(each)];
    assert.deepEqual([view, buffer, data].map(plain), [[2, 3], [1, 2, 3, 4], [4]]);
    assert.equal(await piece.text(), 'blob');
    FakeSocket.last.bufferedAmount = 5;
    assert.equal(socket.bufferedAmount, 5);
});

check('messages wait over lost connections, and while the peer closes', async () => {
    const { socket, events } = opened();
    FakeSocket.last.readyState = CLOSING;
    socket.send('a');
    FakeSocket.last.end();
    socket.send('b');
    pass(0);
    await settle();
    FakeSocket.last.end();
    socket.send('c');
    pass(2500);
    await settle();
    FakeSocket.last.open();
    socket.send('d');
    assert.deepEqual(FakeSocket.made.map(each => each.sent), [[], [], ['a', 'b', 'c', 'd']]);
    assert.ok(!events().some(each => each.startsWith('drop')));
});

check('the queue stops when the connection does', async () => {
    const { socket } = connect();
    for (const text of 'abc') socket.send(text);
    FakeSocket.last.send = function send(data) {
        this.sent.push(data);
        this.readyState = CLOSING;
    };
    FakeSocket.last.open();
    FakeSocket.last.end();
    pass(0);
    await settle();
    FakeSocket.last.open();
    assert.deepEqual(FakeSocket.made.map(each => each.sent), [['a'], ['b', 'c']]);
});

const FULL = [
    ['throw', { queueMessages: 2 }, ['a', 'b'], []],
    ['newest', { queueMessages: 2 }, ['a', 'b'], ['drop c']],
    ['oldest', { queueMessages: 2 }, ['b', 'c'], ['drop a']],
    ['throw', { queueBytes: 2 }, ['a', 'b'], []],
    ['newest', { queueBytes: 2 }, ['a', 'b'], ['drop c']],
    ['oldest', { queueBytes: 2 }, ['b', 'c'], ['drop a']],
    ['oldest', { queueBytes: 0 }, [], ['drop a', 'drop b', 'drop c']],
    ['oldest', { queueMessages: 0 }, [], ['drop a', 'drop b', 'drop c']]
];
for (const [queuePolicy, caps, kept, told] of FULL)
    check(`a full queue: ${queuePolicy} ${JSON.stringify(caps)}`, () => {
        const { socket, events } = connect({ queuePolicy, ...caps });
        const full = { name: 'QuotaExceededError' };
        socket.send('a'), socket.send('b');
        if (queuePolicy === 'throw') assert.throws(() => socket.send('c'), full);
        else socket.send('c');
        FakeSocket.last.open();
        assert.deepEqual(FakeSocket.last.sent, kept);
        assert.deepEqual(events(), [...told, 'open']);
    });

check('a message that is too long drops no other', () => {
    const { socket, events } = connect({ queuePolicy: 'oldest', queueBytes: 2 });
    for (const text of ['a', 'long', 'b']) socket.send(text);
    FakeSocket.last.open();
    assert.deepEqual(FakeSocket.last.sent, ['a', 'b']);
    assert.deepEqual(events(), ['drop long', 'open']);
});

check('after close() messages are dropped, after giveup the queue is kept', async () => {
    const { socket, events } = opened();
    socket.close();
    socket.send('x');
    FakeSocket.last.end(1005);
    socket.send('y');
    assert.deepEqual(events(), ['drop x', 'close 1005', 'drop y']);
    const other = connect({ attempts: 0 });
    other.socket.send('kept');
    FakeSocket.last.end();
    assert.equal(other.socket.readyState, CLOSED);
    assert.equal(other.socket.bufferedAmount, 4);
    other.socket.reconnect();
    await settle();
    FakeSocket.last.open();
    assert.deepEqual(FakeSocket.last.sent, ['kept']);
});

check('close() drops what waits, and reconnect() does not send it', async () => {
    const waiting = connect();
    waiting.socket.send('a');
    FakeSocket.last.end(1001);
    waiting.socket.send('b');
    const drained = assert.rejects(waiting.socket.drained(), { name: 'InvalidStateError' });
    waiting.socket.close();
    assert.deepEqual(waiting.events(), ['close 1001', 'reconnecting 1 in 500', 'drop a', 'drop b']);
    assert.equal(waiting.socket.bufferedAmount, 0);
    pass(10);
    await drained;
    waiting.socket.reconnect();
    await settle();
    FakeSocket.last.open();
    assert.deepEqual(FakeSocket.last.sent, []);

    const opening = connect();
    opening.socket.onopen = () => opening.socket.close();
    opening.socket.send('c');
    FakeSocket.last.open();
    assert.deepEqual([FakeSocket.last.sent, opening.events()], [[], ['drop c', 'open']]);

    const ended = connect({ attempts: 0 });
    ended.socket.send('d');
    FakeSocket.last.end();
    ended.events();
    ended.socket.close();
    assert.deepEqual(ended.events(), ['drop d']);
});

check('a listener of drop may reconnect, which keeps the rest', async () => {
    const { socket, events } = connect();
    socket.send('a'), socket.send('b');
    FakeSocket.last.end(1001);
    events();
    socket.ondrop = ({ data }) => (socket.reconnect(), socket.send(data));
    socket.close();
    await settle();
    FakeSocket.last.open();
    assert.deepEqual(events(), ['drop a', 'open']);
    assert.deepEqual(FakeSocket.last.sent, ['b', 'a']);
});

check('drained() waits for both queues, and fails when it is closed for good', async () => {
    const { socket } = connect();
    let done = 0;
    await socket.drained();
    socket.send('123456');
    socket.drained().then(() => { done += 1; });
    socket.drained(5).then(() => { done += 10; });
    const step = async () => {
        await settle();
        pass(10);
        await settle();
        return done;
    };
    assert.equal(await step(), 0);
    FakeSocket.last.bufferedAmount = 5;
    FakeSocket.last.open();
    assert.equal(await step(), 10);
    FakeSocket.last.bufferedAmount = 0;
    assert.equal(await step(), 11);
    const wanted = { name: 'InvalidStateError' };
    for (const end of [made => FakeSocket.last.end(1009), made => made.close()]) {
        const cut = opened();
        FakeSocket.last.bufferedAmount = 100;
        const rejected = assert.rejects(cut.socket.drained(), wanted);
        end(cut.socket);
        await step();
        await rejected;
        await assert.rejects(cut.socket.drained(), wanted);
    }
    const lost = connect({ attempts: 0 });
    lost.socket.send('x');
    const failed = assert.rejects(lost.socket.drained(), wanted);
    FakeSocket.last.end();
    await step();
    await failed;
});

// ---- heartbeat

check('a heartbeat finds a dead connection', async () => {
    let count = 0;
    const { socket, events } = opened({
        heartbeat: () => 'ping ' + ++count, heartbeatInterval: 300, heartbeatTimeout: 100,
        isAnswer: data => data.startsWith('pong')
    });
    const ws = FakeSocket.last;
    pass(299);
    ws.receive('any message is a sign of life');
    pass(299);
    assert.deepEqual(ws.sent, []);
    pass(1);
    assert.deepEqual(ws.sent, ['ping 1']);
    pass(99);
    ws.receive('pong 1');
    pass(300);
    assert.deepEqual(ws.sent, ['ping 1', 'ping 2']);
    assert.deepEqual(events(), ['message any message is a sign of life']);
    pass(100);
    assert.deepEqual(events(), ['close 3008 heartbeatTimeout', 'reconnecting 1 in 0']);
    assert.deepEqual(ws.closed, [[3008, 'heartbeatTimeout']]);
    assert.equal(socket.readyState, CONNECTING);
    pass(0);
    await settle();
    ws.receive('late');
    FakeSocket.last.open();
    pass(300);
    assert.deepEqual(FakeSocket.last.sent, ['ping 3']);
    assert.deepEqual(events(), ['open']);
});
