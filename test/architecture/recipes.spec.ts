import { files, read } from './tree.js';

/** What every recipe tells, in this order. */
const SECTIONS = ['Guarantee', 'Code', 'What can still happen', 'Your part'];

const pages = files('docs/recipes/*.md').filter((page) => !page.endsWith('/README.md'));
const nameOf = (file: string): string => file.replace(/^.*\//, '').replace(/\..*$/, '');

describe('the recipes', () => {
  it('tell what is promised, how, what is left, and what is for the reader to do', () => {
    for (const page of pages) {
      const sections = [...read(page).matchAll(/^## (.+)$/gm)].map(([, title]) => title);
      expect({ page, sections }).toEqual({ page, sections: SECTIONS });
    }
  });

  it('show code that a test of the same name runs, and no other code', () => {
    for (const page of pages) {
      const text = read(page);
      const blocks = [...text.matchAll(/^```ts$/gm)].length;
      const cut = [...text.matchAll(/^<!-- from: test\/recipes\/([\w-]+)\.recipe-spec\.ts#/gm)];
      expect({ page, cutFrom: [...new Set(cut.map(([, name]) => name))], blocks: cut.length }).toEqual({
        page,
        cutFrom: [nameOf(page)],
        blocks,
      });
    }
  });

  it('are written for every test of a recipe', () => {
    const tested = files('test/recipes/*.recipe-spec.ts').map(nameOf);
    expect(pages.map(nameOf)).toEqual(tested);
  });
});
