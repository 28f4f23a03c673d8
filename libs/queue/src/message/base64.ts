import { DecodeError } from './json.js';

export function writeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Node skips what is not base64, which shows in the length. `what` names the text in the DecodeError. */
export function readBase64(what: string, encoded: string): Uint8Array {
  const bytes = Buffer.from(encoded, 'base64');
  const padding = encoded.endsWith('==') ? 2 : encoded.endsWith('=') ? 1 : 0;
  if (bytes.length !== (encoded.length / 4) * 3 - padding) throw new DecodeError(`${what} is not base64`);
  return new Uint8Array(bytes);
}
