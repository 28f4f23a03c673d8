import type { Channel, ConsumeMessage } from 'amqplib';
import fc from 'fast-check';
import { AckLine } from './rabbitmq.acks.js';

/** What a broker does with acknowledgements: an unknown tag closes the channel. */
class Broker {
  readonly unacked: number[] = [];
  frames = 0;

  readonly channel = {
    ack: ({ fields }: ConsumeMessage, isMultiple = false) => this.#take(fields.deliveryTag, isMultiple),
    reject: ({ fields }: ConsumeMessage) => this.#take(fields.deliveryTag, false),
  } as unknown as Channel;

  #take(tag: number, isMultiple: boolean): void {
    this.frames++;
    if (!this.unacked.includes(tag)) throw new Error(`PRECONDITION_FAILED - unknown delivery tag ${tag}`);
    const left = this.unacked.filter((other) => (isMultiple ? other > tag : other !== tag));
    this.unacked.splice(0, this.unacked.length, ...left);
  }
}

function deliver(broker: Broker, line: AckLine, count: number): readonly ConsumeMessage[] {
  return Array.from({ length: count }, () => {
    const deliveryTag = ++tags;
    broker.unacked.push(deliveryTag);
    const message = { fields: { deliveryTag } } as ConsumeMessage;
    line.add(message);
    return message;
  });
}

let tags = 0;
beforeEach(() => (tags = 0));

it('tells of all that is done at the front with one frame', () => {
  const broker = new Broker();
  const line = new AckLine(broker.channel);
  for (const message of deliver(broker, line, 100)) line.ack(message);
  line.flush();
  expect([broker.frames, broker.unacked, line.unacked]).toEqual([1, [], 0]);
});

it('takes nothing along that is still open', () => {
  const broker = new Broker();
  const line = new AckLine(broker.channel);
  const messages = deliver(broker, line, 5);
  for (const at of [4, 2, 0]) line.ack(messages[at] as ConsumeMessage);
  line.flush();
  expect(broker.unacked).toEqual([2, 4]);
});

it('tells nothing while it is held, and everything afterwards', () => {
  const broker = new Broker();
  const line = new AckLine(broker.channel);
  const [message] = deliver(broker, line, 1);
  line.hold();
  line.ack(message as ConsumeMessage);
  line.flush();
  expect(broker.unacked).toEqual([1]);
  line.resume();
  expect(broker.unacked).toEqual([]);
});

it('whatever is settled in whatever order, the broker keeps exactly what is open, and is never told twice', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ do: fc.constantFrom('ack' as const, 'giveBack' as const), at: fc.nat(30) }),
    fc.record({ do: fc.constant('flush' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      tags = 0;
      const broker = new Broker();
      const line = new AckLine(broker.channel);
      const messages: ConsumeMessage[] = [];
      const open = new Set<number>();
      for (const one of steps) {
        if (one.do === 'flush') line.flush();
        else if (one.do === 'deliver') {
          const brought = deliver(broker, line, one.count);
          messages.push(...brought);
          for (const { fields } of brought) open.add(fields.deliveryTag);
        } else {
          const message = messages[one.at];
          if (message === undefined) continue;
          line[one.do](message);
          open.delete(message.fields.deliveryTag);
        }
      }
      line.flush();
      expect([broker.unacked, line.unacked]).toEqual([[...open], open.size]);
    }),
  );
});
