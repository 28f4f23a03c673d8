import { readOptions, USAGE, UsageError } from './demo.options.js';

const DEFAULTS = { seed: 1, json: undefined, serve: false, keep: false, backend: 'sqlite' };

describe('readOptions', () => {
  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['', {}],
    ['--seed 42 --serve --keep', { seed: 42, serve: true, keep: true }],
    ['--json out.json', { json: 'out.json' }],
    ['--json', { json: '-' }],
    ['--json --seed 3', { json: '-', seed: 3 }],
    ['--backend sqlite', {}],
    ['--backend redis', { backend: 'redis' }],
  ])('reads "%s"', (line, expected) => {
    expect(readOptions(line.split(' ').filter(Boolean))).toEqual({ ...DEFAULTS, ...expected });
  });

  it.each([
    ['--backend kafka', 'choose one of sqlite'],
    ['--seed one', 'give a whole number'],
    ['--seed=-1', 'give a whole number'],
    ['--loud', '--loud'],
    ['here', 'here'],
  ])('refuses "%s"', (line, message) => {
    const read = (): unknown => readOptions(line.split(' '));
    expect(read).toThrow(UsageError);
    expect(read).toThrow(message);
  });

  it('names every option in its help', () => {
    expect(readOptions(['--help'])).toBe('help');
    for (const name of ['seed', 'backend', 'json', 'serve', 'keep', 'help'])
      expect(USAGE).toContain(`--${name}`);
  });
});
