import { MAX_STORE_KEY_BYTES, type Store, type StoreOp } from '../../store/store.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import type { LawBench } from '../law-bench.js';

const CLOSE_WITHIN_MS = 1_000;
const STORE: Gate = { needs: 'a store', met: (_, { remembers }) => remembers };

/** O: what remembers things for the policies that need a memory. */
export const STORE_LAWS: readonly Law[] = [
  {
    id: 'O1',
    title: 'a store answers key by key, with what was written last',
    gate: STORE,
    does: async (bench) => {
      const store = storeOf(bench);
      await store.write([put('a', '1'), put('b', 'quotes "\\" é😀\n')]);
      const [version] = await versionsOf(store, put('a', '2 3 4'));
      const [a, missing, b] = await store.read(['a', 'x', 'b']);
      mustEqual({ ...a }, { key: 'a', value: '2 3 4', version, expiresAt: undefined }, 'the entry');
      mustEqual(
        [missing, b?.value],
        [undefined, 'quotes "\\" é😀\n'],
        'what was never written, and the other',
      );
    },
  },
  {
    id: 'O2',
    title: 'a write is done as a whole or not at all, and tells what stood in the way',
    gate: STORE,
    does: async (bench) => {
      const store = storeOf(bench);
      const [version = 0] = await versionsOf(store, put('a', '1'));
      const result = await store.write([
        put('b'),
        { ...put('a', '2'), if: 'absent' },
        { op: 'delete', key: 'c', if: 7 },
      ]);
      const conflicts = result.ok ? [] : result.conflicts.map(({ key, entry }) => [key, entry?.version]);
      mustEqual(
        conflicts,
        [
          ['a', version],
          ['c', undefined],
        ],
        'what stood in the way',
      );
      mustEqual(await valuesOf(store, 'a', 'b'), ['1', undefined], 'what there is after it');
      const versions = await versionsOf(
        store,
        { ...put('a', '2'), if: version },
        { ...put('b'), if: 'absent' },
        { op: 'delete', key: 'never' },
      );
      mustEqual(versions[2], 0, 'the version of a delete');
      mustEqual(await valuesOf(store, 'a', 'b'), ['2', 'b'], 'what there is when all conditions hold');
    },
  },
  {
    id: 'O3',
    title: 'of many who want the same absent keys one gets them, all of them',
    gate: STORE,
    does: async (bench) => {
      await bench.connect();
      const stores = bench.stores;
      const keys = ['k1', 'k2', 'k3'];
      const tries = Array.from({ length: 20 }, (_, at) => {
        const named = at % 3 === 0 ? keys : keys.toReversed();
        const ops = named.map((key): StoreOp => ({ ...put(key, `${at}`), if: 'absent' }));
        return (stores[at % 2] as Store).write(ops);
      });
      const winners = (await Promise.all(tries)).flatMap(({ ok }, at) => (ok ? [`${at}`] : []));
      mustEqual(winners.length, 1, 'how many got them');
      const values = await valuesOf(storeOf(bench), ...keys);
      mustEqual(new Set(values), new Set(winners), 'whose the keys are');
    },
  },
  {
    id: 'O4',
    title: 'a version rises with every write, and none comes again after a delete or an expiry',
    gate: STORE,
    does: async (bench) => {
      const store = storeOf(bench);
      const versions: number[] = [];
      for (const op of [put('a'), put('a'), remove('a'), { ...put('a'), ttlMs: 10 }, put('a'), put('a')]) {
        const [version = 0] = await versionsOf(store, op);
        if (op.op === 'put') versions.push(version);
        if (versions.length === 3) await bench.time.pass(20 + bench.time.slackMs);
      }
      mustEqual(
        versions,
        [...new Set(versions)].toSorted((one, other) => one - other),
        'the versions',
      );
    },
  },
  {
    id: 'O5',
    title: 'what has expired is absent, and what is written again without a life stays',
    gate: STORE,
    does: async (bench) => {
      const store = storeOf(bench);
      const life = 500;
      await store.write([
        { ...put('o5:old'), ttlMs: life },
        { ...put('o5:kept'), ttlMs: life },
      ]);
      const [old] = await store.read(['o5:old']);
      must(old !== undefined, 'an entry is gone long before its end');
      await store.write([put('o5:kept', 'again')]);
      await bench.time.pass(life + bench.time.slackMs);
      mustEqual(await valuesOf(store, 'o5:old', 'o5:kept'), [undefined, 'again'], 'what is left');
      mustEqual(keysOf(await store.scan('o5:', { limit: 10 })), ['o5:kept'], 'what a scan shows');
      await versionsOf(store, { ...put('o5:old', 'new'), if: 'absent' });
    },
  },
  {
    id: 'O6',
    title: 'a scan shows a prefix by key, page by page, whatever lies between has expired',
    gate: STORE,
    does: async (bench) => {
      const store = storeOf(bench);
      await store.write(
        ['b', 'a:1', 'a:3', 'a:2', 'a', 'a;', 'a:é', 'A:1', 'a%', 'a_1'].map((key) => put(key)),
      );
      await store.write(Array.from({ length: 30 }, (_, at) => ({ ...put(`a:1${at}`), ttlMs: 1 })));
      await bench.time.pass(5 + bench.time.slackMs);
      mustEqual(keysOf(await store.scan('a:', { limit: 2 })), ['a:1', 'a:2'], 'the first page');
      const rest = await store.scan('a:', { limit: 10, after: 'a:2' });
      mustEqual(keysOf(rest), ['a:3', 'a:é'], 'the rest');
      mustEqual(keysOf(await store.scan('none', { limit: 10 })), [], 'a prefix that nothing has');
      mustEqual(keysOf(await store.scan('a_', { limit: 10 })), ['a_1'], 'a prefix that looks like a pattern');
    },
  },
  {
    id: 'O7',
    title: 'a store refuses keys that are too long, and everything after it was closed',
    gate: STORE,
    does: async (bench) => {
      const store = storeOf(bench);
      const longest = 'é'.repeat(MAX_STORE_KEY_BYTES / 2);
      await versionsOf(store, put(longest));
      mustEqual(await codeFrom(store.write([put(`${longest}x`)])), 'store_key', 'a longer key');
      const { clock } = bench.ambient;
      await bench.backend.close(new Date(clock.now() + CLOSE_WITHIN_MS)); // which may use the store
      await store.close();
      const calls = [store.read(['a']), store.write([put('a')]), store.scan('', { limit: 1 })];
      mustEqual(
        await Promise.all(calls.map(codeFrom)),
        ['closed', 'closed', 'closed'],
        'the answers after it',
      );
      await bench.reconnect();
    },
  },
];

const put = (key: string, value = key) => ({ op: 'put', key, value }) as const;
const remove = (key: string) => ({ op: 'delete', key }) as const;

function storeOf({ store }: LawBench): Store {
  must(store !== undefined, 'the backend says that it remembers, and has no store');
  return store;
}

/** Of a write that must be done. */
async function versionsOf(store: Store, ...ops: readonly StoreOp[]): Promise<readonly number[]> {
  const result = await store.write(ops);
  must(result.ok, `a write of ${ops.map(({ key }) => key).join(', ')} was not done`);
  return result.versions;
}

async function valuesOf(store: Store, ...keys: readonly string[]): Promise<readonly (string | undefined)[]> {
  return (await store.read(keys)).map((entry) => entry?.value);
}

function keysOf(entries: readonly { readonly key: string }[]): readonly string[] {
  return Array.from(entries, ({ key }) => key); // a list of this realm, whichever one the driver's is of
}

function codeFrom(call: Promise<unknown>): Promise<string> {
  return call.then(() => 'done', codeOf);
}
