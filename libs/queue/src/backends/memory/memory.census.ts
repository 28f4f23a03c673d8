import type { Census } from '../../backend/admission.js';
import type { MemorySubscription } from './memory.subscription.js';
import type { MemoryTopology } from './memory.topology.js';

/** What there is room for at one moment. */
export class MemoryCensus implements Census<MemorySubscription> {
  constructor(
    private readonly topology: MemoryTopology,
    private readonly monoMs: number,
  ) {}

  roomIn(taker: MemorySubscription): number {
    const maxMessages = taker.bounds?.maxMessages ?? Infinity;
    if (taker.size >= maxMessages) {
      // What has expired takes no room, although it may still stand in line.
      taker.catchUp(this.monoMs);
      taker.backlog.sweep(this.monoMs);
      taker.keys?.sweep(this.monoMs);
    }
    return maxMessages - taker.size;
  }

  canDisplaceIn(taker: MemorySubscription): boolean {
    taker.catchUp(this.monoMs);
    return taker.backlog.ready > 0;
  }

  listenersOf(topic: string): readonly MemorySubscription[] {
    return this.topology.listenersOf(topic);
  }
}
