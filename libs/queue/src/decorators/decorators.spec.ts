import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { Payload as NestPayload } from '@nestjs/microservices';
import { fixed } from '../policies/backoff.js';
import { Consume } from './consume.decorator.js';
import { DeadLetter } from './dead-letter.decorator.js';
import { handlerMetadata } from './handler-metadata.js';
import { Idempotent } from './idempotent.decorator.js';
import { Ctx, Event, Payload } from './param.decorators.js';
import { Retry } from './retry.decorator.js';

const backoff = fixed('1s');

/** As a tracing library does it: another function in the place of the method. */
const Wrapped: MethodDecorator = (_target, _method, descriptor) => {
  const original = descriptor.value as unknown as (...args: unknown[]) => unknown;
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    return original.apply(this, args);
  };
  return { ...descriptor, value: wrapper } as never;
};

class Parent {
  @Consume('first', { concurrency: 2 })
  @Consume(['second', 'third'], { subscription: 's' })
  @Retry({ attempts: 2, backoff })
  @Idempotent({ ttl: '1d' })
  @DeadLetter({ maxCrashes: 1 })
  described(@Payload() _data: unknown): void {}

  @Wrapped
  @Consume('wrapped')
  wrapped(): void {}

  @Consume('overridden')
  overridden(@Payload() _data: unknown, @Ctx() _context: unknown): void {}

  plain(): void {}
}

class Child extends Parent {
  override overridden(@Event() _event: unknown, @Ctx() _context: unknown): void {}
}

describe('the decorators of a method', () => {
  it('are written down together, in the order of the source', () => {
    expect(handlerMetadata(Parent.prototype, 'described')).toEqual({
      consume: [
        { topics: ['first'], options: { concurrency: 2 } },
        { topics: ['second', 'third'], options: { subscription: 's' } },
      ],
      retry: { attempts: 2, backoff },
      idempotent: { ttl: '1d' },
      deadLetter: { maxCrashes: 1 },
    });
  });

  it('outlive a decorator that replaces the method', () => {
    expect(handlerMetadata(Parent.prototype, 'wrapped').consume).toHaveLength(1);
  });

  it('are inherited with the method, and gone with one that overrides it', () => {
    expect(handlerMetadata(Child.prototype, 'described').consume).toHaveLength(2);
    expect(handlerMetadata(Child.prototype, 'overridden').consume).toEqual([]);
    expect(handlerMetadata(Parent.prototype, 'overridden').consume).toHaveLength(1);
  });

  it.each(['plain', 'missing', 'toString'])('are none for %s', (method) => {
    expect(handlerMetadata(Child.prototype, method).consume).toEqual([]);
  });

  it('do not follow what happens to the options afterwards', () => {
    const options = { concurrency: 1 };
    const topics = ['a'];
    class Late {
      @Consume(topics, options)
      handle(): void {}
    }
    options.concurrency = 2;
    topics.push('b');
    expect(handlerMetadata(Late.prototype, 'handle').consume).toEqual([
      { topics: ['a'], options: { concurrency: 1 } },
    ]);
  });
});

describe('the decorators of a parameter', () => {
  const entries = (type: object, method: string): unknown =>
    Reflect.getMetadata(ROUTE_ARGS_METADATA, type, method);

  it('are written down as those of Nest', () => {
    const pipe = { transform: (value: unknown) => value };
    class Ours {
      handle(@Payload('id', pipe) _id: string): void {}
    }
    class Nests {
      handle(@NestPayload('id', pipe) _id: string): void {}
    }
    expect(entries(Ours, 'handle')).toEqual(entries(Nests, 'handle'));
  });

  it('take pipes, or a schema with pipes', () => {
    const pipe = { transform: (value: unknown) => value };
    const schema = {
      '~standard': { version: 1, vendor: 'v', validate: (value: unknown) => ({ value }) },
    } as const;
    class Host {
      handle(@Payload(pipe, pipe) _a: unknown, @Payload({ schema, pipes: [pipe] }) _b: unknown): void {}
    }
    expect(entries(Host, 'handle')).toEqual({
      '3:0': { index: 0, pipes: [pipe, pipe] },
      '3:1': { index: 1, pipes: [pipe], schema },
    });
  });

  it('of an overriding method replace those of its parent', () => {
    expect(Object.keys(entries(Child, 'overridden') as object).sort()).toEqual(['1001:0', '6:1']);
    expect(Object.keys(entries(Parent, 'overridden') as object).sort()).toEqual(['3:0', '6:1']);
  });
});
