import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomBytes } from 'node:crypto';
import { ApiClient } from './api.client.js';
import { Downstream } from './downstream.js';
import type { WorkerKill } from './evidence.js';
import type { Plan } from './plan.js';
import { QueueWindow } from './queue-window.js';
import { Service } from './service.js';

/** Everything that runs during the demo, and the folder it runs in. */
export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'pigeonpost-demo-'));
  readonly downstream: Downstream;
  readonly kills: WorkerKill[] = [];
  #queue: QueueWindow | undefined;
  #api: Service | undefined;
  #worker: Service | undefined;
  #client: ApiClient | undefined;
  #url = '';
  #killing: Promise<void> = Promise.resolve();

  /** `interruption` ends whatever the stage is waiting for. */
  constructor(
    private readonly plan: Plan,
    readonly interruption: AbortSignal,
  ) {
    this.downstream = new Downstream(new Map(plan.posts.map(({ delivery }) => [delivery.id, delivery.fate])));
  }

  /** Both processes at once: either may be the first to find an empty file. */
  async open(): Promise<void> {
    const secret = randomBytes(16).toString('hex');
    await this.downstream.open();
    this.#api = this.#service('api', /\[Api\] listening on (http:\S+)/, {
      DEMO_API_PORT: '0',
      DEMO_WEBHOOK_SECRET: secret,
    });
    this.#worker = this.#service('worker', /\[Worker\] ready/, { DEMO_DOWNSTREAM_URL: this.downstream.url });
    const [[, url = '']] = await Promise.all([this.#api.start(), this.#worker.start()]);
    this.#url = url;
    this.#client = new ApiClient(url, secret);
    this.#queue = await QueueWindow.open({ name: 'events', driver: 'sqlite', file: this.#queueFile });
    this.downstream.onRequest = (total) => {
      if (this.plan.killsAt.includes(total)) this.#kill();
    };
  }

  get url(): string {
    return this.#url;
  }

  get client(): ApiClient {
    return opened(this.#client);
  }

  get queue(): QueueWindow {
    return opened(this.#queue);
  }

  get activityFile(): string {
    return join(this.folder, 'activity.db');
  }

  /** Rejects when the worker did not come back from a kill. */
  async settled(): Promise<void> {
    await this.#killing;
  }

  /** Both exit codes after SIGTERM. */
  async stopServices(): Promise<readonly (number | null)[]> {
    await this.#killing.catch(() => {});
    return Promise.all([this.#api, this.#worker].map(async (service) => (await service?.stop()) ?? null));
  }

  async close(): Promise<void> {
    this.downstream.onRequest = () => {};
    await this.stopServices();
    await this.#queue?.close();
    await this.downstream.close();
  }

  removeFolder(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #queueFile(): string {
    return join(this.folder, 'queue.db');
  }

  #service(name: 'api' | 'worker', ready: RegExp, environment: Record<string, string>): Service {
    const files = { DEMO_QUEUE_FILE: this.#queueFile, DEMO_ACTIVITY_FILE: this.activityFile };
    return new Service({
      name,
      script: fileURLToPath(
        new URL(`../../demo-${name}/src/main${extname(import.meta.url)}`, import.meta.url),
      ),
      environment: { ...files, ...environment },
      ready,
      logFile: join(this.folder, `${name}.log`),
      signal: this.interruption,
    });
  }

  /** At once, so that the worker dies with the request of this very moment unanswered; and up again. */
  #kill(): void {
    const worker = opened(this.#worker);
    if (!worker.running) return;
    const gone = worker.kill();
    this.#killing = this.#killing.then(async () => {
      await gone;
      this.kills.push({ inFlight: await this.queue.inFlight() });
      await worker.start();
    });
    this.#killing.catch(() => {}); // reported by settled()
  }
}

function opened<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('the stage is not open');
  return part;
}
