import { files, read } from './tree.js';

/**
 * A code block of the docs that stands under `<!-- from: path#region -->` is a copy of the lines between
 * `// #region name` and `// #endregion` of that file, which a test runs. This keeps the copy a copy.
 */
const MARKED = /^<!-- from: (\S+?)#(\S+) -->\n+```ts\n([\s\S]*?)```/gm;
const MARK = /^<!-- from: /gm;

interface Snippet {
  readonly doc: string;
  readonly file: string;
  readonly region: string;
  readonly text: string;
}

const docs = files('*.md', 'docs/**/*.md', 'libs/*/*.md');

function snippetsOf(doc: string): readonly Snippet[] {
  return [...read(doc).matchAll(MARKED)].map(([, file = '', region = '', text = '']) => ({
    doc,
    file,
    region,
    text,
  }));
}

/** The lines of a region without the indentation they share. */
function cut(file: string, region: string): string | undefined {
  const [, inside] =
    new RegExp(`// #region ${region}\\n([\\s\\S]*?)[ \\t]*// #endregion`).exec(read(file)) ?? [];
  if (inside === undefined) return undefined;
  const indents = inside
    .split('\n')
    .flatMap((line) => (line.trim() === '' ? [] : [/^ */.exec(line)![0].length]));
  const shared = Math.min(...indents);
  return inside.replace(new RegExp(`^ {${shared}}`, 'gm'), '').trimEnd();
}

describe('the docs', () => {
  it('show code that is cut from tested files', () => {
    for (const { doc, file, region, text } of docs.flatMap(snippetsOf)) {
      expect({ doc, region, code: text.trimEnd() }).toEqual({ doc, region, code: cut(file, region) });
    }
  });

  it('mark their code in the one form that is compared', () => {
    const misread = docs.filter((doc) => [...read(doc).matchAll(MARK)].length !== snippetsOf(doc).length);
    expect(misread).toEqual([]);
  });

  it('link to files that exist', () => {
    const broken = docs.flatMap((doc) =>
      linksOf(doc)
        .filter((target) => files(target).length === 0 && files(`${target}/*`).length === 0)
        .map((target) => `${doc} → ${target}`),
    );
    expect(broken).toEqual([]);
  });
});

/** Relative links of a page, as paths from the root. */
function linksOf(doc: string): readonly string[] {
  const folder = new URL(doc, 'file:///');
  return [...read(doc).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, link = '']) =>
    decodeURI(new URL(link, folder).pathname).slice(1).replace(/\/$/, ''),
  );
}
