import { BackendUnavailableError } from '../../backend/backend.errors.js';
import type { Redact } from '../../backend/redactor.js';
import { QueueError } from '../../message/queue-error.js';

/** Reply codes of AMQP 0-9-1. */
const ACCESS_REFUSED = 403;
export const NOT_FOUND = 404;
export const RESOURCE_LOCKED = 405;
export const PRECONDITION_FAILED = 406;

/** Errors of the driver end here: they may hold the URL, so that none becomes the cause of another. */
export class RabbitErrors {
  constructor(
    readonly backend: string,
    readonly redact: Redact,
  ) {}

  /** Certainly not done. */
  unavailable(doing: string, error: unknown): QueueError {
    if (error instanceof QueueError) return error;
    return new BackendUnavailableError(this.backend, doing, this.explain(error));
  }

  explain(error: unknown): string {
    const text = this.redact(error instanceof Error ? error.message : String(error));
    const remedy = REMEDIES.find(({ sign }) => sign.test(`${codeOf(error) ?? ''} ${text}`))?.remedy;
    return remedy === undefined ? text : `${text}; ${remedy}`;
  }
}

const REMEDIES: readonly { readonly sign: RegExp; readonly remedy: string }[] = [
  { sign: /ECONNREFUSED/, remedy: 'check host and port of its `url`, and that RabbitMQ runs there' },
  { sign: /ENOTFOUND|EAI_AGAIN/, remedy: 'the host of its `url` is not known: check its spelling' },
  {
    sign: /ETIMEDOUT|no answer/,
    remedy: 'check the network, and that host and port of its `url` are those of AMQP',
  },
  {
    sign: /ACCESS_REFUSED|ACCESS-REFUSED|\b403\b/,
    remedy: 'check user and password of its `url`, and what the user may do: rabbitmqctl list_permissions',
  },
  {
    sign: /NOT_ALLOWED|\b530\b|Expected ConnectionOpenOk/,
    remedy: 'the virtual host of its `url` does not exist, or its user may not use it',
  },
  { sign: /certificate|CERT_|self.signed|SSL|TLS/i, remedy: 'check `tls`, such as `ca`' },
  {
    sign: /Expected ConnectionStart|Socket closed abruptly|ECONNRESET/,
    remedy: 'what answers there may not speak AMQP 0-9-1, or may want TLS (amqps://)',
  },
  {
    sign: /inequivalent arg 'x-delivery-limit'/,
    remedy:
      'a lower limit gives up messages that their handlers still try: delete the queue when it is empty, and let it be made again',
  },
  {
    sign: /inequivalent arg|\b406\b/,
    remedy: 'it exists with other properties: delete it when it is empty, or set the option that made it',
  },
];

/** The reply code, or the code of the operating system. */
export function codeOf(error: unknown): string | number | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' || typeof code === 'number' ? code : undefined;
}

/** The user may not do it, however often it is tried. */
export function isForbidden(error: unknown): boolean {
  return codeOf(error) === ACCESS_REFUSED;
}

/** The call did not end in time. */
export class RabbitTimeoutError extends QueueError {
  readonly code = 'timeout';

  constructor(afterMs: number) {
    super(`there was no answer within ${afterMs} ms`);
  }
}
