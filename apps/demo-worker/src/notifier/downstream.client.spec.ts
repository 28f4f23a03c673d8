import { Reject, RetryAfter } from '@pigeonpost/queue';
import { Downstream } from '../../../demo-driver/src/downstream.js';
import { ACCEPTS, type Answer } from '../../../demo-driver/src/fate.js';
import { DownstreamClient } from './downstream.client.js';
import { DownstreamUnavailableError } from './downstream.errors.js';

const ANSWERS: Readonly<Record<string, Answer>> = {
  accepted: ACCEPTS,
  broken: { status: 500 },
  busy: { status: 429, retryAfterSeconds: 2 },
  paused: { status: 503, retryAfterSeconds: 3 },
  late: { status: 408 },
  gone: { status: 410 },
  moved: { status: 302 },
  silent: 'silence',
};

describe('DownstreamClient', () => {
  const downstream = new Downstream(
    new Map(Object.entries(ANSWERS).map(([id, always]) => [id, { first: [], always }])),
  );
  let client: DownstreamClient;

  beforeAll(async () => {
    await downstream.open();
    client = new DownstreamClient(downstream.url);
  });

  afterAll(async () => {
    await downstream.close();
  });

  function notify(id: string, signal = new AbortController().signal): Promise<void> {
    return client.notify({ id, text: 'hello' }, signal);
  }

  it('is content with 200', async () => {
    await expect(notify('accepted')).resolves.toBeUndefined();
    expect(downstream.accepted.get('accepted')).toBe(1);
  });

  it('leaves a server error to the retry policy', async () => {
    await expect(notify('broken')).rejects.toThrow(DownstreamUnavailableError);
    await expect(notify('late')).rejects.toThrow('the downstream answered 408');
  });

  it.each([
    ['busy', 2_000],
    ['paused', 3_000],
  ])('comes again when the downstream wants it: %s', async (id, delayMs) => {
    const error: unknown = await notify(id).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RetryAfter);
    expect(error).toMatchObject({ delayMs });
  });

  it('gives up at a clear no', async () => {
    await expect(notify('gone')).rejects.toThrow(Reject);
    await expect(notify('gone')).rejects.toThrow('the downstream refused with 410');
  });

  it('does not follow a redirect to somewhere else', async () => {
    await expect(notify('moved')).rejects.toThrow('fetch failed');
  });

  it('stops waiting when its signal aborts', async () => {
    const abort = new AbortController();
    downstream.onRequest = () => abort.abort(new RangeError('time is over'));
    await expect(notify('silent', abort.signal)).rejects.toThrow('time is over');
  });
});
