/**
 * What a message carries over the wire. A string stands for exactly its UTF-8 bytes: backends that store text
 * natively keep it as it is and save the conversion; everybody else calls `toBytes`. A `Uint8Array` may hold
 * any bytes.
 */
export type Body = string | Uint8Array;

const encoder = new TextEncoder();

export function toBytes(body: Body): Uint8Array {
  return typeof body === 'string' ? encoder.encode(body) : body;
}

/** Size on the wire in bytes. */
export function byteLength(body: Body): number {
  return typeof body === 'string' ? Buffer.byteLength(body, 'utf8') : body.byteLength;
}

/** Bytes of one's own. (`slice` would not do: that of a Buffer is a view of the same memory.) */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
