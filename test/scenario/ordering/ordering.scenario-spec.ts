import { jest } from '@jest/globals';
import { Ledger } from './ledger.js';
import { CONCURRENCY, CONSUMERS, type Effect, KEYS, MESSAGES_PER_KEY, POISON } from './ordering.order.js';

// Several processes handle 16,000 messages, on a machine that may be busy.
jest.setTimeout(120_000);

const TOTAL = KEYS * MESSAGES_PER_KEY;
const IN_FLIGHT = CONSUMERS * CONCURRENCY;

let ledger: Ledger;
beforeEach(async () => void (ledger = await Ledger.open()));
afterEach(() => ledger.close());

/** What is wrong with the order of the effects, and how many of them were repeats of the last one of their key. */
function judge(effects: readonly Effect[]): { readonly wrong: readonly string[]; readonly repeats: number } {
  const last = new Map<string, number>();
  const wrong: string[] = [];
  let repeats = 0;
  for (const { key, number } of effects) {
    const before = last.get(key) ?? -1;
    if (number === before) repeats++;
    else if (number !== before + 1) wrong.push(`${key}/${number} after ${before}`);
    last.set(key, number);
  }
  return { wrong, repeats };
}

it('keeps the order of every key over failures, a dead letter, several processes and the death of one', async () => {
  await ledger.publishAll();
  const [doomed] = [ledger.start(), ledger.start(), ledger.start()];
  await ledger.until(() => ledger.effects().length > TOTAL / 4);
  await doomed?.end('SIGKILL');
  ledger.start();

  const behind = MESSAGES_PER_KEY - POISON.number - 1;
  expect(await ledger.atRest()).toMatchObject({ held: behind, dead: 1 });
  const first = judge(ledger.effects());
  expect(first.wrong).toEqual([]);
  expect(first.repeats).toBeLessThanOrEqual(IN_FLIGHT);
  expect(ledger.effects()).toHaveLength(TOTAL - behind - 1 + first.repeats);

  expect(await ledger.mendAndReplay()).toBe(1);
  expect(await ledger.atRest()).toMatchObject({ held: 0, dead: 0 });
  const all = judge(ledger.effects());
  expect(all).toEqual({ wrong: [], repeats: first.repeats });
  expect(ledger.effects()).toHaveLength(TOTAL + all.repeats);
});
