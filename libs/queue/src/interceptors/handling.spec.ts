import { withHeaders, NO_HEADERS } from '../message/headers.js';
import { handling } from './handling.fixture.js';
import { HandlerTimeoutError, ShutdownError } from './handling.errors.js';

describe('a handling', () => {
  it('shows the delivery it is about', () => {
    const headers = withHeaders(NO_HEADERS, { tenant: 'a' });
    const shown = handling({ key: 'k', headers, attempt: 3, crashes: 1, body: 'text' });
    expect({ ...shown.delivery }).toMatchObject({
      id: shown.id,
      topic: shown.topic,
      subscription: shown.subscription,
      key: shown.key,
      attempt: shown.attempt,
      crashes: shown.crashes,
      publishedAt: shown.publishedAt,
      body: shown.body,
    });
    expect(shown.headers).toBe(headers);
    expect(shown.backend).toBe('main');
  });

  it('hides headers of the library, forged or not, and leaves them on the delivery', () => {
    const headers = withHeaders(NO_HEADERS, { tenant: 'a', 'pp-attempt': '0', 'PP-Replay-Count': '9' });
    const shown = handling({ headers });
    expect({ ...shown.headers }).toEqual({ tenant: 'a' });
    expect(Object.getPrototypeOf(shown.headers)).toBeNull();
    expect(shown.delivery.headers['pp-attempt']).toBe('0');
  });

  it('aborts its signal once, with the first reason, whether it was asked for before or after', () => {
    const [before, after] = [handling(), handling()];
    const { signal } = before;
    const reason = new HandlerTimeoutError('too long');
    for (const each of [before, after]) {
      each.abort(reason);
      each.abort(new ShutdownError('later'));
    }
    expect(signal.reason).toBe(reason);
    expect(after.signal.aborted).toBe(true);
    expect(after.signal.reason).toBe(reason);
    expect(after.signal).toBe(after.signal);
    expect(after.abortReason).toBe(reason);
  });

  it('hands out a copy of the bytes each time', () => {
    for (const body of [Buffer.from('abc'), new Uint8Array([97, 98, 99]), 'abc']) {
      const shown = handling({ body });
      shown.copyOfBytes()[0] = 0;
      expect(shown.copyOfBytes()).toEqual(new Uint8Array([97, 98, 99]));
    }
  });
});
