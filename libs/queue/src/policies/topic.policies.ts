import type { Retention } from '../backend/retention.js';
import type { Requirement } from './requirements.js';

/** Everything that an application declares of a topic. Times in ms. */
export interface TopicPolicies {
  /** Each id is stored once within this. */
  readonly dedupMs: number | undefined;
  readonly retain: Retention | undefined;
}

/** What these policies rely on. */
export function requirementsOfTopic({ dedupMs, retain }: TopicPolicies): readonly Requirement[] {
  return [
    ...(dedupMs === undefined ? [] : [{ need: 'dedup', windowMs: dedupMs } as const]),
    ...(retain === undefined ? [] : [{ need: 'log', ...retain } as const]),
  ];
}
