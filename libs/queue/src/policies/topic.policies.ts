import type { Requirement } from './requirements.js';

/** Everything that an application declares of a topic. Times in ms. */
export interface TopicPolicies {
  /** Each id is stored once within this. */
  readonly dedupMs: number | undefined;
}

/** What these policies rely on. */
export function requirementsOfTopic({ dedupMs }: TopicPolicies): readonly Requirement[] {
  return dedupMs === undefined ? [] : [{ need: 'dedup', windowMs: dedupMs }];
}
