import { postgresCommand } from './postgres.command.js';
import { migrationSql } from './postgres.schema.js';

describe('pigeonpost-postgres', () => {
  it.each([
    [['--sql'], migrationSql()],
    [['--sql', '--schema', 'shop'], migrationSql({ schema: 'shop' })],
  ])('prints the statements: %j', (args, out) => {
    expect(postgresCommand(args)).toEqual({ out, error: '', exitCode: 0 });
  });

  it('explains itself when it is asked to, and when it is asked for nothing', () => {
    const { out } = postgresCommand(['--help']);
    expect(out).toContain('--schema NAME');
    expect(postgresCommand([])).toEqual({ out: '', error: out, exitCode: 2 });
  });

  it.each([
    [['--sql', '--schema', 'x; DROP TABLE y'], 'small letter'],
    [['--sql', 'shop'], 'shop'],
    [['--run'], '--run'],
  ])('does nothing with %j, and says why', (args, why) => {
    const { out, error, exitCode } = postgresCommand(args);
    expect([out, exitCode]).toEqual(['', 2]);
    expect(error).toContain(why);
  });
});
