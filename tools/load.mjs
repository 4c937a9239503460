// load.mjs - many clients at once against a running server: are answers right, is anything lost?
//
//   node tools/load.mjs URL MODEL [clients=64] [seconds=60] [aborts=10] [idle=0] [kinds=40] [pid=N]
//
// Each client asks for streamed answers of mixed lengths, one after another; every tenth leaves in
// the middle. Every whole answer is compared with the same request asked alone. Prints one JSON
// object: requests, errors, differences, time between tokens, memory of the server (pid, and its
// children; what they share counts for each) at the beginning and the end. `idle` opens so many
// connections that say nothing, first.
import { readFileSync } from 'node:fs';
import net from 'node:net';

const [url, model, ...rest] = process.argv.slice(2);
const opt = { clients: 64, seconds: 60, aborts: 10, idle: 0, pid: 0, kinds: 40, ...Object.fromEntries(rest.map((a) => a.split('=')).map(([k, v]) => [k, Number(v)])) };
const prompts = ['Tell me a story about a ship.', 'What is rain?', 'Hello! Who are you?', 'Why do cats sleep so much?', 'Say something nice.', 'What can you do?', 'Tell me about bread.', 'How are you today?'];
const lengths = [8, 24, 60, 120, 200];

const family = (pid) => [pid, ...readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).flatMap(family)];
const rssOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
const processes = () => (opt.pid ? family(opt.pid).map(rssOf) : []); // first, engine, front
const rss = () => processes().reduce((a, b) => a + b, 0);
const gaps = [];
const firsts = [];
const stats = { requests: 0, whole: 0, aborted: 0, errors: 0, different: 0, tokens: 0 };
const complaints = new Set();

async function ask(body, leaveAfter, timed) {
  const control = new AbortController();
  const began = performance.now();
  let last = 0;
  let text = '';
  let seen = 0;
  const r = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body), signal: control.signal });
  if (!r.ok) throw new Error(`${r.status} ${await r.text()}`);
  const decoder = new TextDecoder();
  let buffer = '';
  let done = false;
  for await (const part of r.body) {
    buffer += decoder.decode(part, { stream: true });
    const events = buffer.split('\n\n');
    buffer = events.pop();
    for (const e of events) {
      if (e === 'data: [DONE]') done = true;
      if (!e.startsWith('data: {')) continue;
      const j = JSON.parse(e.slice(6));
      if (j.error) throw new Error(j.error.message);
      const piece = j.choices[0]?.delta?.content;
      if (!piece) continue;
      const now = performance.now();
      if (timed) (last ? gaps : firsts).push(now - (last || began));
      last = now;
      text += piece;
      seen++;
      if (leaveAfter && seen >= leaveAfter) {
        control.abort();
        return null;
      }
    }
  }
  if (!done) throw new Error('the stream ended without [DONE]');
  stats.tokens += seen;
  return text;
}

const solo = new Map();
const request = (i) => ({ model, messages: [{ role: 'user', content: prompts[i % prompts.length] }], max_tokens: lengths[i % lengths.length], seed: i, temperature: 0.9, stream: true });
for (let i = 0; i < opt.kinds; i++) solo.set(i, await ask(request(i), 0, false));

const idle = [];
const before = rss();
for (let i = 0; i < opt.idle; i++) idle.push(await new Promise((ok, bad) => { const s = net.connect(Number(new URL(url).port), '127.0.0.1', () => ok(s)).on('error', bad); }));
const idleBytes = opt.idle ? (rss() - before) / opt.idle : 0;

const end = performance.now() + opt.seconds * 1000;
let warm = 0;
setTimeout(() => (warm = rss()), (opt.seconds / 3) * 1000);
await Promise.all(
  Array.from({ length: opt.clients }, async (_, c) => {
    for (let k = 0; performance.now() < end; k++) {
      const i = (c * 7 + k * 13) % opt.kinds;
      const leave = (c + k) % 100 < opt.aborts ? 3 : 0;
      stats.requests++;
      try {
        const text = await ask(request(i), leave, true);
        if (text === null) stats.aborted++;
        else {
          stats.whole++;
          if (text !== solo.get(i)) stats.different++;
        }
      } catch (e) {
        if (leave && e.name === 'AbortError') {
          stats.aborted++;
          continue;
        }
        stats.errors++;
        complaints.add(String(e).slice(0, 120));
      }
    }
  }),
);
idle.forEach((s) => s.destroy());
const at = (list, q) => list.sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))] ?? 0;
console.log(
  JSON.stringify(
    {
      ...stats,
      seconds: opt.seconds,
      tokens_per_s: stats.tokens / opt.seconds,
      between_ms: { p50: at(gaps, 0.5), p99: at(gaps, 0.99), ratio: at(gaps, 0.99) / at(gaps, 0.5) },
      first_ms: { p50: at(firsts, 0.5), p99: at(firsts, 0.99) },
      rss: { before, warm, after: rss(), growth: warm ? rss() / warm - 1 : 0, idle_connection: idleBytes, processes: processes() },
      complaints: [...complaints],
    },
    null,
    1,
  ),
);
process.exit(stats.errors || stats.different ? 1 : 0);
