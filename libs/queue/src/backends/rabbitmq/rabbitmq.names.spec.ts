import fc from 'fast-check';
import { dueLane, dueTopic, RabbitNames, topicOfDue } from './rabbitmq.names.js';

const prefix = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);

/** All that a prefix and a subscription are called by. */
function queuesOf(of: RabbitNames, subscription: string): readonly string[] {
  return [
    of.lane(subscription),
    of.dead(subscription),
    of.catalogue,
    of.undelivered,
    of.level(0),
    of.level(25),
  ];
}

it('two things never have one name, whatever their prefixes and subscriptions are', () => {
  fc.assert(
    fc.property(prefix, prefix, name, name, (onePrefix, otherPrefix, one, other) => {
      fc.pre(onePrefix !== otherPrefix);
      const [names, foreign] = [new RabbitNames(onePrefix), new RabbitNames(otherPrefix)];
      const all = [...queuesOf(names, one), ...queuesOf(foreign, one)];
      if (one !== other) all.push(names.lane(other), names.dead(other));
      expect(new Set(all).size).toBe(all.length);
    }),
  );
});

it('no name is longer than AMQP allows', () => {
  fc.assert(
    fc.property(prefix, name, (given, subscription) => {
      for (const queue of queuesOf(new RabbitNames(given), subscription))
        expect(Buffer.byteLength(queue)).toBeLessThanOrEqual(255);
      expect(Buffer.byteLength(dueLane(subscription))).toBeLessThanOrEqual(255);
    }),
  );
});

it('what is due to a topic is told from what is due to a subscription', () => {
  fc.assert(
    fc.property(name, name, (topic, subscription) => {
      expect(topicOfDue(dueTopic(topic))).toBe(topic);
      expect(topicOfDue(dueLane(subscription))).toBeUndefined();
    }),
  );
});
