// tree.ts - a conversation is a tree: every edit and every other answer is a sibling, none is lost.
// `head` is the leaf that is shown; the thread is the path from the root to it. Pure functions.

export interface Stats {
  tokens?: number;
  promptTokens?: number;
  cachedTokens?: number;
  seconds?: number;
  finish?: string;
  seed?: number;
  digest?: string;
}

export interface Message {
  id: string;
  parent: string | null;
  role: 'system' | 'user' | 'assistant';
  content: string;
  reasoning?: string;
  files?: { name: string; text: string }[];
  model?: string;
  created: number;
  stats?: Stats;
  error?: string;
}

export interface Params {
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  repeat_penalty?: number;
  max_tokens?: number;
  seed?: number;
  num_ctx?: number;
  lora?: Record<string, number>; // scales of adapters, by their file's name
}

/** A LoRA adapter that lies over a model, with the scale it has where nobody says another. */
export interface Adapter {
  id: number;
  path: string;
  scale: number;
}

export interface Chat {
  id: string;
  title: string;
  updated: number;
  created: number;
  system: string;
  params: Params;
  model?: string;
  messages: Message[];
  head: string | null;
}

export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

export function newChat(model?: string): Chat {
  const now = Date.now();
  return { id: newId(), title: '', created: now, updated: now, system: '', params: {}, model, messages: [], head: null };
}

const find = (c: Chat, id: string | null) => c.messages.find((m) => m.id === id);

/** The messages shown, from the first to the head. */
export function thread(c: Chat): Message[] {
  const out: Message[] = [];
  const seen = new Set<string>();
  for (let m = find(c, c.head); m && !seen.has(m.id); m = find(c, m.parent)) {
    seen.add(m.id);
    out.push(m);
  }
  return out.reverse();
}

/** Those that answer the same message, in the order they were made. */
export function siblings(c: Chat, m: Message): Message[] {
  return c.messages.filter((x) => x.parent === m.parent && x.role === m.role);
}

/** Follows the newest child down to a leaf. */
export function leaf(c: Chat, id: string): string {
  for (;;) {
    const next = c.messages.filter((m) => m.parent === id).at(-1);
    if (!next) return id;
    id = next.id;
  }
}

/** Shows the sibling `step` places further. */
export function switchTo(c: Chat, m: Message, step: number): Chat {
  const all = siblings(c, m);
  const to = all[all.findIndex((x) => x.id === m.id) + step];
  return to ? { ...c, head: leaf(c, to.id) } : c;
}

export function add(c: Chat, m: Omit<Message, 'id' | 'created'>): [Chat, Message] {
  const made = { ...m, id: newId(), created: Date.now() };
  return [{ ...c, messages: [...c.messages, made], head: made.id, updated: Date.now() }, made];
}

export function change(c: Chat, id: string, what: Partial<Message>): Chat {
  return { ...c, messages: c.messages.map((m) => (m.id === id ? { ...m, ...what } : m)), updated: Date.now() };
}

/** Removes a message and all that follows from it; the head goes to its parent. */
export function remove(c: Chat, id: string): Chat {
  const gone = new Set([id]);
  for (const m of c.messages) if (m.parent && gone.has(m.parent)) gone.add(m.id);
  const parent = find(c, id)?.parent ?? null;
  const messages = c.messages.filter((m) => !gone.has(m.id));
  const head = c.head && gone.has(c.head) ? parent : c.head;
  return { ...c, messages, head, updated: Date.now() };
}

/** The text a model is sent for a message: its files first, fenced, then its words. */
export function textOf(m: Message): string {
  const files = (m.files ?? []).map((f) => {
    const fence = '`'.repeat(Math.max(3, ...(f.text.match(/`+/g) ?? []).map((s) => s.length + 1)));
    return `File: ${f.name}\n${fence}\n${f.text}\n${fence}\n`;
  });
  return [...files, m.content].join('\n');
}

/** What the API is sent for the thread up to and without `until`. */
export function prompt(c: Chat, until: Message): { role: string; content: string }[] {
  const out: { role: string; content: string }[] = [];
  if (c.system.trim()) out.push({ role: 'system', content: c.system });
  for (const m of thread({ ...c, head: until.parent }))
    if (!m.error || m.content) out.push({ role: m.role, content: textOf(m) });
  return out;
}

/** What the API is sent of the parameters: adapters that the model does not have are left out, and who names one names all. */
export function sent(params: Params, adapters: Adapter[]): Record<string, unknown> {
  const { lora, ...rest } = params;
  if (!lora || !adapters.some((a) => a.path in lora)) return rest;
  return { ...rest, lora: adapters.map((a) => ({ id: a.id, scale: lora[a.path] ?? a.scale })) };
}

/** Another scale for an adapter; undefined: the server's. */
export function scaled(params: Params, path: string, scale: number | undefined): Params {
  const { lora, ...rest } = params;
  const all = { ...lora };
  delete all[path];
  if (scale !== undefined) all[path] = scale;
  return Object.keys(all).length ? { ...rest, lora: all } : rest;
}

/** A title from the first words somebody said. */
export function titleOf(text: string): string {
  const line = text.trim().split('\n')[0].replace(/\s+/g, ' ');
  return line.length <= 60 ? line : line.slice(0, 57).replace(/\s+\S*$/, '') + '…';
}

/** Takes in a file of ours or anybody's list of chats; throws a sentence when it is neither. */
export function readExport(text: string): Chat[] {
  const root = JSON.parse(text);
  const list: unknown = Array.isArray(root) ? root : (root.chats ?? [root]);
  if (!Array.isArray(list)) throw new Error('no conversations');
  return list.map((c) => {
    const ok =
      c && typeof c.id === 'string' && Array.isArray(c.messages) &&
      c.messages.every((m: Message) => typeof m.id === 'string' && typeof m.content === 'string' && ['system', 'user', 'assistant'].includes(m.role));
    if (!ok) throw new Error('no conversations');
    return { ...newChat(), ...c };
  });
}
