import { ACTIVITY, NOTIFIER, SUBSCRIPTIONS } from '../../demo-contract/src/index.js';
import type { BrokerRestart, Evidence } from './evidence.js';
import { Tally } from './tally.js';
import type { Check, Numbers } from './verdict.js';

export interface Findings {
  readonly numbers: Numbers;
  readonly checks: readonly Check[];
  readonly evidence: Evidence;
  readonly seconds: number;
}

export function isOk(checks: readonly Check[]): boolean {
  return checks.every(({ holds }) => holds);
}

/** The run as a table and a verdict, in lines. */
export function reportOf({ numbers, checks, evidence, seconds }: Findings): readonly string[] {
  return [
    '',
    ...numberRows(numbers, evidence),
    '',
    ...SUBSCRIPTIONS.map((name) => row(`dead in ${name}`, ...reasonsIn(name, evidence))),
    '',
    ...checks.map(({ claim, holds, found }) =>
      holds ? `  ok      ${claim}` : `  NOT OK  ${claim}: ${found}`,
    ),
    '',
    `Verdict: ${isOk(checks) ? 'OK' : 'NOT OK'} (${seconds} s)`,
  ];
}

function numberRows(numbers: Numbers, evidence: Evidence): string[] {
  const { posts, raw, projection, accepted, kills, restarts } = evidence;
  const refusals = Tally.of(posts.filter(({ status }) => status !== 202).map(({ status }) => String(status)));
  const again = projection.deliveries.filter(({ seen }) => seen > 1).length;
  const held = kills.map(({ inFlight }) => inFlight).join(' and ');
  return [
    row('posted', numbers.posted),
    row('accepted', numbers.accepted, `${numbers.duplicates} of them again`),
    row('refused', numbers.refused, shares(refusals)),
    row('put in raw', raw.length, raw.map(({ what }) => what).join(', ')),
    row(ACTIVITY, numbers.applied, `applied; ${again} came once more after a kill and changed nothing`),
    row(NOTIFIER, accepted.size, `notified; ${numbers.retried} needed more than one attempt`),
    row('dead letters', numbers.deadLettered, `${numbers.expectedDeadLettered} expected`),
    row('lost', numbers.lost),
    row('applied twice', numbers.appliedTwice),
    row('worker kills', numbers.workerKills, `SIGKILL, with ${held} messages in its hands`),
    ...(restarts === undefined ? [] : [restartRow(evidence, restarts)]),
  ];
}

function restartRow({ posts, raw }: Evidence, restarts: readonly BrokerRestart[]): string {
  const again = [...posts, ...raw].reduce((sum, { unavailable }) => sum + unavailable, 0);
  const left = restarts.map(({ pending }) => pending).join(' and ');
  return row(
    'broker restarts',
    restarts.length,
    `with ${left} messages in it; ${again} sent again meanwhile`,
  );
}

function reasonsIn(name: string, { deadLetters }: Evidence): [number, string] {
  const reasons = deadLetters.filter(({ subscription }) => subscription === name).map(({ reason }) => reason);
  return [reasons.length, shares(Tally.of(reasons))];
}

function shares(tally: Tally): string {
  return tally.names.map((name) => `${tally.get(name)} × ${name}`).join(', ');
}

function row(name: string, count: number, remark = ''): string {
  return `  ${name.padEnd(18)}${String(count).padStart(5)}   ${remark}`.trimEnd();
}
