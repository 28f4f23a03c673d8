import ts from 'typescript';
import { files, isSpec, nodesOf, parse, place } from './tree.js';

// What lint has no rule for. The clock, the dice and the ids themselves are lint's (.oxlintrc.json).

const sources = files('libs/*/src/**/*.ts')
  .filter((file) => !isSpec(file))
  .map(parse);

function where(matches: (node: ts.Node) => boolean): readonly string[] {
  return sources.flatMap((source) =>
    nodesOf(source)
      .filter(matches)
      .map((node) => place(source, node)),
  );
}

function creates(node: ts.Node, name: string): node is ts.NewExpression {
  return ts.isNewExpression(node) && node.expression.getText() === name;
}

describe('the library', () => {
  it('takes the time from its Clock, also for a Date', () => {
    expect(where((node) => creates(node, 'Date') && (node.arguments ?? []).length === 0)).toEqual([]);
  });

  it('throws errors that say who and why, never a plain Error', () => {
    const plain = where((node) => creates(node, 'Error') || isCallOf(node, 'Error'));
    // In a law a handler fails as an application's does.
    expect(plain.filter((at) => !at.includes('/testing/laws/'))).toEqual([]);
  });

  it('has no boolean parameter that others must fill in: a bare true in a call says nothing', () => {
    expect(where((node) => ts.isParameter(node) && isBoolean(node) && isCalledByOthers(node.parent))).toEqual(
      [],
    );
  });

  it('keeps its secrets in #private fields', () => {
    expect(where((node) => ts.isPropertyDeclaration(node) && isPrivateByWord(node))).toEqual([]);
  });

  it('marks nothing as unfinished', () => {
    const marked = sources.filter(({ text }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(text));
    expect(marked.map(({ fileName }) => fileName)).toEqual([]);
  });

  it('gives the reason wherever it silences a check', () => {
    const silenced = /(@ts-(ignore|expect-error|nocheck)|(ox|es)lint-disable)(?!.* -- \S)/;
    expect(sources.filter(({ text }) => silenced.test(text)).map(({ fileName }) => fileName)).toEqual([]);
  });
});

function isCallOf(node: ts.Node, name: string): boolean {
  return ts.isCallExpression(node) && node.expression.getText() === name;
}

function isPrivateByWord(node: ts.PropertyDeclaration): boolean {
  return node.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.PrivateKeyword) ?? false;
}

function isBoolean({ type }: ts.ParameterDeclaration): boolean {
  return type?.kind === ts.SyntaxKind.BooleanKeyword;
}

/** An assertion takes the very thing it asserts, which is no flag. */
function isCalledByOthers(node: ts.SignatureDeclaration): boolean {
  if (node.type !== undefined && ts.isTypePredicateNode(node.type)) return false;
  if (ts.isMethodDeclaration(node)) return !ts.isPrivateIdentifier(node.name);
  if (ts.isFunctionDeclaration(node)) return ts.getModifiers(node)?.some(isExport) ?? false;
  return ts.isConstructorDeclaration(node) || ts.isMethodSignature(node);
}

function isExport({ kind }: ts.Modifier): boolean {
  return kind === ts.SyntaxKind.ExportKeyword;
}
