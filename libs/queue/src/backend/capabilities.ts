/**
 * Facts about one backend, as data. The values of an enum stand from the weakest to the strongest. A capability that no
 * law has proven fails the build.
 */
export interface Capabilities {
  /**
   * What a stored message survives: nothing; the end of the process that stored it; that of the broker as well, and of its
   * host unless that comes within a second; of the host at any moment; the loss of a host.
   */
  readonly durable: 'process' | 'broker-memory' | 'disk-soon' | 'disk' | 'replicated';
  /** What a resolved publish means. `routed`: stored in every subscription, and refused if there is none. */
  readonly confirm: 'none' | 'stored' | 'routed';
  readonly ack: 'none' | 'position' | 'message';
  /** `maxMs`: of one lease. `holdMs`: of all renewals of a delivery together; absent: without limit. */
  readonly lease: false | { readonly extend: boolean; readonly maxMs: number; readonly holdMs?: number };
  /** Whether attempts are counted where a crash cannot erase them. */
  readonly attempts: 'none' | 'flag' | 'counted' | 'counted-on-crash';
  /** Giving a delivery back costs no attempt. */
  readonly uncountedRelease: boolean;
  readonly delay: { readonly publish: Delay; readonly retry: Delay };
  /**
   * `queue`: a single receiver gets the messages in the order in which they became ready, and those that come back to it,
   * because they were given back or their leases have ended, come in their old places. `key`: see KeyOrder.
   */
  readonly order: 'none' | 'queue' | 'key';
  readonly onRetry: 'breaks' | 'block-key' | 'block-queue';
  /** Whether a dead letter can keep its key waiting, and come back in its old place. */
  readonly onDead: 'skip' | 'hold';
  readonly fanout: 'none' | 'ephemeral' | 'named';
  /** A subscription can listen to patterns of topics, see message/topic-pattern.ts. */
  readonly wildcards: boolean;
  /** Subscriptions that go with their receiver, or after its process died. */
  readonly ephemeral: boolean;
  /** Can send to one subscription only. */
  readonly lane: boolean;
  readonly dead: 'none' | 'native' | 'native-reason';
  readonly dedup: false | { readonly windowMs: number };
  /** What was published with a delay can be taken back until it is due. */
  readonly cancel: boolean;
  /** Topics can retain what is published, for subscriptions that start later with the earliest of it. */
  readonly log: false | { readonly maxAgeMs: number };
  /** Subscriptions can have bounds, and the backend holds every publisher to them. */
  readonly bounds: boolean;
  /** Number of levels; 1 means none. */
  readonly priority: number;
  readonly ttl: 'none' | 'queue' | 'message';
  readonly tx: 'none' | 'batch' | 'enlist' | 'consume-produce';
  /** Largest array the backend takes in one call of each verb. */
  readonly batch: { readonly publish: number; readonly receive: number; readonly settle: number };
  /** Largest body in bytes. */
  readonly maxBytes: number;
  /** `exact`: but for counts that say of themselves that they are approximate, because there is so much. */
  readonly depth: 'none' | 'approx' | 'exact';
  /** Which messages can be looked at without taking them. */
  readonly browse: 'none' | 'dead' | 'all';
  /** Who may share one backend: one process, the processes of one host, many hosts. */
  readonly hosts: 'process' | 'host' | 'many';
  /** Topics whose messages go and come where somebody else decides, as the options say. Absent: none. */
  readonly foreign?: Readonly<Record<string, ForeignTopic>>;
}

/** What a backend can claim, and a law can show; `foreign` is what it was told. */
export type CapabilityName = Exclude<keyof Capabilities, 'foreign'>;

export interface ForeignTopic {
  /** In words, such as `exchange "shop.orders"`. */
  readonly place: string;
  /** Whether a subscription can listen to it, or messages can only be sent there. */
  readonly listen: boolean;
}

/** Whoever was asked, and what it can do: a backend, or what stands for it. */
export interface CapabilityOwner {
  readonly name: string;
  readonly capabilities: Capabilities;
}

/** `false`: cannot. Otherwise never early, and at most `resolutionMs` plus load late. */
export type Delay =
  | false
  | { readonly kind: 'exact' | 'tiers' | 'backoff'; readonly maxMs: number; readonly resolutionMs: number };
