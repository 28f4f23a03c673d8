import { checkId, checkName, checkText, InvalidNameError, isId, quote } from './names.js';

describe('names', () => {
  it.each(['a', '0', 'github.push', 'A_b-c.9', 'constructor', 'x'.repeat(128)])('take %p', (name) => {
    expect(checkName('topic', name)).toBe(name);
  });

  it.each([
    '',
    'x'.repeat(129),
    'a/b',
    '../x',
    'a b',
    'a\n',
    'a\u0000',
    '%41',
    `'";--`,
    '$(x)',
    '{a}{b}',
    'a:b',
    '*',
    '#',
    '>',
    '__proto__',
    '.hidden',
    '-flag',
    'é',
    'e\u0301',
    'amq.#',
    undefined,
    null,
    7,
    ['a'],
    { toString: () => 'a' },
  ])('refuse %p', (name) => {
    expect(() => checkName('topic', name)).toThrow(InvalidNameError);
  });

  it('are refused in a message that names what is wrong, escaped and short', () => {
    const refuse = (name: unknown) => () => checkName('topic', name);
    expect(refuse('a\nb')).toThrow(/^topic "a\\nb" is not allowed: use 1 to 128 characters/);
    expect(refuse('x'.repeat(1_000_000))).toThrow(/^topic "x{60}…" is not allowed/);
    expect(refuse(null)).toThrow(/^topic null is not allowed/);
    expect(refuse(Symbol('s'))).toThrow(/^topic of type symbol is not allowed/);
  });
});

describe('ids', () => {
  it.each(['1', '018f-7', 'a:b', 'user@host/1', 'aGk=', 'A+b', 'x'.repeat(128)])('take %p', (id) => {
    expect(isId(id)).toBe(true);
    expect(checkId('id', id)).toBe(id);
  });

  it.each([
    '',
    'x'.repeat(129),
    ' a',
    'a b',
    '../../etc/passwd',
    `1' OR '1'='1`,
    'a\r\nb',
    'ä',
    3,
    undefined,
  ])('refuse %p', (id) => {
    expect(isId(id)).toBe(false);
    expect(() => checkId('id', id)).toThrow(InvalidNameError);
  });
});

describe('texts', () => {
  it.each(['a', 'Straße 1', '日本', '😀', 'a/b c', 'x'.repeat(256)])('take %p', (text) => {
    expect(checkText('key', text)).toBe(text);
  });

  it.each(['', 'x'.repeat(257), '😀'.repeat(129), 'a\nb', 'a\u0085b', '\ud800', 'x\udc00', 5, null])(
    'refuse %p',
    (text) => {
      expect(() => checkText('key', text)).toThrow(InvalidNameError);
    },
  );
});

it('quote cuts between characters without leaving half of one', () => {
  expect(JSON.parse(quote('x'.repeat(59) + '😀'))).toBe('x'.repeat(59) + '\ud83d…');
  expect(quote('x'.repeat(59) + '😀')).toBe(`"${'x'.repeat(59)}\\ud83d…"`);
});
