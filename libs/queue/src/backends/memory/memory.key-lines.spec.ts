import { NO_HEADERS } from '../../message/headers.js';
import { Copy } from './memory.copy.js';
import { KeyLines } from './memory.key-lines.js';

let seq = 0;
const copyOf = (key: string, ttlMs?: number): Copy => {
  const message = { topic: 't', to: undefined, id: `m${seq}`, key, body: '', headers: NO_HEADERS };
  const times = { delayMs: undefined, ttlMs, event: undefined };
  return new Copy({ ...message, ...times }, { wallMs: 0, monoMs: 0 }, seq++);
};

describe('the lines of keys', () => {
  it('know no key that has no message', () => {
    const lines = new KeyLines();
    const copies = Array.from({ length: 100_000 }, (_, at) => copyOf(`key-${at}`));
    expect(copies.every((copy) => lines.join(copy))).toBe(true);
    const second = copyOf('key-1');
    expect(lines.join(second)).toBe(false);
    expect([lines.keys, lines.held]).toEqual([100_000, 1]);
    for (const copy of copies) lines.pass(copy, 0);
    expect([lines.keys, lines.held]).toEqual([1, 0]);
    lines.pass(second, 0);
    expect(lines.keys).toBe(0);
  });

  it('pass over what was removed or has expired', () => {
    const lines = new KeyLines();
    const [first, removed, expired, last] = [copyOf('a'), copyOf('a'), copyOf('a', 10), copyOf('a')];
    for (const copy of [first, removed, expired, last]) lines.join(copy);
    lines.remove(removed);
    expect(lines.list()).toEqual([expired, last]);
    expect(lines.pass(first, 10)).toBe(last);
    expect([lines.held, first.inOrder, last.inOrder]).toEqual([0, false, true]);
  });

  it('count what has not expired, when they are asked to', () => {
    const lines = new KeyLines();
    for (const copy of [copyOf('a'), copyOf('a', 10), copyOf('a')]) lines.join(copy);
    lines.sweep(9);
    expect(lines.held).toBe(2);
    lines.sweep(10);
    expect(lines.held).toBe(1);
  });
});
