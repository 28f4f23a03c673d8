import type { Headers } from '../headers.js';
import { COMMON_HEADER_FORMS, CONTENT_TYPE_HEADER, type HeaderForm } from './header-forms.js';

/** What the headers of a message say about its form. */
export type WireForm =
  | { readonly mode: 'structured' }
  | { readonly mode: 'binary'; readonly form: HeaderForm }
  /** A form of CloudEvents that is not read here, such as a batch or Avro. */
  | { readonly mode: 'other'; readonly mediaType: string };

const STRUCTURED: WireForm = Object.freeze({ mode: 'structured' });
const CLOUDEVENTS = /^\s*application\/cloudevents/i;
const READABLE = /^\s*application\/cloudevents\+json\s*(?:;|$)/i;

const BY_VERSION_HEADER: ReadonlyMap<string, WireForm> = new Map(
  COMMON_HEADER_FORMS.map((form) => [
    `${form.prefix.toLowerCase()}specversion`,
    Object.freeze({ mode: 'binary', form }),
  ]),
);

/** undefined: they say nothing, the body has to. The content type decides, then a version among the attributes. */
export function wireFormOf(headers: Headers): WireForm | undefined {
  let binary: WireForm | undefined;
  for (const header of Object.keys(headers)) {
    const name = header.toLowerCase();
    if (name === CONTENT_TYPE_HEADER) {
      const mediaType = headers[header] as string;
      if (READABLE.test(mediaType)) return STRUCTURED;
      if (CLOUDEVENTS.test(mediaType)) return { mode: 'other', mediaType };
    } else binary ??= BY_VERSION_HEADER.get(name);
  }
  return binary;
}
