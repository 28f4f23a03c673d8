/** The shortest wait that the levels can tell from none. */
export const UNIT_MS = 100;
/** Level `n` makes a message wait for 2^n units: together, any number of units up to 2^26 - 1, or 77 days. */
export const LEVELS = 26;

/**
 * What everything is called on the broker. The prefix has no dots and the name of a subscription comes last, so two
 * different things never get one name, and the longest one takes 40 + 6 + 128 of the 255 bytes there are.
 */
export class RabbitNames {
  /** Topic exchange: publishes go through it, with the topic as routing key. */
  readonly topics: string;
  /** Topic exchange: what is due after a delay goes through it. */
  readonly due: string;
  /** Exchange and queue for what is due and has nobody to go to. */
  readonly undelivered: string;
  /** Queue that remembers which subscription listens to what. */
  readonly catalogue: string;

  constructor(readonly prefix: string) {
    this.topics = `${prefix}.topics`;
    this.due = `${prefix}.due`;
    this.undelivered = `${prefix}.undelivered`;
    this.catalogue = `${prefix}.catalogue`;
  }

  /** Where the messages of a subscription lie; also its lane, by the default exchange. */
  lane(subscription: string): string {
    return `${this.prefix}.lane.${subscription}`;
  }

  dead(subscription: string): string {
    return `${this.prefix}.dead.${subscription}`;
  }

  /** Only the one who looks at the dead letters has it. */
  lock(subscription: string): string {
    return `${this.prefix}.look.${subscription}`;
  }

  /** Exchange and queue of one level of delay. */
  level(level: number): string {
    return `${this.prefix}.delay.${level}`;
  }
}

/** Routing keys on the `due` exchange. */
export function dueTopic(topicOrPattern: string): string {
  return `topic.${topicOrPattern}`;
}

export function dueLane(subscription: string): string {
  return `lane.${subscription}`;
}

/** The topic of a routing key that `dueTopic` made; undefined: it is none. */
export function topicOfDue(routingKey: string): string | undefined {
  return routingKey.startsWith('topic.') ? routingKey.slice('topic.'.length) : undefined;
}
