// What the tests in JavaScript share: a `pirn serve` for each, that must end well.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import assert from 'node:assert/strict';
import path from 'node:path';

export const SANITIZED = Boolean(process.env.PIRN_SANITIZE);
export const pirn = path.resolve(process.env.PIRN_BUILD_DIR ?? 'build', 'pirn');

// A test that cannot run here ends with the status that CTest takes for skipped.
export function skip(why) {
    console.log('skipped: ' + why);
    process.exit(77);
}

export function serve(...options) {
    return start(pirn, 'serve', '--port', '0', ...options);
}

export async function start(program, ...options) {
    if (!existsSync(pirn)) skip('no ' + pirn);
    const child = spawn(program, options);
    const exit = once(child, 'exit');
    let complaint = '';
    child.stderr.on('data', text => { complaint += text; });
    const lines = createInterface({ input: child.stdout });
    const [ready] = await Promise.race([once(lines, 'line'), exit.then(() => [''])]);
    assert.ok(ready, `${program} has ended: ${complaint}`);
    const url = ready.replace('listening on ', '');
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    exit.then(() => process.off('exit', kill));
    return {
        url,
        port: Number(new URL(url).port),
        signal: name => child.kill(name ?? 'SIGTERM'),
        // Until it is gone it has its port, though it answers no more.
        async crash() {
            kill();
            await exit;
        },
        write: text => child.stdin.write(text),
        async end() {
            child.kill('SIGTERM');
            const [status] = await exit;
            assert.equal(complaint, '');
            assert.equal(status, 0);
        }
    };
}

const PATIENCE_MS = 50000;

// Runs the tests, which are named by what they are about, one after the other.
export async function run(tests) {
    for (const [name, test] of Object.entries(tests)) {
        const begin = performance.now();
        const limit = setTimeout(() => {
            console.log(`${name} does not end, with`, process.getActiveResourcesInfo());
            process.exit(1);
        }, PATIENCE_MS);
        await test();
        clearTimeout(limit);
        console.log(`ok ${name} (${Math.round(performance.now() - begin)} ms)`);
    }
    process.exit(0);
}
