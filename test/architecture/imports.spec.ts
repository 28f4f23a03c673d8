import { files, type Import, importsOf, isSpec, read } from './tree.js';

/** Lowest first: a room imports from rooms before it. See docs/decisions on the import ladder. */
const LADDER = [
  'ambient',
  'message',
  'store',
  'backend',
  'relay',
  'composed',
  'policies',
  'interceptors',
  'publish',
  'consume',
  'decorators',
  'nest',
] as const;
type Room = (typeof LADDER)[number];

const below = (room: Room): readonly Room[] => LADDER.slice(0, LADDER.indexOf(room) + 1);

/** What each room of libs/queue/src may import, itself included. The doors are rooms of their own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(LADDER.map((room) => [room, below(room)])),
  // The way in and the way out do not meet.
  consume: below('consume').filter((room) => room !== 'publish'),
  backends: below('backend'),
  testing: [...below('consume'), 'backends', 'testing'],
  // A door of its own above everything, for those who have Nest's microservices.
  microservices: [...LADDER, 'microservices'],
  'testing/nest': [...LADDER, 'backends', 'testing', 'testing/nest'],
  'index.ts': LADDER,
};

const QUEUE = 'libs/queue/src/';
const DOORS = /^@pigeonpost\/(queue|tasks)(\/testing\/nest|\/[a-z]+)?$/;

/** The folder right under `src`, or the file itself when it is a door. */
function roomOf(file: string): string {
  const [room = '', inner = ''] = file.slice(QUEUE.length).split('/');
  return room === 'testing' && inner === 'nest' ? 'testing/nest' : room;
}

function backendOf(file: string): string | undefined {
  return /^libs\/queue\/src\/backends\/([^/]+)\//.exec(file)?.[1];
}

/** A spec uses real parts: whatever its subject may, and a backend, and the doubles of `testing`. */
function mayImport(from: string, to: string): boolean {
  const allowed = MAY_IMPORT[roomOf(from)] ?? [];
  return allowed.includes(to) || (isSpec(from) && ['backends', 'testing', 'publish'].includes(to));
}

/** The only place that knows the backends by name loads them when they are asked for. */
function isRegistryLoad(edge: Import): boolean {
  return edge.from === `${QUEUE}nest/backend.registry.ts` && edge.kind === 'lazy';
}

const say = (edge: Import, why: string): string => `${edge.at} may not import '${edge.specifier}': ${why}`;

const queueImports = files(`${QUEUE}**/*.ts`).flatMap(importsOf);
const inside = queueImports.filter((edge) => edge.to.startsWith(QUEUE));
const outside = files(
  'apps/*/src/**/*.ts',
  'libs/tasks/src/**/*.ts',
  'test/{brokers,e2e,laws,recipes,scenario,simulation}/**/*.ts',
).flatMap(importsOf);

describe('imports', () => {
  it('reads the library', () => {
    expect(inside.length).toBeGreaterThan(50);
  });

  it('only go down the ladder', () => {
    const wrong = inside
      .filter((edge) => roomOf(edge.from) !== roomOf(edge.to))
      .filter((edge) => !mayImport(edge.from, roomOf(edge.to)) && !isRegistryLoad(edge))
      .map((edge) => say(edge, `${roomOf(edge.from)} may not see ${roomOf(edge.to)}`));
    expect(wrong).toEqual([]);
  });

  it('never lead from one backend to another', () => {
    const wrong = inside
      .filter((edge) => backendOf(edge.from) !== undefined && backendOf(edge.to) !== undefined)
      .filter((edge) => backendOf(edge.from) !== backendOf(edge.to))
      .map((edge) => say(edge, 'a backend stands alone'));
    expect(wrong).toEqual([]);
  });

  it('reach Nest only from decorators, nest and the test module', () => {
    const knowNest = ['decorators', 'nest', 'microservices', 'testing/nest'];
    const wrong = files('libs/*/src/**/*.ts')
      .flatMap(importsOf)
      .filter((edge) => edge.specifier.startsWith('@nestjs/'))
      .filter((edge) => !knowNest.some((room) => edge.from.includes(`/src/${room}/`)))
      .map((edge) => say(edge, `@nestjs/* appears only in ${knowNest.join(', ')}`));
    expect(wrong).toEqual([]);
  });

  it('make no circle', () => {
    expect(circles(inside.filter((edge) => edge.kind === 'value'))).toEqual([]);
  });

  it('come through the doors from everywhere else', () => {
    const wrong = outside.filter((edge) => leavesHome(edge) || isDeepPath(edge));
    expect(wrong.map((edge) => say(edge, 'use @pigeonpost/queue or one of its doors'))).toEqual([]);
  });

  it('name no package that the library does not declare', () => {
    const wrong = ['queue', 'tasks'].flatMap(undeclared);
    expect(wrong).toEqual([]);
  });
});

function leavesHome({ from, to }: Import): boolean {
  return to.startsWith('libs/') && !to.startsWith(from.split('/').slice(0, 2).join('/'));
}

function isDeepPath({ specifier }: Import): boolean {
  return specifier.startsWith('@pigeonpost/') && !DOORS.test(specifier);
}

/** Imports of a library's sources that its package.json neither depends on nor asks its user for. */
function undeclared(lib: string): readonly string[] {
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(
    read(`libs/${lib}/package.json`),
  ) as Manifest;
  return files(`libs/${lib}/src/**/*.ts`)
    .filter((file) => !isSpec(file))
    .flatMap(importsOf)
    .filter((edge) => !edge.specifier.startsWith('.') && !edge.specifier.startsWith('node:'))
    .filter((edge) => !(packageOf(edge.specifier) in { ...dependencies, ...peerDependencies }))
    .map((edge) => say(edge, `libs/${lib}/package.json does not name it`));
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Every circle once, as `a → b → a`. */
function circles(edges: readonly Import[]): readonly string[] {
  const graph = new Map<string, string[]>();
  for (const { from, to } of edges) graph.set(from, [...(graph.get(from) ?? []), to]);
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (path.includes(file) || done.has(file)) return;
    for (const to of graph.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return found;
}
