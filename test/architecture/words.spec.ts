import ts from 'typescript';
import { files, isSpec, parse, place, read } from './tree.js';

/** Written in pieces, so that this file does not find itself. */
const REGISTRY_HOST = new RegExp(
  ['registry\\.(npm', 'js|yarn', 'pkg)|repo1?\\.ma', 'ven|deb\\.deb', 'ian\\.'].join(''),
);
const MACHINE_PATH = /(^|[\s"'`(=:])\/(work|farm|root|home\/\w+|Users\/\w+)\//;

/** Words of the glossary's right column that name something else too, in Nest or in plain English. */
const ELSEWHERE = new Set([
  'complete',
  'feature',
  'filter',
  'group',
  'hook',
  'listener',
  'provider',
  'server',
  'strategy',
  'support',
]);

/** Words for which the glossary has another one, such as `engine` for a backend. */
function foreignWords(): ReadonlySet<string> {
  const rows = read('docs/glossary.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2);
  const words = rows.flatMap((row) => (row.split('|')[3] ?? '').split(',').map((word) => word.trim()));
  return new Set(words.filter((word) => /^[a-z]+$/.test(word) && !ELSEWHERE.has(word)));
}

const committed = files('*', '*/**/*', '.ci/**/*', '.*').filter((file) => !/\.(png|ico|gz|tgz)$/.test(file));

function linesWith(pattern: RegExp): readonly string[] {
  return committed.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}`] : [],
      ),
  );
}

/** `RetryPolicy`, `MAX_TRIES` and `retryAfter` as lower-case words. */
function wordsOf(name: string): readonly string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
}

function exportedNames(source: ts.SourceFile): readonly ts.Identifier[] {
  return source.statements.filter(isExported).flatMap(namesOf).filter(ts.isIdentifier);
}

function namesOf(statement: ts.Statement): readonly ts.Node[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name);
  const { name } = statement as ts.DeclarationStatement;
  return name === undefined ? [] : [name];
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

describe('words', () => {
  it('looks at everything that is committed', () => {
    expect(committed).toEqual(
      expect.arrayContaining(['package-lock.json', '.oxlintrc.json', 'libs/queue/package.json']),
    );
  });

  it('name no package registry: where to install from is the business of the machine', () => {
    expect(linesWith(REGISTRY_HOST)).toEqual([]);
  });

  it('name no path of anybody’s machine', () => {
    expect(linesWith(MACHINE_PATH)).toEqual([]);
  });

  it('use the glossary’s word for what they export', () => {
    const words = foreignWords();
    expect(words).toContain('engine');
    const foreign = files('libs/*/src/**/*.ts')
      .filter((file) => !isSpec(file) && !file.includes('/backends/'))
      .map(parse)
      .flatMap((source) =>
        exportedNames(source)
          .filter(({ text }) => wordsOf(text).some((word) => words.has(word)))
          .map((name) => `${place(source, name)} exports ${name.text}: see docs/glossary.md`),
      );
    expect(foreign).toEqual([]);
  });
});
