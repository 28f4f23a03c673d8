import { ALL_LAWS } from '@pigeonpost/queue/testing';
import { files, read } from './tree.js';

const ROWS = 50;
const PAGE = 'docs/faults.md';

interface Row {
  readonly number: number;
  readonly shownBy: string;
}

const rows = read(PAGE)
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, number = '']) => /^\d+$/.test(number))
  .map(([, number, , shownBy = '']): Row => ({ number: Number(number), shownBy }));

const pathsIn = ({ shownBy }: Row): readonly string[] =>
  shownBy.match(/\b(test|libs)\/[\w./-]+\.ts\b/g) ?? [];

function lawsIn({ shownBy }: Row): readonly string[] {
  const [, ids = ''] = /\blaws ((?:[A-Z]\d+\w* ?)+)/.exec(shownBy) ?? [];
  return ids.split(' ').filter((id) => id !== '');
}

describe('the faults in the docs', () => {
  it('are all there, in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: ROWS }, (_, at) => at + 1));
  });

  it('are shown by something, or say why not', () => {
    const empty = rows.filter(
      (row) =>
        pathsIn(row).length + lawsIn(row).length === 0 &&
        !/^(does not apply|not shown yet): \S/.test(row.shownBy),
    );
    expect(empty).toEqual([]);
  });

  it('are shown by files and laws that exist', () => {
    const laws = new Set(ALL_LAWS.map(({ id }) => id));
    expect(rows.flatMap(pathsIn).filter((path) => files(path).length === 0)).toEqual([]);
    expect(rows.flatMap(lawsIn).filter((id) => !laws.has(id))).toEqual([]);
  });

  it('run on every backend that has a broker', () => {
    const run = files('test/scenario/faults/*.scenario-spec.ts').filter((file) =>
      read(file).includes('faultScenarios('),
    );
    const brokers = files('test/brokers/*.kind.ts').map(nameOf);
    const backends = files('libs/queue/src/backends/*/index.ts').map((file) => file.split('/').at(-2));
    expect(run.map(nameOf)).toEqual(brokers.filter((name) => backends.includes(name)));
  });
});

/** `redis` of `…/redis.kind.ts`. */
function nameOf(file: string): string | undefined {
  return file.split('/').at(-1)?.split('.')[0];
}
