import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

export const ROOT = resolve(import.meta.dirname, '../..');

/** Never the project's own text. */
const FOREIGN = new Set(['node_modules', 'dist', 'coverage', '.git', '.demo']);

/** Files that match, as sorted paths from the root with forward slashes. */
export function files(...patterns: readonly string[]): readonly string[] {
  const found = globSync([...patterns], {
    cwd: ROOT,
    withFileTypes: true,
    exclude: (entry) => FOREIGN.has(entry.name),
  });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
}

export function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

export function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true);
}

/** Specs and what they share (`x.fixture.ts`): compiled by the tests, never into a package. */
export function isSpec(file: string): boolean {
  return /[.-](spec|fixture)\.ts$/.test(file);
}

/** `file:line`, as an editor understands it. */
export function place(source: ts.SourceFile, node: ts.Node): string {
  return `${source.fileName}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}

/** Every node of a file, parents first. */
export function nodesOf(root: ts.Node): readonly ts.Node[] {
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  visit(root);
  return nodes;
}

export interface Import {
  readonly at: string;
  readonly from: string;
  /** As written: `./retry.policy.js`, `@nestjs/common`, `node:fs`. */
  readonly specifier: string;
  /** A path from the root for a relative import; otherwise the specifier. */
  readonly to: string;
  /** `type` is gone at run time; `lazy` is an `import()`. */
  readonly kind: 'value' | 'type' | 'lazy';
}

/** What a file imports or re-exports, in whatever syntax. */
export function importsOf(file: string): readonly Import[] {
  const source = parse(file);
  const imports: Import[] = [];
  for (const node of nodesOf(source)) {
    const found = asImport(node);
    if (found === undefined) continue;
    const [specifier, kind] = found;
    imports.push({ at: place(source, node), from: file, specifier, to: target(file, specifier), kind });
  }
  return imports;
}

function asImport(node: ts.Node): readonly [string, Import['kind']] | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
    return [textOf(node.moduleSpecifier), isTypeOnly(node) ? 'type' : 'value'];
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return [textOf(node.argument.literal), 'type'];
  }
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) return undefined;
  const [argument] = node.arguments;
  return argument === undefined ? undefined : [textOf(argument), 'lazy'];
}

function textOf(node: ts.Node): string {
  return ts.isStringLiteralLike(node) ? node.text : node.getText();
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (clause === undefined) return false;
  const names = clause.namedBindings;
  const everyNameIsType =
    clause.name === undefined &&
    names !== undefined &&
    ts.isNamedImports(names) &&
    names.elements.every((name) => name.isTypeOnly);
  return clause.phaseModifier === ts.SyntaxKind.TypeKeyword || everyNameIsType;
}

function target(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return relative(ROOT, resolve(ROOT, dirname(file), specifier)).replace(/\.js$/, '.ts');
}
