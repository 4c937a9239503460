// composer.tsx - where a message is written: text, files, sending and stopping.
import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from './api';
import { Icon } from './icons';
import { put } from './strings';
import { useStrings } from './words';

export interface File_ {
  name: string;
  text: string;
  tokens?: number;
}

const FILE_BYTES_MAX = 2 << 20;

/** A file's text, or a sentence saying why it has none. */
export async function readText(f: File, t: { tooBig: string; notText: string }): Promise<File_ | string> {
  if (f.size > FILE_BYTES_MAX) return put(t.tooBig, f.name);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await f.arrayBuffer());
    return text.includes('\0') ? put(t.notText, f.name) : { name: f.name, text };
  } catch {
    return put(t.notText, f.name);
  }
}

interface Props {
  model?: string;
  busy: boolean;
  dropped: File[];
  onDropTaken: () => void;
  onSend: (text: string, files: File_[]) => void;
  onStop: () => void;
  onEditLast: () => void;
  onProblem: (sentence: string) => void;
}

export function Composer(p: Props) {
  const t = useStrings();
  const [text, setText] = useState('');
  const [files, setFiles] = useState<File_[]>([]);
  const box = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);

  const take = async (list: Iterable<File>) => {
    for (const f of list) {
      const read = await readText(f, t);
      if (typeof read === 'string') {
        p.onProblem(read);
        continue;
      }
      setFiles((all) => [...all.filter((x) => x.name !== read.name), read]);
      api.countTokens(p.model, read.text).then(
        (tokens) => setFiles((all) => all.map((x) => (x.name === read.name ? { ...x, tokens } : x))),
        () => undefined, // a count is a comfort, not a condition
      );
    }
    box.current?.focus();
  };
  useEffect(() => {
    if (p.dropped.length > 0) {
      void take(p.dropped);
      p.onDropTaken();
    }
  }, [p.dropped]);
  useEffect(() => box.current?.focus(), []);

  const fit = () => {
    const n = box.current!;
    n.rows = 1;
    n.rows = Math.min(10, Math.max(1, Math.round((n.scrollHeight - 16) / 24)));
  };
  const send = () => {
    if (p.busy || (!text.trim() && files.length === 0)) return;
    p.onSend(text, files);
    setText('');
    setFiles([]);
    requestAnimationFrame(fit);
  };
  return (
    <form class="composer" onSubmit={(e) => { e.preventDefault(); send(); }}>
      {files.length > 0 && (
        <ul class="files">
          {files.map((f) => (
            <li key={f.name}>
              <Icon name="file" /> {f.name} <small>{(f.text.length / 1024).toFixed(1)} KB{f.tokens !== undefined && `, ${put(t.tokens, f.tokens)}`}</small>
              <button type="button" class="small" aria-label={put(t.removeFile, f.name)} onClick={() => setFiles(files.filter((x) => x !== f))}>×</button>
            </li>
          ))}
        </ul>
      )}
      <div class="row">
        <button type="button" class="icon" aria-label={t.attach} title={t.attach} onClick={() => picker.current?.click()}><Icon name="clip" /></button>
        <input ref={picker} type="file" multiple hidden tabIndex={-1} aria-hidden="true"
          onChange={(e) => { void take([...(e.currentTarget.files ?? [])]); e.currentTarget.value = ''; }} />
        <textarea ref={box} id="box" rows={1} value={text} placeholder={t.write} aria-label={t.write}
          onInput={(e) => { setText(e.currentTarget.value); fit(); }}
          onKeyDown={(e) => {
            if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); send(); }
            if (e.key === 'ArrowUp' && text === '') { e.preventDefault(); p.onEditLast(); }
          }} />
        {p.busy ? (
          <button type="button" class="primary" onClick={p.onStop}>{t.stop}</button>
        ) : (
          <button type="submit" class="primary" disabled={!text.trim() && files.length === 0}>{t.send}</button>
        )}
      </div>
    </form>
  );
}
