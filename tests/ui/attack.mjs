// attack.mjs - pages of an attacker in a real browser, against the real server.
//
// A user of this machine has the chat open: the browser holds the session's cookie. Pages of another
// name, of this machine at another port, of no origin at all, and of a name that is bent to the
// server (DNS rebinding) try what pages can. Each attempt is made twice: against the server, where
// it must get nothing and change nothing, as its own log has it too; and against one that lets
// everybody in, where it must succeed, or it would show nothing.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { chromium } from 'playwright-core';
import { bentLine, certificate, evilServer, hearth, openServer, sleep } from './attack_servers.mjs';
import { bent, few, kinds } from './attack_kinds.mjs';

const bin = process.env.HEARTH_BIN;
const folder = mkdtempSync(`${tmpdir()}/hearth-attack-`);
const policy = [...readFileSync(`${process.env.HEARTH_SRC}/src/serve/policy.h`, 'utf8').matchAll(
  /ROW\((\w+),\s*"(\w+)",\s*"([^"]+)",\s*(\w+)\)/g)].map(([, id, method, path, verb]) => ({ id, method, path, verb }));
const reads = policy.filter((r) => r.method === 'GET').map((r) => r.path.replace('*', 'x'));
const open = new Set(policy.filter((r) => r.method === 'GET' && r.verb === '0').map((r) => r.path));
assert.ok(policy.length > 50 && reads.length > 15 && open.size > 3, 'the table of routes was not understood');

const rows = [];
const breaches = [];
const empty = [];
const wrong = [];
const expect = (what, ok) => ok || wrong.push(what);
const nothing = /"models":\s*\[\s*\]/;
let browser, context;
const cut = (promise, ms) => Promise.race([promise, new Promise((done) => setTimeout(done, ms, null))]);

// One attempt: what the page got to read, what the server did, and how long that took. The open
// server is waited for until it was reached; the other one then has twice as long as that took, so
// that what comes late on a busy machine is seen where it belongs.
async function attempt(page, kind, to, server, ms) {
  const began = Date.now();
  const mark = await server.mark();
  const code = `(${kind.run})(${JSON.stringify(to)}, ${JSON.stringify(kind.get ? reads : [])})`;
  const got = await cut(page.evaluate(code).catch(() => null), 4000);
  await sleep(kind.wait || 30);
  const late = async () => got === null && !(await server.since(mark)).length;
  if (ms === undefined) for (let i = 0; i < 200 && !kind.quiet && (await late()); i++) await sleep(50);
  else await sleep(ms - (Date.now() - began));
  await server.mark();
  return { got: got ?? null, did: await server.since(mark), ms: Date.now() - began };
}

// What must not have happened: something was answered that is not for everybody. (0: nothing was,
// the page had left; who only reads has nothing then.)
const answered = (line) => line.status !== 0 || line.method !== 'GET';
const harm = (line) => line.status < 400 && answered(line) && !(line.method === 'GET' && open.has(line.route));

async function both(name, from, label, kind, pageOf, victim, control) {
  const sides = {};
  for (const side of ['control', 'victim']) {
    const s = side === 'victim' ? victim : control;
    const { page, to } = await pageOf(side);
    sides[side] = await attempt(page, kind, to, s.server, sides.control && 2 * sides.control.ms);
    await page.close();
  }
  const { did } = sides.victim;
  const harmed = did.filter(harm);
  // A page of a bent name is of the same origin: it may read that it was refused.
  const got = from === 'bent' && did.every((l) => l.status === 403) ? null : sides.victim.got;
  const reached = sides.control.got !== null || sides.control.did.length > 0;
  const statuses = {};
  for (const l of did) statuses[l.status] = (statuses[l.status] || 0) + 1;
  const row = {
    name, from, label, got, harmed, reached,
    cookie: sides.control.did.some((l) => l.endsWith('cookie')),
    did: Object.entries(statuses).map(([s, n]) => (n > 1 ? `${n} x ${s}` : s)).join(', ') || 'not sent',
    open: sides.control.got !== null ? 'read' : sides.control.did.length ? 'done' : 'not sent',
  };
  rows.push(row);
  if (got !== null || harmed.length) breaches.push(row);
  if (!reached && !kind.quiet) empty.push(row);
}

const fresh = async (url) => {
  const page = await context.newPage();
  await page.goto(url);
  return page;
};

// Our own page, once it has asked all that it asks by itself a moment after it came: a request of
// its own during an attempt would be taken for the attempt's.
const ours = async (link) => {
  const page = await context.newPage();
  const asked = ['/api/tags', '/hearth/chats', '/lora-adapters'].map((path) =>
    page.waitForResponse((r) => new URL(r.url()).pathname === path).then((r) => r.finished()));
  await page.goto(link);
  await Promise.all(asked);
  await page.waitForLoadState('networkidle');
  return page;
};

async function main() {
  const evil = await evilServer();
  const line = await bentLine();
  const v4 = await hearth(bin, `${folder}/v4`, '127.0.0.1');
  const pair = certificate(bin, `${folder}/ca`);
  const tls = await hearth(bin, `${folder}/tls`, '127.0.0.1', ['--cert', pair.cert, '--key', pair.key]);
  const free = await openServer('127.0.0.1');
  const freeTls = await openServer('127.0.0.1', { cert: readFileSync(pair.cert), key: readFileSync(pair.key) });
  const v6 = await openServer('::1').then(async (s) => ({ free: s, real: await hearth(bin, `${folder}/v6`, '::1') }), () => null);

  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--host-resolver-rules=MAP *.example 127.0.0.1'],
  });
  context = await browser.newContext({ ignoreHTTPSErrors: true });

  // Somebody is logged in, and our own page works.
  const own = await ours(v4.link);
  const chats = () => own.evaluate(async () => (await fetch('/hearth/chats')).status);
  assert.equal(await chats(), 200, 'our own page reads');
  await (await ours(tls.link)).close();
  const before = await Promise.all(['/api/tags', '/hearth/chats', '/api/ps'].map((p) => v4.ask('GET', p)));

  const pages = {
    cross: `http://evil.example:${evil.port}/`,
    port: `http://127.0.0.1:${evil.port}/`,
    name: `http://localhost:${evil.port}/`,
  };
  const try_ = (name, from, label, victim, control) =>
    both(name, from, label, kinds[name], async (side) => ({
      page: await fresh(pages[from]), to: side === 'victim' ? victim.url : control.url,
    }), victim, control);
  const plain = [{ server: v4, url: v4.url }, { server: free, url: `http://127.0.0.1:${free.port}` }];

  for (const [name, kind] of Object.entries(kinds))
    for (const from of kind.from || ['cross', 'port']) await try_(name, from, '127.0.0.1', ...plain);
  for (const name of few) await try_(name, 'name', '127.0.0.1', ...plain);

  // Other names for this machine.
  const names = ['localhost', 'localhost.', 'LOCALHOST', '127.0.0.1.', '127.1', '0x7f000001', '2130706433', '0.0.0.0', '0',
    '[::ffff:127.0.0.1]', 'other.localhost', 'other.example', '127.0.0.1.example'];
  for (const host of names)
    for (const name of ['fetch GET', 'fetch POST, no-cors', 'img'])
      await try_(name, 'cross', host, { server: v4, url: `http://${host}:${v4.port}` },
        { server: free, url: `http://${host}:${free.port}` });
  if (v6)
    for (const name of few)
      await try_(name, 'cross', '[::1]', { server: v6.real, url: v6.real.url }, { server: v6.free, url: `http://[::1]:${v6.free.port}` });
  for (const from of ['cross', 'port'])
    for (const name of few)
      await try_(name, from, 'https', { server: tls, url: tls.url }, { server: freeTls, url: `https://127.0.0.1:${freeTls.port}` });

  // A name is bent: the page comes from the attacker, what it asks goes to the server.
  for (const host of ['rebind.example', 'localhost.example', '127.0.0.1.example', 'xn--hearth-.example'])
    for (const name of host === 'rebind.example' ? bent : bent.slice(0, 4)) {
      const to = `http://${host}:${line.port}`;
      await both(name, 'bent', host, kinds[name], async (side) => {
        line.bend(evil.port);
        const page = await fresh(`${to}/`);
        line.bend(side === 'victim' ? v4.port : free.port);
        return { page, to };
      }, { server: v4 }, { server: free });
    }

  // Nothing changed; who was logged in still is; our own page can do what they could not.
  const after = await Promise.all(['/api/tags', '/hearth/chats', '/api/ps'].map((p) => v4.ask('GET', p)));
  expect('models, chats and what is loaded are as before', after.join() === before.join());
  expect('no model was started', nothing.test(after[2]));
  expect('who was logged in still is', (await chats()) === 200);
  const frame = await framing(plain[1].url, pages.port);
  expect('a page of theirs frames one that does not mind', frame.shown === 1);
  expect('but not ours', (await framing(v4.url, pages.port, 2 * frame.ms)).shown === 0);
  const said = await own.evaluate(async () => {
    const r = await fetch('/api/generate', { method: 'POST', headers: { 'x-hearth': '1', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'ember', prompt: 'hi', stream: false, options: { num_predict: 4 } }) });
    return r.status;
  });
  expect('our own page asks', said === 200);
  expect('a started model would have been seen', !nothing.test(await v4.ask('GET', '/api/ps')));
  await browser.close();
  for (const s of [v4, tls, v6?.real, v6?.free, free, freeTls, evil, line]) await s?.close();
  report();
}

// Is that page shown in a frame of theirs, before `ms` have gone by or (none given) ever?
async function framing(url, from, ms = Infinity) {
  const began = Date.now();
  const page = await fresh(from);
  await page.evaluate((u) => {
    const f = document.createElement('iframe');
    f.src = u;
    document.body.append(f);
  }, url + '/');
  let shown = 0;
  do {
    await sleep(50);
    const text = await Promise.all(page.frames().slice(1).map((f) => f.content().catch(() => '')));
    shown = text.filter((t) => /id="app"|Ollama|stolen/.test(t)).length;
  } while (!shown && Date.now() - began < Math.min(ms, 10000));
  await page.close();
  return { shown, ms: Date.now() - began };
}

function report() {
  const width = Math.max(...rows.map((r) => r.name.length));
  console.log(`${'ATTEMPT'.padEnd(width)}  FROM   TO                   HERE                  OPEN SERVER`);
  for (const r of rows)
    console.log(`${r.name.padEnd(width)}  ${r.from.padEnd(5)}  ${r.label.padEnd(19)}  ${r.did.padEnd(20)}  ` +
      `${r.open}${r.cookie ? ', cookie' : ''}`);
  for (const r of breaches) console.log('BREACH', JSON.stringify(r));
  for (const r of empty) console.log('SHOWS NOTHING', JSON.stringify(r));
  const met = rows.filter((r) => r.reached).length;
  const seen = rows.filter((r) => r.did !== 'not sent').length;
  const strict = rows.filter((r) => r.from === 'port' && r.cookie).length;
  console.log(`${rows.length} attempts, ${breaches.length} got through; ${seen} were seen by the server, ` +
    `${met} succeed against the open one, ${strict} of them with the cookie`);
  expect('attempts that show something', rows.length >= 200 && met >= rows.length - 10 && strict >= 40);
  expect('nothing got through', !breaches.length);
  expect('every attempt succeeds somewhere', !empty.length);
  for (const what of wrong) console.log(`FAILED: ${what}`);
  process.exitCode = wrong.length ? 1 : 0;
}

try {
  await main();
} finally {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
}
