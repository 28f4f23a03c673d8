/** What the data of an event is, by its `datacontenttype`; JSON where it says nothing. */
export type DataKind = 'json' | 'text' | 'bytes';

export const JSON_TYPE = 'application/json';
export const BYTES_TYPE = 'application/octet-stream';

/** Case does not matter, parameters only where they name a charset. */
export function dataKindOf(mediaType: string | undefined): DataKind {
  if (mediaType === undefined) return 'json';
  const [type = '', ...parameters] = mediaType.toLowerCase().split(';');
  const plain = type.trim();
  if (plain === JSON_TYPE || plain === 'text/json' || plain.endsWith('+json')) return 'json';
  const isText = plain.startsWith('text/') || plain.endsWith('/xml') || plain.endsWith('+xml');
  return isText && parameters.every(isUtf8) ? 'text' : 'bytes';
}

function isUtf8(parameter: string): boolean {
  const [name = '', value = ''] = parameter.split('=').map((part) => part.trim());
  return name !== 'charset' || ['utf-8', 'utf8', 'us-ascii'].includes(value.replaceAll('"', ''));
}
