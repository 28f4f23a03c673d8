import { RedisServerError, type ResolvedRedisOptions } from './redis.options.js';
import { quote } from '../../message/names.js';
import { type RedisLink, rootOf } from './redis.link.js';
import { LAYOUT } from './redis.topology.lua.js';

/** ZMSCORE, and LMPOP's predecessors: 6.2. */
const OLDEST = [6, 2] as const;
/** Nodes of a cluster that name each other do not agree yet. */
const MOST_MOVES = 5;

/** Refuses a server on which the promises of this backend do not hold. Throws RedisServerError. */
export async function checkServer(
  backend: string,
  link: RedisLink,
  options: ResolvedRedisOptions,
): Promise<void> {
  const layout = await layoutProblem(link, options);
  const info = readInfo(String(await link.call('ask the server what it is', 'info', [])));
  const problem =
    versionProblem(info) ??
    roleProblem(info) ??
    evictionProblem(info, options) ??
    volatileProblem(info, options) ??
    layout;
  if (problem !== undefined) throw new RedisServerError(backend, problem);
}

type Info = ReadonlyMap<string, string>;

function readInfo(text: string): Info {
  const pairs = text.split('\r\n').filter((line) => line.includes(':'));
  return new Map(pairs.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

function versionProblem(info: Info): string | undefined {
  const version = info.get('redis_version') ?? 'unknown';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return undefined;
  return `it is version ${version}, and ${OLDEST.join('.')} is the oldest that will do: upgrade it`;
}

function roleProblem(info: Info): string | undefined {
  return info.get('role') === 'slave' ? 'it is a replica: point the URL to the primary' : undefined;
}

function evictionProblem(info: Info, { allowEviction }: ResolvedRedisOptions): string | undefined {
  const policy = info.get('maxmemory_policy');
  if (policy === 'noeviction' || policy === undefined || allowEviction) return undefined;
  const remedy =
    'set maxmemory-policy to noeviction, use another server, or accept the loss with allowEviction: true';
  return `its maxmemory-policy is ${policy}, which deletes messages when memory is full: ${remedy}`;
}

function volatileProblem(info: Info, { allowVolatile }: ResolvedRedisOptions): string | undefined {
  if (info.get('aof_enabled') !== '0' || allowVolatile) return undefined;
  const remedy = 'set appendonly to yes, use another server, or accept the loss with allowVolatile: true';
  return `it writes no append-only file, so that messages are lost when it ends: ${remedy}`;
}

/** Without a version of its topology there is nothing yet under the prefix. */
async function layoutProblem(link: RedisLink, { prefix }: ResolvedRedisOptions): Promise<string | undefined> {
  const root = rootOf(prefix);
  const [version, layout] = await readFromItsNode(link, [`${root}:v`, `${root}:layout`]);
  if (!version || layout?.toString() === LAYOUT) return undefined;
  const remedy =
    'have that version handle what is left there and delete the keys, or begin with another prefix';
  return `another version of this library has laid out the keys of prefix ${quote(prefix)} (layout ${layout?.toString() ?? '1'}, this one has ${LAYOUT}): ${remedy}`;
}

/** In a cluster the first node asked may be one that names another. */
async function readFromItsNode(
  link: RedisLink,
  keys: readonly string[],
): Promise<readonly (Buffer | null)[]> {
  for (let moves = 0; ; moves++) {
    try {
      return (await link.call('read the layout of the keys', 'mget', keys)) as (Buffer | null)[];
    } catch (error) {
      if (moves === MOST_MOVES || !(await link.isAtOtherNode())) throw error;
    }
  }
}
