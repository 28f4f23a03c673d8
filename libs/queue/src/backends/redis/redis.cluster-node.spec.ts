import { ClusterNode } from './redis.cluster-node.js';

const URL_ADDRESS = { host: 'redis.internal', port: 6379 };

describe('the node of a connection', () => {
  it.each([
    ['MOVED 3999 10.0.0.7:6381', { host: '10.0.0.7', port: 6381 }],
    ['ERR Error running script: MOVED 3999 node-b.internal:6379', { host: 'node-b.internal', port: 6379 }],
    ['MOVED 3999 2001:db8::7:6381', { host: '2001:db8::7', port: 6381 }],
    ['MOVED 3999 :6381', { host: 'redis.internal', port: 6381 }],
    ['MOVED 3999 ?:6381', { host: 'redis.internal', port: 6381 }],
    ['READONLY You cannot write against a read only replica.', URL_ADDRESS],
  ])('after %s', (answer, expected) => {
    const address = { ...URL_ADDRESS };
    const node = new ClusterNode(address);
    node.follow(answer);
    expect(address).toEqual(expected);
    expect(node.isElsewhere).toBe(expected !== URL_ADDRESS);
    node.forget();
    expect(address).toEqual(URL_ADDRESS);
    expect(node.isElsewhere).toBe(false);
  });
});
