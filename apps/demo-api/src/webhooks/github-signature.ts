import { createHmac, timingSafeEqual } from 'node:crypto';

/** What GitHub sends as `X-Hub-Signature-256` for these bytes. */
export function githubSignature(secret: string, body: Uint8Array): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

/** Takes the same time for every wrong signature of the right length, so that none can be guessed piece by piece. */
export function isSignedWith(secret: string, body: Uint8Array, signature: string): boolean {
  const expected = Buffer.from(githubSignature(secret, body));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
