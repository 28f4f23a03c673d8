// A second process for the specs: runs the sources themselves, so that it needs no build.
//   node spec-child.mjs <role> <file> [count]
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const compilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2023,
  experimentalDecorators: true,
  verbatimModuleSyntax: true,
};

registerHooks({
  resolve(specifier, context, next) {
    const source = /^\..+\.js$/.test(specifier) && specifier.replace(/\.js$/, '.ts');
    const url = source && new URL(source, context.parentURL);
    return url && existsSync(url) ? { url: url.href, shortCircuit: true } : next(specifier, context);
  },
  load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context);
    const source = ts.transpileModule(readFileSync(fileURLToPath(url), 'utf8'), {
      compilerOptions,
    }).outputText;
    return { format: 'module', source, shortCircuit: true };
  },
});

const { sqliteBackend } = await import('./sqlite.backend.ts');
const { systemAmbient } = await import('../../ambient/ambient.ts');
const { NO_HEADERS } = await import('../../message/headers.ts');

const [role, file, count = '0'] = process.argv.slice(2);
const { backend } = await sqliteBackend.open(role, { file }, systemAmbient);
const say = (line) => process.stdout.write(`${line}\n`);
const heard = () => new Promise((resolve) => process.stdin.once('data', resolve));
const order = (id) => ({ topic: 'orders', to: undefined, id, body: id, headers: NO_HEADERS });

const roles = {
  /** Takes messages and keeps them. */
  async hold() {
    const receiver = await backend.open({ name: 'work', topics: ['orders'], leaseMs: 60_000 });
    const held = await receiver.receive(Number(count), new AbortController().signal);
    say(held.map(({ id }) => id).join(' '));
    await heard();
  },
  /** Publishes one message after the other, each in a transaction of its own. */
  async write() {
    const refused = [];
    for (let at = 0; at < Number(count); at++) {
      const [result] = await backend.publish([order(`${process.pid}-${at}`)]);
      if (result.status !== 'stored') refused.push(result.error.message);
    }
    say(JSON.stringify(refused));
  },
  /** Publishes one message for every line it hears, and says when it was stored. */
  async echo() {
    for (say('ready'); ;) {
      const line = String(await heard()).trim();
      if (line === 'end') return;
      await backend.publish([order(line)]);
      say(String(performance.timeOrigin + performance.now()));
    }
  },
};

await roles[role]();
await backend.close(new Date(systemAmbient.clock.now() + 1_000));
process.stdin.destroy();
