// The types of js/pirn.js under the compiler of TypeScript: what is right compiles, what is wrong
// does not, and the pieces of the guide compile.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run, skip } from './serving.mjs';

const root = path.resolve(process.env.PIRN_SOURCE_DIR ?? '.');
const compiler = path.join(root, 'tests/interop/node_modules/typescript/bin/tsc');
if (!existsSync(compiler)) skip('no typescript; see tools/setup');

const OPTIONS = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--lib',
    'es2022,dom', '--allowJs', '--checkJs'];

// The lines that the compiler says of modules, which find the package as users do.
function compile(modules) {
    const folder = mkdtempSync(path.join(tmpdir(), 'pirn-types-'));
    try {
        writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
        for (const [name, text] of Object.entries(modules))
            writeFileSync(path.join(folder, name), text.replaceAll("'pirn'",
                JSON.stringify(path.join(root, 'js/pirn.js'))));
        const { stdout } = spawnSync(process.execPath,
            [compiler, ...OPTIONS, ...Object.keys(modules)], { cwd: folder, encoding: 'utf8' });
        return stdout.split('\n').filter(Boolean);
    } finally {
        rmSync(folder, { recursive: true });
    }
}

const RIGHT = `
import { PirnSocket, closeInfo, retryDelay, type Options, type Retry } from 'pirn';

const options: Options = {
    params: async () => ({ token: 'x' }), retry: ({ code }) => code === 4000 ? 'once' : undefined,
    queuePolicy: 'oldest', heartbeat: () => new Uint8Array(1), signal: AbortSignal.timeout(1000),
    WebSocket, minDelay: undefined, attempts: undefined
};
const socket = new PirnSocket(async () => new URL('ws://h/'), ['a'], options);
const state: 0 | 1 | 2 | 3 = socket.readyState;
socket.onclose = event => { const code: number = event.code, clean: boolean = event.wasClean; };
socket.addEventListener('reconnecting', event => event.delay.toFixed());
socket.addEventListener('message', function (event) { this.json(event.json()); }, { once: true });
socket.onmessage = ({ origin }) => { const told: string | undefined = origin; };
socket.addEventListener('drop', ({ data }) => console.log(data));
socket.removeEventListener('open', console.log);
socket.send(new Blob());
socket.send(new DataView(new ArrayBuffer(1)));
socket.drained(1).then(() => socket.close(PirnSocket.OPEN, 'x'));
const retry: Retry = closeInfo(1000).retry;
const delay: number | undefined = retryDelay({ code: 1006, attempt: 1 }, { minDelay: 1 }, 0.5);

// What takes a WebSocket for its messages takes a PirnSocket.
type Used = Pick<WebSocket, 'send' | 'close' | 'url' | 'protocol' | 'extensions' | 'binaryType'
    | 'bufferedAmount' | 'readyState' | 'OPEN'>;
const used: Used = socket;
export { state, retry, delay, used };
`;

const WRONG = [
    "new PirnSocket()", "new PirnSocket(1)", "new PirnSocket('', '', { queuePolicy: 'x' })",
    "new PirnSocket('', '', { retry: () => 'maybe' })", "socket.readyState = 1", "socket.send()",
    "socket.send({})", "socket.close('1000')", "socket.binaryType = 'text'", "closeInfo('1000')",
    "socket.onreconnecting = event => event.data",
    "socket.onmessage = event => event.origin.length",
    "socket.addEventListener('close', event => event.delay)"
];

const guideText = readFileSync(path.join(root, 'docs/guide/javascript.md'), 'utf8');
const pieces = [...guideText.matchAll(/^```js\n(.*?)^```$/gms)].map(piece => piece[1]);
const wrongModule = line => `import { PirnSocket, closeInfo } from 'pirn';
declare const socket: PirnSocket;
${line};
export { closeInfo };
`;
const said = compile({
    'right.ts': RIGHT,
    'ambient.d.ts': "declare module 'ws';\ndeclare const process: any;\n",
    ...Object.fromEntries(WRONG.map((line, i) => [`wrong${i}.ts`, wrongModule(line)])),
    ...Object.fromEntries(pieces.map((piece, i) => [`piece${i}.js`, piece]))
});

function right() {
    assert.deepEqual(said.filter(line => !/^( |wrong|piece)/.test(line)), []);
}

function wrong() {
    WRONG.forEach((line, i) =>
        assert.ok(said.some(each => each.startsWith(`wrong${i}.ts(3,`)), `compiles: ${line}`));
}

// JavaScript has no types for parameters: what is "implicitly any" (TS7006) may be so.
function guide() {
    assert.ok(pieces.length >= 8);
    assert.deepEqual(said.filter(line => line.startsWith('piece') && !/ TS7006:/.test(line)), []);
}

// Every public name of the module has a type.
async function complete() {
    const module = await import('../../js/pirn.js');
    const types = readFileSync(path.join(root, 'js/pirn.d.ts'), 'utf8');
    for (const name of Object.keys(module))
        assert.match(types, new RegExp(`^export (class|function) ${name}\\b`, 'm'));
    for (const name of Object.getOwnPropertyNames(module.PirnSocket.prototype))
        assert.match(types, new RegExp(`^    (readonly )?${name}[?(:]`, 'm'), name);
}

await run({ right, wrong, guide, complete });
