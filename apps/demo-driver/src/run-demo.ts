import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { checkApi, checkReplay, collect } from './aftermath.js';
import type { DemoOptions } from './demo.options.js';
import { drawPlan, type Plan } from './plan.js';
import { play } from './play.js';
import { isOk, reportOf, type Findings } from './report.js';
import { Screen } from './screen.js';
import { Stage } from './stage.js';
import { check, judge, type Check } from './verdict.js';

const INTERRUPTED = 130;

/** Exit code: 0 when every claim of the verdict holds, 1 when one does not, 130 after Ctrl-C. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const screen = new Screen(options.json === '-' ? process.stderr : process.stdout);
  const interruption = onInterrupt();
  const plan = drawPlan(options.seed);
  const stage = new Stage(plan, options.backend, interruption);
  screen.line(`Pigeonpost demo · ${options.backend} · seed ${options.seed} · ${stage.folder}`);
  let ok = false;
  try {
    const findings = await perform(options, plan, { stage, screen });
    ok = isOk(findings.checks);
    publish(findings, options, screen);
    if (options.serve) await serve(stage, screen);
    return ok ? 0 : 1;
  } catch (error) {
    if (interruption.aborted) return INTERRUPTED;
    throw error;
  } finally {
    await stage.close();
    if (options.keep || !(ok || interruption.aborted))
      screen.line(`Databases and logs are in ${stage.folder}`);
    else stage.removeFolder();
  }
}

interface Theatre {
  readonly stage: Stage;
  readonly screen: Screen;
}

async function perform({ serve }: DemoOptions, plan: Plan, { stage, screen }: Theatre): Promise<Findings> {
  const startedAt = performance.now();
  await stage.open();
  const played = await play(plan, stage, screen);
  const evidence = await collect(played, stage);
  const { numbers, checks } = judge(evidence);
  const seen = await checkApi(stage, numbers);
  const replayed = await checkReplay(plan, stage);
  const stopped = serve ? [] : [await checkStop(stage)];
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  return { numbers, checks: [...checks, seen, replayed, ...stopped], evidence, seconds };
}

async function checkStop(stage: Stage): Promise<Check> {
  const codes = await stage.stopServices();
  const wrong = codes.filter((code) => code !== 0).map((code) => `exit code ${code}`);
  return check('both processes end cleanly on SIGTERM', wrong);
}

function publish(findings: Findings, { json }: DemoOptions, screen: Screen): void {
  for (const line of reportOf(findings)) screen.line(line);
  const { numbers, checks, seconds } = findings;
  const text = `${JSON.stringify({ ...numbers, seconds, ok: isOk(checks) }, undefined, 2)}\n`;
  if (json === '-') process.stdout.write(text);
  else if (json !== undefined) writeFileSync(json, text);
}

async function serve({ url, folder, interruption }: Stage, screen: Screen): Promise<void> {
  screen.line();
  screen.line('Still up. Look around, and end it with Ctrl-C:');
  screen.line(`  curl -s '${url}/health'`);
  screen.line(`  curl -s '${url}/activity?limit=5'`);
  screen.line(`  curl -s '${url}/dead-letters?subscription=notifier&limit=3'`);
  screen.line(`  curl -s -X POST '${url}/dead-letters/<id>/replay?subscription=notifier'`);
  screen.line(`  tail -f ${folder}/*.log`);
  await once(interruption, 'abort');
}

/** Aborts at the first Ctrl-C, or when somebody ends the demo by SIGTERM. */
function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => controller.abort());
  return controller.signal;
}
