import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { ScenarioProcess } from '../scenario/child-process.js';
import { BROKERS, BrokerMissingError } from './broker-name.js';
import { BrokerProcess, KINDS } from './broker-process.js';
import { brokerUrl, describeWithOwn } from './broker-url.js';
import { findPrograms } from './programs.js';

const STARTS_WITHIN_MS = 60_000;
const OWNER = join(import.meta.dirname, 'owner.child.ts');

describe.each(BROKERS)('%s of one’s own', (name) => {
  describeWithOwn(name, 'is a child process', () => {
    let broker: BrokerProcess;

    beforeAll(async () => {
      broker = await BrokerProcess.start(name);
    }, STARTS_WITHIN_MS);

    afterAll(() => broker?.dispose());

    it('answers, and is not the one that all tests share', async () => {
      expect(await broker.version()).toMatch(/^\d+\.\d+/);
      expect(broker.url).not.toBe(brokerUrl(name));
    });

    it('refuses a wrong password', async () => {
      const wrong = broker.url.replace('canary-4f1d', 'wrong');
      await expect(KINDS[name].version(wrong)).rejects.toThrow();
    });

    it('answers nobody while it is paused, and everybody after', async () => {
      await broker.pause();
      await expect(broker.version()).rejects.toThrow();
      await broker.resume();
      expect(await broker.version()).toMatch(/^\d+/);
    });

    it(
      'comes back on the same port after kill -9, and after an orderly stop',
      async () => {
        const { url } = broker;
        await broker.kill();
        await expect(broker.version()).rejects.toThrow();
        await broker.start();
        await broker.stop();
        await expect(broker.version()).rejects.toThrow();
        await broker.start();
        expect(broker.url).toBe(url);
      },
      STARTS_WITHIN_MS,
    );

    it(
      'does not outlive a test run that is killed',
      async () => {
        const owner = new ScenarioProcess(OWNER, { name });
        const { folder, pids } = JSON.parse((await owner.heard()) ?? '{}') as Left;
        expect(pids.length).toBeGreaterThan(0);
        await owner.end('SIGKILL');
        await untilGone(pids);
        while (await exists(folder)) await turn();
      },
      STARTS_WITHIN_MS,
    );

    it(
      'leaves nothing behind',
      async () => {
        const { folder } = broker;
        const pids = await broker.pids();
        expect(pids.length).toBeGreaterThan(0);
        await broker.dispose();
        expect(await exists(folder)).toBe(false);
        await untilGone(pids);
      },
      STARTS_WITHIN_MS,
    );
  });
});

describe('a broker that is not installed', () => {
  it('is missing, with what to do about it', async () => {
    const kind = { ...KINDS.redis, programs: ['no-such-server'] };
    const missing = await findPrograms(kind).catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(BrokerMissingError);
    expect((missing as Error).message).toContain('npm run brokers -- install');
  });
});

/** What a broker consists of. */
interface Left {
  readonly folder: string;
  readonly pids: readonly number[];
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function untilGone(pids: readonly number[]): Promise<void> {
  for (const pid of pids) while (await isAlive(pid)) await turn();
}

/** One that ended may be listed until its parent asks for it. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/\) Z /.test(stat);
}
