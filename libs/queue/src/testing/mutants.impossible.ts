/** A known mistake of other systems that nothing here could make, and why. */
export interface ImpossibleMutant {
  readonly name: string;
  readonly why: string;
}

/** Listed with every run of the mutants, so that none is missing unseen. */
export const IMPOSSIBLE_MUTANTS: readonly ImpossibleMutant[] = [
  {
    name: 'commits the highest position although lower ones are unfinished',
    why: 'no backend acknowledges by position; cumulative acknowledgement is a mutant',
  },
  {
    name: 'acknowledges, and then fails to publish the dead letter',
    why: 'a dead letter is one settlement; a failed one that is taken for done is a mutant',
  },
  {
    name: 'drops what is in flight when the connection is made anew',
    why: 'no backend has a connection that breaks underneath; the simulation cuts the wire instead',
  },
  {
    name: 'renews leases no sooner than they end',
    why: 'the interval is a share of the lease and no option; a lease that is never renewed is a mutant',
  },
  {
    name: 'fires a schedule twice when the clock goes back',
    why: 'the queue has no schedules; a delay runs on the monotonic clock, which law G7 shows',
  },
];
