import type { WriteStream } from 'node:tty';

const CLEAR_LINE = '\r\u001B[2K';
const PLAIN_EVERY_MS = 2_000;

/** Where the demo tells its story: one line that changes on a terminal, plain lines now and then elsewhere. */
export class Screen {
  #shown = '';
  #shownAt = -Infinity;

  constructor(private readonly out: Pick<WriteStream, 'write' | 'isTTY'>) {}

  line(text = ''): void {
    this.#clear();
    this.out.write(`${text}\n`);
  }

  progress(text: string): void {
    if (text === this.#shown) return;
    if (this.out.isTTY) this.out.write(CLEAR_LINE + text);
    else if (performance.now() - this.#shownAt < PLAIN_EVERY_MS) return;
    else this.out.write(`${text}\n`);
    this.#shown = text;
    this.#shownAt = performance.now();
  }

  #clear(): void {
    if (this.#shown !== '' && this.out.isTTY) this.out.write(CLEAR_LINE);
    this.#shown = '';
  }
}
