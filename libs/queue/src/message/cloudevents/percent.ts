import { InvalidCloudEventError } from './cloud-event.js';

const encoder = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** A space, a double quote, a percent sign, and whatever is not printable ASCII. */
const UNSAFE = /[^\u0021-\u007e]|["%]/gu;
const ENCODED = /(?:%[0-9A-Fa-f]{2})+/g;
const QUOTED = /^"(.*)"$/;

/** A value as an HTTP header takes it. */
export function percentEncode(text: string): string {
  return text.replace(UNSAFE, (character) =>
    [...encoder.encode(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}

/**
 * Once, and never twice. Quotes around the value are taken away; what is no escape stays, as senders that do not
 * escape at all are common. Escapes that are not UTF-8 are refused: InvalidCloudEventError.
 */
export function percentDecode(name: string, value: string): string {
  const quoted = QUOTED.exec(value);
  const text = quoted === null ? value : (quoted[1] as string).replace(/\\(.)/g, '$1');
  return text.replace(ENCODED, (escapes) => {
    try {
      return strictUtf8.decode(Buffer.from(escapes.replaceAll('%', ''), 'hex'));
    } catch (cause) {
      throw new InvalidCloudEventError(`the header "${name}" of a CloudEvent is not valid UTF-8`, { cause });
    }
  });
}
