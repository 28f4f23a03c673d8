import { files, read } from './tree.js';

/**
 * A code block of the docs that stands under `<!-- from: path#region -->` is a copy of the lines between
 * `// #region name` and `// #endregion` of that file, which a test runs.
 */
export const MARKED = /^<!-- from: (\S+?)#(\S+) -->\n+```ts\n([\s\S]*?)```/gm;
export const MARK = /^<!-- from: /gm;

export interface Snippet {
  readonly doc: string;
  readonly file: string;
  readonly region: string;
  readonly text: string;
}

export const docs = files('*.md', 'docs/**/*.md', 'libs/*/*.md');

export function snippetsOf(doc: string): readonly Snippet[] {
  return [...read(doc).matchAll(MARKED)].map(([, file = '', region = '', text = '']) => ({
    doc,
    file,
    region,
    text,
  }));
}

/** The lines of a region without the indentation they share; undefined when there is no such region. */
export function cut(file: string, region: string): string | undefined {
  const [, inside] =
    new RegExp(`// #region ${region}\\n([\\s\\S]*?)[ \\t]*// #endregion`).exec(read(file)) ?? [];
  if (inside === undefined) return undefined;
  const indents = inside
    .split('\n')
    .flatMap((line) => (line.trim() === '' ? [] : [/^ */.exec(line)![0].length]));
  const shared = Math.min(...indents);
  return inside.replace(new RegExp(`^ {${shared}}`, 'gm'), '').trimEnd();
}
