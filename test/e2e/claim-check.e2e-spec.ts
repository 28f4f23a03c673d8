import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Bus, Consume, Payload, QueueModule } from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { weakened } from '@pigeonpost/queue/testing';

const LARGE = { pages: Array.from({ length: 20_000 }, (_, page) => `page ${page}`) };

@Injectable()
class Archive {
  readonly seen: unknown[] = [];
  failures = 1;

  @Consume('report.written', { subscription: 'archive' })
  onReport(@Payload() report: unknown): void {
    if (this.failures-- > 0) throw new TypeError('not yet');
    this.seen.push(report);
  }
}

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'pigeonpost-claims-'))));
afterEach(() => rmSync(directory, { recursive: true }));

function applicationWith(claimCheck: object, rest: object = {}) {
  const file = join(directory, 'events.db');
  @Module({
    imports: [
      QueueModule.forRoot({
        source: 'urn:service:reports',
        backends: [{ name: 'events', driver: 'sqlite', file, claimCheck: claimCheck as never, ...rest }],
      }),
    ],
    providers: [Archive],
  })
  class ReportsModule {}
  return Test.createTestingModule({ imports: [ReportsModule] })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile()
    .then((module) => module.init());
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => void setImmediate(resolve));
}

describe('a large payload', () => {
  it.each([
    ['a directory', () => ({ directory: join(directory, 'blobs') }), {}],
    ['a file', () => ({ file: join(directory, 'blobs.db') }), {}],
    [
      'a directory, as a signed CloudEvent',
      () => ({ directory: join(directory, 'blobs') }),
      { codec: 'cloudevents-binary', signing: { keys: [{ id: 'k', secret: 'x'.repeat(32) }], sign: 'k' } },
    ],
  ])('comes whole through %s, over a retry', async (_, blobs, rest) => {
    const app = await applicationWith({ blobs: blobs() }, rest);
    const archive = app.get(Archive);
    await app.get(Bus).publish('report.written', LARGE, { key: 'r-1' });
    await until(() => archive.seen.length === 1);
    expect(archive.seen).toEqual([LARGE]);
    await app.close();
  });

  it('leaves nothing behind when it was handled', async () => {
    const blobs = join(directory, 'blobs');
    const app = await applicationWith({ blobs: { directory: blobs }, over: 100 });
    app.get(Archive).failures = 0;
    await app.get(Bus).publish('report.written', LARGE);
    await until(() => app.get(Archive).seen.length === 1);
    await until(() => readdirSync(blobs).length === 0);
    await app.close();
  });

  it('stops the start when it leaves to the broker what that does not take', async () => {
    const driver = weakened(sqliteBackend, { maxBytes: 1_000 });
    const options = { blobs: { directory: join(directory, 'blobs') }, over: 1_001 };
    await expect(applicationWith(options, { driver })).rejects.toThrow(
      'the claimCheck of backend "events" lets bodies of up to 1001 bytes through, which takes 1000: set `over` to 1000',
    );
  });

  it.each([
    [{}, 'needs in blobs a directory, a file, or a store'],
    [{ blobs: { directory: 'a', file: 'b' } }, 'needs in blobs a directory, a file, or a store'],
    [{ blobs: { directory: 'a' }, over: -1 }, 'needs in over and maxBytes whole numbers'],
    [{ blobs: { directory: 'a' }, keep: '5m' }, 'needs in keep an hour or more'],
    [{ blobs: { directory: 'a' }, ttl: '5d' }, 'has no option "ttl"'],
  ])('stops the start when its options are %j', async (options, sentence) => {
    await expect(applicationWith(options)).rejects.toThrow(`backends[0].claimCheck ${sentence}`);
  });
});
