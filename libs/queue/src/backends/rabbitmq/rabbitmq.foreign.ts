import type { Clock } from '../../ambient/clock.js';
import type { PublishAnswers, PublishCall, PublishResult } from '../../backend/backend.js';
import type { CapabilityOwner } from '../../backend/capabilities.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { RabbitAdmin } from './rabbitmq.admin.js';
import { RabbitForeignBindings } from './rabbitmq.foreign-bindings.js';
import { RabbitForeignPublisher } from './rabbitmq.foreign-publisher.js';
import type { ForeignTopics } from './rabbitmq.foreign-topics.js';
import type { RabbitSender } from './rabbitmq.sender.js';
import type { RabbitStatus } from './rabbitmq.status.js';

export interface ForeignParts {
  readonly owner: CapabilityOwner;
  readonly topics: ForeignTopics;
  readonly admin: RabbitAdmin;
  readonly status: RabbitStatus;
  readonly clock: Clock;
  /** Called when there are such topics: makes a channel for what is published to them. `restore`: an exchange is not there. */
  readonly sender: (restore: () => Promise<void>) => RabbitSender;
}

type PublishOwn = (messages: readonly Outgoing[]) => Promise<readonly PublishResult[]>;

type PublishOwnEach = (messages: readonly Outgoing[], answers: PublishAnswers) => void;

/** What has to do with exchanges of somebody else. */
export class RabbitForeign {
  readonly topics: ForeignTopics;
  readonly bindings: RabbitForeignBindings;
  readonly #publisher: RabbitForeignPublisher | undefined;
  readonly #sender: RabbitSender | undefined;

  constructor({ owner, topics, admin, status, clock, sender }: ForeignParts) {
    this.topics = topics;
    this.bindings = new RabbitForeignBindings({ backend: owner.name, topics, admin, status, clock });
    if (topics.isEmpty) return;
    this.#sender = sender(() => this.bindings.look());
    this.#publisher = new RabbitForeignPublisher({ owner, topics, sender: this.#sender, clock });
  }

  /** What is for others goes to them, the rest to `own`; the answers come in the order of the messages. */
  async publish(
    batch: readonly Outgoing[],
    call: PublishCall | undefined,
    own: PublishOwn,
  ): Promise<readonly PublishResult[]> {
    const publisher = this.#publisher;
    if (publisher === undefined) return own(batch);
    const routes = batch.map((message) => publisher.routeOf(message));
    const ours = batch.filter((_, at) => routes[at] === undefined);
    if (ours.length === batch.length) return own(batch);
    const sendings = batch.flatMap((message, at) => {
      const route = routes[at];
      return route === undefined ? [] : [{ message, route }];
    });
    const answers = await Promise.all([
      ours.length === 0 ? [] : own(ours),
      publisher.publish(sendings, call),
    ]);
    const [toUs, toOthers] = answers.map((results) => results.values());
    return routes.map((route) => (route === undefined ? toUs : toOthers)?.next().value as PublishResult);
  }

  /** The same with each answer as soon as it is known. */
  publishEach(batch: readonly Outgoing[], answers: PublishAnswers, own: PublishOwnEach): void {
    const publisher = this.#publisher;
    if (publisher === undefined) return own(batch, answers);
    const ours: number[] = [];
    batch.forEach((message, at) => {
      const route = publisher.routeOf(message);
      if (route === undefined) ours.push(at);
      else
        void publisher
          .publish([{ message, route }], undefined)
          .then(([result]) => answers.answered(at, result as PublishResult));
    });
    const messages = ours.map((at) => batch[at] as Outgoing);
    if (messages.length > 0)
      own(messages, { answered: (index, result) => answers.answered(ours[index] as number, result) });
  }

  close(): void {
    this.bindings.close();
    this.#sender?.close();
  }
}
