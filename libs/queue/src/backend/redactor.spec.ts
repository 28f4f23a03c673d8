import { redactorOf } from './redactor.js';

describe('redactorOf', () => {
  it.each([
    ['amqp://shop:s3cret@rabbit:5672/%2F', 'amqp://***@rabbit:5672/%2F'],
    ['connect to redis://:p%40ss@cache/0 failed', 'connect to redis://***@cache/0 failed'],
    [
      'postgres://u:p@ss@db:5432/app?x=1 and amqps://a:b@h',
      'postgres://***@db:5432/app?x=1 and amqps://***@h',
    ],
    [
      'mail to ops@example.org, see https://example.org/a@b',
      'mail to ops@example.org, see https://example.org/a@b',
    ],
  ])('hides who connects in %s', (text, expected) => {
    expect(redactorOf([])(text)).toBe(expected);
  });

  it('hides a secret as it is, as a URL writes it, and as it was read from one', () => {
    const redact = redactorOf(['p@ss/word', 'caf%C3%A9-key']);
    expect(redact('AUTH p@ss/word, p%40ss%2Fword, caf%C3%A9-key or café-key')).toBe(
      'AUTH ***, ***, *** or ***',
    );
  });

  it('hides the longer secret first, so that nothing of it is left', () => {
    expect(redactorOf(['hunter', 'hunter2000'])('it is hunter2000')).toBe('it is ***');
  });

  it('leaves words alone for the sake of a secret that is as short as they are', () => {
    expect(redactorOf(['a', '', undefined])('a plain sentence')).toBe('a plain sentence');
  });
});
