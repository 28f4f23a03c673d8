import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { PostgresOptions, resolveOptions } from './postgres.options.js';

function problemsOf(given: Readonly<Record<string, unknown>>): readonly string[] {
  const errors = validateSync(plainToInstance(PostgresOptions, given));
  return errors.flatMap(({ constraints = {} }) => Object.values(constraints));
}

describe('PostgresOptions', () => {
  it('takes what makes sense', () => {
    const options = { url: 'postgres://u:p@h/d', tls: { ca: 'x' }, schema: 'shop_1', poolSize: 2 };
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf(options)).toEqual([]);
    expect(problemsOf({ tls: true, pooler: 'transaction' })).toEqual([]);
  });

  it.each([
    [{ url: 'mysql://h/d' }, 'url must be a connection string'],
    [{ schema: 'Shop' }, 'schema must be 1 to 48 characters'],
    [{ schema: 'a"; DROP' }, 'schema must be 1 to 48 characters'],
    [{ poolSize: 1 }, 'poolSize must not be less than 2'],
    [{ tls: 'yes' }, 'tls must be a boolean'],
    [{ pooler: 'session' }, 'pooler must be one of'],
  ])('refuses %j', (given, sentence) => {
    expect(problemsOf(given).join()).toContain(sentence);
  });

  it('takes no schema that would be more than a name in a statement', () => {
    expect(() => resolveOptions({ schema: 'x; DROP TABLE y' })).toThrow('small letter');
  });

  it('polls more often behind a pooler, unless it was told how often', () => {
    expect(resolveOptions({}).pollMs).toBe(1_000);
    expect(resolveOptions({ pooler: 'transaction' }).pollMs).toBe(200);
    expect(resolveOptions({ pooler: 'transaction', pollMs: 50 }).pollMs).toBe(50);
  });
});
