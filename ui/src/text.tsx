// text.tsx - Markdown on the page. Blocks that are complete keep their nodes while more text comes.
import { memo } from 'preact/compat';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { blocks, fillMath, html } from './markdown';
import { useStrings } from './words';

const Block = memo(function Block({ source, math }: { source: string; math: boolean }) {
  const ref = useRef<HTMLDivElement>(null);
  const t = useStrings();
  const made = useMemo(() => html(source), [source]);
  useLayoutEffect(() => {
    const node = ref.current!;
    node.innerHTML = made;
    for (const code of node.querySelectorAll('pre > code')) addCopy(code as HTMLElement, t.copy, t.copied);
    for (const table of node.querySelectorAll('table')) {
      const box = document.createElement('div');
      box.className = 'table';
      box.tabIndex = 0;
      table.replaceWith(box);
      box.append(table);
    }
    if (math) void fillMath(node);
  }, [made, math, t]);
  return <div class="block" ref={ref} />;
});

function addCopy(code: HTMLElement, label: string, done: string) {
  const bar = document.createElement('div');
  bar.className = 'code-bar';
  const lang = document.createElement('span');
  lang.textContent = code.dataset.lang ?? '';
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'small';
  button.textContent = label;
  button.addEventListener('click', () => {
    void navigator.clipboard.writeText(code.textContent ?? '').then(() => {
      button.textContent = done;
      setTimeout(() => (button.textContent = label), 1500);
    });
  });
  bar.append(lang, button);
  code.parentElement!.before(bar);
  code.parentElement!.tabIndex = 0;
}

export function Markdown({ source, live }: { source: string; live: boolean }) {
  const list = useMemo(() => blocks(source), [source]);
  return (
    <div class="md">
      {list.map((b, i) => (
        <Block key={i} source={b} math={!live || i + 1 < list.length} />
      ))}
    </div>
  );
}
