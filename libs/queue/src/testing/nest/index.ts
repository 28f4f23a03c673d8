export {
  type FailureTiming,
  type FaultKind,
  FaultScript,
  type FaultTiming,
  type PlannedFault,
  ScriptedFailureError,
} from './fault-script.js';
export type { DeadLetteredMessage, HandledMessage, PublishedMessage, SpiedMessage } from './message-spy.js';
export { QueueHarness, type SettleOptions } from './queue.harness.js';
export { QueueTestingModule, type QueueTestingOptions } from './queue-testing.module.js';
export { NotSettledError, type OpenSubscription } from './settling.js';
