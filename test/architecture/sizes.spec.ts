import ts from 'typescript';
import { files, isSpec, nodesOf, parse } from './tree.js';

// Lint holds the upper limits (a file 250 lines, a function 40). This holds the shape: most of the code is far below.

const sources = files('libs/*/src/**/*.ts')
  .filter((file) => !isSpec(file))
  .map(parse);

/** The value that `share` (0 to 1) of the sorted values do not exceed. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
}

function lines(source: ts.SourceFile, node: ts.Node): number {
  const first = source.getLineAndCharacterOfPosition(node.getStart()).line;
  return source.getLineAndCharacterOfPosition(node.getEnd()).line - first + 1;
}

/** Functions and methods; a one-line arrow is an expression. */
function isBigEnoughToCount(node: ts.Node): boolean {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isConstructorDeclaration(node) ||
    ts.isAccessor(node) ||
    (ts.isArrowFunction(node) && ts.isBlock(node.body))
  );
}

describe('sizes', () => {
  const fileLines = sources.map((source) => lines(source, source));
  const functionLines = sources.flatMap((source) =>
    nodesOf(source)
      .filter(isBigEnoughToCount)
      .map((node) => lines(source, node)),
  );

  it('half of the files fit on a screen', () => {
    expect(quantile(fileLines, 0.5)).toBeLessThanOrEqual(80);
  });

  it('half of the functions are under ten lines', () => {
    expect(quantile(functionLines, 0.5)).toBeLessThan(10);
  });

  it('nine functions of ten are at most twenty lines', () => {
    expect(quantile(functionLines, 0.9)).toBeLessThanOrEqual(20);
  });
});
