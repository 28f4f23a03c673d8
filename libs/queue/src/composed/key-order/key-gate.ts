import type { Capabilities } from '../../backend/capabilities.js';

/** What a backend can do behind a gate, beyond what it can by itself. */
export function gatedCapabilities(capabilities: Capabilities): Capabilities {
  const depth = capabilities.depth === 'none' ? 'none' : 'approx'; // what has been read ahead counts as in flight
  return { ...capabilities, order: 'key', onRetry: 'block-key', onDead: 'hold', depth };
}

/**
 * Why a gate cannot give this backend an order by key, as it goes on after its name; undefined: with a store it can. See
 * docs/decisions/0015-a-gate-keeps-the-order-of-keys.md.
 */
export function objectionToGate({ order, ack, lease, priority }: Capabilities): string | undefined {
  if (order !== 'queue') return order === 'none' ? 'keeps no order' : 'has an order by key of its own';
  if (ack !== 'message') return 'does not acknowledge messages one by one';
  if (lease === false) return 'does not lease its messages';
  return priority > 1 ? 'lets urgent messages of a key overtake the others' : undefined;
}

/** What the plan is made of: the gate is its answer, and nothing that the backend can do. `alone`: without the gate. */
export function ungatedCapabilities(gated: Capabilities, alone: Capabilities): Capabilities {
  const { order, onRetry, onDead } = alone;
  return { ...gated, order, onRetry, onDead };
}
