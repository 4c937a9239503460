// api.ts - the server's routes. Every call goes to where the page came from, and nowhere else.
import { events } from './sse';
import type { Adapter, Chat, Message } from './tree';

export interface Model {
  name: string;
  size: number;
  digest: string;
  details: { family?: string; parameter_size?: string; quantization_level?: string; context_length?: number };
  capabilities?: string[];
}
export interface ChatRow {
  id: string;
  title: string;
  updated: number;
  snippet?: string;
}

export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly wait = 0, // seconds, where it is to be tried again later
  ) {
    super(message);
  }
}

const headers = { 'Content-Type': 'application/json', 'X-Hearth': '1' };

async function call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  let r: Response;
  try {
    r = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal, credentials: 'same-origin' });
  } catch (e) {
    if (signal?.aborted) throw e;
    throw new Refused(0, '');
  }
  if (r.ok) return r;
  let why = '';
  try {
    const j = await r.json();
    why = typeof j.error === 'string' ? j.error : (j.error?.message ?? '');
  } catch {
    /* no JSON: the status says it */
  }
  throw new Refused(r.status, why, Number(r.headers.get('Retry-After') ?? 0) || 1);
}

export const enter = async (name: string, password: string): Promise<void> => void (await call('POST', '/login', { name, password }));
export const leave = async (): Promise<void> => void (await call('POST', '/logout'));

export const models = async (): Promise<Model[]> => (await (await call('GET', '/api/tags')).json()).models;
export const plan = async (model: string): Promise<Record<string, number>> =>
  (await call('GET', `/hearth/plan?model=${encodeURIComponent(model)}`)).json();
export const adapters = async (model: string): Promise<Adapter[]> =>
  (await call('GET', `/lora-adapters?model=${encodeURIComponent(model)}`)).json();
export const cage = async (): Promise<string> => (await (await call('GET', '/health')).json()).cage ?? '';
export const list = async (words: string): Promise<ChatRow[]> =>
  (await (await call('GET', `/hearth/chats?count=500&q=${encodeURIComponent(words)}`)).json()).chats;
export const load = async (id: string): Promise<Chat> => (await call('GET', `/hearth/chats/${id}`)).json();
export const save = async (c: Chat): Promise<void> => void (await call('PUT', `/hearth/chats/${c.id}`, c));
export const drop = async (id: string): Promise<void> => void (await call('DELETE', `/hearth/chats/${id}`));
export const dropAll = async (): Promise<void> => void (await call('DELETE', '/hearth/chats'));
export const exportAll = async (): Promise<string> => (await call('GET', '/hearth/chats/export')).text();
export const importAll = async (all: unknown): Promise<number> => (await (await call('POST', '/hearth/chats/import', all)).json()).imported;
export const countTokens = async (model: string | undefined, text: string): Promise<number> =>
  (await (await call('POST', '/tokenize', { model, content: text })).json()).tokens.length;

export interface Piece {
  content?: string;
  reasoning?: string;
  finish?: string;
  usage?: { prompt_tokens: number; completion_tokens: number; prompt_tokens_details?: { cached_tokens?: number } };
  timings?: { predicted_ms?: number };
  digest?: string;
  seed?: number;
}

/** An answer, piece by piece. */
export async function* answer(model: string | undefined, messages: { role: string; content: string }[], params: Record<string, unknown>, signal: AbortSignal): AsyncGenerator<Piece> {
  const body = { model, messages, ...params, stream: true, stream_options: { include_usage: true } };
  const r = await call('POST', '/v1/chat/completions', body, signal);
  for await (const e of events(r.body!)) {
    const j = JSON.parse(e);
    if (j.error) throw new Refused(j.error.code ?? 500, j.error.message ?? '');
    const choice = j.choices?.[0];
    yield {
      content: choice?.delta?.content ?? undefined,
      reasoning: choice?.delta?.reasoning_content ?? undefined,
      finish: choice?.finish_reason ?? undefined,
      usage: j.usage ?? undefined,
      timings: j.timings ?? undefined,
      digest: j.model_digest,
      seed: j.seed,
    };
  }
}

export type { Chat, Message };
