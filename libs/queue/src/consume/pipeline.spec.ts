import { handling } from '../interceptors/handling.fixture.js';
import type { Handling } from '../interceptors/handling.js';
import type { Station } from '../interceptors/station.js';
import { ACK, failed, type Outcome, RELEASE } from '../message/outcome.js';
import { Pipeline } from './pipeline.js';

type How = 'now' | 'later';
const OUR_FAULT = { kind: 'release', delayMs: 1_000 };

/** What stations do, for each way of answering. */
class Walk {
  readonly steps: string[] = [];
  readonly faults: string[] = [];
  /** Stations that were entered and not left again. */
  left = -1;

  constructor(private readonly how: How) {}

  station(
    name: string,
    does: { enter?: () => Outcome | undefined; exit?: (outcome: Outcome) => Outcome } = {},
  ): Station {
    const answer = <T>(work: () => T): T | Promise<T> =>
      this.how === 'now' ? work() : new Promise((resolve) => setImmediate(resolve)).then(work);
    return {
      name,
      enter: () => {
        this.steps.push(`in ${name}`);
        return answer(() => does.enter?.());
      },
      exit: (_handling, outcome) => {
        this.steps.push(`out ${name} ${outcome.kind}`);
        return answer(() => does.exit?.(outcome) ?? outcome);
      },
    };
  }

  async run(stations: readonly Station[], handled: Outcome = ACK): Promise<Outcome> {
    const pipeline = new Pipeline(stations, (station, error) => {
      this.faults.push(`${station}: ${String(error)}`);
    });
    const given: Handling = handling();
    const decided = (await pipeline.enter(given)) ?? this.#handle(handled);
    const outcome = await pipeline.exit(given, decided);
    this.left = given.entered;
    return outcome;
  }

  #handle(outcome: Outcome): Outcome {
    this.steps.push('handler');
    return outcome;
  }
}

const broken = (): never => {
  throw new RangeError('broken');
};

describe.each<How>(['now', 'later'])('a pipeline whose stations answer %s', (how) => {
  let walk: Walk;
  beforeEach(() => (walk = new Walk(how)));

  it('goes in outermost first, and out innermost first', async () => {
    expect(await walk.run([walk.station('a'), walk.station('b')])).toBe(ACK);
    expect(walk.steps).toEqual(['in a', 'in b', 'handler', 'out b ack', 'out a ack']);
    expect(walk.left).toBe(0);
  });

  it('passes each outcome on as the station before it left it', async () => {
    const b = walk.station('b', { exit: () => RELEASE });
    expect(await walk.run([walk.station('a'), b])).toBe(RELEASE);
    expect(walk.steps.at(-1)).toBe('out a release');
  });

  it('skips the handler, and the station that decided, when it is decided on the way in', async () => {
    const b = walk.station('b', { enter: () => RELEASE });
    expect(await walk.run([walk.station('a'), b, walk.station('c')])).toBe(RELEASE);
    expect(walk.steps).toEqual(['in a', 'in b', 'out a release']);
  });

  it('gives the message back when a station breaks on the way in', async () => {
    const b = walk.station('b', { enter: broken });
    expect(await walk.run([walk.station('a'), b, walk.station('c')])).toEqual(OUR_FAULT);
    expect(walk.steps).toEqual(['in a', 'in b', 'out a release']);
    expect(walk.left).toBe(0);
    expect(walk.faults).toEqual(['b: RangeError: broken']);
  });

  it('keeps what was done when a station breaks on the way out', async () => {
    const b = walk.station('b', { exit: broken });
    expect(await walk.run([walk.station('a'), b])).toBe(ACK);
    expect(walk.steps.at(-1)).toBe('out a ack');
    expect(walk.faults).toEqual(['b: RangeError: broken']);
  });

  it('does not count a failure that nobody could decide upon', async () => {
    const b = walk.station('b', { exit: broken });
    expect(await walk.run([walk.station('a'), b], failed(new Error('x')))).toEqual(OUR_FAULT);
  });

  it('takes stations that act on one way only', async () => {
    const inOnly: Station = { name: 'in', enter: () => undefined };
    const outOnly: Station = { name: 'out', exit: (_handling, outcome) => outcome };
    expect(await walk.run([inOnly, walk.station('a'), outOnly])).toBe(ACK);
    expect(await walk.run([])).toBe(ACK);
  });
});

it('stations that answer at once cost no promise', () => {
  const station = new Walk('now').station('a');
  const pipeline = new Pipeline([station, station], () => {});
  const given = handling();
  expect(pipeline.enter(given)).toBeUndefined();
  expect(pipeline.exit(given, ACK)).toBe(ACK);
});
