// message.tsx - one message of the thread: its words, its versions, what can be done with it.
import { useState } from 'preact/hooks';
import { Icon } from './icons';
import { put } from './strings';
import { Markdown } from './text';
import { siblings, switchTo, type Chat, type Message } from './tree';
import { useStrings } from './words';

interface Props {
  chat: Chat;
  message: Message;
  live: boolean; // words are still coming
  busy: boolean;
  onChat: (c: Chat) => void;
  onEdit: (m: Message, text: string) => void;
  onAgain: (m: Message) => void;
  onRemove: (m: Message) => void;
  editing: boolean;
  onEditing: (id: string | null) => void;
}

function Versions({ chat, message, busy, onChat }: Pick<Props, 'chat' | 'message' | 'busy' | 'onChat'>) {
  const t = useStrings();
  const all = siblings(chat, message);
  if (all.length < 2) return null;
  const at = all.findIndex((m) => m.id === message.id);
  return (
    <span class="versions">
      <button type="button" class="small" aria-label={t.previous} disabled={busy || at === 0} onClick={() => onChat(switchTo(chat, message, -1))}>‹</button>
      <span aria-live="polite">{put(t.versionOf, at + 1, all.length)}</span>
      <button type="button" class="small" aria-label={t.next} disabled={busy || at + 1 === all.length} onClick={() => onChat(switchTo(chat, message, 1))}>›</button>
    </span>
  );
}

function Figures({ message }: { message: Message }) {
  const t = useStrings();
  const s = message.stats;
  if (!s?.tokens) return null;
  const rate = s.seconds ? (s.tokens / s.seconds).toFixed(1) : '–';
  const more = s.cachedTokens ? put(t.cachedPart, s.cachedTokens, s.promptTokens ?? 0) : '';
  const title = [message.model, s.digest, s.seed !== undefined ? `seed ${s.seed}` : '', more].filter(Boolean).join('\n');
  return <span class="figures" title={title}>{put(t.rate, s.tokens, rate)}</span>;
}

function Editor({ message, onDone, onCancel }: { message: Message; onDone: (text: string) => void; onCancel: () => void }) {
  const t = useStrings();
  const [text, setText] = useState(message.content);
  return (
    <form class="editor" onSubmit={(e) => { e.preventDefault(); if (text.trim()) onDone(text); }}>
      <textarea aria-label={t.edit} value={text} rows={Math.min(12, text.split('\n').length + 1)} ref={(n) => n?.focus()}
        onInput={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === 'Escape') { e.stopPropagation(); onCancel(); }
          if (e.key === 'Enter' && !e.shiftKey && !e.isComposing && text.trim()) { e.preventDefault(); onDone(text); }
        }} />
      <div class="row">
        <button type="submit" class="primary">{t.saveEdit}</button>
        <button type="button" onClick={onCancel}>{t.cancel}</button>
      </div>
    </form>
  );
}

function Reasoning({ text, live }: { text: string; live: boolean }) {
  const t = useStrings();
  return (
    <details class="reasoning">
      <summary>{live ? t.thinkingNow : t.thinking}</summary>
      <Markdown source={text} live={live} />
    </details>
  );
}

export function MessageView(p: Props) {
  const t = useStrings();
  const [copied, setCopied] = useState(false);
  const m = p.message;
  const own = m.role === 'user';
  const copy = () => void navigator.clipboard.writeText(m.content).then(() => { setCopied(true); setTimeout(() => setCopied(false), 1500); });
  return (
    <article class={`message ${m.role}`} aria-label={own ? t.you : t.assistant} data-id={m.id}>
      {m.files?.map((f) => <div class="file" key={f.name}><Icon name="file" /> {f.name}</div>)}
      {m.reasoning && <Reasoning text={m.reasoning} live={p.live && !m.content} />}
      {p.editing ? (
        <Editor message={m} onDone={(text) => { p.onEditing(null); p.onEdit(m, text); }} onCancel={() => p.onEditing(null)} />
      ) : own ? (
        <div class="plain">{m.content}</div>
      ) : m.content ? (
        <Markdown source={m.content} live={p.live} />
      ) : (
        !m.error && (p.live ? <div class="waiting" aria-hidden="true"><i /><i /><i /></div> : <p class="note">{t.emptyAnswer}</p>)
      )}
      {m.error && <p class="error" role="alert">{m.error}</p>}
      {m.stats?.finish === 'length' && !p.live && <p class="note">{t.ended_length}</p>}
      {!p.live && !p.editing && (
        <footer class="row actions">
          <Versions chat={p.chat} message={m} busy={p.busy} onChat={p.onChat} />
          <button type="button" class="small" onClick={copy}>{copied ? t.copied : t.copy}</button>
          {own && <button type="button" class="small" disabled={p.busy} onClick={() => p.onEditing(m.id)}>{t.edit}</button>}
          {!own && <button type="button" class="small" disabled={p.busy} onClick={() => p.onAgain(m)}>{t.regenerate}</button>}
          <button type="button" class="small" disabled={p.busy} onClick={() => p.onRemove(m)}>{t.remove}</button>
          <Figures message={m} />
        </footer>
      )}
    </article>
  );
}
