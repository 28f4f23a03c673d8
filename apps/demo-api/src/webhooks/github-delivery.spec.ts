import { readDelivery } from './github-delivery.js';

const HEADERS = { 'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958', 'x-github-event': 'issues' };

const read = (payload: unknown): ReturnType<typeof readDelivery> =>
  readDelivery(HEADERS, Buffer.from(JSON.stringify(payload)));

describe('readDelivery', () => {
  it('takes id and event from the headers, and the payload as it is', () => {
    const payload = { action: 'opened', repository: { full_name: 'octocat/hello-world' }, deep: [[1]] };
    expect(read(payload)).toEqual({
      id: HEADERS['x-github-delivery'],
      event: 'issues',
      key: 'octocat/hello-world',
      payload,
    });
  });

  it.each([
    [{ repository: { full_name: 'a/b' }, organization: { login: 'org' } }, 'a/b'],
    [{ organization: { login: 'org' }, installation: { id: 7 } }, 'org'],
    [{ installation: { id: 7 } }, '7'],
    [{}, 'github'],
    [{ repository: null, organization: 'org' }, 'github'],
    [{ repository: { full_name: 'a\u0000b' } }, 'github'],
    [{ repository: { full_name: 'x'.repeat(300) } }, 'github'],
  ])('orders %j by %s', (payload, key) => {
    expect(read(payload).key).toBe(key);
  });

  it.each([
    ['no GUID', { ...HEADERS, 'x-github-delivery': undefined }, '{}', 400],
    ['two GUIDs', { ...HEADERS, 'x-github-delivery': 'a, b' }, '{}', 400],
    ['no event', { ...HEADERS, 'x-github-event': undefined }, '{}', 400],
    ['an unknown event', { ...HEADERS, 'x-github-event': 'coffee_break' }, '{}', 422],
    ['an event that every object has', { ...HEADERS, 'x-github-event': 'constructor' }, '{}', 422],
    ['half a body', HEADERS, '{"a": ', 400],
    ['no body', HEADERS, '', 400],
    ['an array', HEADERS, '[]', 400],
    ['null', HEADERS, 'null', 400],
    ['a text', HEADERS, '"{}"', 400],
  ])('refuses %s', (_what, headers, body, status) => {
    expect(() => readDelivery(headers, Buffer.from(body))).toThrow(expect.objectContaining({ status }));
  });

  it('refuses bytes that are no UTF-8, which would change on the way', () => {
    const body = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(() => readDelivery(HEADERS, body)).toThrow(expect.objectContaining({ status: 400 }));
  });
});
