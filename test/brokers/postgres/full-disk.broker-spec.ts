import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { glob, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PublishResult } from '@pigeonpost/queue';
import { BrokerProcess } from '../broker-process.js';
import { describeWithOwn } from '../broker-url.js';
import { OpenedBackends, takeAll } from './opened.js';

const exec = promisify(execFile);
/** A segment of the log, which is made as a whole, and a little. */
const ROOM = 17 * 2 ** 20;
const LARGE = 150_000;
const MOST = 400;

describeWithOwn('postgres', 'a disk of postgres that is full', () => {
  let broker: BrokerProcess;
  let backends: OpenedBackends;

  beforeAll(async () => {
    broker = await BrokerProcess.start('postgres');
    backends = new OpenedBackends(broker.url);
  }, 60_000);

  afterAll(async () => {
    await backends.dispose();
    await broker.dispose();
  });

  /** No file of the server, or of any process that it starts, grows beyond it. */
  async function limitFiles(bytes: number | 'unlimited'): Promise<void> {
    const file = await pidFile();
    const { uid, gid } = await stat(file); // only the owner of a process, or a mighty one, may limit it
    const [postmaster = ''] = (await readFile(file, 'utf8')).split('\n', 1);
    const rows = await backends.sql(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    for (const pid of [postmaster, ...rows.map((row) => String(row['pid']))]) {
      await exec('prlimit', ['--pid', pid, `--fsize=${bytes}:unlimited`], { uid, gid });
    }
  }

  async function pidFile(): Promise<string> {
    for await (const file of glob(join(broker.folder, '*', 'postmaster.pid'))) return file;
    throw new RangeError(`no postmaster.pid in ${broker.folder}`);
  }

  /** What does not compress, so that it takes its room. */
  const large = () => backends.message({ body: JSON.stringify(randomBytes(LARGE).toString('base64')) });

  it('refuses what has no room, keeps what it has, and goes on when there is room again', async () => {
    const backend = await backends.openWith();
    await limitFiles(ROOM);
    const stored: string[] = [];
    let refused: PublishResult | undefined;
    while (refused === undefined && stored.length < MOST) {
      const message = large();
      const [result] = await backend.publish([message]);
      if (result?.status === 'stored') stored.push(message.id);
      else refused = result;
    }
    expect(refused).toMatchObject({ status: 'refused', error: { code: 'unavailable' } });
    expect(stored.length).toBeGreaterThan(10);
    const some = await takeAll(backend, 5);
    await limitFiles('unlimited');
    const late = large();
    expect(await backend.publish([late])).toEqual([{ status: 'stored', copies: 1 }]);
    const rest = await takeAll(backend, stored.length - 4);
    expect([...some, ...rest]).toEqual([...stored, late.id]);
  }, 60_000);
});
