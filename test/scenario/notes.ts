import { openSync, readFileSync, writeSync } from 'node:fs';

/** A file of JSON lines, each written by one system call, so that a SIGKILL takes nothing back. */
export class Notebook<Note extends object> {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(note: Note): void {
    writeSync(this.#file, `${JSON.stringify(note)}\n`);
  }
}

/** What was written until now, by whomever, in order. */
export function readNotes<Note extends object>(path: string): readonly Note[] {
  const lines = readFileSync(path, { encoding: 'utf8', flag: 'a+' }).split('\n');
  // The last one may be half written.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Note);
}
