// build.mjs [OUT] - bundles the chat: app.js, style.css, lazily loaded parts, icon, index.html.
// The same sources give the same bytes: names carry a hash of the content, nothing a time.
import { build } from 'esbuild';
import { mkdir, readFile, writeFile, rm, readdir } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, 'dist');
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: ['src/app.tsx', 'src/style.css'],
  outdir: out,
  bundle: true,
  minify: true,
  splitting: true, // what is seldom needed (formulas) is loaded when it is
  format: 'esm',
  target: ['es2022'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  entryNames: '[name]-[hash]',
  chunkNames: 'part-[hash]',
  charset: 'utf8',
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning',
});
const file = (ext) =>
  Object.entries(result.metafile.outputs).find(([p, o]) => o.entryPoint && p.endsWith(ext))[0].split('/').at(-1);
const icon = await readFile(join(here, 'src/icon.svg'));
const iconName = `icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`;
await writeFile(join(out, iconName), icon);
const page = (await readFile(join(here, 'src/index.html'), 'utf8'))
  .replace('{{app}}', file('.js'))
  .replace('{{style}}', file('.css'))
  .replaceAll('{{icon}}', iconName);
await writeFile(join(out, 'index.html'), page);
for (const f of (await readdir(out)).sort()) console.log(f);
