// pure.test.ts - the parts of the chat that need no browser: the tree of messages, events, words.
import test from 'node:test';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { eventParser } from '../../ui/src/sse';
import { en, languages, put, tableFor } from '../../ui/src/strings';
import * as tree from '../../ui/src/tree';

if (!globalThis.crypto) Object.defineProperty(globalThis, 'crypto', { value: webcrypto }); // node 18: browsers have it

const say = (c: tree.Chat, role: 'user' | 'assistant', content: string, parent = c.head) => tree.add(c, { parent, role, content });

test('a thread is the path to the head', () => {
  let c = tree.newChat();
  [c] = say(c, 'user', 'a');
  [c] = say(c, 'assistant', 'b');
  [c] = say(c, 'user', 'c');
  assert.deepEqual(tree.thread(c).map((m) => m.content), ['a', 'b', 'c']);
});
test('an edit is a sibling and nothing is lost', () => {
  let c = tree.newChat();
  let q: tree.Message, a: tree.Message, q2: tree.Message;
  [c, q] = say(c, 'user', 'first');
  [c, a] = say(c, 'assistant', 'answer');
  [c, q2] = say(c, 'user', 'changed', null);
  assert.deepEqual(tree.thread(c).map((m) => m.content), ['changed']);
  assert.deepEqual(tree.siblings(c, q2).map((m) => m.id), [q.id, q2.id]);
  c = tree.switchTo(c, q2, -1);
  assert.deepEqual(tree.thread(c).map((m) => m.content), ['first', 'answer']);
  assert.equal(tree.switchTo(c, q, -1), c);
  assert.equal(c.messages.length, 3);
  assert.ok(a.parent === q.id);
});
test('another answer is a sibling of the first', () => {
  let c = tree.newChat();
  let q: tree.Message, b: tree.Message;
  [c, q] = say(c, 'user', 'q');
  [c] = say(c, 'assistant', 'one');
  [c, b] = say(c, 'assistant', 'two', q.id);
  assert.equal(tree.siblings(c, b).length, 2);
  assert.deepEqual(tree.thread(tree.switchTo(c, b, -1)).map((m) => m.content), ['q', 'one']);
});
test('deleting takes what follows along', () => {
  let c = tree.newChat();
  let q: tree.Message;
  [c] = say(c, 'user', 'a');
  [c, q] = say(c, 'assistant', 'b');
  [c] = say(c, 'user', 'c');
  c = tree.remove(c, q.id);
  assert.deepEqual(tree.thread(c).map((m) => m.content), ['a']);
  assert.equal(c.messages.length, 1);
});
test('a circle of parents ends', () => {
  const c = tree.newChat();
  c.messages = ['x', 'y'].map((id, i) => ({ id, parent: i ? 'x' : 'y', role: 'user' as const, content: id, created: 0 }));
  c.head = 'y';
  assert.equal(tree.thread(c).length, 2);
});
test('the prompt holds the system text, the thread before, and files in a fence that holds', () => {
  let c = { ...tree.newChat(), system: 'Be brief.' };
  [c] = tree.add(c, { parent: null, role: 'user', content: 'look', files: [{ name: 'x.md', text: '```\ncode\n```' }] });
  let a: tree.Message;
  [c, a] = say(c, 'assistant', '');
  const p = tree.prompt(c, a);
  assert.deepEqual(p.map((m) => m.role), ['system', 'user']);
  assert.match(p[1].content, /^File: x\.md\n````\n```\ncode\n```\n````\n\nlook$/);
});
test('titles are one line and not long', () => {
  assert.equal(tree.titleOf('  Hello\nthere'), 'Hello');
  assert.ok(tree.titleOf('word '.repeat(50)).length <= 60);
});
test('an import is checked', () => {
  const c = tree.newChat();
  assert.equal(tree.readExport(JSON.stringify({ chats: [c] }))[0].id, c.id);
  for (const bad of ['{"chats": 3}', '[{"id": 1}]', '[{"id":"a","messages":[{"id":"b"}]}]', 'x']) assert.throws(() => tree.readExport(bad));
});

test('events come whole whatever the pieces are', () => {
  const text = 'data: {"a":1}\n\n: ping\n\nevent: x\r\ndata: one\r\ndata: two\r\n\r\ndata: [DONE]\n\n';
  for (let cut = 1; cut < text.length; cut++) {
    const parse = eventParser();
    assert.deepEqual([...parse(text.slice(0, cut)), ...parse(text.slice(cut))], ['{"a":1}', 'one\ntwo', '[DONE]']);
  }
});

test('adapters are sent as the model has them, all once one is named', () => {
  const two = [{ id: 0, path: 'a.gguf', scale: 0.5 }, { id: 1, path: 'b.gguf', scale: 0 }];
  let p: tree.Params = { seed: 3 };
  assert.deepEqual(tree.sent(p, two), { seed: 3 });
  p = tree.scaled(p, 'b.gguf', 2);
  assert.deepEqual(tree.sent(p, two), { seed: 3, lora: [{ id: 0, scale: 0.5 }, { id: 1, scale: 2 }] });
  assert.deepEqual(tree.sent(p, two.slice(0, 1)), { seed: 3 });
  assert.deepEqual(tree.sent(p, []), { seed: 3 });
  p = tree.scaled(p, 'a.gguf', 0);
  assert.deepEqual(tree.sent(p, two), { seed: 3, lora: [{ id: 0, scale: 0 }, { id: 1, scale: 2 }] });
  p = tree.scaled(tree.scaled(p, 'a.gguf', undefined), 'b.gguf', undefined);
  assert.deepEqual(p, { seed: 3 });
});
test('every language has every word, with the same places to fill', () => {
  for (const { id } of languages) {
    const t = tableFor(id);
    for (const [key, text] of Object.entries(en)) {
      const other = t[key as keyof typeof en];
      assert.ok(other.length > 0, `${id}.${key}`);
      assert.deepEqual((other.match(/\{\d\}/g) ?? []).sort(), (text.match(/\{\d\}/g) ?? []).sort(), `${id}.${key}`);
    }
    assert.equal(t.keyList.split('\n').length, en.keyList.split('\n').length);
  }
  assert.equal(tableFor('xx'), en);
  assert.equal(tableFor('de-AT'), tableFor('de'));
  assert.equal(put('{1}{0}', 'a', 'b'), 'ba');
});
