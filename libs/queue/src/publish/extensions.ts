import { checkAttribute } from '../message/cloudevents/attributes.js';
import type { Attributes, AttributeValue } from '../message/cloudevents/cloud-event.js';
import { MAPPED_ATTRIBUTES } from '../message/cloudevents/domain-event.js';
import { InvalidNameError } from '../message/names.js';

/** Copies and checks what a publisher says beyond the fields. Throws InvalidCloudEventError or InvalidNameError. */
export function checkExtensions(given: Readonly<Record<string, unknown>>): Attributes {
  const extensions = Object.create(null) as Record<string, AttributeValue>;
  for (const name of Object.keys(given)) {
    const value = given[name];
    checkAttribute(name, value);
    if (MAPPED_ATTRIBUTES.has(name)) {
      throw new InvalidNameError('the extension', name, 'the event has a field of its own for it');
    }
    extensions[name] = value;
  }
  return Object.freeze(extensions);
}
