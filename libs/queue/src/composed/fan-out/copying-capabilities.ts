import type { Capabilities } from '../../backend/capabilities.js';

/** Whether a broker could have its fan-out made of copies. */
export function isCopyable({ fanout, ack, confirm }: Capabilities): boolean {
  return fanout === 'none' && ack !== 'none' && confirm !== 'none';
}

/** What a broker with one queue per topic can do when messages are copied from there to a queue of every subscription. */
export function copyingCapabilities(broker: Capabilities): Capabilities {
  return {
    ...broker,
    fanout: 'named',
    lane: true,
    order: 'none', // several processes copy at once
    onRetry: 'breaks',
    onDead: 'skip',
    wildcards: false,
    ephemeral: false,
    log: false,
    bounds: false,
    depth: broker.depth === 'none' ? 'none' : 'approx', // what is not copied yet is counted nowhere
  };
}
