import { type Random, seededRandom } from '../../ambient/random.js';
import type { Ambient } from '../../ambient/ambient.js';
import type { Backend, OpenedBackend } from '../../backend/backend.js';
import type { Depth, MessageState, Peeked } from '../../backend/inspect.js';
import { memoryBackend } from '../../backends/memory/index.js';
import type { ConsumerOptions } from '../../consume/consumer-options.js';
import type { Store } from '../../store/store.js';
import { Recorder } from '../recorder.js';
import { type Behaviour, PROCESSES, type SimulationCommand } from './commands.js';
import { simulatedAmbient } from './process-ambient.js';
import { SimulationScheduler } from './scheduler.js';
import { SimulatedProcess } from './simulated-process.js';
import { simulatedTopology, SUBSCRIPTION_NAMES } from './simulated-subscriptions.js';
import type { Surroundings } from './surroundings.js';
import { BROKER, NO_FAULTS, type WireFaults } from './wire.js';
import { Witness } from './witness.js';
import { WitnessedStore } from './witnessed-store.js';

export interface SimulationOptions {
  readonly seed: number;
  /** Opens the broker; default: a memory backend. */
  readonly open?: ((ambient: Ambient) => Promise<OpenedBackend>) | undefined;
  /** Puts something around the broker, such as a known mistake. */
  readonly wrap?: ((backend: Backend) => Backend) | undefined;
  /** Puts a known mistake into every consumer. */
  readonly alter?: ((options: ConsumerOptions) => ConsumerOptions) | undefined;
}

/** What only a process that runs can do. */
type Asked = Extract<
  SimulationCommand,
  { kind: 'publish' | 'start' | 'stop' | 'rest' | 'wake' | 'concurrency' | 'replay' | 'skew' }
>;

/** Most of what one command may set going at once before the next one comes. */
const TASKS_PER_COMMAND = 4;

/** Three processes, one memory backend as their broker, and everything between them: see docs/simulation.md. */
export class Simulation {
  readonly scheduler: SimulationScheduler;
  readonly witness: Witness;
  readonly recorder: Recorder;
  readonly processes: SimulatedProcess[] = [];
  readonly #random: Random;
  readonly #around: Surroundings;
  #faults: WireFaults;
  #behaviours: Behaviour[] = [];
  #published = 0;
  #lives = 0;

  private constructor(
    { seed, alter = same }: SimulationOptions,
    parts: Pick<Simulation, 'scheduler' | 'recorder' | 'witness'> & Pick<Surroundings, 'broker'>,
  ) {
    this.#random = seededRandom(seed ^ 0x9e3779b9);
    this.scheduler = parts.scheduler;
    this.recorder = parts.recorder;
    this.witness = parts.witness;
    this.#faults = drawFaults(this.#random);
    this.#around = {
      scheduler: this.scheduler,
      random: this.#random,
      witness: this.witness,
      broker: parts.broker,
      faults: () => this.#faults,
      nextBehaviour: () => this.#behaviours.shift() ?? 'ok',
      nextId: () => `m${++this.#published}`,
      alter,
    };
    for (let number = 0; number < PROCESSES; number++) this.#boot(number);
  }

  static async open(options: SimulationOptions): Promise<Simulation> {
    const { seed, wrap = same, open = openMemory } = options;
    const scheduler = new SimulationScheduler(seededRandom(seed ^ 0x51ed270b));
    const ambient = simulatedAmbient(scheduler, BROKER, seed ^ 0x2545f491);
    const { backend, store } = await open(ambient);
    const recorder = new Recorder({
      now: () => scheduler.nowMs,
      mono: () => scheduler.nowMs,
      timer: (delayMs, fn) => scheduler.after(BROKER, delayMs, fn),
    });
    const watched = recorder.watch(wrap(backend));
    await watched.ensure({ subscriptions: simulatedTopology() }, 'create');
    const witness = new Witness(scheduler);
    const broker = { backend: watched, store: new WitnessedStore(store as Store, witness) };
    return new Simulation(options, { scheduler, recorder, witness, broker });
  }

  /** Does it as far as it makes sense, and lets a little of what it sets going happen. */
  async run(command: SimulationCommand): Promise<void> {
    this.witness.note(JSON.stringify(command));
    this.#apply(command);
    if (command.kind === 'advance') return this.scheduler.pass(command.ms);
    const { nowMs } = this.scheduler;
    const tasks = Math.floor(this.#random.next() * TASKS_PER_COMMAND);
    for (let ran = 0; ran < tasks; ran++) if (!(await this.scheduler.runNext(nowMs + 1))) return;
  }

  /**
   * No fault from now on: wires are whole, everybody is awake, every subscription has its consumers, and a process
   * whose handlers never end is started anew.
   */
  heal(): void {
    this.#faults = NO_FAULTS;
    this.#behaviours = [];
    for (let number = 0; number < PROCESSES; number++) {
      if (this.#at(number).consumers.some(({ isWedged }) => isWedged)) this.#at(number).kill();
      if (!this.#at(number).isAlive) this.#boot(number);
      const process = this.#at(number);
      process.wire.isCut = false;
      process.thaw();
      for (const subscription of SUBSCRIPTION_NAMES) {
        process.consumer(subscription)?.resume();
        process.start(subscription);
      }
    }
  }

  async depths(): Promise<readonly Depth[]> {
    const found: Depth[] = [];
    for await (const item of this.#around.broker.backend.inspect({ kind: 'depth' })) {
      if (item.kind === 'depth') found.push(item);
    }
    return found;
  }

  /** What lies on the broker in these states. */
  async browse(...states: readonly MessageState[]): Promise<readonly Peeked[]> {
    const found: Peeked[] = [];
    for (const subscription of SUBSCRIPTION_NAMES) {
      for (const state of states) {
        const query = { kind: 'browse', subscription, state, limit: 100_000 } as const;
        for await (const item of this.#around.broker.backend.inspect(query)) {
          if (item.kind === 'message') found.push(item);
        }
      }
    }
    return found;
  }

  #apply(command: SimulationCommand): void {
    switch (command.kind) {
      case 'advance':
        return;
      case 'behave':
        return void this.#behaviours.push(command.next);
      case 'boot':
        if (!this.#at(command.process).isAlive) this.#boot(command.process);
        return;
      case 'cut':
      case 'heal':
        if (this.#at(command.process).isAlive) this.#at(command.process).wire.isCut = command.kind === 'cut';
        return;
      case 'kill':
        return this.#at(command.process).kill();
      case 'freeze':
      case 'thaw':
        return this.#at(command.process)[command.kind]();
      default:
        if (this.#at(command.process).isResponsive) this.#ask(this.#at(command.process), command);
    }
  }

  #ask(process: SimulatedProcess, command: Asked): void {
    switch (command.kind) {
      case 'skew':
        process.ambient.clock.skewMs = command.ms;
        return;
      case 'publish':
        return this.#publish(process, command);
      case 'start':
        return process.start(nameOf(command));
      case 'replay':
        return void process.replay(nameOf(command));
      case 'stop':
        return process.consumer(nameOf(command))?.stop();
      case 'rest':
        return process.consumer(nameOf(command))?.pause();
      case 'wake':
        return process.consumer(nameOf(command))?.resume();
      case 'concurrency':
        return process.consumer(nameOf(command))?.setConcurrency(command.to);
    }
  }

  #publish(process: SimulatedProcess, { count, delayMs, priority, key }: Asked & { kind: 'publish' }): void {
    const options = {
      ...(delayMs > 0 && { delay: delayMs }),
      ...(priority > 0 && { priority }),
      ...(key !== '' && { key }),
    };
    for (let n = 0; n < count; n++) process.publish(this.#around.nextId(), options);
  }

  #at(number: number): SimulatedProcess {
    return this.processes[number] as SimulatedProcess;
  }

  #boot(number: number): void {
    this.processes[number] = new SimulatedProcess(`p${number + 1}.${++this.#lives}`, this.#around);
  }
}

/** Each run has its own mix: some have no fault at all, so that none can hide behind another. */
function drawFaults(random: Random): WireFaults {
  const draw = (most: number): number => (random.next() < 0.5 ? 0 : random.next() * most);
  return { loseRequest: draw(0.1), loseAnswer: draw(0.1), duplicate: draw(0.1), slow: draw(0.3) };
}

function openMemory(ambient: Ambient): Promise<OpenedBackend> {
  return memoryBackend.open('simulated', {}, ambient);
}

function nameOf({ subscription }: { readonly subscription: number }): string {
  return SUBSCRIPTION_NAMES[subscription] as string;
}

function same<T>(value: T): T {
  return value;
}
