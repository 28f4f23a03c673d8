import { cut, docs, MARK, snippetsOf } from './snippets.js';
import { files, read } from './tree.js';

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
