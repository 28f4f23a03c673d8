/** A promise of the contract that no law can show, because it needs more than one broker and one process. */
export interface ShownElsewhere {
  readonly id: string;
  readonly title: string;
  /** What shows it: a file of the repository. */
  readonly by: string;
}

/** Listed with every run, so that nothing is missing unseen. */
export const SHOWN_ELSEWHERE: readonly ShownElsewhere[] = [
  {
    id: 'I7',
    title: 'random consumers that are killed again and again lose nothing',
    by: 'test/scenario/worker/kills.scenario-spec.ts',
  },
  {
    id: 'D14',
    title:
      'a delivery limit of the broker below ours stops the boot where it can be seen, and loses nothing where not',
    by: 'test/brokers/rabbitmq/delivery-limit.broker-spec.ts',
  },
  {
    id: 'I3',
    title: 'a half-open connection is found',
    by: 'test/scenario/faults/network-faults.ts',
  },
  {
    id: 'I6',
    title: 'topology that is deleted underneath is noticed',
    by: 'test/brokers/rabbitmq/faults.broker-spec.ts',
  },
  {
    id: 'I8',
    title: 'a broker that is full refuses, and goes on when there is room',
    by: 'test/brokers/redis/outage.broker-spec.ts',
  },
  {
    id: 'N1',
    title: 'every backend answers as memory does, call by call',
    by: 'test/laws/differential.law-spec.ts',
  },
  { id: 'N2', title: 'known mistakes of other systems are caught', by: 'test/laws/mutants.command.ts' },
  {
    id: 'N3',
    title: 'a backend around a backend keeps what the inner one promises',
    by: 'test/laws/decorated.law-spec.ts',
  },
  {
    id: 'N4',
    title: 'the guarantees in the docs come from a run, and a stale page fails',
    by: 'test/architecture/guarantees.spec.ts',
  },
  { id: 'N5', title: 'all laws end within their time', by: 'test/laws/bind-laws.ts' },
];
