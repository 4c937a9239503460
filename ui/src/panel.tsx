// panel.tsx - what belongs to a conversation and to the page: instructions, sampling, looks, files.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import * as api from './api';
import { languages, put } from './strings';
import { scaled, type Adapter, type Chat, type Params } from './tree';
import { useStrings } from './words';

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const t = useStrings();
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    ref.current?.showModal();
  }, []);
  return (
    <dialog ref={ref} aria-label={title} onClose={onClose} onClick={(e) => e.target === ref.current && ref.current?.close()}>
      <header class="row">
        <h2>{title}</h2>
        <button type="button" class="icon" aria-label={t.close} onClick={() => ref.current?.close()}>×</button>
      </header>
      {children}
    </dialog>
  );
}

export interface Looks {
  theme: 'auto' | 'light' | 'dark';
  language: string;
}

const gib = (n: number) => (n >= 1 << 30 ? `${(n / 2 ** 30).toFixed(1)} GiB` : `${(n / 2 ** 20).toFixed(0)} MiB`);

type NumberKey = Exclude<keyof Params, 'lora'>;
const numbers: { key: NumberKey; label: 'temperature' | 'topP' | 'topK' | 'minP' | 'repeat' | 'maxTokens' | 'seed' | 'context'; min: number; max: number; step: number }[] = [
  { key: 'temperature', label: 'temperature', min: 0, max: 5, step: 0.05 },
  { key: 'top_p', label: 'topP', min: 0, max: 1, step: 0.01 },
  { key: 'top_k', label: 'topK', min: 0, max: 1000, step: 1 },
  { key: 'min_p', label: 'minP', min: 0, max: 1, step: 0.01 },
  { key: 'repeat_penalty', label: 'repeat', min: 0.1, max: 5, step: 0.05 },
  { key: 'max_tokens', label: 'maxTokens', min: 1, max: 1000000, step: 1 },
  { key: 'num_ctx', label: 'context', min: 16, max: 10000000, step: 1 },
  { key: 'seed', label: 'seed', min: 0, max: Number.MAX_SAFE_INTEGER, step: 1 },
];

interface Props {
  chat: Chat;
  model?: string;
  adapters: Adapter[];
  looks: Looks;
  onChat: (c: Chat) => void;
  onLooks: (l: Looks) => void;
  onImported: (sentence: string) => void;
  onLeave: () => void;
  onClose: () => void;
}

export function Panel(p: Props) {
  const t = useStrings();
  const [plan, setPlan] = useState<Record<string, number> | null>(null);
  const [cage, setCage] = useState('');
  const picker = useRef<HTMLInputElement>(null);
  useEffect(() => {
    api.cage().then(setCage, () => setCage(''));
  }, []);
  useEffect(() => {
    if (p.model) api.plan(p.model).then(setPlan, () => setPlan(null));
  }, [p.model]);
  const set = (key: NumberKey, text: string) => {
    const params = { ...p.chat.params };
    if (text.trim() === '' || !Number.isFinite(Number(text))) delete params[key];
    else params[key] = Number(text);
    p.onChat({ ...p.chat, params });
  };
  const scale = (a: Adapter, text: string) => {
    const n = text.trim() === '' || !Number.isFinite(Number(text)) ? undefined : Number(text);
    p.onChat({ ...p.chat, params: scaled(p.chat.params, a.path, n) });
  };
  const save = async () => {
    const a = document.createElement('a');
    a.href = URL.createObjectURL(new Blob([await api.exportAll()], { type: 'application/json' }));
    a.download = 'hearth-chats.json';
    a.click();
    URL.revokeObjectURL(a.href);
  };
  const take = async (file?: File) => {
    try {
      if (file) p.onImported(put(t.imported, await api.importAll(JSON.parse(await file.text()))));
    } catch {
      p.onImported(t.badImport);
    }
  };
  return (
    <Dialog title={t.settings} onClose={p.onClose}>
      <label class="field">{t.system}
        <textarea rows={4} value={p.chat.system} onInput={(e) => p.onChat({ ...p.chat, system: e.currentTarget.value })} />
        <small>{t.systemHint}</small>
      </label>
      <div class="grid">
        {numbers.map((n) => (
          <label class="field" key={n.key}>{t[n.label]}
            <input type="number" min={n.min} max={n.max} step={n.step} value={p.chat.params[n.key] ?? ''} onChange={(e) => set(n.key, e.currentTarget.value)} />
          </label>
        ))}
      </div>
      <p class="note">{t.temperatureHint} {t.seedHint}</p>
      {p.adapters.length > 0 && (
        <fieldset class="adapters">
          <legend>{t.adapters}</legend>
          <div class="grid">
            {p.adapters.map((a) => (
              <label class="field" key={a.id}>{a.path}
                <input type="number" step="0.05" placeholder={String(a.scale)} value={p.chat.params.lora?.[a.path] ?? ''} onChange={(e) => scale(a, e.currentTarget.value)} />
              </label>
            ))}
          </div>
          <small>{t.adaptersHint}</small>
        </fieldset>
      )}
      {plan && <p class="note">{put(t.plan, gib(plan.weight_bytes), gib(plan.kv_bytes), gib(plan.total_bytes))}</p>}
      {cage && <p class="note cage">{cage === 'none' ? t.notCaged : put(t.caged, cage)}</p>}
      <h3>{t.theme}</h3>
      <div class="row">
        <label class="field">{t.theme}
          <select value={p.looks.theme} onChange={(e) => p.onLooks({ ...p.looks, theme: e.currentTarget.value as Looks['theme'] })}>
            <option value="auto">{t.themeAuto}</option>
            <option value="light">{t.themeLight}</option>
            <option value="dark">{t.themeDark}</option>
          </select>
        </label>
        <label class="field">{t.language}
          <select value={p.looks.language} onChange={(e) => p.onLooks({ ...p.looks, language: e.currentTarget.value })}>
            {languages.map((l) => <option key={l.id} value={l.id}>{l.name}</option>)}
          </select>
        </label>
      </div>
      <h3>{t.data}</h3>
      <div class="row">
        <button type="button" onClick={() => void save()}>{t.exportAll}</button>
        <button type="button" onClick={() => picker.current?.click()}>{t.importAll}</button>
        <button type="button" onClick={p.onLeave}>{t.logout}</button>
        <input ref={picker} type="file" accept=".json,application/json" hidden tabIndex={-1} aria-hidden="true"
          onChange={(e) => { void take(e.currentTarget.files?.[0]); e.currentTarget.value = ''; }} />
      </div>
    </Dialog>
  );
}

export function Keys({ onClose }: { onClose: () => void }) {
  const t = useStrings();
  return (
    <Dialog title={t.keys} onClose={onClose}>
      <dl class="keys">
        {t.keyList.split('\n').map((line) => {
          const [key, what] = line.split('|');
          return <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>;
        })}
      </dl>
    </Dialog>
  );
}
