import { codeOf, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import type { LawBench } from '../law-bench.js';

const FILTERED = { 'laws.one': ['wild.*.placed'], 'laws.all': ['wild.#', 'wild.eu.placed'] };

/** F7: a subscription can listen to patterns of topics. */
export const WILDCARD_LAWS: readonly Law[] = [
  {
    id: 'F7',
    title:
      'a pattern brings every topic that it stands for, once, and no other; what nobody wants is refused',
    proves: ['wildcards'],
    gate: { needs: 'wildcards', met: ({ wildcards }) => wildcards },
    does: async (bench) => {
      await bench.ensure(FILTERED);
      const topics = ['wild', 'wild.eu.placed', 'wild.us.placed', 'wild.placed', 'wild.eu.placed.late'];
      await bench.publish(...topics.map((topic) => bench.message({ topic })));
      mustEqual(
        await copies(bench, 'laws.one', 2),
        ['wild.eu.placed', 'wild.us.placed'],
        'what one word brings',
      );
      mustEqual(await copies(bench, 'laws.all', 5), topics, 'what any number of words brings');
      const strangers = ['wilds.eu.placed', 'eu.wild.placed'].map((topic) => bench.message({ topic }));
      const results = await bench.tryPublish(...strangers);
      mustEqual(
        results.map((result) => (result.status === 'refused' ? codeOf(result.error) : result.status)),
        ['unroutable', 'unroutable'],
        'the answers to topics of nobody',
      );
    },
    refuses: async (bench) => {
      const error = await bench.ensure(FILTERED).then(
        () => 'ensured',
        (thrown: unknown) => thrown,
      );
      mustEqual(codeOf(error), 'unsupported', 'the answer to a pattern');
    },
  },
  {
    id: 'F7a',
    title:
      'a pattern that is added later counts at once, in every process, also for topics that were used before',
    proves: ['wildcards'],
    gate: { needs: 'wildcards', met: ({ wildcards }) => wildcards },
    does: async (bench) => {
      const other = bench.capabilities.hosts === 'process' ? bench.backend : await bench.connect();
      await bench.ensure({ 'laws.early': ['wild.eu'] });
      await other.publish([bench.message({ topic: 'wild.eu' })]);
      await bench.ensure({ 'laws.late': ['wild.*'] });
      await other.publish([bench.message({ topic: 'wild.eu' }), bench.message({ topic: 'wild.us' })]);
      mustEqual(await copies(bench, 'laws.early', 2), ['wild.eu', 'wild.eu'], 'what the topic brings');
      mustEqual(await copies(bench, 'laws.late', 2), ['wild.eu', 'wild.us'], 'what the pattern brings');
    },
  },
];

/** The topics of exactly `count` messages, which are acknowledged. */
async function copies(bench: LawBench, subscription: string, count: number): Promise<readonly string[]> {
  const receiver = await bench.receiver(subscription);
  const deliveries = await bench.take(receiver, count);
  await bench.ack(receiver, ...deliveries);
  mustEqual((await bench.depth(subscription)).ready, 0, `what else came to ${subscription}`);
  return deliveries.map(({ topic }) => topic);
}
