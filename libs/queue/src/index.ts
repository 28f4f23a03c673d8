export { type Ambient, systemAmbient } from './ambient/ambient.js';
export type { CancelTimer, Clock } from './ambient/clock.js';
export { type Ids, UuidV7Ids } from './ambient/ids.js';
export { type Random, seededRandom, systemRandom } from './ambient/random.js';
export { systemClock } from './ambient/system-clock.js';

export type { Body } from './message/body.js';
export {
  type CloudEventsCodec,
  type CodecName,
  decodeCloudEventBatch,
  encodeCloudEvent,
  encodeCloudEventBatch,
} from './message/codec.js';
export { MissingBlobError, WrongBlobError } from './composed/claim-check.js';
export { BadCompressionError } from './composed/compression.js';
export { BadEncryptionError, type EncryptionKey } from './composed/encryption.js';
export { BadSignatureError, type SigningKey } from './composed/signing.js';
export type { EncodedEvent } from './message/cloudevents/binary.js';
export { InvalidCloudEventError } from './message/cloudevents/cloud-event.js';
export type { Delivery } from './message/delivery.js';
export { decodeEvent, NotAnEventError } from './message/envelope.js';
export type { DomainEvent } from './message/event.js';
export type { ErrorInfo, FailureReason, FailureRecord } from './message/failure-record.js';
export { type Headers, InvalidHeaderError } from './message/headers.js';
export { DecodeError, SerializeError } from './message/json.js';
export { InvalidNameError } from './message/names.js';
export type { Outgoing } from './message/outgoing.js';
export { InvalidDedupError } from './message/dedup.js';
export { InvalidPriorityError } from './message/priority.js';
export { QueueError } from './message/queue-error.js';

export type {
  Backend,
  BackendFactory,
  BackendStatus,
  ForeseenBackend,
  OpenedBackend,
  PublishCall,
  PublishResult,
  Receiver,
  Settlement,
  SettleResult,
  StatusListener,
} from './backend/backend.js';
export {
  BackendClosedError,
  BackendUnavailableError,
  InvalidTransactionError,
  MissingDriverError,
  PayloadTooLargeError,
  PublishOutcomeUnknownError,
  PublishTimeoutError,
  SubscriptionFullError,
  UnknownSubscriptionError,
  UnorderedSubscriptionError,
  UnroutableError,
  UnsupportedError,
} from './backend/backend.errors.js';
export {
  NothingRetainedError,
  type Retention,
  type FirstMessage,
  type TopicTopology,
} from './backend/retention.js';
export type { Bounds, Overflowed, Pressure, WhenFull } from './backend/bounds.js';
export type {
  Capabilities,
  CapabilityName,
  CapabilityOwner,
  Delay,
  ForeignTopic,
} from './backend/capabilities.js';
export { objectionTo } from './backend/message-check.js';
export type {
  Depth,
  Inspected,
  InspectQuery,
  MessageState,
  Peeked,
  Purged,
  Revived,
} from './backend/inspect.js';
export type {
  BackendHealth,
  DepthHealth,
  HandledCounts,
  HealthState,
  SubscriptionHealth,
} from './backend/health.js';
export type { KeyOrder } from './backend/key-order.js';
export {
  checkTopology,
  type Drift,
  InvalidTopologyError,
  type SubscriptionSpec,
  type SubscriptionTopology,
  type Topology,
} from './backend/topology.js';
export type { BlobStore } from './store/blob-store.js';
export type { Conflict, Page, Store, StoreEntry, StoreOp, WriteResult } from './store/store.js';
export { StoreKeyError } from './store/store-key.js';

export { ANOMALIES, type Anomaly } from './policies/anomalies.js';
export { type Backoff, exponential, type ExponentialOptions, fixed, schedule } from './policies/backoff.js';
export { InvalidPolicyError } from './policies/invalid-policy.error.js';
export type { DeliveryMode } from './policies/consume.policies.js';
export { type Duration, InvalidDurationError } from './policies/duration.js';
export type { OrderOption } from './policies/ordering.policy.js';
export type { Plan, PlanEntry } from './policies/plan.js';
export type { Need } from './policies/requirements.js';
export type { Locality } from './policies/resolve-locality.js';
export type { Refusal, Resolution } from './policies/resolution.js';
export type { ErrorClass } from './policies/retry.policy.js';
export {
  InvalidUpcasterError,
  UnknownVersionError,
  type Upcaster,
  UpcastError,
} from './policies/upcasters.js';
export { whenFull } from './policies/when-full.js';
export { Reject, Release, RetryAfter, Verdict } from './policies/verdicts.js';

export {
  CrashLoopError,
  EventLoopBlockedError,
  HandlerTimeoutError,
  InvalidPayloadError,
  LeaseLostError,
  NoHandlerError,
  ShutdownError,
} from './interceptors/handling.errors.js';
export type { MessageInterceptor } from './interceptors/interceptor.js';
export { BatchContext, NotInBatchError } from './interceptors/batch-context.js';
export type { MessageContext } from './interceptors/message-context.js';

export { Bus } from './publish/bus.js';
export type { DeadLetterFilter } from './publish/dead-letters/dead-letter-filter.js';
export { type BrowsePage, DeadLetters } from './publish/dead-letters/dead-letters.js';
export {
  InvalidEditError,
  NoSuchDeadLetterError,
  QuarantinedError,
  ReplayStoppedError,
} from './publish/dead-letters/dead-letters.errors.js';
export type { DeadLetterEdit } from './publish/dead-letters/edit.js';
export { type EditRecord, type Lineage, lineageOf } from './publish/dead-letters/lineage.js';
export type { ReplayOptions, ReplayReport } from './publish/dead-letters/replay.js';
export type { RelayReport } from './relay/relay-report.js';
export { DeadLetteredError, PublishCancelledError } from './publish/handled-tracker.js';
export { RequestFailedError, RequestTimeoutError } from './publish/request.errors.js';
export type { RequestCounts, RequestOptions } from './publish/request-options.js';
export type { PublishOptions, RawPublishOptions, Receipt } from './publish/publish-options.js';

export { MissingStoreError } from './consume/build-pipeline.js';
export { ThreadDiedError, ThreadPoolClosedError } from './consume/thread-pool.errors.js';
export { type ThreadCall, ThreadPool, type ThreadPoolOptions } from './consume/thread-pool.js';
export type { ConsumerStatus } from './consume/consumer-options.js';

export { Consume, type ConsumeOptions, type InterceptorRef } from './decorators/consume.decorator.js';
export { DeadLetter, type DeadLetterOptions } from './decorators/dead-letter.decorator.js';
export { Idempotent, type IdempotentOptions } from './decorators/idempotent.decorator.js';
export {
  Ctx,
  Event,
  Payload,
  type PayloadParamOptions,
  type PipeRef,
} from './decorators/param.decorators.js';
export type {
  PayloadType,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from './decorators/payload-type.js';
export { type Preset, presets } from './decorators/presets.js';
export { Retry, type RetryOptions } from './decorators/retry.decorator.js';

export type { BridgeConfig } from './nest/bridge.options.js';
export type { BridgeStatus } from './nest/bridges.js';
export { isQueueContext } from './nest/execution-context.js';
export { explainApplication } from './nest/explain.application.js';
export type { HandlerPlan } from './nest/handler.plan.js';
export { planTable } from './nest/plan.table.js';
export {
  DuplicateModuleError,
  DuplicateSubscriptionError,
  InvalidHandlerError,
  InvalidOptionsError,
  NotPlannedError,
  PlanRefusedError,
  TopologyDriftError,
  UnsupportedNestError,
} from './nest/nest.errors.js';
export type { PayloadIssue } from './nest/payload.validator.js';
export { QueueExplainer } from './nest/queue.explainer.js';
export type { ClaimCheckOptions } from './nest/claim-check.options.js';
export type { PublishSchemas } from './nest/publish.schemas.js';
export type { CompressionOptions } from './nest/compression.options.js';
export type { EncryptionOptions } from './nest/encryption.options.js';
export type { SigningOptions } from './nest/signing.options.js';
export {
  type IndicatorOptions,
  type IndicatorResult,
  QueueHealthIndicator,
} from './nest/health.indicator.js';
export type { BackendStateChange, BackendStateListener } from './nest/backend.states.js';
export { type HealthReport, QueueHealth } from './nest/queue.health.js';
export { QueueModule } from './nest/queue.module.js';
export type {
  BackendConfig,
  DeclaredSubscription,
  DeclaredTopic,
  DeclaredTopology,
  DedupOptions,
  RetainOptions,
  DriverName,
  EnsureMode,
  OutboxConfig,
  QueueFeatureOptions,
  QueueModuleAsyncOptions,
  QueueModuleOptions,
  QueueOptionsFactory,
  ShutdownOptions,
} from './nest/queue.options.js';
export {
  NotConsumedError,
  QueueRegistry,
  type QueueStatus,
  type RegisteredHandler,
} from './nest/queue.registry.js';
export { getBusToken, getStoreToken, InjectBus, InjectStore } from './nest/tokens.js';
