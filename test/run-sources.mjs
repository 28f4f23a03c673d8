// Lets a child process of a test run the TypeScript sources, decorators and doors included, with no build before it:
//   node --import ./test/run-sources.mjs path/to/child.ts
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, enableCompileCache, registerHooks } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);
const root = dirname(import.meta.dirname);
const settings = readFileSync(join(root, 'tsconfig.json'), 'utf8');
const { compilerOptions } = JSON.parse(settings);
const { version } = require('typescript/package.json');

// What one child compiled, the next one only reads: most of them start, do one thing, and are killed.
const cache = join(root, 'node_modules/.cache/run-sources');
mkdirSync(cache, { recursive: true });
enableCompileCache(join(cache, 'v8'));

/** The source behind a door such as `@pigeonpost/queue/memory`, by the paths of tsconfig.json. */
function door(specifier) {
  for (const [pattern, [source]] of Object.entries(compilerOptions.paths)) {
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

function compile(fileName, text) {
  const ts = require('typescript');
  const { options } = ts.convertCompilerOptionsFromJson(compilerOptions, root);
  const module = ts.ModuleKind.ESNext;
  const settled = { ...options, module, declaration: false, sourceMap: false, inlineSourceMap: true };
  return ts.transpileModule(text, { fileName, compilerOptions: settled }).outputText;
}

function compiled(fileName) {
  const text = readFileSync(fileName, 'utf8');
  const key = createHash('sha256').update([version, settings, fileName, text].join('\0')).digest('hex');
  const kept = join(cache, `${key}.js`);
  if (!existsSync(kept)) {
    // Renamed into place, because several children may start at once.
    const draft = `${kept}.${process.pid}`;
    writeFileSync(draft, compile(fileName, text));
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
    return { format: 'module', source: compiled(fileURLToPath(url)), shortCircuit: true };
  },
});
