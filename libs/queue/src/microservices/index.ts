export { PigeonpostClient, type PigeonpostClientOptions } from './client.js';
export { FailureFilter } from './failure.filter.js';
export type { LinkOptions, ProviderSource } from './link.js';
export { InvalidPatternError } from './pattern.topic.js';
export { QueueRpcContext } from './queue-rpc.context.js';
export { PatternFailedError } from './rpc.failure.js';
export { PIGEONPOST, PigeonpostStrategy } from './strategy.js';
export type { PatternPolicies, StrategyOptions } from './strategy.options.js';
export type { WireFormat } from './wire.js';
