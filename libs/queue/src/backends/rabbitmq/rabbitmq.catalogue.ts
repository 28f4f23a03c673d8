import type { Channel, GetMessage } from 'amqplib';
import type { Clock } from '../../ambient/clock.js';
import { sleep } from '../../ambient/clock.js';
import { parseJson } from '../../message/json.js';
import type { RabbitAdmin } from './rabbitmq.admin.js';
import type { RabbitNames } from './rabbitmq.names.js';
import type { RabbitSender } from './rabbitmq.sender.js';

/** Topics by subscription. */
export type Entries = ReadonlyMap<string, ReadonlySet<string>>;

export interface CatalogueParts {
  readonly names: RabbitNames;
  readonly admin: RabbitAdmin;
  readonly sender: RabbitSender;
  readonly clock: Clock;
  readonly queueType: 'quorum' | 'classic';
}

/** While one process has the notes in hand, another one finds none: it looks again this often. */
const LOOKS = 5;
const LOOK_AGAIN_MS = 40;

/**
 * AMQP tells nobody which queue is bound to what. This remembers it, as notes in a queue of its own: each says that a
 * subscription listens to some topics, and all of them together are the truth, so that two who write at once do no
 * harm. Reading takes the notes, writes one that says the same, and acknowledges the others.
 */
export class RabbitCatalogue {
  readonly #parts: CatalogueParts;

  constructor(parts: CatalogueParts) {
    this.#parts = parts;
  }

  async declare(channel: Channel): Promise<void> {
    const { names, queueType } = this.#parts;
    await channel.assertQueue(names.catalogue, {
      durable: true,
      arguments: { 'x-queue-type': queueType, ...(queueType === 'quorum' && { 'x-delivery-limit': 1e9 }) },
    });
  }

  /** Adds what is not there yet. */
  async add(entries: Entries): Promise<void> {
    await this.#rewrite((found) => merge(found, entries));
  }

  async remove(subscription: string): Promise<void> {
    await this.#rewrite((found) => {
      const left = new Map(found);
      left.delete(subscription);
      return left;
    });
  }

  /** Empty where there is none. `isEnough`: whether what was found is all that is looked for. */
  async read(isEnough: (entries: Entries) => boolean): Promise<Entries> {
    for (let look = 1; ; look++) {
      const entries = await this.#rewrite((found) => found);
      if (isEnough(entries) || look === LOOKS) return entries;
      await sleep(this.#parts.clock, LOOK_AGAIN_MS * look);
    }
  }

  async #rewrite(change: (found: Entries) => Entries): Promise<Entries> {
    const { admin } = this.#parts;
    const entries = await admin.find('read which subscriptions there are', async (channel) => {
      const notes = await this.#take(channel);
      const found = notes.reduce<Entries>((all, note) => merge(all, entriesOf(note)), new Map());
      const wanted = change(found);
      const isKept = notes.length === 1 && wanted === found;
      if (isKept || (wanted.size === 0 && notes.length === 0)) {
        for (const note of notes) channel.nack(note, false, true);
        return wanted;
      }
      const isWritten = await this.#write(wanted);
      for (const note of notes) {
        if (isWritten) channel.ack(note);
        else channel.nack(note, false, true);
      }
      return wanted;
    });
    return entries ?? new Map();
  }

  async #take(channel: Channel): Promise<readonly GetMessage[]> {
    const notes: GetMessage[] = [];
    for (;;) {
      const note = await channel.get(this.#parts.names.catalogue);
      if (note === false) return notes;
      notes.push(note);
    }
  }

  async #write(entries: Entries): Promise<boolean> {
    const { sender, names } = this.#parts;
    const note = Object.fromEntries([...entries].map(([name, topics]) => [name, [...topics]]));
    const frame = {
      content: Buffer.from(JSON.stringify(note), 'utf8'),
      options: { messageId: 'catalogue', persistent: true, mandatory: true, headers: {} },
    };
    const address = { exchange: '', routingKey: names.catalogue };
    const [sent] = await sender.send([{ frame, address }]);
    return sent?.kind === 'stored';
  }
}

function entriesOf({ content }: GetMessage): Entries {
  const note = parseJson(content.toString('utf8')) as Readonly<Record<string, readonly string[]>>;
  return new Map(Object.entries(note).map(([name, topics]) => [name, new Set(topics)]));
}

/** The first one itself when it has everything. */
function merge(one: Entries, other: Entries): Entries {
  const isNew = ([name, topics]: [string, ReadonlySet<string>]): boolean =>
    !one.has(name) || [...topics].some((topic) => !one.get(name)?.has(topic));
  const added = [...other].filter(isNew);
  if (added.length === 0) return one;
  const all = new Map(one);
  for (const [name, topics] of added) all.set(name, new Set([...(one.get(name) ?? []), ...topics]));
  return all;
}
