// Lets a child process of a test run the TypeScript sources, decorators and doors included, with no build before it:
//   node --import ./test/run-sources.mjs path/to/child.ts
// With RUN_SOURCES_CACHE=<folder>, what one child compiled is not compiled again by the next.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const root = dirname(import.meta.dirname);
const { config } = ts.readConfigFile(`${root}/tsconfig.json`, (file) => ts.sys.readFile(file));
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
const compilerOptions = {
  ...options,
  module: ts.ModuleKind.ESNext,
  declaration: false,
  sourceMap: false,
  inlineSourceMap: true,
};

/** The source behind a door such as `@pigeonpost/queue/memory`, by the paths of tsconfig.json. */
function door(specifier) {
  for (const [pattern, [source]] of Object.entries(config.compilerOptions.paths)) {
    const [before, after] = pattern.split('*');
    if (after === undefined ? specifier !== pattern : !specifier.startsWith(before)) continue;
    return pathToFileURL(`${root}/${source.replace('*', specifier.slice(before.length))}`);
  }
  return undefined;
}

function sourceOf(specifier, parentURL) {
  if (!specifier.startsWith('.')) return door(specifier);
  return new URL(specifier.replace(/\.js$/, '.ts'), parentURL);
}

const cache = process.env['RUN_SOURCES_CACHE'];

function compile(fileName) {
  const text = readFileSync(fileName, 'utf8');
  if (cache === undefined) return ts.transpileModule(text, { fileName, compilerOptions }).outputText;
  const key = createHash('sha256').update(`${fileName}\0${text}`).digest('hex');
  const kept = join(cache, `${key}.js`);
  if (!existsSync(kept)) {
    // Renamed into place, because several children may start at once.
    const draft = `${kept}.${process.pid}`;
    writeFileSync(draft, ts.transpileModule(text, { fileName, compilerOptions }).outputText);
    renameSync(draft, kept);
  }
  return readFileSync(kept, 'utf8');
}

registerHooks({
  resolve(specifier, context, next) {
    const url = sourceOf(specifier, context.parentURL);
    const isSource = url?.pathname.endsWith('.ts') && existsSync(url);
    return isSource ? { url: url.href, shortCircuit: true } : next(specifier, context);
  },
  load(url, context, next) {
    if (!url.endsWith('.ts') || url.includes('/node_modules/')) return next(url, context);
    return { format: 'module', source: compile(fileURLToPath(url)), shortCircuit: true };
  },
});
