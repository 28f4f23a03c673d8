import { type Dedup, InvalidDedupError } from '../message/dedup.js';
import { checkId } from '../message/names.js';
import { parseWindow } from '../policies/dedup.policy.js';
import type { PublishOptions } from './publish-options.js';

/** What a publish asks of deduplication, over the window of its topic. Throws InvalidDedupError and others. */
export function dedupOf(
  { dedup, dedupId }: Pick<PublishOptions, 'dedup' | 'dedupId'>,
  ofTopic: Dedup | undefined,
): Dedup | undefined {
  if (dedup === undefined && dedupId === undefined) return ofTopic;
  if (dedup === false) return undefined;
  const windowMs = dedup === undefined ? ofTopic?.windowMs : parseWindow('dedup', dedup);
  if (windowMs === undefined) {
    throw new InvalidDedupError(
      "dedupId needs a window: say how long with dedup: '10m', or give the topic one in the module's topology",
    );
  }
  return { id: dedupId === undefined ? undefined : checkId('the dedupId', dedupId), windowMs };
}
