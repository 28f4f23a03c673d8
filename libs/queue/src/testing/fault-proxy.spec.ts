import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { FaultProxy } from './fault-proxy.js';
import { VirtualClock } from './virtual-clock.js';

/** A client's end, with all that it has received. */
class Client {
  readonly socket: Socket;
  text = '';
  ended: 'end' | 'reset' | undefined;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text: string) => (this.text += text));
    this.socket.on('end', () => (this.ended ??= 'end'));
    this.socket.on('error', () => (this.ended = 'reset'));
  }

  say(text: string): void {
    this.socket.write(text);
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** Enough for everything on this machine that could still happen without a timer. */
async function silence(): Promise<void> {
  for (let count = 0; count < 200; count++) await turn();
}

describe('FaultProxy', () => {
  const clock = new VirtualClock();
  let broker: Server;
  let dialed: Socket[];
  let heard: string;
  let chunks: number;
  let proxy: FaultProxy;
  let clients: Client[];

  beforeEach(async () => {
    [dialed, heard, chunks, clients] = [[], '', 0, []];
    // Says everything back.
    broker = createServer((socket) => {
      dialed.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (bytes: Buffer) => {
        chunks++;
        heard += bytes.toString();
        socket.write(bytes);
      });
    });
    broker.listen(0, '127.0.0.1');
    await once(broker, 'listening');
    proxy = await FaultProxy.before(`redis://127.0.0.1:${(broker.address() as AddressInfo).port}`, clock);
  });

  afterEach(async () => {
    await proxy.close();
    for (const { socket } of clients) socket.destroy();
    broker.close();
    for (const socket of dialed) socket.destroy();
    await once(broker, 'close');
  });

  function dial(): Client {
    const client = new Client(proxy.port);
    clients.push(client);
    return client;
  }

  async function greeted(text = 'hello'): Promise<Client> {
    const client = dial();
    client.say(text);
    await until(() => client.text === text);
    return client;
  }

  it('passes everything, and both ends, until it is told otherwise', async () => {
    const client = await greeted('x'.repeat(100_000));
    expect(proxy.connections).toBe(1);
    client.socket.end();
    await until(() => client.ended === 'end');
    await until(() => proxy.connections === 0);
  });

  it('leaves no timer when it is closed', async () => {
    const client = await greeted('0');
    proxy.apply({ kind: 'latency', ms: 500 });
    client.say('1');
    await until(() => clock.pending === 1);
    await proxy.close();
    await until(() => clock.pending === 0);
    expect(proxy.connections).toBe(0);
  });

  it('gives the address by way of it', () => {
    const url = proxy.through('amqp://me:secret@broker.example:5672/vhost?heartbeat=5');
    expect(url).toBe(`amqp://me:secret@127.0.0.1:${proxy.port}/vhost?heartbeat=5`);
  });

  it('is late, in order', async () => {
    const client = await greeted('0');
    proxy.apply({ kind: 'latency', ms: 500 }, 'to broker');
    client.say('123');
    await until(() => clock.pending === 1);
    await clock.advance(499);
    await silence();
    expect(heard).toBe('0');
    await clock.advance(1);
    await until(() => client.text === '0123');
  });

  it('carries so many bytes a second', async () => {
    const client = await greeted('0');
    proxy.apply({ kind: 'bandwidth', bytesPerSecond: 1_000 }, 'to broker');
    client.say('a'.repeat(500));
    await until(() => heard.length === 501);
    client.say('b');
    await silence();
    expect(heard).toHaveLength(501);
    await clock.advance(500);
    await until(() => heard.length === 502);
    await clock.advance(1);
  });

  it('slices', async () => {
    const client = await greeted('0');
    const before = chunks;
    proxy.apply({ kind: 'slice', bytes: 1 });
    client.say('abcdef');
    await until(() => client.text === '0abcdef');
    expect(chunks - before).toBeGreaterThan(1);
  });

  it('stalls: nothing moves, nothing is lost, nobody is told of an end', async () => {
    const [client, leaving] = [await greeted('0'), await greeted('0')];
    proxy.apply({ kind: 'stall' });
    const late = dial();
    client.say('1');
    late.say('2');
    leaving.socket.destroy();
    await until(() => proxy.connections === 3);
    await silence();
    expect([heard, dialed.length, dialed.filter(({ destroyed }) => destroyed).length]).toEqual(['00', 2, 0]);
    proxy.heal();
    await until(() => client.text === '01' && late.text === '2');
    await until(() => dialed.filter(({ destroyed }) => destroyed).length === 1);
  });

  it('swallows: what is sent is lost, and a connection with a hole stays silent; a new one works', async () => {
    const client = await greeted('0');
    proxy.apply({ kind: 'blackhole' });
    const [socket] = dialed;
    client.say('lost');
    socket?.write('lost too');
    await until(() => proxy.lostBytes === 'lost'.length + 'lost too'.length);
    proxy.heal();
    client.say('after');
    await greeted('new');
    expect(heard).toBe('0new');
    expect([client.text, client.ended]).toEqual(['0', undefined]);
    client.socket.destroy();
    await until(() => socket?.destroyed === true);
  });

  it('swallows the end of a broker', async () => {
    const client = await greeted('0');
    proxy.apply({ kind: 'blackhole' });
    for (const socket of dialed) socket.destroy();
    await silence();
    expect(client.ended).toBeUndefined();
  });

  it('tells a broker of what its clients did in the meantime when it passes again', async () => {
    const client = await greeted('0');
    proxy.apply({ kind: 'blackhole' });
    client.socket.destroy();
    await silence();
    expect([proxy.connections, dialed[0]?.destroyed]).toEqual([1, false]);
    proxy.heal();
    await until(() => proxy.connections === 0 && dialed[0]?.destroyed === true);
  });

  it('resets, everybody, for as long as it lasts', async () => {
    const client = await greeted('0');
    proxy.apply({ kind: 'reset' });
    await until(() => client.ended === 'reset');
    const next = dial();
    await until(() => next.ended !== undefined || next.socket.destroyed);
    proxy.heal();
    expect((await greeted('again')).ended).toBeUndefined();
  });

  it('resets those who are connected, once', async () => {
    const client = await greeted('0');
    proxy.resetAll();
    await until(() => client.ended === 'reset');
    expect((await greeted('again')).ended).toBeUndefined();
  });

  it('cuts after so many bytes', async () => {
    const client = await greeted('0');
    const cut = proxy.cut({ direction: 'from broker', afterBytes: 3 });
    client.say('abcdef');
    await cut;
    await until(() => client.ended === 'reset');
    expect(client.text).toBe('0abc');
    await greeted('whole again');
  });

  it('cuts before a match, of whichever connection, also when it comes in two pieces', async () => {
    const client = await greeted('0');
    // #region cut
    const cut = proxy.cut({ direction: 'to broker', before: 'COMMIT' });
    client.say('BEGIN; COM');
    await until(() => heard.endsWith('COM'));
    client.say('MIT; more');
    await cut;
    await until(() => client.ended === 'reset');
    // #endregion
    expect(heard).toBe('0BEGIN; COM');
    const next = await greeted('COMMIT');
    expect(next.ended).toBeUndefined();
  });
});
