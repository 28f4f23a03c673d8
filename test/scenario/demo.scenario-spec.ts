import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BROKERS } from '../brokers/broker-name.js';
import { describeWith } from '../brokers/broker-url.js';

const RUN_SOURCES = join(import.meta.dirname, '../run-sources.mjs');
const DRIVER = join(import.meta.dirname, '../../apps/demo-driver/src/main.ts');
const TIME_LIMIT_MS = 180_000;

const run = promisify(execFile);

describe('the demo', () => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-scenario-'));
  const json = join(folder, 'numbers.json');

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it(
    'loses nothing and applies nothing twice, although its worker is killed',
    async () => {
      const words = ['--import', RUN_SOURCES, DRIVER, '--seed', '2026', '--json', json];
      const { stdout } = await run(process.execPath, words, { timeout: TIME_LIMIT_MS });
      expect(stdout).toContain('Verdict: OK');
      const numbers = JSON.parse(readFileSync(json, 'utf8')) as Record<string, number>;
      expect(numbers).toEqual({
        posted: expect.any(Number),
        accepted: numbers['applied']! + numbers['duplicates']! + MISSHAPEN,
        refused: numbers['posted']! - numbers['accepted']!,
        duplicates: expect.any(Number),
        applied: 329,
        retried: expect.any(Number),
        deadLettered: numbers['expectedDeadLettered'],
        brokerRestarts: 0,
        expectedDeadLettered: expect.any(Number),
        lost: 0,
        appliedTwice: 0,
        workerKills: 2,
        seconds: expect.any(Number),
        ok: true,
      });
      for (const count of ['refused', 'duplicates', 'retried', 'expectedDeadLettered']) {
        expect({ [count]: numbers[count]! > 5 }).toEqual({ [count]: true });
      }
    },
    TIME_LIMIT_MS,
  );

  for (const broker of BROKERS) {
    describeWith(broker, `on ${broker}`, () => {
      it(
        'loses nothing and applies nothing twice, although its broker is restarted too',
        async () => {
          const words = [
            '--import',
            RUN_SOURCES,
            DRIVER,
            '--backend',
            broker,
            '--seed',
            '11',
            '--json',
            json,
          ];
          const { stdout } = await run(process.execPath, words, { timeout: TIME_LIMIT_MS });
          expect(stdout).toContain('Verdict: OK');
          expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({
            applied: 329,
            lost: 0,
            appliedTwice: 0,
            workerKills: 2,
            brokerRestarts: 1,
            ok: true,
          });
        },
        TIME_LIMIT_MS,
      );
    });
  }

  it('says how it is used, and which backends there are', async () => {
    const words = ['--import', RUN_SOURCES, DRIVER, '--backend', 'kafka'];
    await expect(run(process.execPath, words)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/choose one of sqlite[^]*--seed N/),
    });
  });
});

/** Accepted by the API, but refused by the handlers. */
const MISSHAPEN = 7;
