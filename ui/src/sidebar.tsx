// sidebar.tsx - the conversations there are, and finding one.
import { useEffect, useState } from 'preact/hooks';
import type { ChatRow } from './api';
import { useStrings } from './words';

interface Props {
  rows: ChatRow[];
  current: string;
  words: string;
  onWords: (words: string) => void;
  onOpen: (id: string) => void;
  onNew: () => void;
  onRemove: (id: string) => void;
  onSettings: () => void;
}

/** A found piece: what matched stands between U+E000 and U+E001. */
function Snippet({ text }: { text: string }) {
  const parts = text.split(/[\ue000\ue001]/);
  return <small>{parts.map((x, i) => (i % 2 ? <mark key={i}>{x}</mark> : x))}</small>;
}

export function Sidebar(p: Props) {
  const t = useStrings();
  const [asked, setAsked] = useState<string | null>(null);
  useEffect(() => setAsked(null), [p.current]);
  return (
    <nav class="sidebar" aria-label={t.chats}>
      <button type="button" class="primary wide" onClick={p.onNew}>{t.newChat}</button>
      <input id="search" type="search" placeholder={t.search} aria-label={t.search} value={p.words} onInput={(e) => p.onWords(e.currentTarget.value)} />
      <ul>
        {p.rows.map((r) => (
          <li key={r.id} class={r.id === p.current ? 'current' : ''}>
            <button type="button" class="open" aria-current={r.id === p.current ? 'page' : undefined} onClick={() => p.onOpen(r.id)}>
              <span>{r.title || '…'}</span>
              {p.words && r.snippet && <Snippet text={r.snippet} />}
            </button>
            {asked === r.id ? (
              <span class="ask" role="alertdialog" aria-label={t.reallyRemove} title={t.reallyRemove}>
                <button type="button" class="small danger" ref={(n) => n?.focus()} onClick={() => p.onRemove(r.id)}>{t.remove}</button>
                <button type="button" class="small" onClick={() => setAsked(null)}>{t.cancel}</button>
              </span>
            ) : (
              <button type="button" class="small bin" aria-label={`${t.removeChat}: ${r.title}`} title={t.removeChat} onClick={() => setAsked(r.id)}>×</button>
            )}
          </li>
        ))}
      </ul>
      {p.rows.length === 0 && <p class="note">{p.words ? t.noHits : t.noChats}</p>}
      <button type="button" class="wide" onClick={p.onSettings}>{t.settings}</button>
    </nav>
  );
}
