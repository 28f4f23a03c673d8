import { runInNewContext } from 'node:vm';
import { describeError } from './error-info.js';
import { QueueError } from './queue-error.js';

class CardError extends QueueError {
  readonly code = 'card';
  constructor(readonly details: unknown) {
    super('the card was refused');
  }
}

const fail = (): never => {
  throw new RangeError('no');
};

describe('describeError', () => {
  it('keeps name, message, code, stack and details of an error', () => {
    expect(describeError(new CardError({ field: 'number' }))).toEqual({
      name: 'CardError',
      message: 'the card was refused',
      code: 'card',
      stack: expect.stringContaining('error-info.spec'),
      details: { field: 'number' },
    });
  });

  it('knows an error of another realm', () => {
    const foreign: unknown = runInNewContext('new TypeError("from afar")');
    expect(describeError(foreign)).toMatchObject({ name: 'TypeError', message: 'from afar' });
  });

  it('takes a frozen error, a number as code, and an AggregateError', () => {
    expect(describeError(Object.freeze(new RangeError('cold')))).toMatchObject({
      name: 'RangeError',
      message: 'cold',
    });
    expect(describeError(Object.assign(new Error('x'), { code: 404 })).code).toBe('404');
    expect(describeError(new AggregateError([new Error('a')], 'all failed'))).toMatchObject({
      name: 'AggregateError',
      message: 'all failed',
    });
  });

  it.each<[unknown, string, string]>([
    [null, 'object', 'null'],
    [undefined, 'undefined', 'undefined'],
    ['plain text', 'string', 'plain text'],
    [42, 'number', '42'],
    [10n, 'bigint', '10'],
    [Symbol('s'), 'symbol', 'Symbol(s)'],
    [{ status: 500 }, 'object', '{"status":500}'],
  ])('prints what is no error: %p', (thrown, name, message) => {
    expect(describeError(thrown)).toEqual({ name, message });
  });

  it.each<[string, () => unknown]>([
    [
      'a cycle',
      () =>
        Object.assign(Object.create({}) as object, {
          get self(): unknown {
            return this;
          },
        }),
    ],
    ['a toString that throws', () => Object.assign(() => 1, { toString: fail })],
    ['a toJSON that throws', () => ({ toJSON: fail })],
    [
      'a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
    ],
    [
      'a proxy that throws at every question',
      () => new Proxy({}, { getPrototypeOf: fail, get: fail, ownKeys: fail }),
    ],
    ['an object without a prototype', () => Object.create(null) as unknown],
  ])('prints %s without throwing', (_what, make) => {
    expect(typeof describeError(make()).message).toBe('string');
  });

  it('reads an error whose getters throw as far as it can', () => {
    const evil = new Error('fine');
    for (const field of ['message', 'stack', 'code', 'details'])
      Object.defineProperty(evil, field, { get: fail });
    Object.defineProperty(evil, 'name', { value: { not: 'a text' } });
    expect(describeError(evil)).toEqual({
      name: 'Error',
      message: '(the message of this error could not be read)',
    });
  });

  it('cuts what is long, between characters', () => {
    const info = describeError(new Error('😀'.repeat(5_000_000)));
    expect(info.message.length).toBeLessThanOrEqual(2_001);
    expect(info.stack?.length).toBeLessThanOrEqual(4_001);
    expect(describeError('x' + '😀'.repeat(5_000)).message).toBe(`x${'😀'.repeat(999)}\ufffd…`);
    expect(describeError(new Error('half \ud800')).message).toBe('half \ufffd');
  });

  it('leaves out details that are too large, nest too deeply, or are no JSON', () => {
    const detailsOf = (details: unknown): unknown => describeError(new CardError(details)).details;
    const loop: unknown[] = [];
    loop.push(loop);
    expect(detailsOf('x'.repeat(8_000))).toBeUndefined();
    expect(detailsOf(JSON.parse('['.repeat(1_000) + ']'.repeat(1_000)))).toBeUndefined();
    expect(detailsOf(loop)).toBeUndefined();
    expect(detailsOf(10n)).toBeUndefined();
    expect(detailsOf(['a'])).toEqual(['a']);
  });

  it('copies the details, so that a later change does not reach the record', () => {
    const details = { issues: ['a'] };
    const info = describeError(new CardError(details));
    details.issues.push('b');
    expect(info.details).toEqual({ issues: ['a'] });
  });

  it('always answers with something that can be stored as JSON', () => {
    const evil = Object.assign(new Error('x'), { details: { toJSON: () => 'ok' } });
    expect(() => JSON.stringify(describeError(evil))).not.toThrow();
  });
});
