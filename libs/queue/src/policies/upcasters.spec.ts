import type { DomainEvent } from '../message/event.js';
import { chainUpcasters, type Upcaster } from './upcasters.js';
import { Upcasting } from './upcasting.js';

const step = (from: string, to: string, type = 'order'): Upcaster => ({
  type,
  from,
  to,
  up: (data) => [...(data as readonly string[]), to],
});
const event = (schema_version: string, event_type = 'order'): DomainEvent =>
  ({ event_type, schema_version, data: [schema_version] }) as unknown as DomainEvent;

describe('upcasters', () => {
  it('make a chain in whatever order they are given, also one with two beginnings', () => {
    const chains = chainUpcasters([
      step('2', '3'),
      step('1', '2'),
      step('beta', '2'),
      step('1', '2', 'other'),
    ]);
    expect([chains.get('order')?.newest, chains.get('other')?.newest]).toEqual(['3', '2']);
  });

  it.each([
    [
      'a duplicate',
      [step('1', '2'), step('1', '3')],
      /of "order": two of them start from version "1": keep one/,
    ],
    ['a circle', [step('1', '2'), step('2', '1')], /of "order": version "1" leads back to itself/],
    ['a step to itself', [step('1', '1')], /version "1" leads back to itself/],
    ['a gap', [step('1', '2'), step('3', '4')], /some end at version "2" and some at "4"/],
  ])('that make %s are refused', (_, upcasters, sentence) => {
    expect(() => chainUpcasters(upcasters)).toThrow(sentence);
  });
});

describe('an event on its way to a handler', () => {
  const chains = chainUpcasters([step('1', '2'), step('2', '3'), step('3', '4')]);

  it.each([
    ['1', ['1', '2', '3', '4']],
    ['3', ['3', '4']],
    ['4', ['4']],
    ['9', ['9']],
  ])('of version %s takes every step that there is', (version, data) => {
    const after = new Upcasting(chains, undefined).apply(event(version));
    expect(after).toMatchObject({ data, schema_version: data.at(-1) });
  });

  it('stops at the version that the handler declared', () => {
    expect(new Upcasting(chains, '3').apply(event('1'))).toMatchObject({
      data: ['1', '2', '3'],
      schema_version: '3',
    });
  });

  it.each(['4', '9', '0'])('of version %s is refused by a handler of version 3', (version) => {
    const apply = () => new Upcasting(chains, '3').apply(event(version));
    expect(apply).toThrow(
      `the event has schema_version "${version}", the handler takes "3", and no upcaster leads there`,
    );
  });

  it('that needs nothing is the very same one', () => {
    const [newest, stranger] = [event('4'), event('1', 'stranger')];
    expect(new Upcasting(chains, undefined).apply(newest)).toBe(newest);
    expect(new Upcasting(chains, '4').apply(newest)).toBe(newest);
    expect(new Upcasting(chains, undefined).apply(stranger)).toBe(stranger);
  });

  it('does not change what others hold', () => {
    const old = Object.freeze(event('1'));
    new Upcasting(chains, undefined).apply(old);
    expect(old).toEqual(event('1'));
  });

  it('is refused when its upcaster throws or waits, and the error tells no payload', () => {
    const failing = (up: Upcaster['up']) => () =>
      new Upcasting(chainUpcasters([{ ...step('1', '2'), up }]), undefined).apply(event('1'));
    expect(
      failing(() => {
        throw new TypeError('secret');
      }),
    ).toThrow('the upcaster of "order" from "1" to "2" failed: TypeError');
    expect(failing(() => Promise.reject(new TypeError('late')))).toThrow('answered with a promise');
  });
});
