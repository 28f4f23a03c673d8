import type { IncomingHttpHeaders } from 'node:http';
import { BadRequestException, UnprocessableEntityException } from '@nestjs/common';
import { isGithubEvent, type GithubEvent } from '../../../demo-contract/src/index.js';

/** One webhook call, read but not judged: whether the payload is what the handlers need, they decide themselves. */
export interface GithubDelivery {
  /** Chosen by GitHub, and the same when it delivers again. */
  readonly id: string;
  readonly event: GithubEvent;
  /** Whom it is about: the repository, else the organization, else the installation. */
  readonly key: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Throws 400 for what is no webhook, 422 for an event that nobody here knows. */
export function readDelivery(headers: IncomingHttpHeaders, body: Uint8Array): GithubDelivery {
  const id = headers['x-github-delivery'];
  const event = headers['x-github-event'];
  if (typeof id !== 'string' || !GUID.test(id))
    throw new BadRequestException('X-GitHub-Delivery must be a GUID');
  if (typeof event !== 'string' || event === '') throw new BadRequestException('X-GitHub-Event is missing');
  const payload = readObject(body);
  if (!isGithubEvent(event)) throw new UnprocessableEntityException('X-GitHub-Event names no known event');
  return { id, event, key: keyOf(payload), payload };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function readObject(body: Uint8Array): Readonly<Record<string, unknown>> {
  const value = parse(body);
  if (isObject(value) && !Array.isArray(value)) return value;
  throw new BadRequestException('the body must be a JSON object');
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    throw new BadRequestException('the body is not valid JSON in UTF-8');
  }
}

function keyOf({ repository, organization, installation }: Readonly<Record<string, unknown>>): string {
  return (
    textIn(repository, 'full_name') ?? textIn(organization, 'login') ?? textIn(installation, 'id') ?? 'github'
  );
}

/** A name that can be a key; what is something else is a matter for the handlers' validation. */
function textIn(holder: unknown, property: string): string | undefined {
  const value = isObject(holder) ? holder[property] : undefined;
  if (Number.isSafeInteger(value)) return String(value);
  return typeof value === 'string' && /^[\w./-]{1,200}$/.test(value) ? value : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
