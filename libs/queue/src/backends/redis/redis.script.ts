import { createHash } from 'node:crypto';

/** A Lua script, and the name by which a server that has seen it knows it. */
export class Script {
  readonly sha: string;

  constructor(readonly text: string) {
    this.sha = createHash('sha1').update(text).digest('hex');
  }
}
