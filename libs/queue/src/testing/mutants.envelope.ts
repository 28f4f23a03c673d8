import { NO_HEADERS } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import { type Mutant, mutant, publishing } from './mutant.js';

/** Mistakes with what a message is wrapped in. */
export const ENVELOPE_MUTANTS: readonly Mutant[] = [
  mutant(
    'forgets the headers of what is replayed',
    'K4',
    publishing((message) =>
      message.to === undefined ? message : { ...message, body: message.body, headers: NO_HEADERS },
    ),
  ),
  mutant(
    'writes JSON anew',
    'K6a',
    publishing((message) => withBody(message, (text) => text.replaceAll('":', '": '))),
  ),
  mutant(
    'loses the trace on the way back from the dead',
    'K2',
    publishing((message) =>
      message.to === undefined
        ? message
        : withBody(message, (text) => text.replace(/"traceparent":"[^"]*",/, '')),
    ),
  ),
  mutant('says that one subscription got what all of them did', 'K5', () => ({
    publish: async (batch, rightly) => {
      const results = await rightly(batch);
      return results.map((result) => (result.status === 'stored' ? { ...result, copies: 1 } : result));
    },
  })),
];

function withBody(message: Outgoing, change: (text: string) => string): Outgoing {
  const { body } = message;
  return typeof body === 'string'
    ? { ...message, body: change(body), event: undefined }
    : { ...message, body };
}
