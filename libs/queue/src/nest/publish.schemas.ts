import { isStandardSchema, type PayloadType } from '../decorators/payload-type.js';
import type { CheckPayload } from '../publish/bus.js';
import { hasRules, payloadValidator } from './payload.validator.js';

/** What payloads must look like when they are published, by the type of the event, which is its topic unless told. */
export type PublishSchemas = Readonly<Record<string, PayloadType>>;

/** A sentence; undefined: nothing is wrong. */
export function problemWithSchemas(given: unknown): string | undefined {
  if (typeof given !== 'object' || given === null) return 'must be an object of schemas by the type of event';
  const wrong = Object.entries(given).find(([, schema]) => !isStandardSchema(schema) && !hasRules(schema));
  if (wrong === undefined) return undefined;
  return `needs for ${JSON.stringify(wrong[0])} a class with class-validator rules or a Standard Schema`;
}

/** undefined: there is nothing to check. */
export function payloadCheckOf(schemas: PublishSchemas = {}): CheckPayload | undefined {
  const validators = new Map(
    Object.entries(schemas).map(([type, schema]) => [type, payloadValidator(schema)]),
  );
  return validators.size === 0 ? undefined : (type, data) => validators.get(type)?.(data);
}
