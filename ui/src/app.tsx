// app.tsx - the page: which conversation, which model, what is being said.
import { render } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import * as api from './api';
import { Composer, type File_ } from './composer';
import { Icon } from './icons';
import { Login } from './login';
import { MessageView } from './message';
import { Keys, Panel, type Looks } from './panel';
import { Sidebar } from './sidebar';
import { put, tableFor, type Strings } from './strings';
import { add, change, newChat, prompt, remove, sent, thread, titleOf, type Adapter, type Chat, type Message, type Stats } from './tree';
import { Words } from './words';

const LOOKS = 'hearth-looks'; // appearance and the last model; what is said is kept by the server
const MODEL = 'hearth-model';
const narrow = () => matchMedia('(max-width: 720px)').matches;

function readLooks(): Looks {
  const fallback: Looks = { theme: 'auto', language: navigator.language.split('-')[0] };
  try {
    return { ...fallback, ...JSON.parse(localStorage.getItem(LOOKS) ?? '{}') };
  } catch {
    return fallback;
  }
}

function sentence(t: Strings, e: unknown): string {
  if (!(e instanceof api.Refused)) return put(t.failed, String(e));
  if (e.status === 0) return t.offline;
  if (e.status === 401) return t.denied;
  return put(t.failed, e.message || `HTTP ${e.status}`);
}

const size = (bytes: number) => (bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`);

/** Draws an answer into `message`, showing it at most once a frame. */
async function draw(chat: Chat, message: Message, model: string | undefined, adapters: Adapter[], signal: AbortSignal, show: (what: Partial<Message>) => void): Promise<Partial<Message>> {
  const what: Partial<Message> = { content: '', reasoning: '' };
  const stats: Stats = {};
  const began = performance.now();
  let first = 0;
  let frame = 0;
  const later = () => (frame ||= requestAnimationFrame(() => { frame = 0; show({ ...what }); }));
  try {
    for await (const p of api.answer(model, prompt(chat, message), sent(chat.params, adapters), signal)) {
      if (p.content || p.reasoning) first ||= performance.now();
      if (p.content) what.content += p.content;
      if (p.reasoning) what.reasoning += p.reasoning;
      if (p.finish) stats.finish = p.finish;
      if (p.digest) stats.digest = p.digest;
      if (p.seed !== undefined) stats.seed = p.seed;
      if (p.timings?.predicted_ms) stats.seconds = p.timings.predicted_ms / 1000;
      if (p.usage) {
        stats.tokens = p.usage.completion_tokens;
        stats.promptTokens = p.usage.prompt_tokens;
        stats.cachedTokens = p.usage.prompt_tokens_details?.cached_tokens;
      }
      later();
    }
  } finally {
    cancelAnimationFrame(frame);
    stats.seconds ??= (performance.now() - (first || began)) / 1000;
    what.stats = stats;
    if (!what.reasoning) delete what.reasoning;
  }
  return what;
}

function useHash(): [string, (id: string) => void] {
  const [id, setId] = useState(location.hash.slice(1));
  useEffect(() => {
    const on = () => setId(location.hash.slice(1));
    addEventListener('hashchange', on);
    return () => removeEventListener('hashchange', on);
  }, []);
  return [id, (to) => { location.hash = to; }];
}

function App() {
  const [looks, setLooks] = useState(readLooks);
  const t = useMemo(() => tableFor(looks.language), [looks.language]);
  const [hash, setHash] = useHash();
  const [chat, setChat] = useState<Chat>(() => newChat());
  const [rows, setRows] = useState<api.ChatRow[]>([]);
  const [words, setWords] = useState('');
  const [models, setModels] = useState<api.Model[]>([]);
  const [model, setModel] = useState<string | undefined>();
  const [adapters, setAdapters] = useState<Adapter[]>([]); // over that model
  const [live, setLive] = useState<string | null>(null); // the message being drawn
  const [problem, setProblem] = useState('');
  const [offline, setOffline] = useState(false);
  const [out, setOut] = useState(false); // nobody is logged in
  const [panel, setPanel] = useState<'' | 'settings' | 'keys'>('');
  const [editing, setEditing] = useState<string | null>(null);
  const [menu, setMenu] = useState(!narrow());
  const [dropped, setDropped] = useState<File[]>([]);
  const [over, setOver] = useState(false);
  const [said, setSaid] = useState(''); // for screen readers: the answer, once it is whole
  const stop = useRef<AbortController | null>(null);
  const current = useRef(chat);
  const end = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  current.current = chat;

  useEffect(() => {
    document.documentElement.lang = looks.language;
    document.documentElement.dataset.theme = looks.theme;
    localStorage.setItem(LOOKS, JSON.stringify(looks));
  }, [looks]);

  const fail = useCallback((e: unknown) => {
    if (e instanceof api.Refused && e.status === 401) setOut(true);
    else setProblem(sentence(t, e));
  }, [t]);

  // ---- what the server has ----
  const refresh = useCallback(async () => {
    try {
      const [m, r] = await Promise.all([api.models(), api.list(words)]);
      setModels(m);
      setRows(r);
      const last = m.find((x) => x.name === localStorage.getItem(MODEL));
      setModel((old) => old ?? (last ?? m.find((x) => !x.name.startsWith('ember')) ?? m[0])?.name);
      setOffline(false);
    } catch (e) {
      setOffline(e instanceof api.Refused && e.status === 0);
      if (!(e instanceof api.Refused) || e.status !== 0) fail(e);
    }
  }, [words, fail]);
  useEffect(() => {
    const soon = setTimeout(() => void refresh(), 150);
    return () => clearTimeout(soon);
  }, [refresh]);
  useEffect(() => {
    if (!offline) return;
    const again = setInterval(() => void refresh(), 3000);
    return () => clearInterval(again);
  }, [offline, refresh]);

  useEffect(() => {
    if (!hash || hash === current.current.id) return;
    api.load(hash).then(
      (c) => { setChat({ ...newChat(), ...c }); if (c.model) setModel(c.model); setProblem(''); follow.current = true; },
      fail,
    );
  }, [hash]);

  useEffect(() => {
    let gone = false;
    setAdapters([]);
    if (model) api.adapters(model).then((a) => { if (!gone) setAdapters(a); }, () => undefined);
    return () => { gone = true; };
  }, [model]);

  const keep = useCallback(async (c: Chat) => {
    try {
      await api.save(c);
      await refresh();
    } catch (e) {
      fail(e);
    }
  }, [refresh, fail]);

  // ---- talking ----
  const answer = async (c: Chat, to: Message) => {
    const [begun, m] = add({ ...c, head: to.id, model }, { parent: to.id, role: 'assistant', content: '', model });
    const control = new AbortController();
    stop.current = control;
    setChat(begun);
    setLive(m.id);
    setSaid('');
    follow.current = true;
    let what: Partial<Message> = {};
    const show = (w: Partial<Message>) => { what = w; setChat((x) => (x.id === begun.id ? change(x, m.id, w) : x)); };
    try {
      what = await draw(begun, m, model, adapters, control.signal, show);
      setSaid(what.content ?? '');
    } catch (e) {
      if (e instanceof api.Refused && e.status === 401) setOut(true);
      what = control.signal.aborted ? { ...what, stats: { ...what.stats, finish: 'stop' } } : { ...what, error: sentence(t, e) };
    }
    const done = change(begun, m.id, what);
    setChat((x) => (x.id === begun.id ? done : x));
    setLive(null);
    stop.current = null;
    await keep(done);
  };
  const send = (text: string, files: File_[]) => {
    setProblem('');
    const parent = chat.head;
    const kept = files.map(({ name, text }) => ({ name, text }));
    let [c, m] = add(chat, { parent, role: 'user', content: text, files: kept.length ? kept : undefined });
    if (!c.title) c = { ...c, title: titleOf(text || files[0]?.name || '') };
    setHash(c.id);
    void keep({ ...c, model }).then(() => undefined);
    void answer(c, m);
  };
  const editMessage = (old: Message, text: string) => {
    const [c, m] = add(chat, { parent: old.parent, role: 'user', content: text, files: old.files });
    void answer(c, m);
  };
  const again = (m: Message) => {
    const asked = chat.messages.find((x) => x.id === m.parent);
    if (asked) void answer(chat, asked);
  };
  const removeMessage = (m: Message) => {
    const c = remove(chat, m.id);
    setChat(c);
    void keep(c);
  };
  const changeChat = (c: Chat) => {
    setChat(c);
    if (c.messages.length > 0) void keep(c);
  };

  const fresh = useCallback(() => {
    stop.current?.abort();
    setChat(newChat(model));
    setHash('');
    setProblem('');
    if (narrow()) setMenu(false);
    setTimeout(() => document.getElementById('box')?.focus());
  }, [model]);
  const removeChat = async (id: string) => {
    try {
      await api.drop(id);
      if (id === chat.id) fresh();
      await refresh();
    } catch (e) {
      fail(e);
    }
  };
  const leave = async () => {
    try {
      await api.leave();
      location.assign('/'); // nothing of what was said stays in the page
    } catch (e) {
      fail(e);
    }
  };
  const shown = thread(chat);
  const editLast = () => setEditing(shown.filter((m) => m.role === 'user').at(-1)?.id ?? null);

  // ---- keyboard, scrolling, dropping ----
  useEffect(() => {
    const on = (e: KeyboardEvent) => {
      const inText = e.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName);
      const ctrl = e.ctrlKey || e.metaKey;
      if (e.key === 'Escape' && !panel) stop.current?.abort();
      else if (ctrl && e.shiftKey && e.key.toLowerCase() === 'o') { e.preventDefault(); fresh(); }
      else if (ctrl && e.key.toLowerCase() === 'k') { e.preventDefault(); setMenu(true); setTimeout(() => document.getElementById('search')?.focus()); }
      else if (ctrl && e.key === ',') { e.preventDefault(); setPanel('settings'); }
      else if (ctrl && e.shiftKey && (e.key === ';' || e.key === ':')) { e.preventDefault(); void navigator.clipboard.writeText(thread(current.current).filter((m) => m.role === 'assistant').at(-1)?.content ?? ''); }
      else if (e.key === '?' && !inText && !panel) setPanel('keys');
    };
    addEventListener('keydown', on);
    return () => removeEventListener('keydown', on);
  }, [panel, fresh]);
  useEffect(() => {
    if (follow.current) end.current?.scrollIntoView({ block: 'end' });
  }, [chat]);

  const onScroll = (e: { currentTarget: HTMLElement }) => {
    const n = e.currentTarget;
    follow.current = n.scrollHeight - n.scrollTop - n.clientHeight < 80;
  };

  return (
    <Words.Provider value={t}>
      <div class={`page ${menu ? 'with-menu' : ''}`}
        onDragOver={(e) => { e.preventDefault(); setOver(true); }}
        onDragLeave={(e) => { if (e.relatedTarget === null) setOver(false); }}
        onDrop={(e) => { e.preventDefault(); setOver(false); setDropped([...(e.dataTransfer?.files ?? [])]); }}>
        {menu && (
          <Sidebar rows={rows} current={chat.id} words={words} onWords={setWords} onNew={fresh} onRemove={(id) => void removeChat(id)} onSettings={() => setPanel('settings')}
            onOpen={(id) => { stop.current?.abort(); setHash(id); if (narrow()) setMenu(false); }} />
        )}
        <main>
          <header class="top row">
            <button type="button" class="icon" aria-label={t.menu} title={t.menu} aria-expanded={menu} onClick={() => setMenu(!menu)}><Icon name="menu" /></button>
            <label class="model"><span class="hidden">{t.model}</span>
              <select value={model} onChange={(e) => { setModel(e.currentTarget.value); localStorage.setItem(MODEL, e.currentTarget.value); }}>
                {models.length === 0 && <option value="">{t.noModel}</option>}
                {models.map((m) => (
                  <option key={m.name} value={m.name}>
                    {[m.name.replace(/:latest$/, ''), m.details.parameter_size, m.details.quantization_level, size(m.size)].filter(Boolean).join(' · ')}
                  </option>
                ))}
              </select>
            </label>
            <h1 class="title">{chat.title || 'hearth'}</h1>
            <button type="button" class="icon" aria-label={t.settings} title={t.settings} onClick={() => setPanel('settings')}><Icon name="gear" /></button>
            <button type="button" class="icon" aria-label={t.keys} title={t.keys} onClick={() => setPanel('keys')}>?</button>
          </header>
          <div class="scroll" onScroll={onScroll} tabIndex={0} role="log" aria-label={chat.title || t.chats} aria-live="off">
            {shown.length === 0 && <div class="welcome"><h2>{t.welcome}</h2><p>{t.welcomeHint}</p></div>}
            {shown.map((m) => (
              <MessageView key={m.id} chat={chat} message={m} live={m.id === live} busy={live !== null} onChat={changeChat} onEdit={editMessage}
                onAgain={again} onRemove={removeMessage} editing={editing === m.id} onEditing={setEditing} />
            ))}
            <div ref={end} />
          </div>
          <div class="hidden" role="status" aria-live="polite">{said}</div>
          {offline && <p class="error bar" role="alert">{t.offline}</p>}
          {problem && <p class="error bar" role="alert">{problem} <button type="button" class="small" aria-label={t.close} onClick={() => setProblem('')}>×</button></p>}
          <Composer model={model} busy={live !== null} dropped={dropped} onDropTaken={() => setDropped([])} onSend={send} onStop={() => stop.current?.abort()}
            onEditLast={editLast} onProblem={setProblem} />
        </main>
        {over && <div class="drop" aria-hidden="true">{t.dropHere}</div>}
        {panel === 'settings' && (
          <Panel chat={chat} model={model} adapters={adapters} looks={looks} onChat={changeChat} onLooks={setLooks} onClose={() => setPanel('')} onLeave={() => void leave()}
            onImported={(s) => { setProblem(s); setPanel(''); void refresh(); }} />
        )}
        {out && <Login onIn={() => { setOut(false); setProblem(''); void refresh(); }} />}
        {panel === 'keys' && <Keys onClose={() => setPanel('')} />}
      </div>
    </Words.Provider>
  );
}

render(<App />, document.getElementById('app')!);
