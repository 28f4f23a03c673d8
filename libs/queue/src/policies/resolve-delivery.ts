import { matchesTopic } from '../message/topic-pattern.js';
import { ANOMALIES } from './anomalies.js';
import type { Requirement } from './requirements.js';
import { composed, native, refused, type Offer, type Resolution } from './resolution.js';

const LOSSES = `${ANOMALIES['loss-on-crash']}; ${ANOMALIES['loss-on-failure']}`;

/** Published messages are there when the publisher is told so. */
export function resolvePublish({ capabilities: { confirm } }: Offer): Resolution {
  switch (confirm) {
    case 'routed':
      return native();
    case 'stored':
      return native('a message for a topic that no subscription listens to is stored for nobody');
    case 'none':
      return refused(
        'does not confirm what is published',
        'use a backend that confirms',
        'unconfirmed-publish',
      );
  }
}

/** At least once: a message is there until its handler has succeeded. At most once: it is gone before its handler runs. */
export function resolveDelivery(
  { mode }: Extract<Requirement, { need: 'delivery' }>,
  { capabilities: { ack } }: Offer,
): Resolution {
  if (mode === 'at-most-once') return composed('acknowledging before the handler', LOSSES);
  switch (ack) {
    case 'message':
      return native(ANOMALIES['second-handling']);
    case 'position':
      return native(ANOMALIES['second-handling-of-more']);
    case 'none':
      return refused(
        'forgets a message when it hands it over',
        'use a backend with acknowledgements',
        'loss-on-crash',
      );
  }
}

/** The subscription has its own copy of every message, also of those published while nobody consumes. */
export function resolveFanOut(
  { rivals, topics }: Extract<Requirement, { need: 'fan-out' }>,
  { capabilities: { fanout, foreign = {} }, copying = false }: Offer,
): Resolution {
  const elsewhere = Object.keys(foreign).filter((topic) => topics.some((each) => matchesTopic(each, topic)));
  const deaf = elsewhere.find((topic) => foreign[topic]?.listen === false);
  if (deaf !== undefined) return sentOnly(deaf, foreign[deaf]?.place);
  if (fanout === 'named' && !copying && elsewhere.length > 0) {
    const places = elsewhere.map((topic) => `${topic} is ${foreign[topic]?.place}`).join('; ');
    return native(`${places}: what others send there is lost while its owner has deleted it or its bindings`);
  }
  switch (fanout) {
    case 'named':
      return copying ? copied() : native();
    case 'ephemeral':
      return refused(
        'has subscriptions only while a consumer runs',
        'use a backend with named subscriptions',
        'loss-while-away',
      );
    case 'none':
      return rivals.length === 0
        ? native('any other subscription of its topics would take its messages')
        : shared(rivals);
  }
}

function sentOnly(topic: string, place = ''): Resolution {
  return refused(
    `only sends to topic ${topic}, which is ${place} of somebody else and gives no subscription a copy`,
    'listen to an exchange, or name the topics without this one',
  );
}

function copied(): Resolution {
  return composed(
    'copying each message from the queue of its topic to a queue of every subscription',
    'a crash in the middle copies a message again, with the same id; copies come one after the other',
  );
}

function shared(rivals: readonly string[]): Resolution {
  return refused(
    `gives it and ${rivals.join(', ')} one copy to share`,
    'name in `store` a backend that remembers, so that copies can be made, or use a backend with named subscriptions',
  );
}

/** Topics that begin later are listened to from then on, without a new start. */
export function resolveWildcards({ capabilities }: Offer): Resolution {
  return capabilities.wildcards
    ? native()
    : refused(
        'listens to topics by their whole names only',
        'name every topic, or use a backend with wildcards',
      );
}

/** What is given up is kept, with the reasons. */
export function resolveDeadLetters({ capabilities: { dead } }: Offer): Resolution {
  switch (dead) {
    case 'native-reason':
      return native();
    case 'native':
      return refused(
        'keeps dead letters without their failure records',
        'use a backend that keeps the reasons',
        'dead-without-reason',
      );
    case 'none':
      return refused('has no place for what is given up', 'use a backend that keeps dead letters');
  }
}

/** Where there are dead letters at all; where there are none, that is refused. */
export function resolveRetention(): Resolution {
  return composed(
    'a sweep in the processes that consume',
    'a dead letter is kept up to a tenth longer, and for as long as nobody consumes',
  );
}

/** What a shutdown or a pause gives back costs no attempt. */
export function resolveRelease({ capabilities }: Offer): Resolution {
  return capabilities.uncountedRelease
    ? native()
    : refused(
        'counts what is given back as an attempt',
        'use a backend with uncounted releases',
        'counted-release',
      );
}
