import { types } from 'node:util';

// Errors made by Node's core live in another realm under Jest, so `instanceof Error` is false for them.
// Library code that asks the question must get the answer it gets in production.
const plain = Function.prototype[Symbol.hasInstance];
Object.defineProperty(Error, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    return plain.call(this, value) || (this === Error && types.isNativeError(value));
  },
});
