import { createRequire } from 'node:module';

/** One real webhook as GitHub sent it. */
export interface Example {
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

interface Definition {
  readonly name: string;
  readonly examples: readonly Example['payload'][];
}

/** The examples that GitHub's users collected, of every kind of event. */
export function loadExamples(): readonly Example[] {
  const load = createRequire(import.meta.url);
  const definitions = load('@octokit/webhooks-examples') as readonly Definition[];
  return definitions.flatMap(({ name, examples }) => examples.map((payload) => ({ event: name, payload })));
}
