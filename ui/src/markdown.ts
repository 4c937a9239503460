// markdown.ts - a model's Markdown as HTML that is safe to show.
//
// marked makes HTML, DOMPurify takes out whatever could act, and the browser accepts its result
// alone (Trusted Types). Nothing loads: images are shown as their text, links open on a click only.
import DOMPurify from 'dompurify';
import { Marked, type TokenizerAndRendererExtension } from 'marked';
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import markdown from 'highlight.js/lib/languages/markdown';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

const languages = { bash, c, cpp, css, diff, go, java, javascript, json, markdown, python, rust, sql, typescript, xml, yaml };
for (const [name, l] of Object.entries(languages)) hljs.registerLanguage(name, l);

const escape = (s: string) => s.replace(/[&<>"']/g, (x) => `&#${x.charCodeAt(0)};`);

/** $..$ and \(..\) within a line, $$..$$ and \[..\] as a block: kept for katex to fill in later. */
const inlineMath: TokenizerAndRendererExtension = {
  name: 'inlineMath',
  level: 'inline',
  start: (s) => s.search(/\$|\\\(/),
  tokenizer(s) {
    const m = /^\$(?!\s)((?:[^$\\\n]|\\.)+?)(?<!\s)\$(?!\d)/.exec(s) ?? /^\\\(([\s\S]+?)\\\)/.exec(s);
    return m ? { type: 'inlineMath', raw: m[0], text: m[1] } : undefined;
  },
  renderer: (t) => `<span class="math">${escape(t.text)}</span>`,
};
const blockMath: TokenizerAndRendererExtension = {
  name: 'blockMath',
  level: 'block',
  start: (s) => s.search(/\$\$|\\\[/),
  tokenizer(s) {
    const m = /^\$\$([\s\S]+?)\$\$(?:\n|$)/.exec(s) ?? /^\\\[([\s\S]+?)\\\](?:\n|$)/.exec(s);
    return m ? { type: 'blockMath', raw: m[0], text: m[1].trim() } : undefined;
  },
  renderer: (t) => `<div class="math" data-block="1">${escape(t.text)}</div>`,
};

const marked = new Marked({
  gfm: true,
  breaks: false,
  extensions: [inlineMath, blockMath],
  renderer: {
    code({ text, lang }) {
      const name = (lang ?? '').split(/\s/)[0].toLowerCase();
      const known = hljs.getLanguage(name);
      const body = known ? hljs.highlight(text, { language: name, ignoreIllegals: true }).value : escape(text);
      return `<pre><code data-lang="${escape(name)}" class="hljs">${body}</code></pre>`;
    },
    image({ text, href }) {
      return `<em>[${escape(text || href)}]</em>`; /* nothing is fetched for a model */
    },
    html({ text }) {
      return escape(text);
    },
  },
});

const clean = {
  ALLOWED_TAGS: 'p br hr em strong del code pre span div a ul ol li blockquote h1 h2 h3 h4 h5 h6 table thead tbody tr th td input sup sub kbd'.split(' '),
  ALLOWED_ATTR: ['href', 'class', 'data-lang', 'data-block', 'align', 'start', 'type', 'checked', 'disabled', 'title'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#)/i,
  ALLOW_DATA_ATTR: false,
  RETURN_TRUSTED_TYPE: true,
};

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'A') {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer');
  }
  if (node.tagName === 'INPUT' && node.getAttribute('type') !== 'checkbox') node.remove();
});

/** Blocks that will not change while more text comes are made once. */
export function blocks(text: string): string[] {
  const tokens = marked.lexer(text);
  return tokens.filter((t) => t.type !== 'space').map((t) => t.raw);
}

/** What goes into innerHTML: a TrustedHTML, typed as the text that property wants. */
export function html(source: string): string {
  return DOMPurify.sanitize(marked.parse(source) as string, clean) as unknown as string;
}

/** Formulas inside `root`, as MathML: no fonts, no inline styles. Loaded when the first is met. */
export async function fillMath(root: HTMLElement): Promise<void> {
  const nodes = root.querySelectorAll<HTMLElement>('.math:not([data-done])');
  if (nodes.length === 0) return;
  const { default: katex } = await import('katex');
  for (const node of nodes) {
    const source = node.textContent ?? '';
    node.setAttribute('data-done', '1');
    try {
      const ml = katex.renderToString(source, { output: 'mathml', displayMode: node.dataset.block === '1', throwOnError: true, trust: false, maxExpand: 200, maxSize: 20 });
      const safe = DOMPurify.sanitize(ml, { USE_PROFILES: { mathMl: true }, ADD_TAGS: ['semantics', 'annotation'], RETURN_TRUSTED_TYPE: true });
      node.innerHTML = safe as unknown as string;
    } catch {
      node.classList.add('math-raw'); /* not a formula after all: it stays as it was written */
    }
  }
}

export function highlightable(lang: string): boolean {
  return hljs.getLanguage(lang) !== undefined;
}
