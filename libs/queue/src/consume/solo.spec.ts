import { sleep } from '../ambient/clock.js';
import type { SubscriptionTopology } from '../backend/topology.js';
import { ProcessView } from '../testing/process-view.js';
import type { Consumer } from './consumer.js';
import { Scene, WORK } from './consumer.fixture.js';
import { Solo } from './solo.js';

const MAIL = { name: 'mail', topics: ['mails'] } as const;

/** Two consumers of one process; a message of WORK has ended another process before. */
class House {
  readonly solo = new Solo();
  readonly events: string[] = [];
  work!: Consumer;
  mail!: Consumer;

  readonly #dying: Consumer[] = [];

  private constructor(readonly scene: Scene) {}

  static async open(): Promise<House> {
    const scene = await Scene.open();
    await scene.backend.ensure({ subscriptions: [MAIL] }, 'create');
    const house = new House(scene);
    await scene.publish('suspect');
    await house.crash();
    await scene.clock.advance(30_001);
    return house;
  }

  /** Another process takes a message, and dies of it. */
  async crash(of: SubscriptionTopology = WORK): Promise<void> {
    const dying = new ProcessView(this.scene.backend);
    const handle = (): Promise<void> => new Promise(() => dying.kill());
    this.#dying.push(await this.scene.consume({ handle, backend: dying, of }));
    await this.scene.until(() => dying.isDead);
  }

  async startMail(mailMs: number, concurrency = 3): Promise<void> {
    const handle = this.#handle(mailMs);
    const { solo } = this;
    this.mail = await this.scene.consume({ handle, solo, of: MAIL, policies: { concurrency, prefetch: 5 } });
  }

  async startWork(ms = 10): Promise<void> {
    this.work = await this.scene.consume({ handle: this.#handle(ms), solo: this.solo });
  }

  #handle(ms: number): (context: { readonly id: string }) => Promise<void> {
    return async ({ id }) => {
      this.events.push(`+${id}`);
      await sleep(this.scene.clock, ms);
      this.events.push(`-${id}`);
    };
  }

  async mails(count: number): Promise<void> {
    for (let no = 0; no < count; no++) await this.scene.bus.publish('mails', {}, { id: `mail${no}` });
  }

  /** Handlers at work when the suspect began, and whether anything began before it ended. */
  around(): { readonly beside: number; readonly next: string | undefined } {
    const at = this.events.indexOf('+suspect');
    const beside = this.events.slice(0, at).reduce((sum, event) => sum + (event.startsWith('+') ? 1 : -1), 0);
    return { beside, next: this.events[at + 1] };
  }

  ended(count: number): Promise<void> {
    return this.scene.until(() => this.events.filter((event) => event.startsWith('-')).length === count);
  }

  /** Answers how many timers are left. */
  async close(): Promise<number> {
    await this.scene.drain(this.work);
    await this.scene.drain(this.mail);
    for (const dead of this.#dying) await this.scene.drain(dead);
    return this.scene.clock.pending;
  }
}

describe('a suspect', () => {
  it('runs while no other consumer of its process does, and then everything goes on', async () => {
    const house = await House.open();
    await house.mails(12);
    await house.startMail(100);
    await house.scene.until(() => house.events.length === 3);
    await house.startWork();
    await house.scene.clock.advance(50);
    expect(await house.scene.bus.depth('mail')).toMatchObject([{ inflight: 3, ready: 9 }]);
    await house.ended(13);
    expect(house.around()).toEqual({ beside: 0, next: '-suspect' });
    expect(house.events.indexOf('+suspect')).toBe(6); // the three that ran have ended, and no other one had begun
    expect(await house.close()).toBe(0);
  });

  it('waits no longer than ten seconds for a handler that goes on', async () => {
    const house = await House.open();
    await house.mails(1);
    await house.startMail(25_000);
    await house.scene.until(() => house.events.length === 1);
    const from = house.scene.clock.mono();
    await house.startWork();
    await house.scene.until(() => house.events.includes('+suspect'));
    expect(house.scene.clock.mono() - from).toBe(10_000);
    await house.ended(2);
    expect(await house.close()).toBe(0);
  });

  it('keeps the others waiting for forty seconds at most, however long its handler takes', async () => {
    const house = await House.open();
    await house.startMail(10);
    const from = house.scene.clock.mono();
    await house.startWork(300_000);
    await house.scene.until(() => house.events.includes('+suspect'));
    await house.mails(2);
    await house.scene.until(() => house.events.filter((event) => event.startsWith('-mail')).length === 2);
    expect(house.scene.clock.mono() - from).toBe(40_010);
    expect(house.events).not.toContain('-suspect');
    await house.scene.until(() => house.events.includes('-suspect'), 300_000);
    expect(await house.close()).toBe(0);
  });

  it('leaves the others free when its consumer is paused or drained before its turn', async () => {
    for (const leave of ['pause', 'drain'] as const) {
      const house = await House.open();
      await house.mails(4);
      await house.startMail(1_000, 1);
      await house.scene.until(() => house.events.length === 1);
      await house.startWork();
      await house.scene.clock.advance(100);
      if (leave === 'pause') house.work.pause();
      else await house.scene.drain(house.work);
      await house.scene.until(
        () => house.events.filter((event) => event.startsWith('-mail')).length === 4,
        6_000,
      );
      expect(house.events).not.toContain('+suspect');
      expect(await house.close()).toBe(0);
    }
  });

  it('is one after the other where two consumers have one each', async () => {
    const house = await House.open();
    await house.mails(1);
    await house.crash(MAIL);
    await house.scene.clock.advance(30_001);
    await house.startMail(50);
    await house.startWork();
    await house.ended(2);
    expect(house.events.map((event) => event.slice(0, 1))).toEqual(['+', '-', '+', '-']);
    expect(await house.close()).toBe(0);
  });
});
