// cost.mjs - what cage, log and receipts take from an answer, all together
//
//   node tools/cost.mjs HEARTH MODEL.gguf [pairs=200] [tokens=64] [threads=2]
//
// Two servers of one model, each with a state folder of its own: one has nothing (--no-cage
// --no-audit), the other what it has by default, and gives a receipt with every answer. A pair asks
// both the same, the order changing from pair to pair, so that what the machine does besides meets
// both. Time is the whole request's, first byte sent to last byte read, over its tokens. Prints
// JSON: tokens/s of both (all tokens over all time), and the ratio of times (everything / nothing)
// as median of pairs, its quartiles, and of the sums.
import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

const [hearth, file, ...rest] = process.argv.slice(2);
if (!file) throw new Error('usage: node tools/cost.mjs HEARTH MODEL.gguf [pairs=200] [tokens=64] [threads=2]');
const opt = { pairs: 200, tokens: 64, threads: 2, ...Object.fromEntries(rest.map((a) => a.split('=')).map(([k, v]) => [k, Number(v)])) };
const model = basename(file, '.gguf');
const root = mkdtempSync(join(tmpdir(), 'hearth-cost-'));
const sleep = (ms) => new Promise((ok) => setTimeout(ok, ms));

async function serve(name, options, more) {
  const home = join(root, name);
  for (const d of ['data', 'state']) mkdirSync(join(home, d), { recursive: true });
  const env = { PATH: process.env.PATH, HOME: home, XDG_DATA_HOME: join(home, 'data'), XDG_STATE_HOME: join(home, 'state'), XDG_RUNTIME_DIR: home };
  const at = join(home, 'port');
  const process_ = spawn(resolve(hearth), ['serve', '--port', '0', '--port-file', at, '--models', dirname(resolve(file)), '--threads', `${opt.threads}`, '--keep-alive', '-1', ...options], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const gone = new Promise((ok) => process_.on('exit', ok));
  for (let i = 0; i < 600 && !(existsSync(at) && readFileSync(at, 'utf8').trim()); i++) {
    if (process_.exitCode !== null) throw new Error(`${name}: the server has ended`);
    await sleep(100);
  }
  return { name, url: `http://127.0.0.1:${readFileSync(at, 'utf8').trim()}`, more, ms: [], receipts: 0, stop: () => (process_.kill('SIGTERM'), gone) };
}

async function ask(server, i) {
  const body = { model, messages: [{ role: 'user', content: `Question ${i}: what is rain?` }], max_tokens: opt.tokens, seed: i, ignore_eos: true, ...server.more };
  const began = performance.now();
  const r = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
  const text = await r.text();
  const ms = performance.now() - began;
  const j = JSON.parse(text);
  if (!r.ok || j.usage.completion_tokens !== opt.tokens) throw new Error(`${server.name}: ${text.slice(0, 300)}`);
  if (!!server.more.receipt !== !!j.hearth_receipt) throw new Error(`${server.name}: receipt?`);
  server.receipts += !!j.hearth_receipt;
  return ms;
}

const servers = [];
try {
  servers.push(await serve('nothing', ['--no-cage', '--no-audit'], {}), await serve('everything', [], { receipt: true }));
  for (let i = 0; i < 6; i++) for (const s of servers) await ask(s, i); // loaded, warm
  for (const s of servers) s.receipts = 0;
  for (let i = 0; i < opt.pairs; i++) for (const s of i % 2 ? [...servers].reverse() : servers) s.ms.push(await ask(s, 100 + i));
  const [none, all] = servers;
  const sum = (list) => list.reduce((a, b) => a + b, 0);
  const ratios = all.ms.map((ms, i) => ms / none.ms[i]).sort((a, b) => a - b);
  const at = (q) => Number(ratios[Math.min(ratios.length - 1, Math.floor(ratios.length * q))].toFixed(4));
  const speed = (s) => Number(((1000 * opt.tokens * opt.pairs) / sum(s.ms)).toFixed(2));
  console.log(JSON.stringify({ pairs: opt.pairs, tokens: opt.tokens, receipts: all.receipts, nothing_tokens_s: speed(none), everything_tokens_s: speed(all), ratio: { median: at(0.5), q1: at(0.25), q3: at(0.75), sums: Number((sum(all.ms) / sum(none.ms)).toFixed(4)) } }));
} finally {
  await Promise.all(servers.map((s) => s.stop()));
  rmSync(root, { recursive: true, force: true });
}
