// chat.test.mjs - a real browser, the real server, the model that ships: the chat from end to end.
//
// HEARTH_LOGIN is a launch link, CHROMIUM the browser. Each test has a page of its own in one signed
// in context; any request that leaves the origin fails the run.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const login = process.env.HEARTH_LOGIN;
const origin = new URL(login).origin;
let browser, context;
const strangers = [];
const complaints = [];

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
  context = await browser.newContext({ viewport: { width: 1200, height: 800 }, bypassCSP: false });
  await context.route('**/*', (route) => {
    const u = route.request().url();
    if (!u.startsWith(origin) && !u.startsWith('data:') && !u.startsWith('blob:')) strangers.push(u);
    return route.continue();
  });
  const page = await context.newPage();
  const r = await page.goto(login);
  assert.ok(r.ok());
  await page.close();
});
after(async () => {
  await browser.close();
  assert.deepEqual(strangers, [], 'requests that left the origin');
  assert.deepEqual(complaints, [], 'errors in the console');
});

const open = async (path = '/') => {
  const page = await context.newPage();
  page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
  page.on('pageerror', (e) => complaints.push(String(e)));
  await page.goto(origin + path);
  await page.waitForSelector('.model select option:not([value=""])', { state: 'attached' });
  await page.selectOption('.model select', 'ember:latest');
  return page;
};
// A key is pressed before the page has drawn what it does: every wait is for what should be seen.
const send = async (page, text) => {
  const asked = await page.locator('article.user').count();
  await page.fill('#box', text);
  await page.keyboard.press('Enter');
  await page.waitForFunction((n) => document.querySelectorAll('article.user').length > n, asked);
};
const done = (page) => page.waitForSelector('.composer button[type=submit]', { timeout: 60000 });
const answers = (page) => page.locator('article.assistant').allTextContents();

test('a message is answered, and words come one after another', async () => {
  const page = await open();
  await send(page, 'Hello! Who are you?');
  await page.waitForSelector('article.assistant .md');
  await done(page);
  assert.match((await page.locator('article.assistant .md').first().textContent()).trim(), /\w+/);
  assert.match(await page.locator('article.assistant .figures').textContent(), /\d+ tokens/);
  assert.equal(await page.title(), 'hearth');
  await page.close();
});
test('an answer can be stopped, and what was said stays', async () => {
  const page = await open();
  await page.selectOption('.model select', 'noise:latest'); // it would go on for thousands of tokens
  await send(page, 'Tell me a long story about a dog and a cat.');
  await page.waitForSelector('article.assistant .md');
  await page.click('.composer button:has-text("Stop")');
  await done(page);
  assert.ok((await page.locator('article.assistant .md').textContent()).length > 0);
  await page.close();
});
test('editing makes a branch, and both stay', async () => {
  const page = await open();
  await send(page, 'What is a cat?');
  await done(page);
  await page.click('article.user button:has-text("Edit")');
  await page.fill('.editor textarea', 'What is a dog?');
  await page.click('.editor button[type=submit]');
  await page.waitForSelector('article.user .plain:has-text("What is a dog?")');
  await done(page);
  assert.match(await page.locator('article.user .versions').textContent(), /2 of 2/);
  await page.click('article.user .versions button >> nth=0');
  await page.waitForSelector('article.user .plain:has-text("What is a cat?")');
  await page.waitForSelector('article.user .versions:has-text("1 of 2")');
  await page.close();
});
test('another answer is another version', async () => {
  const page = await open();
  await send(page, 'Say something nice.');
  await done(page);
  await page.click('article.assistant button:has-text("Answer again")');
  await page.waitForSelector('article.assistant .versions:has-text("2 of 2")');
  await done(page);
  await page.close();
});
test('a conversation is found again after a reload, and by its words', async () => {
  const page = await open();
  const word = `xylophone${Date.now() % 100000}`;
  await send(page, `What is a ${word}?`);
  await done(page);
  await page.waitForSelector(`.sidebar .open:has-text("${word}")`);
  const before = await answers(page);
  await page.reload();
  await page.waitForFunction((n) => document.querySelectorAll('article.assistant').length === n, before.length);
  assert.deepEqual(await answers(page), before);
  await page.fill('#search', word);
  await page.waitForFunction(() => document.querySelectorAll('.sidebar li').length === 1);
  await page.fill('#search', 'qqqzzz');
  await page.waitForSelector('.sidebar .note');
  await page.close();
});
test('a conversation is deleted for good', async () => {
  const page = await open();
  await send(page, 'Forget this one, please.');
  await done(page);
  const id = new URL(page.url()).hash.slice(1);
  await page.click('.sidebar li.current .bin');
  await page.click('.sidebar .ask .danger');
  await page.waitForFunction((x) => !location.hash.includes(x), id);
  assert.equal((await context.request.get(`${origin}/hearth/chats/${id}`, { headers: { 'X-Hearth': '1' } })).status(), 404);
  await page.close();
});
test('the keyboard is enough', async () => {
  const page = await open();
  await page.keyboard.press('Control+Shift+O');
  await page.waitForFunction(() => document.activeElement?.id === 'box');
  await page.keyboard.type('Hi there');
  await page.keyboard.press('Enter');
  await done(page);
  await page.focus('#box');
  await page.keyboard.press('ArrowUp');
  await page.waitForSelector('.editor textarea');
  await page.keyboard.press('Escape');
  await page.waitForSelector('.editor', { state: 'detached' });
  await page.keyboard.press('Control+K');
  await page.waitForFunction(() => document.activeElement?.id === 'search');
  await page.keyboard.press('Control+,');
  await page.waitForSelector('dialog[open]');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog[open]', { state: 'detached' });
  // everything that can be clicked can be reached by Tab
  const reach = await page.evaluate(() => [...document.querySelectorAll('button:not(:disabled), select, textarea, input:not([hidden])')].every((n) => n.tabIndex >= 0));
  assert.ok(reach);
  await page.close();
});
test('a dropped text file goes into the message, anything else is refused with a sentence', async () => {
  const page = await open();
  const drop = (name, bytes) =>
    page.evaluate(([n, b]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(b)], n));
      document.querySelector('.page').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    }, [name, bytes]);
  await drop('notes.txt', [...Buffer.from('The cat sat on the mat.')]);
  await page.waitForSelector('.files li:has-text("tokens")');
  await drop('picture.png', [137, 80, 78, 71, 0, 255, 254]);
  await page.waitForSelector('[role=alert]:has-text("picture.png")');
  await send(page, 'What is in the file?');
  await done(page);
  assert.match(await page.locator('article.user .file').textContent(), /notes\.txt/);
  await page.close();
});
test('instructions and sampling are sent', async () => {
  const page = await open();
  await page.keyboard.press('Control+,');
  await page.fill('dialog textarea', 'You are a cat.');
  await page.fill('dialog input[max="1000000"]', '3');
  await page.keyboard.press('Escape');
  const asked = page.waitForRequest('**/v1/chat/completions');
  await send(page, 'Hello');
  const body = (await asked).postDataJSON();
  assert.equal(body.messages[0].role, 'system');
  assert.equal(body.max_tokens, 3);
  await done(page);
  await page.waitForSelector('article.assistant .note');
  await page.close();
});
test('adapters of the model can be scaled for a conversation, and only there', async () => {
  const page = await open();
  await page.keyboard.press('Control+,');
  await page.waitForSelector('dialog[open]');
  assert.equal(await page.locator('.adapters').count(), 0); // ember has none
  await page.keyboard.press('Escape');
  const listed = page.waitForResponse((r) => r.url().includes('/lora-adapters?model=noise'));
  await page.selectOption('.model select', 'noise:latest');
  await listed;
  await page.keyboard.press('Control+,');
  const scale = page.locator('.adapters input');
  await scale.waitFor();
  assert.match(await page.locator('.adapters').textContent(), /thin\.gguf/);
  assert.equal(await scale.getAttribute('placeholder'), '0.5');
  await scale.fill('-2');
  await scale.press('Tab');
  await page.keyboard.press('Escape');
  const asked = page.waitForRequest((r) => r.url().endsWith('/v1/chat/completions'));
  await send(page, 'Hello');
  assert.deepEqual((await asked).postDataJSON().lora, [{ id: 0, scale: -2 }]);
  await page.waitForSelector('article.assistant .md');
  await page.keyboard.press('Escape');
  await done(page);
  await page.selectOption('.model select', 'ember:latest');
  const plain = page.waitForRequest((r) => r.url().endsWith('/v1/chat/completions'));
  await send(page, 'And now?');
  assert.equal((await plain).postDataJSON().lora, undefined);
  await done(page);
  await page.close();
});
test('hostile Markdown does nothing', async () => {
  const page = await open();
  const hostile = '<img src=x onerror="window.hit=1">\n\n[a](javascript:window.hit=1)\n\n<script>window.hit=1</script>\n\n![x](http://example.invalid/p.png)\n\n`<b>`\n\n| a | b |\n|---|---|\n| 1 | <svg onload="window.hit=1"> |\n\n```js\nconst x = 1;\n```\n\n$a^2+b^2=c^2$\n';
  await page.route('**/v1/chat/completions', (r) =>
    r.fulfill({ contentType: 'text/event-stream', body: `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: hostile }, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n` }));
  await send(page, 'go');
  await page.waitForSelector('article.assistant pre code .hljs-keyword');
  await page.waitForSelector('article.assistant math');
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.equal(await page.locator('article.assistant img, article.assistant script, article.assistant svg, article.assistant a[href^="javascript"]').count(), 0);
  assert.equal(await page.locator('article.assistant table td').first().textContent(), '1');
  await page.close();
});
test('reasoning is folded away', async () => {
  const page = await open();
  await page.route('**/v1/chat/completions', (r) =>
    r.fulfill({ contentType: 'text/event-stream', body: [{ reasoning_content: 'hmm' }, { content: 'Yes.' }].map((delta) => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`).join('') + 'data: [DONE]\n\n' }));
  await send(page, 'go');
  await done(page);
  assert.equal(await page.locator('details.reasoning').getAttribute('open'), null);
  assert.match(await page.locator('details.reasoning').textContent(), /hmm/);
  await page.close();
});
test('the settings tell of the cage', async () => {
  const { cage } = await (await fetch(`${origin}/health`)).json();
  const page = await open();
  await page.keyboard.press('Control+,');
  await page.waitForSelector('dialog .cage');
  const said = await page.locator('dialog .cage').textContent();
  assert.ok(said.includes(cage === 'none' ? '--no-cage' : `(${cage})`), said);
  await page.close();
});
test('another language, another theme, a phone', async () => {
  const page = await open();
  await page.keyboard.press('Control+,');
  await page.selectOption('dialog select >> nth=1', 'de');
  await page.selectOption('dialog select >> nth=0', 'dark');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#box[placeholder="Nachricht schreiben"]');
  await page.waitForFunction(() => getComputedStyle(document.body).backgroundColor === 'rgb(25, 22, 19)');
  await page.setViewportSize({ width: 360, height: 640 });
  await page.reload();
  await page.waitForSelector('#box');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await page.evaluate(() => localStorage.clear());
  await page.close();
});
for (const [name, setup] of [
  ['the empty page', async () => undefined],
  ['a conversation', async (page) => { await send(page, 'Hello!'); await done(page); }],
  ['the settings', async (page) => { await page.keyboard.press('Control+,'); await page.waitForSelector('dialog[open]'); }],
  ['the dark page', async (page) => { await page.emulateMedia({ colorScheme: 'dark' }); }],
])
  test(`axe finds nothing serious: ${name}`, async () => {
    const page = await open();
    await setup(page);
    await page.evaluate(() => new Promise((r) => setTimeout(r, 100)));
    const cdp = await context.newCDPSession(page);
    await cdp.send('Runtime.evaluate', { expression: axe });
    const found = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
    const bad = found.violations.filter((v) => ['serious', 'critical'].includes(v.impact));
    assert.deepEqual(bad.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).slice(0, 3).join(' | ')}`), []);
    await page.close();
  });
test('a page from elsewhere gets nothing', async () => {
  const r = await fetch(`${origin}/hearth/chats`, { headers: { Origin: 'http://evil.example' } });
  assert.equal(r.status, 403);
});
test('a browser without the cookie gets nothing', async () => {
  const stranger = await browser.newContext();
  const page = await stranger.newPage();
  await page.goto(origin);
  const status = await page.evaluate(() => fetch('/hearth/chats', { headers: { 'X-Hearth': '1' } }).then((r) => r.status));
  assert.equal(status, 401);
  await stranger.close();
});
test('name and password let a browser in, by keyboard, on a phone; logging out lets it out', async () => {
  const stranger = await browser.newContext({ viewport: { width: 360, height: 640 } });
  const page = await stranger.newPage();
  await page.goto(origin);
  await page.waitForSelector('dialog.login[open]');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  const cdp = await stranger.newCDPSession(page);
  await cdp.send('Runtime.evaluate', { expression: axe });
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
  assert.deepEqual(found.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => v.id), []);
  await page.keyboard.press('Escape'); // it is no way in
  assert.ok(await page.isVisible('dialog.login'));
  await page.focus('dialog.login input[name=name]');
  await page.keyboard.type('alice');
  await page.keyboard.press('Tab');
  await page.keyboard.type('incorrect');
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog.login .error:has-text("wrong")');
  await page.keyboard.type('correct horse');
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog.login', { state: 'detached' });
  await page.waitForSelector('.model select option:not([value=""])', { state: 'attached' });
  const cookies = await stranger.cookies();
  assert.ok(cookies.some((c) => c.name.startsWith('hearth') && c.httpOnly && c.sameSite === 'Strict'));
  await page.keyboard.press('Control+,');
  await page.click('dialog button:has-text("Log out")');
  await page.waitForSelector('dialog.login[open]');
  await stranger.close();
});
test('who guesses at passwords is told how long to wait', async () => {
  const stranger = await browser.newContext();
  const page = await stranger.newPage();
  await page.goto(origin);
  await page.waitForSelector('dialog.login[open]');
  await page.evaluate(() => { // the shortest wait is a second
    const look = () => {
      const said = document.querySelector('dialog.login .error')?.textContent ?? '';
      if (/Wait \d+ s/.test(said)) window.waited = document.querySelector('dialog.login button[type=submit]').disabled;
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  await page.fill('dialog.login input[name=name]', 'nobody');
  for (let i = 0; i < 12 && (await page.evaluate(() => window.waited)) === undefined; i++) {
    await page.fill('dialog.login input[name=password]', `guess ${i}`);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => !document.querySelector('dialog.login input[name=password]').value);
  }
  assert.equal(await page.evaluate(() => window.waited), true);
  await stranger.close();
});
test('a launch link works once', async () => {
  const again = await fetch(login, { redirect: 'manual' });
  assert.ok(again.status >= 400, String(again.status));
});
