// prefix.mjs - how much sooner does an answer begin when its prompt's beginning is known?
//
//   node tools/prefix.mjs URL MODEL KEY_A KEY_B [tokens=2000] [rounds=5]
//
// KEY_A and KEY_B are keys of two tenants (hearth key add). In each round a new system prompt of
// about so many tokens is sent by A (cold) and by A again with another question (warm). Then B sends
// that prompt (other), and one that nobody ever sent (fresh), the order changing from round to round:
// both must take the same time, or B could tell what A asked. Prints medians as JSON.
const [url, model, a, b, ...rest] = process.argv.slice(2);
const opt = { tokens: 2000, rounds: 5, ...Object.fromEntries(rest.map((x) => x.split('=')).map(([k, v]) => [k, Number(v)])) };
const words = 'river stone lamp winter paper garden door quiet morning bread window letter music green silver road'.split(' ');

async function first(key, system, question) {
  const began = performance.now();
  const r = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 1, temperature: 0, messages: [{ role: 'system', content: system }, { role: 'user', content: question }] }),
  });
  const j = await r.json();
  if (!r.ok) throw new Error(JSON.stringify(j));
  return { ms: performance.now() - began, prompt: j.usage.prompt_tokens, cached: j.usage.prompt_tokens_details.cached_tokens };
}
const median = (list) => list.sort((x, y) => x - y)[list.length >> 1];
const all = { cold: [], warm: [], other: [], fresh: [] };
let sizes = {};
const prompt = (round) =>
  `Round ${round} ${Date.now()}. ` + Array.from({ length: opt.tokens }, (_, i) => words[(i * 7 + round * 13 + ((i * i) % 11)) % words.length]).join(' ');
for (let round = 0; round < opt.rounds; round++) {
  await first(a, 'warm up', `${round}`);
  const known = prompt(round);
  const cold = await first(a, known, 'What is rain?');
  const warm = await first(a, known, 'And what is snow?');
  const asks = [['other', known], ['fresh', prompt(round)]];
  if (round % 2) asks.reverse();
  for (const [name, system] of asks) {
    const r = await first(b, system, 'And what is snow?');
    all[name].push(r.ms);
    sizes[`cached_${name}`] = r.cached;
  }
  all.cold.push(cold.ms);
  all.warm.push(warm.ms);
  sizes = { ...sizes, prompt: warm.prompt, cached_warm: warm.cached };
}
const m = Object.fromEntries(Object.entries(all).map(([k, v]) => [k, median(v)]));
console.log(JSON.stringify({ ...sizes, first_token_ms: m, sooner: m.cold / m.warm, other_tenant: m.fresh / m.other }, null, 1));
