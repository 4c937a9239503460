// sse.ts - server-sent events from a stream of bytes. Pure but for the reader it is given.

/** Feed text as it comes; gives the data of every event that is complete. */
export function eventParser(): (text: string) => string[] {
  let rest = '';
  return (text) => {
    rest += text;
    const events = rest.split(/\r?\n\r?\n/);
    rest = events.pop() ?? '';
    return events
      .map((e) =>
        e
          .split(/\r?\n/)
          .filter((l) => l.startsWith('data:'))
          .map((l) => l.slice(5).replace(/^ /, ''))
          .join('\n'),
      )
      .filter((d) => d !== '');
  };
}

export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  const parse = eventParser();
  for (;;) {
    const { value, done } = await reader.read();
    for (const e of parse(done ? '\n\n' : value)) {
      if (e === '[DONE]') return;
      yield e;
    }
    if (done) return;
  }
}
