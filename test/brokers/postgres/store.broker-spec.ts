import type { Store } from '@pigeonpost/queue';
import { brokerUrl, describeWith } from '../broker-url.js';
import { OpenedBackends } from './opened.js';

const put = (key: string, value = key): { op: 'put'; key: string; value: string } => ({
  op: 'put',
  key,
  value,
});

// What every store does, the laws say.
describeWith('postgres', 'the store of postgres', () => {
  let backends: OpenedBackends;
  let store: Store;

  beforeEach(async () => {
    backends = new OpenedBackends(brokerUrl('postgres'));
    await backends.openWith();
    ({ store } = await backends.open());
  });
  afterEach(() => backends.dispose());

  it('writes in the transaction of a caller', async () => {
    const client = await backends.client();
    for (const [how, count] of [
      ['ROLLBACK', 0],
      ['COMMIT', 1],
    ] as const) {
      await client.query('BEGIN');
      expect(await store.write([put('tx')], { tx: client })).toMatchObject({ ok: true });
      expect(await store.read(['tx'])).toEqual([undefined]);
      await client.query(how);
      expect((await store.read(['tx'])).filter(Boolean)).toHaveLength(count);
    }
    await client.end();
  });

  it('says what it cannot keep', async () => {
    await expect(store.write([put('nul', 'a\0b')])).rejects.toMatchObject({ code: 'store_text' });
    expect(await store.read(['a\0b'])).toEqual([undefined]);
  });
});
