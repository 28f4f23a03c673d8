/** How the attributes of a binary-mode event travel in the headers of one kind of transport. */
export interface HeaderForm {
  /** Before the name of each attribute. */
  readonly prefix: string;
  /** `percent`: as HTTP wants it, ASCII only; `plain`: the text itself. */
  readonly values: 'percent' | 'plain';
  /** Whether `datacontenttype` is written as an attribute too, and not only as the content type. */
  readonly repeatsContentType: boolean;
}

/** Carries the media type: of the data in binary mode, of the whole event in structured mode. */
export const CONTENT_TYPE_HEADER = 'content-type';

const form = (prefix: string, values: HeaderForm['values'], rest: Partial<HeaderForm> = {}): HeaderForm =>
  Object.freeze({ prefix, values, repeatsContentType: false, ...rest });

/** The bindings of the standard and of its vendors, as data. */
export const HEADER_FORMS = Object.freeze({
  http: form('ce-', 'percent'),
  nats: form('ce-', 'percent', { repeatsContentType: true }),
  kafka: form('ce_', 'plain'),
  /** AMQP 1.0: application properties. */
  amqp: form('cloudEvents_', 'plain'),
  /** AMQP 1.0 as older senders write it; to be read only, a colon is no name of a header here. */
  'amqp-colon': form('cloudEvents:', 'plain'),
  /** AMQP 0-9-1: headers. */
  rabbitmq: form('ce-', 'plain'),
  pubsub: form('ce-', 'plain'),
  mqtt: form('', 'plain'),
});

export type HeaderFormName = keyof typeof HEADER_FORMS;

/** What is recognised where the transport has no form of its own. */
export const COMMON_HEADER_FORMS: readonly HeaderForm[] = Object.freeze([
  HEADER_FORMS.http,
  HEADER_FORMS.kafka,
  HEADER_FORMS.amqp,
  HEADER_FORMS['amqp-colon'],
]);
