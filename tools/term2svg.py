#!/usr/bin/env python3
"""term2svg.py COLUMNS < terminal-log > picture.svg

Replays what a terminal was sent (tests/cli/lib/pty.c's `log`, or script(1)) on a small screen and
draws the lines that remain as an SVG, for the README. Knows what libedit draws with: carriage
return, backspace, newline, and the escapes that move, erase and insert; colours are ignored.
"""
import re
import sys
from html import escape

COLUMNS = int(sys.argv[1]) if len(sys.argv) > 1 else 80


def replay(data):
    lines, row, col = [[]], 0, 0
    pos = 0
    csi = re.compile(r'\x1b\[([0-9;?]*)([@-~])')
    while pos < len(data):
        char = data[pos]
        found = csi.match(data, pos)
        if found:
            pos = found.end()
            first = found.group(1).split(';')[0]
            count = int(first) if first.isdigit() else 1
            kind, line = found.group(2), lines[row]
            if kind == 'C': col += count
            elif kind == 'D': col = max(0, col - count)
            elif kind == 'A': row = max(0, row - count)
            elif kind == 'K': del line[col:]
            elif kind == 'P': del line[col:col + count]
            elif kind == '@': line[col:col] = [' '] * count
            continue
        pos += 1
        if char == '\r': col = 0
        elif char == '\b': col = max(0, col - 1)
        elif char == '\n':
            row += 1
            if row == len(lines): lines.append([])
        elif char >= ' ':
            if col >= COLUMNS:
                row, col = row + 1, 0
                if row == len(lines): lines.append([])
            line = lines[row]
            line += [' '] * (col - len(line))
            line[col:col + 1] = [char]
            col += 1
    text = [''.join(line).rstrip() for line in lines]
    while text and text[-1] in ('', '$'): text.pop()
    while text and not text[0].startswith(('$ ', '>>> ')): text.pop(0)
    return text


def draw(lines):
    wide, high, pad = 8.4, 19, 16
    width = round(COLUMNS * wide + 2 * pad)
    height = len(lines) * high + 2 * pad + 22
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}" role="img" aria-label="a terminal session">',
           f'<rect width="{width}" height="{height}" rx="8" fill="#1d1f21"/>']
    for i, colour in enumerate(('#cc6666', '#f0c674', '#b5bd68')):
        out.append(f'<circle cx="{20 + 18 * i}" cy="18" r="5.5" fill="{colour}"/>')
    out.append('<g font-family="ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace" '
               'font-size="14" fill="#c5c8c6" xml:space="preserve">')
    for i, line in enumerate(lines):
        typed = line.startswith(('$ ', '>>> '))
        colour = ' fill="#81a2be"' if typed else ''
        out.append(f'<text x="{pad}" y="{22 + pad + high * (i + 1) - 5}"{colour}>{escape(line)}</text>')
    return '\n'.join(out + ['</g>', '</svg>', ''])


sys.stdout.write(draw(replay(sys.stdin.buffer.read().decode('utf-8', 'replace'))))
