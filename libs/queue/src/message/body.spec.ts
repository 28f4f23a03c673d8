import { byteLength, copyOf, toBytes } from './body.js';

it('a text stands for its UTF-8 bytes', () => {
  expect(toBytes('é😀')).toEqual(new Uint8Array([0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80]));
  expect(byteLength('é😀')).toBe(6);
  expect(byteLength(new Uint8Array(7))).toBe(7);
});

it('a copy shares nothing, not even that of a Buffer', () => {
  for (const original of [Buffer.from('abc'), new Uint8Array([97, 98, 99])]) {
    const copy = copyOf(original);
    original[0] = 0;
    expect(copy).toEqual(new Uint8Array([97, 98, 99]));
  }
});
