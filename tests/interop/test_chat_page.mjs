// The example chat and its page in headless Chromium: two people in a room, as the tutorial has it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { launch } from './chromium.mjs';
import { run } from './serving.mjs';

const program = path.resolve(process.env.PIRN_BUILD_DIR ?? 'build', 'examples/chat');
const folder = path.resolve(process.env.PIRN_SOURCE_DIR ?? '.', 'examples');

async function come(browser, url, nick) {
    const page = await browser.newPage();
    page.setDefaultTimeout(15000);
    page.on('dialog', dialog => dialog.accept(nick));
    await page.goto(url);
    await hears(page, nick + ' has come');
    return page;
}

async function say(page, text) {
    await page.locator('input').fill(text);
    await page.locator('input').press('Enter');
}

async function hears(page, text) {
    await page.locator('pre', { hasText: text }).waitFor();
}

await run({
    async 'two people in a room'() {
        const chat = spawn(program, ['0', folder]);
        process.once('exit', () => chat.kill('SIGKILL'));
        const [ready] = await once(createInterface({ input: chat.stdout }), 'line');
        const url = ready.replace('listening on ws:', 'http:') + 'chat.html';
        const browser = await launch();
        const ada = await come(browser, url, 'Ada & Co.');
        const bob = await come(browser, url, 'Bjørn');
        await hears(ada, 'Bjørn has come');
        await say(bob, 'hello <b>');
        await hears(ada, 'Bjørn: hello <b>');
        await say(ada, 'grüß dich');
        await hears(bob, 'Ada & Co.: grüß dich');
        await bob.close();
        await hears(ada, 'Bjørn has left');
        await say(ada, 'x'.repeat(5000));
        await hears(ada, '(closed: 1009 message');
        assert.equal(await ada.locator('pre b').count(), 0);
        await browser.close();
    }
});
