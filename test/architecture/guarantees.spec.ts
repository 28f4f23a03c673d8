import { ALL_LAWS, NOT_OFFERED, SHOWN_ELSEWHERE } from '@pigeonpost/queue/testing';
import { ANOMALY_NOTES } from '../laws/guarantees/anomalies.js';
import { declaredColumns } from '../laws/guarantees/columns.js';
import { PAGE, pageOf, README, readmePartOf } from '../laws/guarantees/page.js';
import { files, read } from './tree.js';

describe('the guarantees in the docs', () => {
  const columns = declaredColumns();

  it('are what the backends declare and the laws show: npm run docs:guarantees writes them', () => {
    expect(read(PAGE)).toBe(pageOf(columns));
    expect(read(README)).toContain(readmePartOf(columns));
  });

  it('speak of every backend of the library', () => {
    const folders = files('libs/queue/src/backends/*/index.ts').map((file) => file.split('/').at(-2));
    expect(columns.map(({ name }) => name).sort()).toEqual(folders);
  });

  it('name every law once, offered or not', () => {
    const ids = [...ALL_LAWS, ...SHOWN_ELSEWHERE, ...NOT_OFFERED].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(read(PAGE)).toContain(`\n| ${id} `);
  });

  it('say nothing of what shows a promise that does not exist', () => {
    expect(SHOWN_ELSEWHERE.filter(({ by }) => files(by).length !== 1)).toEqual([]);
  });

  it('bound what can still happen by laws that exist', () => {
    const known = new Set(ALL_LAWS.map(({ id }) => id));
    expect(
      Object.values(ANOMALY_NOTES)
        .flatMap(({ laws }) => laws)
        .filter((id) => !known.has(id)),
    ).toEqual([]);
  });
});
