// attack_servers.mjs - the attacker's server, a server that lets everybody in, a line that can be
// bent, and the real one. All on loopback, all on free ports.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const listen = (server, host) =>
  new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(0, host, () => done(server.address().port));
  });

// The pages an attacker has, whatever it is called.
export async function evilServer() {
  const page = '<!doctype html><meta charset=utf-8><title>evil</title><body>';
  const server = http.createServer((q, r) => {
    const u = new URL(q.url, 'http://evil');
    const to = u.searchParams.get('to');
    r.setHeader('connection', 'close');
    r.setHeader('cache-control', 'no-store');
    q.resume();
    if (u.pathname === '/redirect') {
      r.writeHead(Number(u.searchParams.get('code')), {
        location: to,
        'access-control-allow-origin': '*',
      });
      r.end();
    } else if (u.pathname === '/worker.js') {
      r.setHeader('content-type', 'text/javascript');
      r.end(`onmessage = async (m) => {
        let got = null;
        try { got = await (new Function('t', 'return (' + m.data.code + ')(t)'))(m.data.to); } catch (e) {}
        (m.source || self).postMessage({ got });
      }`);
    } else if (u.pathname === '/report') {
      r.setHeader('content-security-policy', `img-src 'none'; report-uri ${to}`);
      r.setHeader('content-type', 'text/html');
      r.end(page + '<img src=/x>');
    } else if (u.pathname === '/refresh') {
      r.setHeader('content-type', 'text/html');
      r.end(`<meta http-equiv=refresh content="0;url=${to}">`);
    } else {
      r.setHeader('content-type', 'text/html');
      r.end(page);
    }
  });
  return { port: await listen(server, '127.0.0.1'), close: () => server.closeAllConnections() || server.close() };
}

// What a server is that asks nobody anything: the attempts succeed here, or they show nothing.
export async function openServer(host, tls) {
  const seen = [];
  const note = (q) => seen.push(`${q.method} ${q.url} ${q.headers.cookie ? 'cookie' : ''}`);
  const answer = (q, r) => {
    const origin = q.headers.origin;
    r.setHeader('access-control-allow-origin', origin || '*');
    r.setHeader('access-control-allow-credentials', 'true');
    r.setHeader('access-control-allow-methods', '*, PUT, DELETE');
    r.setHeader('access-control-allow-headers', q.headers['access-control-request-headers'] || '*');
    r.setHeader('access-control-allow-private-network', 'true');
    r.setHeader('cross-origin-resource-policy', 'cross-origin');
    r.setHeader('cache-control', 'no-store');
    q.resume();
    q.on('end', () => {
      if (q.method === 'OPTIONS') return r.end();
      note(q);
      const events = (q.headers.accept || '').includes('event-stream');
      const script = ['script', 'worker', 'serviceworker'].includes(q.headers['sec-fetch-dest']) ||
        !q.headers['sec-fetch-dest'];
      r.setHeader('content-type', events ? 'text/event-stream' : script ? 'text/javascript' : 'text/html');
      r.end(events ? 'data: stolen\n\n' : 'globalThis.stolen = "stolen";');
    });
  };
  const server = tls ? https.createServer(tls, answer) : http.createServer(answer);
  server.on('upgrade', (q, socket) => {
    const key = q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
    note(q);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}\r\n\r\n` +
      '\x81\x06stolen', 'latin1');
    socket.on('error', () => {});
  });
  return {
    port: await listen(server, host),
    mark: async () => seen.length,
    // what was done here since: each a method, a path, and whether a cookie came along
    since: async (mark) => seen.slice(mark),
    close: () => server.closeAllConnections() || server.close(),
  };
}

// A name that leads to one place first and to another later: DNS rebinding, as a client sees it.
export async function bentLine() {
  const sockets = new Set();
  const line = { to: 0 };
  const server = net.createServer((a) => {
    const b = net.connect(line.to, '127.0.0.1');
    for (const [x, y] of [[a, b], [b, a]]) {
      sockets.add(x);
      x.pipe(y);
      x.on('error', () => y.destroy());
      x.on('close', () => sockets.delete(x) && y.destroy());
    }
  });
  line.port = await listen(server, '127.0.0.1');
  line.bend = (port) => {
    line.to = port;
    for (const s of sockets) s.destroy();
  };
  line.close = () => line.bend(0) || server.close();
  return line;
}

// hearth serve, with a log of its own; `ask` is its own user, who is no page.
export async function hearth(bin, folder, host, extra = []) {
  mkdirSync(folder, { recursive: true });
  const at = (name) => `${folder}/${name}`;
  for (const name of ['port', 'link', 'log']) writeFileSync(at(name), '');
  const env = { ...process.env, XDG_DATA_HOME: at('data'), XDG_STATE_HOME: at('state'), XDG_RUNTIME_DIR: folder };
  for (const name of ['HEARTH_HOST', 'OLLAMA_HOST', 'HEARTH_MODELS', 'HEARTH_STATE']) delete env[name];
  const args = ['serve', '--host', host, '--port', '0', '--port-file', at('port'), '--open', '--log', at('log'), ...extra];
  const child = spawn(bin, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '', err = '', left = null;
  child.stdout.on('data', (d) => (out += d));
  child.stderr.on('data', (d) => (err += d));
  child.on('exit', (code) => (left = code));
  process.on('exit', () => left === null && child.kill('SIGKILL'));
  for (let i = 0; i < 600 && !(out.includes('\n') && readFileSync(at('port'), 'utf8')); i++) {
    if (left !== null) throw new Error(`hearth left: ${err}`);
    await sleep(50);
  }
  const tls = extra.includes('--cert');
  const port = Number(readFileSync(at('port'), 'utf8'));
  const name = host.includes(':') ? `[${host}]` : host;
  const url = `http${tls ? 's' : ''}://${name}:${port}`;
  const ask = (method, path) =>
    new Promise((done, fail) => {
      const q = (tls ? https : http).request(url + path, { method, rejectUnauthorized: false, agent: false }, (r) => {
        let text = '';
        r.on('data', (d) => (text += d));
        r.on('end', () => done(text));
      });
      q.on('error', fail).end();
    });
  const lines = () => readFileSync(at('log'), 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
  let fences = 0;
  return {
    url, port, ask,
    link: out.trim(),
    // Everything that was answered before is in the log once this is.
    mark: async () => {
      const fence = `${++fences}`;
      await ask('HEAD', '/health');
      for (;;) {
        const all = lines();
        const there = all.filter((l) => l.method === 'HEAD' && l.route === '/health').length;
        if (there >= fences) return all.length;
        await sleep(5);
      }
    },
    since: async (mark) => lines().slice(mark).filter((l) => l.method !== 'HEAD' || l.route !== '/health'),
    close: async () => {
      child.kill();
      for (let i = 0; i < 400 && left === null; i++) await sleep(50);
      if (left !== 0) throw new Error(`hearth left with ${left}: ${err}`);
    },
  };
}

// A certificate for this machine, by an authority made for it.
export function certificate(bin, folder) {
  const run = (...args) => {
    const r = spawnSync(bin, ['ca', ...args, '--dir', folder]);
    if (r.status !== 0) throw new Error(`hearth ca: ${r.stderr}`);
  };
  run('init');
  run('issue', 'server', '--host', '127.0.0.1', '--host', 'localhost');
  return { cert: `${folder}/server.crt`, key: `${folder}/server.key` };
}
