// What the tests of permessage-deflate in JavaScript share: messages of many sizes and kinds, and
// conversations with an echo.
import { randomBytes } from 'node:crypto';
import assert from 'node:assert/strict';
import { SANITIZED } from './serving.mjs';

const words = ['warp', 'weft', 'shuttle', 'f\u00e4den', '\u7d4c\u7cf8', '\u{1f9f5}', 'pirn'];

function json(i, bytes) {
    const rows = [];
    for (let length = 0; length < bytes; length += rows.at(-1).length)
        rows.push(JSON.stringify({ id: i * 7919 + rows.length, word: words[i % 7] }));
    return `[${rows}]`;
}

const prose = (i, count) => Array.from({ length: count }, (_, at) => words[(at * i) % 7]).join(' ');

// Text and binary, short and long, that compress well, badly and not at all. The last refer back
// to what is 300, 5000 and 40000 bytes before them: to within, or beyond, windows of all sizes.
const noise = randomBytes(40000);
export const MESSAGES = [
    '', Buffer.alloc(0), 'x', Buffer.from([0]), json(1, 200), prose(3, 300), json(2, 1024),
    randomBytes(700), Buffer.alloc(3000), json(3, 9000), prose(5, 2000), noise.subarray(0, 300),
    noise.subarray(0, 5000), noise, noise.subarray(0, 5000)
];
export const LARGE = [
    Buffer.alloc(1 << 20, json(4, 70000)), prose(2, 150000), randomBytes(1 << 20)
];

// Cut in three, the second empty.
function sendInFragments(socket, data) {
    const cut = data.length >> 1;
    socket.send(data.slice(0, cut), { fin: false, binary: typeof data !== 'string' });
    socket.send(data.slice(0, 0), { fin: false, binary: typeof data !== 'string' });
    socket.send(data.slice(cut), { fin: true, binary: typeof data !== 'string' });
}

const isWhole = text => typeof text !== 'string' || !/[\ud800-\udfff]/.test(text);

// Sends the messages through a socket of npm ws, every third in fragments, with a Ping behind every
// fifth; they must come back as they were, and a Pong for the latest Ping, which may pass others.
export function converse(socket, messages) {
    let next = 0, pings = 0, latest = 0;
    return new Promise((resolve, reject) => {
        const done = () => next === messages.length && latest === pings && resolve();
        socket.on('message', (data, isBinary) => {
            const sent = messages[next++];
            try {
                assert.equal(isBinary, typeof sent !== 'string');
                assert.ok(data.equals(Buffer.from(sent)), `message ${next - 1} is another`);
            } catch (error) {
                reject(error);
            }
            done();
        });
        socket.on('pong', data => { latest = Math.max(latest, Number(data)); done(); });
        socket.on('close', (code, reason) => reject(new Error(`closed: ${code} ${reason}`)));
        socket.on('error', reject);
        for (const [i, message] of messages.entries()) {
            if (i % 3 === 2 && isWhole(message)) sendInFragments(socket, message);
            else socket.send(message);
            if (i % 5 === 4) socket.ping(String(++pings));
        }
    });
}

function* combinations(all) {
    const [[name, values], ...rest] = Object.entries(all);
    for (const value of values) {
        if (rest.length === 0) yield { [name]: value };
        else for (const more of combinations(Object.fromEntries(rest)))
            yield { [name]: value, ...more };
    }
}

function* subsets(all, size) {
    if (size === 0) yield '';
    else for (const [at, one] of all.entries())
        for (const more of subsets(all.slice(at + 1), size - 1)) yield one + ';' + more;
}

// So many that any values of so many different parameters meet.
function* covering(all, together) {
    const seen = new Set();
    for (let i = 0; i < all.length; i++) {
        const combination = all[i * 11 % all.length]; // neighbours have too much in common
        const met = [...subsets(Object.entries(combination).map(String), together)];
        if (met.every(each => seen.has(each))) continue;
        met.forEach(each => seen.add(each));
        yield combination;
    }
}

// Calls what for combinations of the values of an object of arrays, eight at a time: any three
// values meet, or any two in a sanitized build, which is slow; all if PIRN_LONG is set.
export async function forEach(values, what) {
    const all = [...combinations(values)];
    const queue = process.env.PIRN_LONG ? all : [...covering(all, SANITIZED ? 2 : 3)];
    const worker = async () => {
        while (queue.length > 0) await what(queue.pop());
    };
    await Promise.all(Array.from({ length: 8 }, worker));
}
