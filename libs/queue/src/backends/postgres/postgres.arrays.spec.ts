import { numberArray, textArray } from './postgres.arrays.js';

describe('textArray', () => {
  it('quotes every value, so that NULL, braces and commas are only text', () => {
    expect(textArray(['a', 'NULL', '{b,c}', ''])).toBe('{"a","NULL","{b,c}",""}');
  });

  it('escapes quotes and backslashes', () => {
    expect(textArray(['say "hi"', 'C:\\tmp'])).toBe('{"say \\"hi\\"","C:\\\\tmp"}');
  });

  it('is null where nothing is given, and has gaps where some is', () => {
    expect(textArray([undefined, undefined])).toBeNull();
    expect(textArray([undefined, 'a'])).toBe('{NULL,"a"}');
  });
});

describe('numberArray', () => {
  it('is null where nothing is given, and has gaps where some is', () => {
    expect(numberArray([undefined])).toBeNull();
    expect(numberArray([1, undefined, 2.5])).toBe('{1,NULL,2.5}');
  });
});
