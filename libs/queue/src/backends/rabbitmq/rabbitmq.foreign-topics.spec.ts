import { type ForeignExchange, ForeignTopics, placeOf, routeOf } from './rabbitmq.foreign-topics.js';

function topics(exchanges: Record<string, ForeignExchange>): ForeignTopics {
  return new ForeignTopics(exchanges);
}

function cameBy(given: ForeignTopics, arrival: { exchange: string; routingKey?: string; headers?: object }) {
  const routes = given.heardBy(['#']);
  return routeOf(routes, { routingKey: '', headers: {}, ...arrival } as never)?.topic;
}

describe('topics on exchanges of others', () => {
  it('are listened to by their names, and by patterns of them', () => {
    const given = topics({ 'shop.order': { exchange: 'orders' }, 'shop.bill': { exchange: 'bills' } });
    const heard = (...by: string[]): readonly string[] => given.heardBy(by).map(({ topic }) => topic);
    expect(heard('shop.order')).toEqual(['shop.order']);
    expect(heard('shop.*')).toEqual(['shop.order', 'shop.bill']);
    expect(heard('stock.#', 'order')).toEqual([]);
  });

  it('cannot be listened to on the default exchange', () => {
    const given = topics({ job: { exchange: '', routingKey: 'legacy' } });
    expect(given.heardBy(['#'])).toEqual([]);
    expect(given.unheardBy(['#'])?.topic).toBe('job');
    expect(given.exchanges).toEqual([]);
    expect(given.toCapability()).toEqual({ job: { place: 'queue "legacy"', listen: false } });
  });

  it('are told apart by the routing key, as a topic exchange matches it', () => {
    const given = topics({
      eu: { exchange: 'orders', routingKey: 'eu.#' },
      end: { exchange: 'orders', routingKey: '#.end' },
      one: { exchange: 'orders', routingKey: '*.one' },
    });
    const by = (routingKey: string): string | undefined => cameBy(given, { exchange: 'orders', routingKey });
    expect([by('eu'), by('eu.a.b'), by('end'), by('a.b.end'), by('a.one')]).toEqual([
      'eu',
      'eu',
      'end',
      'end',
      'one',
    ]);
    expect(cameBy(given, { exchange: 'bills', routingKey: 'eu' })).toBeUndefined();
  });

  it('are told apart by headers, all or any of them', () => {
    const given = topics({
      both: { exchange: 'alerts', headers: { level: 'high', zone: 1 } },
      one: { exchange: 'alerts', headers: { level: 'high', zone: 2 }, match: 'any' },
    });
    const by = (headers: object): string | undefined => cameBy(given, { exchange: 'alerts', headers });
    expect([by({ level: 'high', zone: 1 }), by({ level: 'high' }), by({ zone: 2 })]).toEqual([
      'both',
      'one',
      'one',
    ]);
  });

  it('take what came by their exchange although nothing fits, as a fanout exchange does', () => {
    const given = topics({ all: { exchange: 'news', routingKey: 'ours' } });
    expect(cameBy(given, { exchange: 'news', routingKey: 'theirs' })).toBe('all');
  });

  it('say where they lie', () => {
    const route = topics({ order: { exchange: 'shop.orders', routingKey: 'created' } }).of('order');
    expect(route && placeOf(route)).toBe('exchange "shop.orders", routing key "created"');
  });
});
