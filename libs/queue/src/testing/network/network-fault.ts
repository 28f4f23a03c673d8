/** What a network does to the bytes of a connection. */
export type NetworkFault =
  | { readonly kind: 'pass' }
  /** Everything arrives so much later, in its order. */
  | { readonly kind: 'latency'; readonly ms: number }
  | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number }
  /** Arrives in pieces of at most so many bytes. */
  | { readonly kind: 'slice'; readonly bytes: number }
  /** Nothing moves and nothing is lost: what was sent meanwhile arrives when it passes again. */
  | { readonly kind: 'stall' }
  /**
   * What is sent is lost, and no end of a connection is told: the other side sees silence. A connection that lost bytes
   * stays silent until one side ends it; new ones work as soon as the network does.
   */
  | { readonly kind: 'blackhole' }
  /** Connections are reset, and new ones at once: for as long as this lasts. */
  | { readonly kind: 'reset' };

/** As seen by the client. */
export type Direction = 'to broker' | 'from broker';

/** Where a connection is cut off: after so many bytes from now on, or before the first occurrence of something. */
export type CutPlace =
  | { readonly direction: Direction; readonly afterBytes: number }
  | { readonly direction: Direction; readonly before: string | Uint8Array };

/** The network as it should be. */
export const PASSING: NetworkFault = Object.freeze({ kind: 'pass' });

/** Whether anything can be sent at all. */
export function isOpen({ kind }: NetworkFault): boolean {
  return kind !== 'stall' && kind !== 'blackhole';
}
