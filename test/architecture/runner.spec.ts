import { resolve } from 'node:path';
import ts from 'typescript';
import { files, nodesOf, parse, place, read, ROOT } from './tree.js';

interface Project {
  readonly displayName: string;
  readonly roots: readonly string[];
  readonly testRegex: string;
}

/** A variable, because the configuration is plain JavaScript and has no types. */
const CONFIG = '../../jest.config.js';
const { default: config } = (await import(CONFIG)) as {
  readonly default: { readonly projects: readonly Project[] };
};
const tests = files('{libs,apps,test,scripts,bench}/**/*spec.ts');

function projectsOf(file: string): readonly string[] {
  const runs = ({ roots, testRegex }: Project): boolean =>
    new RegExp(testRegex).test(`/${file}`) &&
    roots.some((root) => resolve(ROOT, file).startsWith(`${root.replace('<rootDir>', ROOT)}/`));
  return config.projects.filter(runs).map(({ displayName }) => displayName);
}

function where(file: string, matches: (node: ts.Node) => boolean): readonly string[] {
  const source = parse(file);
  return nodesOf(source)
    .filter(matches)
    .map((node) => place(source, node));
}

const REAL_TIME = /^((globalThis\.)?set(Timeout|Interval)|Atomics\.wait)$/;

function waitsOnTheRealClock(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) return /\bset(Timeout|Interval)\b.*'node:timers/.test(node.getText());
  if (!ts.isCallExpression(node)) return false;
  const [clock] = node.arguments;
  const sleeps = node.expression.getText() === 'sleep' && clock?.getText() === 'systemClock';
  return sleeps || REAL_TIME.test(node.expression.getText());
}

function isUnwritten(node: ts.Node): boolean {
  if (ts.isIdentifier(node)) return /^(xit|xtest|xdescribe|fit|fdescribe)$/.test(node.text);
  return (
    ts.isPropertyAccessExpression(node) &&
    /^(it|test|describe)\.(only|skip|todo|failing)$/.test(node.getText())
  );
}

describe('the test runner', () => {
  it('finds every test file, once', () => {
    expect(tests.length).toBeGreaterThan(5);
    expect(
      tests
        .filter((file) => projectsOf(file).length !== 1)
        .map((file) => `${file}: ${projectsOf(file).join()}`),
    ).toEqual([]);
  });

  it('skips, focuses and postpones nothing', () => {
    expect(tests.flatMap((file) => where(file, isUnwritten))).toEqual([]);
  });

  it('waits for conditions and not for seconds, outside the scenarios', () => {
    const timed = tests.filter((file) => !file.startsWith('test/scenario/'));
    expect(timed.flatMap((file) => where(file, waitsOnTheRealClock))).toEqual([]);
  });

  it('is started by one command for everything', () => {
    const { scripts } = JSON.parse(read('package.json')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    expect(scripts['test']).not.toMatch(/selectProjects|testPathIgnore/);
  });
});
