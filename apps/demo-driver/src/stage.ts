import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomBytes } from 'node:crypto';
import { BrokerProcess } from '../../../test/brokers/broker-process.js';
import { backendsOf, DemoEnvironment, readEnvironment } from '../../demo-contract/src/index.js';
import { ApiClient } from './api.client.js';
import type { DemoBackend } from './demo.options.js';
import { Downstream } from './downstream.js';
import type { BrokerRestart, WorkerKill } from './evidence.js';
import type { Plan } from './plan.js';
import { QueueWindow } from './queue-window.js';
import { Service } from './service.js';

/** Everything that runs during the demo, and the folder it runs in. */
export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'pigeonpost-demo-'));
  readonly downstream: Downstream;
  readonly kills: WorkerKill[] = [];
  readonly #restarts: BrokerRestart[] = [];
  #broker: BrokerProcess | undefined;
  #queue: QueueWindow | undefined;
  #api: Service | undefined;
  #worker: Service | undefined;
  #client: ApiClient | undefined;
  #url = '';
  #disturbing: Promise<void> = Promise.resolve();

  /** `interruption` ends whatever the stage is waiting for. */
  constructor(
    private readonly plan: Plan,
    private readonly backend: DemoBackend,
    readonly interruption: AbortSignal,
  ) {
    this.downstream = new Downstream(new Map(plan.posts.map(({ delivery }) => [delivery.id, delivery.fate])));
  }

  /** Both processes at once: either may be the first to find an empty queue. */
  async open(): Promise<void> {
    const secret = randomBytes(16).toString('hex');
    if (this.backend !== 'sqlite') this.#broker = await BrokerProcess.start(this.backend);
    await this.downstream.open();
    this.#api = this.#service('api', /\[Api\] listening on (http:\S+)/, {
      DEMO_API_PORT: '0',
      DEMO_WEBHOOK_SECRET: secret,
    });
    this.#worker = this.#service('worker', /\[Worker\] ready/, { DEMO_DOWNSTREAM_URL: this.downstream.url });
    const [[, url = '']] = await Promise.all([this.#api.start(), this.#worker.start()]);
    this.#url = url;
    this.#client = new ApiClient(url, secret);
    this.#queue = await QueueWindow.open(backendsOf(readEnvironment(DemoEnvironment, this.#environment)));
    this.downstream.onRequest = (total) => {
      if (this.plan.killsAt.includes(total)) this.#kill();
      if (this.plan.restartAt === total && this.#broker !== undefined) this.#restart(this.#broker);
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

  /** undefined: there is no broker to restart. */
  get restarts(): readonly BrokerRestart[] | undefined {
    return this.#broker && this.#restarts;
  }

  /** Rejects when the worker did not come back from a kill, or the broker from its restart. */
  async settled(): Promise<void> {
    await this.#disturbing;
  }

  /** Both exit codes after SIGTERM. */
  async stopServices(): Promise<readonly (number | null)[]> {
    await this.#disturbing.catch(() => {});
    return Promise.all([this.#api, this.#worker].map(async (service) => (await service?.stop()) ?? null));
  }

  async close(): Promise<void> {
    this.downstream.onRequest = () => {};
    await this.stopServices();
    await this.#queue?.close();
    await this.downstream.close();
    await this.#broker?.dispose();
  }

  removeFolder(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What all processes must agree on. */
  get #environment(): Record<string, string> {
    return {
      DEMO_QUEUE: this.#broker?.url ?? join(this.folder, 'queue.db'),
      DEMO_KEYS_FILE: join(this.folder, 'keys.db'),
      DEMO_ACTIVITY_FILE: this.activityFile,
    };
  }

  #service(name: 'api' | 'worker', ready: RegExp, environment: Record<string, string>): Service {
    return new Service({
      name,
      script: fileURLToPath(
        new URL(`../../demo-${name}/src/main${extname(import.meta.url)}`, import.meta.url),
      ),
      environment: { ...this.#environment, ...environment },
      ready,
      logFile: join(this.folder, `${name}.log`),
      signal: this.interruption,
    });
  }

  /** At once, so that the worker dies with the request of this very moment unanswered; and up again. */
  #kill(): void {
    const worker = opened(this.#worker);
    if (!worker.running) return;
    const { unanswered } = this.downstream;
    const gone = worker.kill();
    this.#disturb(async () => {
      await gone;
      this.kills.push({ inFlight: (await this.queue.inFlight()) ?? unanswered });
      await worker.start();
    });
  }

  /** Whoever uses the broker has to wait for it, and to find it again. */
  #restart(broker: BrokerProcess): void {
    this.#disturb(async () => {
      this.#restarts.push({ pending: (await this.queue.pending()) ?? 0 });
      await broker.stop();
      await broker.start();
    });
  }

  /** One disturbance after the other; what goes wrong is told by `settled`. */
  #disturb(work: () => Promise<void>): void {
    this.#disturbing = this.#disturbing.then(work);
    this.#disturbing.catch(() => {});
  }
}

function opened<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('the stage is not open');
  return part;
}
