// The system's Chromium without a head, for tests of pages.
import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { skip } from './serving.mjs';

const { chromium } = await import('playwright-core')
    .catch(() => skip('no playwright-core; see tools/setup'));
const names = ['chromium', 'chromium-browser', 'google-chrome'];
const executablePath = names.map(name => '/usr/bin/' + name).find(existsSync)
    ?? skip('no chromium');
const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--no-first-run'];

function newFolder(name) {
    const folder = mkdtempSync(path.join(tmpdir(), name));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    return folder;
}

// A browser; more are options of Playwright, its args come behind ours.
export function launch(more = {}) {
    return chromium.launch({ ...more, executablePath, args: [...args, ...more.args ?? []] });
}

// A browser that has the certificate in this file for a good one.
export function launchTrusting(file) {
    const { publicKey } = new X509Certificate(readFileSync(file));
    const key = createHash('sha256')
        .update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
    return chromium.launchPersistentContext(newFolder('pirn-page-'), {
        executablePath,
        args: [...args, `--ignore-certificate-errors-spki-list=${key}`]
    });
}

// A folder with the certificates of tests/support, into which others may look.
export function certificates() {
    const folder = newFolder('pirn-tls-');
    chmodSync(folder, 0o755);
    const script = path.join(path.dirname(new URL(import.meta.url).pathname),
        '../support/certificates.sh');
    try {
        execFileSync('sh', [script, folder]);
    } catch {
        skip('no openssl');
    }
    return folder;
}

// In a page: what a socket to this address is like. Sends messages of these sizes, each when the
// last has come back, and closes.
export function converse(page, address, sizes) {
    return page.evaluate(async ([address, sizes]) => {
        const socket = new WebSocket(address), echoes = [];
        const next = name => new Promise((resolve, reject) => {
            socket['on' + name] = resolve;
            socket.onerror = () => reject(new Error('WebSocket failed before ' + name));
        });
        await next('open');
        for (const size of sizes) {
            socket.send('x'.repeat(size));
            echoes.push((await next('message')).data.length);
        }
        const { extensions } = socket;
        socket.close(1000, 'done');
        const { code, wasClean } = await next('close');
        return { echoes, extensions, code, wasClean };
    }, [address, sizes]);
}
