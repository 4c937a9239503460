// clients.test.mjs - the packages people use (openai, ollama, @anthropic-ai/sdk) against the real
// server. HEARTH_URL is where it listens; CHAT is a model that talks, TOOLS one of noise whose
// template knows tools: what it says is nonsense, but its calls and its JSON must be valid.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import OpenAI from 'openai';
import { Ollama } from 'ollama';
import Anthropic from '@anthropic-ai/sdk';

const url = process.env.HEARTH_URL;
const CHAT = process.env.HEARTH_CHAT_MODEL ?? 'ember';
const TOOLS = process.env.HEARTH_TOOLS_MODEL ?? 'tools';
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
const ollama = new Ollama({ host: url });
const anthropic = new Anthropic({ baseURL: url, apiKey: 'none', maxRetries: 0 });

const hello = [{ role: 'user', content: 'Hello! Who are you?' }];
const person = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 12 }, age: { type: 'integer', minimum: 0, maximum: 150 } },
  required: ['name', 'age'],
  additionalProperties: false,
};
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Weather of a city',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 10 }, unit: { enum: ['C', 'F'] } },
      required: ['city', 'unit'],
      additionalProperties: false,
    },
  },
};
const clock = {
  type: 'function',
  function: { name: 'get_time', parameters: { type: 'object', properties: {}, additionalProperties: false } },
};

const status = (promise, code, match) =>
  assert.rejects(promise, (e) => {
    assert.equal(e.status ?? e.status_code, code, String(e));
    if (match) assert.match(e.message, match);
    return true;
  });
const all = async (stream) => {
  const out = [];
  for await (const c of stream) out.push(c);
  return out;
};
const isPerson = (text) => {
  const p = JSON.parse(text);
  assert.deepEqual(Object.keys(p).sort(), ['age', 'name']);
  assert.ok(Number.isInteger(p.age) && p.age >= 0 && p.age <= 150);
  assert.ok(typeof p.name === 'string' && [...p.name].length <= 12);
};
const isWeather = (args) => {
  assert.equal(typeof args.city, 'string');
  assert.ok(['C', 'F'].includes(args.unit));
};

// ---- openai: chat ------------------------------------------------------------------------------

const chat = (more) => openai.chat.completions.create({ model: CHAT, messages: hello, max_tokens: 24, temperature: 0, ...more });

test('openai chat: a whole answer', async () => {
  const r = await chat();
  assert.equal(r.object, 'chat.completion');
  assert.equal(r.choices[0].message.role, 'assistant');
  assert.ok(r.choices[0].message.content.length > 0);
  assert.ok(['stop', 'length'].includes(r.choices[0].finish_reason));
  assert.equal(r.usage.total_tokens, r.usage.prompt_tokens + r.usage.completion_tokens);
  assert.match(r.system_fingerprint, /hearth/);
  assert.match(r.model_digest, /^sha256:[0-9a-f]{64}$/);
});
test('openai chat: a stream says what the whole answer says', async () => {
  const whole = await chat();
  const parts = await all(await chat({ stream: true }));
  const text = parts.map((p) => p.choices[0]?.delta?.content ?? '').join('');
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(parts[0].choices[0].delta.role, 'assistant');
  assert.equal(parts.filter((p) => p.choices[0]?.finish_reason).length, 1);
});
test('openai chat: usage at the end of a stream', async () => {
  const parts = await all(await chat({ stream: true, stream_options: { include_usage: true } }));
  const last = parts.at(-1);
  assert.deepEqual(last.choices, []);
  assert.ok(last.usage.completion_tokens > 0);
});
test('openai chat: the same seed, the same words', async () => {
  const story = [{ role: 'user', content: 'Tell me a story about a ship.' }];
  const [a, b, c] = await Promise.all([7, 7, 8].map((seed) => chat({ seed, temperature: 1.2, max_tokens: 40, messages: story })));
  assert.equal(a.choices[0].message.content, b.choices[0].message.content);
  assert.notEqual(a.choices[0].message.content, c.choices[0].message.content);
});
test('openai chat: max_tokens ends as length', async () => {
  const r = await chat({ max_tokens: 2 });
  assert.equal(r.choices[0].finish_reason, 'length');
  assert.equal(r.usage.completion_tokens, 2);
});
test('openai chat: max_completion_tokens is the same', async () => {
  const r = await openai.chat.completions.create({ model: CHAT, messages: hello, max_completion_tokens: 2, temperature: 0 });
  assert.equal(r.usage.completion_tokens, 2);
});
test('openai chat: a stop string ends before itself', async () => {
  const whole = (await chat({ max_tokens: 40 })).choices[0].message.content;
  const word = whole.split(' ')[2];
  const r = await chat({ max_tokens: 40, stop: word });
  assert.equal(r.choices[0].finish_reason, 'stop');
  assert.equal(r.choices[0].message.content, whole.slice(0, whole.indexOf(word)));
});
test('openai chat: several stops', async () => {
  const r = await chat({ max_tokens: 40, stop: ['zzzzqq', ' '] });
  assert.ok(!r.choices[0].message.content.includes(' '));
});
test('openai chat: n answers', async () => {
  const r = await chat({ n: 3, temperature: 1, seed: 1 });
  assert.deepEqual(r.choices.map((c) => c.index), [0, 1, 2]);
  assert.ok(new Set(r.choices.map((c) => c.message.content)).size > 1);
});
test('openai chat: n answers in a stream', async () => {
  const parts = await all(await chat({ n: 2, temperature: 1, seed: 1, stream: true }));
  for (const i of [0, 1]) assert.equal(parts.filter((p) => p.choices[0]?.index === i && p.choices[0].finish_reason).length, 1);
});
test('openai chat: log-probabilities', async () => {
  const r = await chat({ logprobs: true, top_logprobs: 3, max_tokens: 4 });
  const list = r.choices[0].logprobs.content;
  assert.equal(list.length, r.usage.completion_tokens);
  for (const t of list) {
    assert.ok(t.logprob <= 0);
    assert.equal(Buffer.from(t.bytes).toString().includes('\ufffd') || Buffer.from(t.bytes).toString() === t.token, true);
    assert.equal(t.top_logprobs.length, 3);
    assert.ok(t.top_logprobs[0].logprob >= t.top_logprobs[1].logprob);
  }
});
test('openai chat: log-probabilities in a stream', async () => {
  const parts = await all(await chat({ logprobs: true, top_logprobs: 1, max_tokens: 4, stream: true }));
  assert.equal(parts.flatMap((p) => p.choices[0]?.logprobs?.content ?? []).length, 4);
});
test('openai chat: logit_bias forbids a token', async () => {
  const first = await chat({ logprobs: true, top_logprobs: 2, max_tokens: 1 });
  const { tokens } = await (await fetch(`${url}/tokenize`, { method: 'POST', body: JSON.stringify({ model: CHAT, content: first.choices[0].logprobs.content[0].token }) })).json();
  const r = await chat({ logit_bias: { [tokens.at(-1)]: -100 }, max_tokens: 1 });
  assert.notEqual(r.choices[0].message.content, first.choices[0].message.content);
});
test('openai chat: a system message counts', async () => {
  const r = await openai.chat.completions.create({ model: CHAT, max_tokens: 4, messages: [{ role: 'system', content: 'Be brief.' }, ...hello] });
  assert.ok(r.usage.prompt_tokens > (await chat({ max_tokens: 1 })).usage.prompt_tokens);
});
test('openai chat: content in parts', async () => {
  const r = await openai.chat.completions.create({ model: CHAT, max_tokens: 24, temperature: 0, messages: [{ role: 'user', content: [{ type: 'text', text: hello[0].content }] }] });
  assert.equal(r.choices[0].message.content, (await chat()).choices[0].message.content);
});
test('openai chat: JSON object', async () => {
  const r = await chat({ model: TOOLS, response_format: { type: 'json_object' }, max_tokens: 60, temperature: 1, seed: 3 });
  assert.equal(typeof JSON.parse(r.choices[0].message.content), 'object');
});
test('openai chat: JSON schema', async () => {
  const r = await chat({ model: TOOLS, response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: person } }, max_tokens: 80, temperature: 1, seed: 3 });
  isPerson(r.choices[0].message.content);
});
test('openai chat: JSON schema in a stream', async () => {
  const parts = await all(await chat({ model: TOOLS, stream: true, response_format: { type: 'json_schema', json_schema: { name: 'person', schema: person } }, max_tokens: 80, temperature: 1, seed: 4 }));
  isPerson(parts.map((p) => p.choices[0]?.delta?.content ?? '').join(''));
});
test('openai chat: JSON is whole even where the limit ends it', async () => {
  const r = await chat({ model: TOOLS, response_format: { type: 'json_schema', json_schema: { name: 'person', schema: person } }, max_tokens: 3, temperature: 1, seed: 4 });
  isPerson(r.choices[0].message.content);
  assert.equal(r.choices[0].finish_reason, 'length');
});
test('openai chat: a schema keyword that is not understood is named', () =>
  status(chat({ model: TOOLS, response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'array', items: {}, uniqueItems: true } } } }), 400, /uniqueItems/));
for (const [name, choice] of [['required', 'required'], ['named', { type: 'function', function: { name: 'get_weather' } }]])
  test(`openai chat: tool_choice ${name}`, async () => {
    const r = await chat({ model: TOOLS, tools: [weather], tool_choice: choice, max_tokens: 200, temperature: 1, seed: 5 });
    const [call] = r.choices[0].message.tool_calls;
    assert.equal(r.choices[0].finish_reason, 'tool_calls');
    assert.equal(call.function.name, 'get_weather');
    isWeather(JSON.parse(call.function.arguments));
  });
test('openai chat: a tool call in a stream', async () => {
  const parts = await all(await chat({ model: TOOLS, tools: [weather, clock], tool_choice: { type: 'function', function: { name: 'get_weather' } }, stream: true, max_tokens: 200, temperature: 1, seed: 5 }));
  const deltas = parts.flatMap((p) => p.choices[0]?.delta?.tool_calls ?? []);
  assert.equal(deltas[0].function.name, 'get_weather');
  assert.ok(deltas[0].id);
  isWeather(JSON.parse(deltas.map((d) => d.function?.arguments ?? '').join('')));
  assert.equal(parts.findLast((p) => p.choices[0]?.finish_reason).choices[0].finish_reason, 'tool_calls');
});
test('openai chat: tool_choice none calls nothing', async () => {
  const r = await chat({ model: TOOLS, tools: [weather], tool_choice: 'none', max_tokens: 20 });
  assert.equal(r.choices[0].message.tool_calls, undefined);
});
test('openai chat: an answer of a tool in the history', async () => {
  const r = await chat({
    model: TOOLS, max_tokens: 4,
    messages: [...hello, { role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Bonn","unit":"C"}' } }] },
      { role: 'tool', tool_call_id: 'c1', content: '12 C' }], tools: [weather], tool_choice: 'none',
  });
  assert.equal(r.usage.completion_tokens, 4);
});
test('openai chat: the stream helper of the package', async () => {
  const runner = openai.chat.completions.stream({ model: CHAT, messages: hello, max_tokens: 12, temperature: 0 });
  const final = await runner.finalChatCompletion();
  assert.ok(final.choices[0].message.content.length > 0);
});
test('openai chat: leaving in the middle of a stream', async () => {
  const stream = await chat({ stream: true, max_tokens: 400, temperature: 1 });
  for await (const _ of stream) break;
  stream.controller.abort();
  assert.ok((await chat({ max_tokens: 2 })).usage.completion_tokens === 2);
});

// ---- openai: errors ----------------------------------------------------------------------------

test('openai: no such model', () => status(chat({ model: 'nobody' }), 404, /nobody/));
test('openai: no messages', () => status(openai.chat.completions.create({ model: CHAT }), 400, /messages/));
test('openai: a role that does not exist', () => status(chat({ messages: [{ role: 'wizard', content: 'x' }] }), 400, /role/));
test('openai: temperature of the wrong type', () => status(chat({ temperature: 'hot' }), 400, /temperature/));
test('openai: an image for a model without eyes', () =>
  status(chat({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }] }] }), 400, /image/));
test('openai: a prompt longer than the context is refused with both counts', () =>
  status(chat({ messages: [{ role: 'user', content: 'word '.repeat(60000) }] }), 400, /\d+ tokens.*\d+/));
test('openai: an unknown field is ignored', async () => assert.ok((await chat({ frobnicate: 1, max_tokens: 1 })).id));
test('openai: no such route', async () => assert.equal((await fetch(`${url}/v1/nothing`)).status, 404));
test('openai: wrong method', async () => assert.equal((await fetch(`${url}/v1/chat/completions`)).status, 405));
test('openai: broken JSON', async () => {
  const r = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{"model":' });
  assert.equal(r.status, 400);
  assert.ok((await r.json()).error.message);
});

// ---- openai: the rest --------------------------------------------------------------------------

test('openai completions: text goes on', async () => {
  const r = await openai.completions.create({ model: CHAT, prompt: 'Once upon a time', max_tokens: 8, temperature: 0 });
  assert.equal(r.object, 'text_completion');
  assert.ok(r.choices[0].text.length > 0);
});
test('openai completions: several prompts', async () => {
  const r = await openai.completions.create({ model: CHAT, prompt: ['One', 'Two'], max_tokens: 4, temperature: 0 });
  assert.deepEqual(r.choices.map((c) => c.index), [0, 1]);
});
test('openai completions: a stream', async () => {
  const parts = await all(await openai.completions.create({ model: CHAT, prompt: 'Once upon a time', max_tokens: 8, temperature: 0, stream: true }));
  const whole = await openai.completions.create({ model: CHAT, prompt: 'Once upon a time', max_tokens: 8, temperature: 0 });
  assert.equal(parts.map((p) => p.choices[0]?.text ?? '').join(''), whole.choices[0].text);
});
test('openai completions: echo', async () => {
  const r = await openai.completions.create({ model: CHAT, prompt: 'Once upon', max_tokens: 2, echo: true, temperature: 0 });
  assert.ok(r.choices[0].text.startsWith('Once upon'));
});
test('openai embeddings: base64 (the package asks for it) and float are the same', async () => {
  const a = await openai.embeddings.create({ model: CHAT, input: 'hello' });
  const b = await openai.embeddings.create({ model: CHAT, input: 'hello', encoding_format: 'float' });
  assert.equal(a.data[0].embedding.length, b.data[0].embedding.length);
  a.data[0].embedding.forEach((x, i) => assert.ok(Math.abs(x - b.data[0].embedding[i]) < 1e-6));
  assert.ok(Math.abs(Math.hypot(...b.data[0].embedding) - 1) < 1e-4);
});
test('openai embeddings: together as alone, to the bit', async () => {
  const texts = ['one', 'two two', 'three three three'];
  const many = await openai.embeddings.create({ model: CHAT, input: texts });
  for (const [i, input] of texts.entries()) {
    const one = await openai.embeddings.create({ model: CHAT, input });
    assert.deepEqual(one.data[0].embedding, many.data[i].embedding);
  }
});
test('openai embeddings: dimensions', async () => {
  const r = await openai.embeddings.create({ model: CHAT, input: 'x', dimensions: 16, encoding_format: 'float' });
  assert.equal(r.data[0].embedding.length, 16);
});
test('openai models: list and one', async () => {
  const list = await all(openai.models.list());
  assert.ok(list.some((m) => m.id === CHAT));
  assert.equal((await openai.models.retrieve(CHAT)).id, CHAT);
  await status(openai.models.retrieve('nobody'), 404);
});
test('openai responses: a whole answer', async () => {
  const r = await openai.responses.create({ model: CHAT, input: 'Hello! Who are you?', max_output_tokens: 24, temperature: 0 });
  assert.equal(r.status === 'completed' || r.status === 'incomplete', true);
  assert.ok(r.output_text.length > 0);
  assert.ok(r.usage.input_tokens > 0);
});
test('openai responses: a stream', async () => {
  const events = await all(await openai.responses.create({ model: CHAT, input: 'Hello!', max_output_tokens: 12, stream: true }));
  const types = events.map((e) => e.type);
  assert.equal(types[0], 'response.created');
  assert.ok(types.includes('response.output_text.delta'));
  assert.ok(['response.completed', 'response.incomplete'].includes(types.at(-1)));
  events.forEach((e, i) => assert.equal(e.sequence_number, i));
});
test('openai responses: goes on from an earlier one', async () => {
  const a = await openai.responses.create({ model: CHAT, input: 'My name is Ada.', max_output_tokens: 8 });
  const b = await openai.responses.create({ model: CHAT, input: 'What is my name?', previous_response_id: a.id, max_output_tokens: 8 });
  assert.ok(b.usage.input_tokens > a.usage.input_tokens);
});
test('openai responses: a schema', async () => {
  const r = await openai.responses.create({ model: TOOLS, input: 'x', max_output_tokens: 80, temperature: 1, text: { format: { type: 'json_schema', name: 'p', schema: person } } });
  isPerson(r.output_text);
});
test('openai responses: a tool', async () => {
  const r = await openai.responses.create({ model: TOOLS, input: 'x', max_output_tokens: 200, temperature: 1, tools: [{ type: 'function', name: 'get_weather', parameters: weather.function.parameters, strict: true }], tool_choice: 'required' });
  const call = r.output.find((o) => o.type === 'function_call');
  isWeather(JSON.parse(call.arguments));
});

test('openai responses: what is stored comes back, and can be deleted', async () => {
  const a = await openai.responses.create({ model: CHAT, input: 'Hello!', max_output_tokens: 6, temperature: 0 });
  const b = await openai.responses.retrieve(a.id);
  assert.deepEqual([b.id, b.output_text ?? b.output[0].content[0].text, b.status], [a.id, a.output_text, a.status]);
  await openai.responses.delete(a.id);
  await status(openai.responses.retrieve(a.id), 404);
  await status(openai.responses.delete(a.id), 404);
  await status(openai.responses.create({ model: CHAT, input: 'x', previous_response_id: a.id }), 404, /previous_response_id/);
});
test('openai responses: at the end of a stream it is stored already', async () => {
  const events = await all(await openai.responses.create({ model: CHAT, input: 'Hello!', max_output_tokens: 6, temperature: 0, stream: true }));
  const { response } = events.at(-1);
  assert.deepEqual((await openai.responses.retrieve(response.id)).output, response.output);
});
test('openai responses: a chain goes on from its second link', async () => {
  const next = (input, previous) => openai.responses.create({ model: CHAT, input, max_output_tokens: 4, temperature: 0, previous_response_id: previous });
  const a = await next('One.'), b = await next('Two.', a.id), c = await next('Three.', b.id);
  assert.ok(a.usage.input_tokens < b.usage.input_tokens && b.usage.input_tokens < c.usage.input_tokens);
  assert.equal(c.previous_response_id, b.id);
});
test('openai responses: store false keeps nothing', async () => {
  const a = await openai.responses.create({ model: CHAT, input: 'Hello!', max_output_tokens: 4, store: false });
  await status(openai.responses.retrieve(a.id), 404);
});
test('openai responses: messages as input, instructions, input tokens', async () => {
  const input = [{ role: 'user', content: [{ type: 'input_text', text: 'Hello! Who are you?' }] }];
  const a = await openai.responses.create({ model: CHAT, input, instructions: 'Be brief.', max_output_tokens: 4 });
  const counted = await (await fetch(`${url}/v1/responses/input_tokens`, { method: 'POST', body: JSON.stringify({ model: CHAT, input, instructions: 'Be brief.' }) })).json();
  assert.equal(counted.input_tokens, a.usage.input_tokens);
});
test('openai responses: the output of a tool goes back', async () => {
  const tools = [{ type: 'function', name: 'get_weather', parameters: weather.function.parameters }];
  const a = await openai.responses.create({ model: TOOLS, input: 'x', max_output_tokens: 200, temperature: 1, seed: 5, tools, tool_choice: 'required' });
  const call = a.output.find((o) => o.type === 'function_call');
  const b = await openai.responses.create({ model: TOOLS, previous_response_id: a.id, max_output_tokens: 4, tools, input: [{ type: 'function_call_output', call_id: call.call_id, output: '12 C' }] });
  assert.ok(b.usage.input_tokens > a.usage.input_tokens);
});
test('openai responses: leaving in the middle of a stream', async () => {
  const stream = await openai.responses.create({ model: CHAT, input: 'Tell me a story.', max_output_tokens: 400, temperature: 1, stream: true });
  let id;
  for await (const e of stream) {
    id ??= e.response?.id;
    if (e.type === 'response.output_text.delta') break;
  }
  stream.controller.abort();
  await status(openai.responses.retrieve(id), 404); // half an answer is none
});
test('openai completions: log-probabilities, a stop, an end that is filled in', async () => {
  const r = await openai.completions.create({ model: CHAT, prompt: 'Once upon a time', max_tokens: 6, temperature: 0, logprobs: 2 });
  const l = r.choices[0].logprobs;
  assert.equal(l.tokens.length, r.usage.completion_tokens);
  assert.equal(l.token_logprobs.length, l.tokens.length);
  assert.ok(Object.keys(l.top_logprobs[0]).length <= 2);
  assert.equal(l.tokens.join(''), r.choices[0].text);
  const stopped = await openai.completions.create({ model: CHAT, prompt: 'Once upon a time', max_tokens: 30, temperature: 0, stop: [' '] });
  assert.ok(!stopped.choices[0].text.includes(' '));
});
test('openai completions: ids as a prompt are the text they stand for', async () => {
  const { tokens } = await (await fetch(`${url}/tokenize`, { method: 'POST', body: JSON.stringify({ model: CHAT, content: 'Once upon a time', add_special: true }) })).json();
  const a = await openai.completions.create({ model: CHAT, prompt: tokens, max_tokens: 6, temperature: 0 });
  const b = await openai.completions.create({ model: CHAT, prompt: 'Once upon a time', max_tokens: 6, temperature: 0 });
  assert.equal(a.choices[0].text, b.choices[0].text);
});
test('openai embeddings: base64 on the wire is little-endian float32', async () => {
  const body = (encoding_format) => ({ method: 'POST', body: JSON.stringify({ model: CHAT, input: ['hello', 'you'], encoding_format }) });
  const coded = await (await fetch(`${url}/v1/embeddings`, body('base64'))).json();
  const plain = await (await fetch(`${url}/v1/embeddings`, body('float'))).json();
  for (const i of [0, 1]) {
    const bytes = Buffer.from(coded.data[i].embedding, 'base64');
    assert.equal(bytes.length, 4 * plain.data[i].embedding.length);
    plain.data[i].embedding.forEach((x, k) => assert.equal(bytes.readFloatLE(4 * k), Math.fround(x)));
  }
  assert.equal((await fetch(`${url}/v1/embeddings`, body('base32'))).status, 400);
});
test('openai chat: parallel tool calls, and tool_choice auto leaves the answer free', async () => {
  const many = await chat({ model: TOOLS, tools: [weather, clock], tool_choice: 'required', parallel_tool_calls: false, max_tokens: 200, temperature: 1, seed: 9 });
  assert.equal(many.choices[0].message.tool_calls.length, 1);
  const free = await chat({ model: TOOLS, tools: [weather], tool_choice: 'auto', max_tokens: 12, seed: 9 });
  assert.ok(free.usage.completion_tokens > 0);
});
test('openai chat: a regular expression and a choice', async () => {
  const re = await chat({ model: TOOLS, guided_regex: '[a-c]{2}-[0-9]{3}', temperature: 1, seed: 2 });
  assert.match(re.choices[0].message.content, /^[a-c]{2}-[0-9]{3}$/);
  const one = await chat({ model: TOOLS, guided_choice: ['yes', 'no'], temperature: 1, seed: 2 });
  assert.ok(['yes', 'no'].includes(one.choices[0].message.content));
});

// ---- ollama ------------------------------------------------------------------------------------

const greedy = { temperature: 0, num_predict: 24 };
test('ollama chat: a whole answer', async () => {
  const r = await ollama.chat({ model: CHAT, messages: hello, options: greedy });
  assert.equal(r.done, true);
  assert.ok(r.message.content.length > 0);
  for (const k of ['total_duration', 'load_duration', 'prompt_eval_count', 'prompt_eval_duration', 'eval_count', 'eval_duration']) assert.equal(typeof r[k], 'number', k);
});
test('ollama chat: a stream says what the whole answer says, and what openai says', async () => {
  const whole = await ollama.chat({ model: CHAT, messages: hello, options: greedy });
  const parts = await all(await ollama.chat({ model: CHAT, messages: hello, options: greedy, stream: true }));
  assert.equal(parts.map((p) => p.message.content).join(''), whole.message.content);
  assert.equal(parts.at(-1).done, true);
  assert.equal(whole.message.content, (await chat()).choices[0].message.content);
});
test('ollama chat: format json', async () => {
  const r = await ollama.chat({ model: TOOLS, messages: hello, format: 'json', options: { num_predict: 60, seed: 1, temperature: 1 } });
  JSON.parse(r.message.content);
});
test('ollama chat: format schema', async () => {
  const r = await ollama.chat({ model: TOOLS, messages: hello, format: person, options: { num_predict: 80, seed: 1, temperature: 1 } });
  isPerson(r.message.content);
});
test('ollama chat: tools are offered', async () => {
  const r = await ollama.chat({ model: TOOLS, messages: hello, tools: [weather], options: { num_predict: 20, seed: 1, temperature: 1 } });
  assert.ok(r.done);
});
test('ollama chat: leaving in the middle', async () => {
  const stream = await ollama.chat({ model: CHAT, messages: hello, stream: true, options: { num_predict: 400, temperature: 1 } });
  await assert.rejects(async () => { for await (const _ of stream) stream.abort(); });
});
test('ollama generate: a whole answer and a stream', async () => {
  const r = await ollama.generate({ model: CHAT, prompt: 'Hello!', options: greedy });
  assert.ok(r.response.length > 0);
  assert.ok(Array.isArray(r.context));
  const parts = await all(await ollama.generate({ model: CHAT, prompt: 'Hello!', options: greedy, stream: true }));
  assert.equal(parts.map((p) => p.response).join(''), r.response);
});
test('ollama generate: raw', async () => {
  const r = await ollama.generate({ model: CHAT, prompt: 'Once upon a time', raw: true, options: greedy });
  assert.ok(r.response.length > 0);
});
test('ollama generate: system', async () => {
  const a = await ollama.generate({ model: CHAT, prompt: 'Hi', options: { num_predict: 1 } });
  const b = await ollama.generate({ model: CHAT, prompt: 'Hi', system: 'You are a very old cat.', options: { num_predict: 1 } });
  assert.ok(b.prompt_eval_count > a.prompt_eval_count);
});
test('ollama generate: nothing to say loads the model', async () => {
  const r = await ollama.generate({ model: CHAT, prompt: '' });
  assert.equal(r.done_reason, 'load');
});
test('ollama embed: unit vectors, and openai agrees', async () => {
  const r = await ollama.embed({ model: CHAT, input: ['hello', 'world'] });
  assert.equal(r.embeddings.length, 2);
  const o = await openai.embeddings.create({ model: CHAT, input: 'hello', encoding_format: 'float' });
  r.embeddings[0].forEach((x, i) => assert.ok(Math.abs(x - o.data[0].embedding[i]) < 1e-6));
});
test('ollama embeddings (the old one)', async () => {
  const r = await ollama.embeddings({ model: CHAT, prompt: 'hello' });
  assert.ok(r.embedding.length > 0);
});
test('ollama list, show, ps, version', async () => {
  const { models } = await ollama.list();
  const m = models.find((x) => x.name.startsWith(CHAT));
  assert.match(m.digest, /^[0-9a-f]{64}$/);
  assert.ok(m.size > 0 && m.details.format === 'gguf');
  const show = await ollama.show({ model: CHAT });
  assert.ok(show.template !== undefined && show.capabilities.includes('completion'));
  assert.ok(show.model_info['general.architecture']);
  await ollama.generate({ model: CHAT, prompt: '', keep_alive: '5m' });
  assert.ok((await ollama.ps()).models.some((x) => x.name.startsWith(CHAT)));
  assert.ok((await (await fetch(`${url}/api/version`)).json()).version);
});
test('ollama create, copy, delete', async () => {
  await ollama.create({ model: 'calm', from: CHAT, parameters: { temperature: 0 }, system: 'Be calm.' });
  assert.ok((await ollama.show({ model: 'calm' })).system.includes('calm'));
  await ollama.copy({ source: 'calm', destination: 'calmer' });
  await ollama.delete({ model: 'calm' });
  assert.ok((await ollama.list()).models.some((m) => m.name.startsWith('calmer')));
  await ollama.delete({ model: 'calmer' });
  await status(ollama.show({ model: 'calmer' }), 404);
});
test('ollama pull says why not', () => assert.rejects(ollama.pull({ model: 'llama3' }), /folder of models/i));
test('ollama: no such model', () => status(ollama.chat({ model: 'nobody', messages: hello }), 404, /not found/));
test('ollama: unload', async () => {
  const r = await ollama.generate({ model: TOOLS, prompt: '', keep_alive: 0 });
  assert.equal(r.done_reason, 'unload');
});

test('ollama: keep_alive says until when', async () => {
  const until = async (keep_alive) => {
    await ollama.generate({ model: CHAT, prompt: '', keep_alive });
    return (Date.parse((await ollama.ps()).models.find((m) => m.name.startsWith(CHAT)).expires_at) - Date.now()) / 60000;
  };
  assert.ok(Math.abs((await until('30m')) - 30) < 2);
  assert.ok(Math.abs((await until(600)) - 10) < 2);
  assert.ok((await until(-1)) > 1e6);
  assert.ok(Math.abs((await until('5m')) - 5) < 2);
});
test('ollama: a blob is asked for, brought, used and checked', async () => {
  const bytes = await readFile(process.env.HEARTH_BLOB);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const blob = (method, name, body) => fetch(`${url}/api/blobs/${name}`, { method, body }).then((r) => r.status);
  assert.equal(await blob('HEAD', digest), 404);
  assert.equal(await blob('POST', `sha256:${'0'.repeat(64)}`, bytes), 400);
  assert.equal(await blob('POST', 'sha256:zz', bytes), 400);
  assert.equal(await blob('POST', digest, bytes), 201);
  assert.equal(await blob('HEAD', digest), 200);
  await ollama.create({ model: 'brought', files: { 'model.gguf': digest }, system: 'S.' });
  assert.equal((await ollama.list()).models.find((m) => m.name.startsWith('brought')).digest, digest.slice(7));
  assert.ok((await ollama.generate({ model: 'brought', prompt: 'Hi', options: { num_predict: 2 } })).eval_count === 2);
  await ollama.delete({ model: 'brought' });
  assert.equal(await blob('HEAD', digest), 404);
});
test('ollama create: a stream of states, a template of its own, what is missing', async () => {
  const parts = await all(await ollama.create({ model: 'loud', from: CHAT, template: '{% for m in messages %}{{ m.content | upper }}{% endfor %}', stream: true }));
  assert.equal(parts.at(-1).status, 'success');
  const { prompt } = (await post('/apply-template', { model: 'loud', messages: hello }))[1];
  assert.equal(prompt, hello[0].content.toUpperCase());
  const again = await all(await ollama.create({ model: 'loud', from: CHAT, template: '{{ messages[0].content }}!', stream: true }));
  assert.equal(again.at(-1).status, 'success');
  assert.equal((await post('/apply-template', { model: 'loud', messages: hello }))[1].prompt, `${hello[0].content}!`); // at once
  await ollama.delete({ model: 'loud' });
  await status(ollama.create({ model: 'x', from: 'nobody' }), 404, /not found/);
  await status(ollama.copy({ source: 'nobody', destination: 'x' }), 404);
  await status(ollama.delete({ model: 'nobody' }), 404);
});
test('ollama embed: truncate false refuses what does not fit', async () => {
  await status(ollama.embed({ model: CHAT, input: 'word '.repeat(60000), truncate: false }), 400, /\d+ tokens.*\d+/);
});
test('ollama chat: think is refused or answered, never ignored', async () => {
  const r = await ollama.chat({ model: CHAT, messages: hello, think: false, options: greedy });
  assert.equal(r.message.thinking ?? '', '');
  await status(ollama.chat({ model: CHAT, messages: hello, think: true, options: greedy }), 400, /think/);
});
test('ollama chat: stop and seed in the options, log-probabilities beside the words', async () => {
  const r = await ollama.chat({ model: CHAT, messages: hello, options: { ...greedy, stop: [' '] } });
  assert.ok(!r.message.content.includes(' '));
  const l = await ollama.chat({ model: CHAT, messages: hello, logprobs: true, top_logprobs: 2, options: { ...greedy, num_predict: 3 } });
  assert.equal(l.logprobs.length, 3);
  assert.equal(l.logprobs[0].top_logprobs.length, 2);
});

// ---- anthropic ---------------------------------------------------------------------------------

const say = (more) => anthropic.messages.create({ model: CHAT, max_tokens: 24, temperature: 0, messages: hello, ...more });
test('anthropic: a whole answer, the same as openai', async () => {
  const r = await say();
  assert.equal(r.type, 'message');
  assert.equal(r.content[0].text, (await chat()).choices[0].message.content);
  assert.ok(['end_turn', 'max_tokens'].includes(r.stop_reason));
  assert.ok(r.usage.input_tokens > 0);
});
test('anthropic: a stream', async () => {
  const events = await all(await say({ stream: true }));
  assert.equal(events[0].type, 'message_start');
  assert.equal(events.at(-1).type, 'message_stop');
  const text = events.filter((e) => e.type === 'content_block_delta').map((e) => e.delta.text).join('');
  assert.equal(text, (await say()).content[0].text);
});
test('anthropic: the stream helper of the package', async () => {
  const m = await anthropic.messages.stream({ model: CHAT, max_tokens: 8, messages: hello }).finalMessage();
  assert.ok(m.content[0].text.length > 0);
});
test('anthropic: system, blocks, stop_sequences', async () => {
  const r = await say({ system: [{ type: 'text', text: 'Be brief.' }], messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello!' }] }], stop_sequences: [' '] });
  assert.equal(r.stop_reason, 'stop_sequence');
  assert.equal(r.stop_sequence, ' ');
});
test('anthropic: a tool is called', async () => {
  const r = await say({ model: TOOLS, max_tokens: 200, temperature: 1, tools: [{ name: 'get_weather', input_schema: weather.function.parameters }], tool_choice: { type: 'any' } });
  assert.ok(['tool_use', 'max_tokens'].includes(r.stop_reason)); // noise may talk until it must call
  isWeather(r.content.find((c) => c.type === 'tool_use').input);
});
test('anthropic: a tool call in a stream', async () => {
  const m = await anthropic.messages.stream({ model: TOOLS, max_tokens: 200, temperature: 1, messages: hello, tools: [{ name: 'get_weather', input_schema: weather.function.parameters }], tool_choice: { type: 'tool', name: 'get_weather' } }).finalMessage();
  isWeather(m.content.find((c) => c.type === 'tool_use').input);
});
test('anthropic: a budget for reasoning is kept', async () => {
  const think = (max_tokens, budget_tokens) => anthropic.messages.create({ model: 'thinker', max_tokens, temperature: 0, messages: hello, thinking: { type: 'enabled', budget_tokens } }); // noise may end early: the same noise each time
  for (const budget of [1, 12]) {
    const m = await think(40, budget);
    assert.deepEqual(m.content.map((c) => c.type), ['thinking', 'text']);
    assert.ok(m.content[1].text.length > 0 && !m.content.some((c) => JSON.stringify(c).includes('think>')));
    assert.ok(m.usage.output_tokens_details.thinking_tokens <= budget && m.usage.output_tokens === 40);
  }
  await status(think(40, 40), 400, /budget_tokens/);
  assert.equal((await say({ max_tokens: 6, thinking: { type: 'enabled', budget_tokens: 5 } })).content[0].type, 'text'); // it does not reason
});
test('anthropic: count_tokens', async () => {
  const { input_tokens } = await anthropic.messages.countTokens({ model: CHAT, messages: hello });
  assert.equal(input_tokens, (await say({ max_tokens: 1 })).usage.input_tokens);
});
test('anthropic: max_tokens', async () => assert.equal((await say({ max_tokens: 1 })).stop_reason, 'max_tokens'));
test('anthropic: errors have its shape', () =>
  assert.rejects(say({ model: 'nobody' }), (e) => e.status === 404 && e.error.type === 'error' && e.error.error.type === 'not_found_error'));
test('anthropic: max_tokens is needed', () => status(anthropic.messages.create({ model: CHAT, messages: hello }), 400, /max_tokens/));

test('anthropic: count_tokens counts system and tools', async () => {
  const count = async (more) => (await anthropic.messages.countTokens({ model: TOOLS, messages: hello, ...more })).input_tokens;
  const plain = await count({});
  const system = 'You are a very old cat that has seen many a house and speaks of each of them, slowly.';
  assert.ok((await count({ system })) > plain); // Qwen's template has a system text of its own
  assert.ok((await count({ tools: [{ name: 'get_weather', input_schema: weather.function.parameters }] })) > plain);
});
test('anthropic: the result of a tool in the history', async () => {
  const r = await say({ model: TOOLS, max_tokens: 4, messages: [...hello,
    { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'get_weather', input: { city: 'Bonn', unit: 'C' } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: '12 C' }] }],
    tools: [{ name: 'get_weather', input_schema: weather.function.parameters }], tool_choice: { type: 'none' } });
  assert.equal(r.usage.output_tokens, 4);
});
test('anthropic: leaving in the middle of a stream', async () => {
  const stream = await say({ stream: true, max_tokens: 400, temperature: 1 });
  for await (const _ of stream) break;
  stream.controller.abort();
  assert.equal((await say({ max_tokens: 2 })).usage.output_tokens, 2);
});

// ---- llama-server ------------------------------------------------------------------------------

const post = async (path, body) => {
  const r = await fetch(url + path, { method: 'POST', body: JSON.stringify({ model: CHAT, ...body }) });
  return [r.status, await r.json()];
};
test('llama-server: completion', async () => {
  const [code, r] = await post('/completion', { prompt: 'Once upon a time', n_predict: 8, temperature: 0 });
  assert.equal(code, 200);
  assert.ok(r.content.length > 0 && r.stop === true && r.timings.predicted_n === 8);
});
test('llama-server: tokenize and back', async () => {
  const [, { tokens }] = await post('/tokenize', { content: 'Hello there' });
  const [, { content }] = await post('/detokenize', { tokens });
  assert.equal(content, 'Hello there');
});
test('llama-server: apply-template, health, props, slots, metrics', async () => {
  assert.match((await post('/apply-template', { messages: hello }))[1].prompt, /Who are you/);
  const { status, cage } = await (await fetch(`${url}/health`)).json();
  assert.equal(status, 'ok');
  assert.match(cage, /^(none|seccomp)/);
  assert.ok((await (await fetch(`${url}/props`)).json()).total_slots > 0);
  assert.ok(Array.isArray(await (await fetch(`${url}/slots`)).json()));
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /^hearth_time_to_first_token_seconds_bucket\{/m);
  assert.ok(!metrics.includes('Who are you'));
});
test('llama-server: rerank orders by what is asked', async () => {
  const [code, r] = await post('/rerank', { query: 'cats', documents: ['a story of cats', 'tax law'], top_n: 2 });
  assert.equal(code, 200);
  assert.equal(r.results.length, 2);
});
test('llama-server: a completion in a stream says what the whole one says', async () => {
  const body = { prompt: 'Once upon a time', n_predict: 8, temperature: 0 };
  const r = await fetch(`${url}/completion`, { method: 'POST', body: JSON.stringify({ model: CHAT, ...body, stream: true }) });
  assert.match(r.headers.get('content-type'), /^text\/event-stream/);
  const parts = (await r.text()).split('\n\n').filter((e) => e.startsWith('data: {')).map((e) => JSON.parse(e.slice(6)));
  assert.equal(parts.map((p) => p.content).join(''), (await post('/completion', body))[1].content);
  assert.equal(parts.at(-1).stop, true);
});
test('llama-server: a grammar, a schema, probabilities', async () => {
  const [, g] = await post('/completion', { model: TOOLS, prompt: 'x', grammar: 'root ::= [a-c]+ "." ', n_predict: 40, seed: 1 });
  assert.match(g.content, /^[a-c]+\.$/);
  const [, j] = await post('/completion', { model: TOOLS, prompt: 'x', json_schema: person, n_predict: 80, seed: 1 });
  isPerson(j.content);
  const [, p] = await post('/completion', { prompt: 'Once', n_predict: 3, n_probs: 2, temperature: 0 });
  assert.equal(p.completion_probabilities.length, 3);
  assert.equal((await post('/completion', { prompt: 'x', grammar: 'root ::= nobody' }))[0], 400);
});
test('llama-server: infill needs a model that knows how, and says so', async () => {
  const [code, r] = await post('/infill', { input_prefix: 'int main(', input_suffix: ') {}', n_predict: 4 });
  assert.equal(code, 400);
  assert.ok(r.error.message);
});
test('llama-server: props of a model that is named, slots of all, adapters', async () => {
  const props = await (await fetch(`${url}/props?model=${TOOLS}`)).json();
  assert.match(props.chat_template, /tool_call/);
  assert.match(props.model_path, /tools\.gguf$/);
  assert.ok(props.default_generation_settings.n_ctx > 0);
  assert.equal((await fetch(`${url}/props?model=nobody`)).status, 404);
  const slots = await (await fetch(`${url}/slots`)).json();
  assert.deepEqual(slots.map((s) => s.id), slots.map((_, i) => i));
  assert.ok(slots.length >= props.total_slots);
  assert.deepEqual(await (await fetch(`${url}/lora-adapters`)).json(), []);
  assert.equal((await fetch(`${url}/lora-adapters`, { method: 'POST', body: '[{"id":0,"scale":1}]' })).status, 400);
});
test('llama-server: tokenize with pieces, specials or not', async () => {
  const [, { tokens }] = await post('/tokenize', { content: 'Hello', with_pieces: true });
  assert.equal(tokens.map((t) => t.piece).join('').trim(), 'Hello');
  assert.equal((await post('/detokenize', { tokens: [1e9] }))[0], 400);
  assert.equal((await post('/tokenize', {}))[0], 400);
});
test('llama-server: rerank under all its names, bad queries', async () => {
  const body = { query: 'cats', documents: ['a story of cats', 'tax law', 'cats'] };
  const [, first] = await post('/rerank', body);
  for (const path of ['/reranking', '/v1/rerank', '/v1/reranking']) assert.deepEqual((await post(path, body))[1].results, first.results, path);
  const best = first.results.slice().sort((a, b) => b.relevance_score - a.relevance_score)[0];
  assert.equal(best.index, 2);
  assert.equal((await post('/rerank', { query: 'x' }))[0], 400);
});
