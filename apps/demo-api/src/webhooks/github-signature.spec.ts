import { githubSignature, isSignedWith } from './github-signature.js';

// The example of GitHub's documentation.
const SECRET = "It's a Secret to Everybody";
const BODY = Buffer.from('Hello, World!');
const SIGNATURE = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';

describe('githubSignature', () => {
  it('signs as GitHub does', () => {
    expect(githubSignature(SECRET, BODY)).toBe(SIGNATURE);
  });
});

describe('isSignedWith', () => {
  it('accepts the signature of these bytes', () => {
    expect(isSignedWith(SECRET, BODY, SIGNATURE)).toBe(true);
  });

  it.each([
    ['of another secret', githubSignature('another secret', BODY)],
    ['of other bytes', githubSignature(SECRET, Buffer.from('Hello, World?'))],
    ['that is missing', ''],
    ['that was cut', SIGNATURE.slice(0, -1)],
    ['with something behind it', `${SIGNATURE}0`],
    ['of the weaker kind', SIGNATURE.replace('sha256=', 'sha1=')],
    ['with characters of several bytes', `sha256=${'ä'.repeat(32)}`],
  ])('refuses one %s', (_what, signature) => {
    expect(isSignedWith(SECRET, BODY, signature)).toBe(false);
  });

  it('covers bytes that are no text', () => {
    const bytes = Buffer.from([0xff, 0x00, 0xfe]);
    expect(isSignedWith(SECRET, bytes, githubSignature(SECRET, bytes))).toBe(true);
  });
});
