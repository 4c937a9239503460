// login.tsx - name and password, for a browser that nobody has let in, or that is in no longer.
import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from './api';
import { put } from './strings';
import { useStrings } from './words';

export function Login({ onIn }: { onIn: () => void }) {
  const t = useStrings();
  const ref = useRef<HTMLDialogElement>(null);
  const word = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState('');
  const [wait, setWait] = useState(0); // seconds
  const [busy, setBusy] = useState(false);
  useEffect(() => ref.current?.showModal(), []);
  useEffect(() => {
    if (wait <= 0) return;
    const soon = setTimeout(() => setWait(wait - 1), 1000);
    return () => clearTimeout(soon);
  }, [wait]);

  const enter = async (form: HTMLFormElement) => {
    const said = new FormData(form);
    setBusy(true);
    try {
      await api.enter(String(said.get('name')), String(said.get('password')));
      onIn();
    } catch (e) {
      const why = e instanceof api.Refused ? e : new api.Refused(0, '');
      setWait(why.status === 429 ? why.wait : 0);
      setProblem(why.status === 401 ? t.loginWrong : why.status === 0 ? t.offline : why.status === 429 ? '' : put(t.failed, why.message || `HTTP ${why.status}`));
      if (word.current) word.current.value = '';
      word.current?.focus();
    }
    setBusy(false);
  };

  return (
    <dialog ref={ref} class="login" aria-label={t.login} onCancel={(e) => e.preventDefault()}>
      <form onSubmit={(e) => { e.preventDefault(); void enter(e.currentTarget); }}>
        <h2>{t.login}</h2>
        <p class="note">{t.denied}</p>
        <label class="field">{t.loginName}<input name="name" required maxLength={32} autoComplete="username" autoCapitalize="none" spellcheck={false} /></label>
        <label class="field">{t.password}<input ref={word} name="password" type="password" required maxLength={1024} autoComplete="current-password" /></label>
        <p class="error" role="alert">{wait > 0 ? put(t.loginWait, wait) : problem}</p>
        <button class="primary wide" type="submit" disabled={busy || wait > 0}>{t.login}</button>
      </form>
    </dialog>
  );
}
