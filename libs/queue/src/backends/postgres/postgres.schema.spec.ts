import { migrationSql } from './postgres.schema.js';

describe('migrationSql', () => {
  it('is one transaction that names the schema everywhere', () => {
    const text = migrationSql({ schema: 'shop' });
    expect(text.startsWith('BEGIN;\n')).toBe(true);
    expect(text.endsWith('COMMIT;\n')).toBe(true);
    expect(text).toContain('CREATE TABLE shop.messages');
    expect(text).not.toContain('{s}');
  });

  it('does not take a name that would need quotes', () => {
    expect(() => migrationSql({ schema: 'x; DROP TABLE y' })).toThrow('small letter');
  });
});
