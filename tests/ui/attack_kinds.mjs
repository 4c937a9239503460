// attack_kinds.mjs - what a page can try against another server. Each is sent into a page as text:
// it sees the page's globals and its argument, `t`, where the other server is. What it returns, if
// not null, the page got to read.
//
//   from   pages that try it (default: of another name, and of this name at another port)
//   quiet  the browser itself never does it for another origin: not even an open server is reached
//   get    the one path of a route that reads; it is tried with all of them
//   wait   milliseconds until a page that cannot know has surely sent it

const body = '{"model":"ember","prompt":"hi","stream":false}';
const fetched = (path, options) => `async (t) => (await fetch(t + '${path}', ${options})).text()`;
const unread = (path, options) => `async (t) => void (await fetch(t + '${path}', ${options}))`;
const post = `method: 'POST', body: '${body}'`;
const framed = (fill) => `async (t) => {
  const frame = document.createElement('iframe'), form = document.createElement('form');
  frame.name = 'f' + Math.random();
  document.body.append(frame, form);
  form.target = frame.name;
  form.method = 'POST';
  const field = (name, value) => {
    const i = document.createElement('input');
    i.type = 'hidden'; i.name = name; i.value = value;
    form.append(i);
  };
  ${fill}
  const loaded = new Promise((done) => (frame.onload = done));
  form.submit();
  await Promise.race([loaded, new Promise((done) => setTimeout(done, 600))]);
  try { return frame.contentDocument.body.innerText || null; } catch (e) { return null; }
}`;
// One element for each path that reads; done when each has loaded or failed.
const element = (make) => `async (t, paths) => {
  await Promise.all(paths.map((p) => new Promise((done) => {
    const u = t + p;
    const e = (() => { ${make} })();
    e.onload = e.onerror = e.onloadedmetadata = done;
    setTimeout(done, 500);
    document.body.append(e);
  })));
  return globalThis.stolen || null;
}`;
const tag = (name, set) => element(`const e = document.createElement('${name}'); ${set}; return e;`);
const link = (rel, more = '') => tag('link', `e.rel = '${rel}'; ${more}; e.href = u`);
const opened = (then) => `async (t) => {
  const w = ${then};
  await new Promise((done) => setTimeout(done, 500));
  let got = null;
  try { got = w.document.body.innerText || null; } catch (e) {}
  w && w.close();
  return got;
}`;
const inWorker = (code) => `async (t) => {
  const w = new Worker('/worker.js');
  w.postMessage({ to: t, code: ${JSON.stringify(code)} });
  return new Promise((done) => { w.onmessage = (m) => done(m.data.got); w.onerror = () => done(null); });
}`;
const sandboxed = (code, how) => `async (t) => {
  const frame = document.createElement('iframe');
  const text = '<body><script>(' + ${JSON.stringify(code)} + ')(' + JSON.stringify(t) + ', [])' +
    '.catch(() => null).then((got) => parent.postMessage({ got: got || null }, "*"))</' + 'script>';
  ${how}
  const told = new Promise((done) => (onmessage = (m) => done(m.data.got)));
  document.body.append(frame);
  return told;
}`;
const inSandbox = (code) =>
  sandboxed(code, "frame.setAttribute('sandbox', 'allow-scripts allow-forms allow-popups'); frame.srcdoc = text;");
const inData = (code) => sandboxed(code, "frame.src = 'data:text/html,' + encodeURIComponent(text);");
const inBlob = (code) =>
  sandboxed(code, "frame.src = URL.createObjectURL(new Blob([text], { type: 'text/html' }));");

const simple = fetched('/api/generate', `{ ${post} }`);
const noCors = unread('/api/generate', `{ ${post}, mode: 'no-cors', credentials: 'include' }`);
const formText = framed(`form.action = t + '/api/generate'; form.enctype = 'text/plain';
  field('{"model":"ember","prompt":"hi","x":"', '"}');`);

export const kinds = {
  'fetch GET': { run: fetched('/api/tags', '{}') },
  'fetch GET with cookies': { run: fetched('/hearth/chats', "{ credentials: 'include' }") },
  'fetch GET, no-cors': { run: unread('/api/tags', "{ mode: 'no-cors', credentials: 'include' }") },
  'fetch POST, text/plain': { run: simple },
  'fetch POST, text/plain, cookies': { run: fetched('/api/generate', `{ ${post}, credentials: 'include' }`) },
  'fetch POST, JSON, cookies (preflight)': {
    run: fetched('/api/generate', `{ ${post}, credentials: 'include', headers: { 'content-type': 'application/json' } }`) },
  'fetch POST, no-cors': { run: noCors },
  'fetch POST, no-cors, urlencoded': {
    run: unread('/v1/chat/completions', "{ method: 'POST', mode: 'no-cors', credentials: 'include', body: new URLSearchParams({ model: 'ember' }) }") },
  'fetch POST, no-cors, multipart': {
    run: unread('/api/generate', "{ method: 'POST', mode: 'no-cors', credentials: 'include', body: (() => { const f = new FormData(); f.set('model', 'ember'); return f; })() }") },
  'fetch POST, no-cors, no type': {
    run: unread('/api/generate', `{ method: 'POST', mode: 'no-cors', credentials: 'include', body: new Blob(['${body}']) }`) },
  'fetch POST with X-Hearth (preflight)': {
    run: fetched('/hearth/chats/x', `{ ${post}, credentials: 'include', headers: { 'x-hearth': '1' } }`) },
  'fetch POST with a key (preflight)': {
    run: fetched('/api/generate', `{ ${post}, headers: { authorization: 'Bearer hearth-guess' } }`) },
  'fetch PUT (preflight)': { run: fetched('/hearth/chats/x', "{ method: 'PUT', credentials: 'include', body: '{}' }") },
  'fetch DELETE (preflight)': { run: fetched('/hearth/chats', "{ method: 'DELETE', credentials: 'include' }") },
  'fetch DELETE of a model (preflight)': { run: fetched('/api/delete', "{ method: 'DELETE', body: '{\"model\":\"ember\"}' }") },
  'fetch POST, keepalive': {
    run: unread('/api/generate', `{ ${post}, mode: 'no-cors', credentials: 'include', keepalive: true }`) },
  'fetch POST of a file': { run: unread('/api/blobs/sha256-00', "{ method: 'POST', mode: 'no-cors', body: 'x' }") },
  'fetch POST, redirected (307)': {
    run: `async (t) => (await fetch('/redirect?code=307&to=' + t + '/api/generate', { ${post}, mode: 'no-cors' })) && null` },
  'fetch GET, redirected': { run: `async (t) => (await fetch('/redirect?code=302&to=' + t + '/api/tags')).text()` },
  'fetch POST of /logout': { run: unread('/logout', "{ method: 'POST', mode: 'no-cors', credentials: 'include' }") },
  'XMLHttpRequest POST': {
    run: `(t) => new Promise((done) => { const q = new XMLHttpRequest(); q.withCredentials = true; q.onloadend = () => done(q.responseText || null);
      q.open('POST', t + '/api/generate'); q.send('${body}'); })` },
  'XMLHttpRequest with a listener (preflight)': {
    run: `(t) => new Promise((done) => { const q = new XMLHttpRequest(); q.upload.onprogress = () => {}; q.onloadend = () => done(q.responseText || null);
      q.open('POST', t + '/api/generate'); q.send('${body}'); })` },
  'form, urlencoded': { run: framed("form.action = t + '/api/generate'; field('model', 'ember');") },
  'form, multipart': {
    run: framed("form.action = t + '/v1/chat/completions'; form.enctype = 'multipart/form-data'; field('model', 'ember');") },
  'form, text/plain that is JSON': { run: formText },
  'form GET': { run: framed("form.method = 'GET'; form.action = t + '/hearth/chats'; field('a', '1');") },
  'form, redirected (307)': {
    run: framed("form.action = '/redirect?code=307&to=' + t + '/api/generate'; field('model', 'ember');") },
  'form to /logout': { run: framed("form.action = t + '/logout';") },
  'form to /login (a session of the attacker)': {
    run: framed("form.action = t + '/login'; field('name', 'evil'); field('password', 'correct horse');") },
  'form to /login, text/plain that is JSON': {
    run: framed(`form.action = t + '/login'; form.enctype = 'text/plain';
      field('{"name":"evil","password":"correct horse","x":"', '"}');`) },
  'form in a new window': {
    run: opened(`(() => { const w = open('', 'w1'), f = document.createElement('form'); f.target = 'w1'; f.method = 'POST'; f.enctype = 'text/plain';
      f.action = t + '/api/generate'; document.body.append(f); f.submit(); return w; })()`) },
  'navigation with POST': {
    run: `async (t) => { const f = document.createElement('form'); f.method = 'POST'; f.enctype = 'text/plain'; f.action = t + '/api/generate';
      const i = document.createElement('input'); i.name = '{"model":"ember","prompt":"'; i.value = '"}'; f.append(i); document.body.append(f); f.submit(); }`, wait: 500 },
  'navigation': { run: "async (t) => void (location.href = t + '/hearth/chats')", wait: 500 },
  'refresh in a frame': {
    run: "async (t) => { const f = document.createElement('iframe'); f.src = '/refresh?to=' + t + '/hearth/chats'; document.body.append(f); }", wait: 500 },
  'window.open, then read': { run: opened("open(t + '/hearth/chats')") },
  'img': { get: true, run: tag('img', 'e.src = u') },
  'script': { get: true, run: tag('script', 'e.src = u') },
  'script, module': { get: true, run: tag('script', "e.type = 'module'; e.src = u") },
  'link stylesheet': { get: true, run: link('stylesheet') },
  'link prefetch': { get: true, run: link('prefetch') },
  'link preload': { get: true, run: link('preload', "e.as = 'fetch'; e.crossOrigin = 'use-credentials'") },
  'link modulepreload': { get: true, run: link('modulepreload') },
  'iframe': { get: true, run: tag('iframe', 'e.src = u') },
  'object': { get: true, run: tag('object', 'e.data = u') },
  'embed': { get: true, run: tag('embed', 'e.src = u') },
  'video': { get: true, run: tag('video', 'e.src = u') },
  'audio': { get: true, run: tag('audio', 'e.src = u') },
  'CSS url()': { get: true, run: tag('p', "e.style.background = 'url(' + u + ')'; e.textContent = 'x'") },
  'font': { get: true, run: element("const f = new FontFace('x', 'url(' + u + ')'); f.load().catch(() => {}); return document.createElement('p');") },
  'import()': { run: "async (t) => { await import(t + '/api/tags'); return globalThis.stolen || null; }" },
  'link that pings': { run: "async (t) => { const a = document.createElement('a'); a.href = '#x'; a.ping = t + '/api/generate'; document.body.append(a); a.click(); }", wait: 300 },
  'sendBeacon': { run: `async (t) => void navigator.sendBeacon(t + '/api/generate', '${body}')`, wait: 300 },
  'sendBeacon, JSON (preflight)': {
    run: `async (t) => void navigator.sendBeacon(t + '/api/generate', new Blob(['${body}'], { type: 'application/json' }))`, wait: 300 },
  'report of a policy': {
    run: "async (t) => { const f = document.createElement('iframe'); f.src = '/report?to=' + t + '/api/generate'; document.body.append(f); }", wait: 500 },
  'EventSource': {
    run: `(t) => new Promise((done) => { const s = new EventSource(t + '/hearth/chats', { withCredentials: true });
      s.onmessage = (m) => done(m.data); s.onerror = () => { s.close(); done(null); }; })` },
  'WebSocket': {
    run: `(t) => new Promise((done) => { const s = new WebSocket(t.replace('http', 'ws') + '/api/generate');
      s.onmessage = (m) => done(m.data); s.onerror = () => done(null); })` },
  'worker, fetch': { run: inWorker(simple) },
  'worker, importScripts': { run: inWorker("async (t) => { importScripts(t + '/api/tags'); return globalThis.stolen; }") },
  'worker of the other server': { run: "async (t) => { new Worker(t + '/ui/app.js'); }", quiet: true },
  'service worker of the other server': { run: "async (t) => { await navigator.serviceWorker.register(t + '/ui/app.js'); return 'registered'; }", quiet: true },
  'service worker, fetch': {
    from: ['port', 'name'], // only a trustworthy page has one
    run: `async (t) => {
      const r = await navigator.serviceWorker.register('/worker.js', { scope: '/' });
      const w = r.installing || r.waiting || r.active;
      const told = new Promise((done) => (navigator.serviceWorker.onmessage = (m) => done(m.data.got)));
      w.postMessage({ to: t, code: ${JSON.stringify(noCors)} });
      await Promise.race([told, new Promise((done) => setTimeout(done, 1500))]);
      await r.unregister();
    }` },
  'sandboxed frame, fetch': { run: inSandbox(simple) },
  'sandboxed frame, fetch no-cors': { run: inSandbox(noCors) },
  'sandboxed frame, form': { run: inSandbox(formText) },
  'data: frame, fetch': { run: inData(simple) },
  'data: frame, fetch no-cors': { run: inData(noCors) },
  'blob: frame, fetch no-cors': { run: inBlob(noCors) },
  'img of /login with a guess': { run: "(t) => new Promise((done) => { const i = new Image(); i.onload = i.onerror = () => done(null); i.src = t + '/login?t=guess'; })" },
};

// What is tried under other names of the same machine, over TLS, and after a name was bent.
export const few = ['fetch GET', 'fetch GET, no-cors', 'fetch POST, text/plain', 'fetch POST, no-cors',
  'form, text/plain that is JSON', 'img', 'WebSocket', 'EventSource', 'sendBeacon'];
// A page whose name was bent is of the same origin: it may read, set headers, register.
export const bent = ['fetch GET', 'fetch POST with X-Hearth (preflight)', 'form, text/plain that is JSON', 'iframe',
  'fetch GET with cookies', 'fetch POST, text/plain', 'fetch POST, JSON, cookies (preflight)',
  'fetch DELETE (preflight)', 'fetch PUT (preflight)', 'script', 'WebSocket', 'EventSource', 'sendBeacon', 'XMLHttpRequest POST', 'fetch POST of /logout'];
