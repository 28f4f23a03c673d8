import { Redis } from 'ioredis';
import { brokerOf, type Workload } from '../contender.ts';
import { type RemoteQueue, remoteInBulk, type Subscribing } from '../remote.ts';
import { BULK } from '../traffic.ts';

/** KEYS: next id, ids that are ready. ARGV: prefix of a message's key, bodies. A message is a hash. */
const ADD = `
  local last = redis.call('INCRBY', KEYS[1], #ARGV - 1)
  local ids = {}
  for at = 2, #ARGV do
    local id = last - #ARGV + at
    ids[at - 1] = id
    redis.call('HSET', ARGV[1] .. id, 'body', ARGV[at])
  end
  redis.call('RPUSH', KEYS[2], unpack(ids))
  return last`;

/**
 * Removes what was leased as one claim and is finished, and leases the next ones as another; each lease is counted.
 * KEYS: ids that are ready, leases by their end. ARGV: prefix of a message's key, claim, next claim, how many, ms, ids.
 */
const NEXT = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  for at = 6, #ARGV do
    if redis.call('ZREM', KEYS[2], ARGV[2] .. ':' .. ARGV[at]) == 1 then redis.call('DEL', ARGV[1] .. ARGV[at]) end
  end
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', KEYS[2], lease)
    redis.call('LPUSH', KEYS[1], string.match(lease, ':(.*)'))
  end
  local ids = redis.call('LPOP', KEYS[1], ARGV[4])
  if not ids then return {{}, {}} end
  local bodies = {}
  for at, id in ipairs(ids) do
    redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[3] .. ':' .. id)
    redis.call('HINCRBY', ARGV[1] .. id, 'attempts', 1)
    bodies[at] = redis.call('HGET', ARGV[1] .. id, 'body')
  end
  return {ids, bodies}`;

const LEASE_MS = 30_000;

interface Scripts {
  add(id: string, ready: string, message: string, ...bodies: readonly string[]): Promise<unknown>;
  next(
    ready: string,
    leases: string,
    message: string,
    ...claim: readonly (string | number)[]
  ): Promise<readonly [ids: readonly string[], bodies: readonly string[]]>;
}

/** The least that a queue with fenced leases can be in Redis: one script for many adds, one for many settlements and claims. */
export class LuaQueue implements RemoteQueue {
  readonly #redis: Redis & Scripts;
  readonly #name: string;

  constructor(load: Workload) {
    const { url, name } = brokerOf(load);
    this.#redis = new Redis(url, {
      scripts: { add: { lua: ADD, numberOfKeys: 2 }, next: { lua: NEXT, numberOfKeys: 2 } },
    }) as Redis & Scripts;
    this.#name = name;
  }

  publish(data: unknown): Promise<unknown> {
    return this.publishMany([data]);
  }

  publishMany(all: readonly unknown[]): Promise<unknown> {
    const { id, ready, message } = this.#keys();
    return this.#redis.add(id, ready, message, ...all.map((data) => JSON.stringify(data)));
  }

  subscribe(subscribing: Subscribing): void {
    void this.#consume(subscribing);
  }

  close(): void {
    this.#redis.disconnect();
  }

  /** Until nothing is ready: a limit of throughput, not a consumer. */
  async #consume({ handle, settled }: Subscribing): Promise<void> {
    const { ready, leases, message } = this.#keys();
    let finished: readonly string[] = [];
    for (let claim = 0; ; claim++) {
      const arguments_ = [claim, claim + 1, BULK, LEASE_MS, ...finished];
      const [ids, bodies] = await this.#redis.next(ready, leases, message, ...arguments_);
      for (let left = finished.length; left > 0; left--) settled();
      if (ids.length === 0) return;
      for (const body of bodies) await handle(JSON.parse(body));
      finished = ids;
    }
  }

  #keys() {
    const key = (what: string): string => `${this.#name}:${what}`;
    return { id: key('id'), ready: key('ready'), leases: key('leases'), message: key('message:') };
  }
}

/** The limit of what Redis can do with leases: 500 messages a script. */
export const { contender, ends } = remoteInBulk('redis-lua', async (load) => new LuaQueue(load));
