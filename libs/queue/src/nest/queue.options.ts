import type { FactoryProvider, InjectionToken, ModuleMetadata, Provider, Type } from '@nestjs/common';
import type { Ambient } from '../ambient/ambient.js';
import type { BackendFactory } from '../backend/backend.js';
import type { Bounds } from '../backend/bounds.js';
import type { OnStoreError } from '../composed/deduplicating.backend.js';
import type { FirstMessage } from '../backend/retention.js';
import type { InterceptorRef } from '../decorators/consume.decorator.js';
import type { ClaimCheckOptions } from './claim-check.options.js';
import type { CompressionOptions } from './compression.options.js';
import type { EncryptionOptions } from './encryption.options.js';
import type { PublishSchemas } from './publish.schemas.js';
import type { SigningOptions } from './signing.options.js';
import type { CodecName } from '../message/codec.js';
import type { SqlExecutor } from '../composed/outbox/sql-executor.js';
import type { Duration } from '../policies/duration.js';
import type { BridgeConfig } from './bridge.options.js';
import type { Upcaster } from '../policies/upcasters.js';
import type { Locality } from '../policies/resolve-locality.js';

/** Everything that `QueueModule.forRoot` takes. */
export interface QueueModuleOptions {
  /** Who this application is, a URI reference such as `urn:service:hooks`; with the id it identifies an event. */
  readonly source: string;
  /** Prefix of default subscription names: `${group}.${topic}`. Needed by handlers that name no subscription. */
  readonly group?: string;
  readonly backends: readonly BackendConfig[];
  /**
   * Which subscriptions this process handles: all that have a handler (default), none, or those named. With `false`
   * it only publishes.
   */
  readonly consume?: boolean | readonly string[];
  /** What this process publishes to, and what else must exist besides the subscriptions of the handlers here. */
  readonly topology?: DeclaredTopology;
  /** Deduplication where it is done above the backend, with keys in its store. */
  readonly dedup?: DedupOptions;
  /**
   * At start: `create` what is missing (default), `check` that everything is there and refuse to start otherwise, or
   * `off`.
   */
  readonly ensure?: EnsureMode;
  /** From older versions of events to newer ones, for every handler; see docs/schema-versions.md. */
  readonly upcasters?: readonly Upcaster[];
  /** What is published on one backend and wanted on another one too; see docs/bridges.md. */
  readonly bridges?: readonly BridgeConfig[];
  /**
   * Classes with class-validator rules, or Standard Schemas, by the type of event: what this application publishes must
   * keep to them, or is refused before anything is sent. See docs/schema-versions.md.
   */
  readonly schemas?: PublishSchemas;
  /** Around every handler, the first one outermost. */
  readonly interceptors?: readonly InterceptorRef[];
  readonly shutdown?: ShutdownOptions;
  /**
   * Within which a consumer gets a new receiver when it brings nothing although messages are ready; `false`: never.
   * Default 30 s. Not for what stays inside the process. See docs/health.md.
   */
  readonly watchdog?: Duration | false;
  /** Clock, chance and ids; tests give their own. */
  readonly ambient?: Ambient;
  /** Makes the buses injectable everywhere. Default true. */
  readonly isGlobal?: boolean;
}

export type EnsureMode = 'create' | 'check' | 'off';

export interface ShutdownOptions {
  /** How long running handlers may go on after the application began to close. Default 25 s. */
  readonly drain?: Duration;
  /**
   * What a second SIGTERM or SIGINT does while the application still closes: nothing, as in Nest (default), or it ends the
   * process at once, with 128 and the signal's number as its exit code.
   */
  readonly secondSignal?: 'ignore' | 'exit';
}

export interface DeclaredTopology {
  readonly topics?: readonly DeclaredTopic[];
  readonly subscriptions?: readonly DeclaredSubscription[];
}

/** What this application wants of a topic. */
export interface DeclaredTopic {
  readonly name: string;
  /** Default: the primary one. */
  readonly backend?: string;
  /** Of the messages that this application publishes there, each id is stored once within this window. */
  readonly dedup?: Duration;
  /** Keeps what anybody publishes there for subscriptions that come later; `false` takes that away. */
  readonly retain?: RetainOptions | false;
}

export interface RetainOptions {
  readonly for: Duration;
  /** Only the newest ones; default: no limit. */
  readonly max?: number;
}

export interface DedupOptions {
  /** What becomes of a publish while the store does not answer; default `reject`. See docs/deduplication.md. */
  readonly onStoreError?: OnStoreError;
}

export interface DeclaredSubscription {
  readonly name: string;
  readonly topics: readonly string[];
  /** See ConsumeOptions; `false` takes away bounds that were declared before. Default: as they are. */
  readonly bounds?: Bounds | false;
  /** See ConsumeOptions. */
  readonly start?: FirstMessage;
  /** Default: the primary one. */
  readonly backend?: string;
}

/** One backend: its name, its driver, and the options of that driver beside them. */
export interface BackendConfig {
  readonly name: string;
  /** A driver of this library, or a factory of somebody else's. */
  readonly driver: DriverName | BackendFactory;
  /** The one that `Bus` injects and that handlers use by default. Not needed with a single backend. */
  readonly primary?: boolean;
  /**
   * What becomes of the start of the application when it cannot be reached: it fails (default), or goes on and tries
   * again in the background, see docs/health.md. Wrong options fail it in any case.
   */
  readonly start?: 'fail' | 'retry';
  /** Whom its messages must reach at least; refused at the start where they do not. See ConsumeOptions. */
  readonly locality?: Locality;
  /** How events are written to it; consumers read all of them, whatever this says. Default `native`. */
  readonly codec?: CodecName;
  /** Publishes with `tx` are rows in a table of your own database, and a relay publishes them after the commit. */
  readonly outbox?: OutboxConfig;
  /** Name of the backend where publishes wait whose `delay` this one cannot keep; see docs/delays.md. */
  readonly delays?: string;
  /** Name of the backend whose store this one uses, where it has none of its own; see docs/stores.md. */
  readonly store?: string;
  /** Messages are signed, and those of strangers are dead before they are looked into; see docs/signing.md. */
  readonly signing?: SigningOptions;
  /** Large bodies take less room on the broker; see docs/encryption.md. */
  readonly compression?: CompressionOptions;
  /** Nobody can read bodies on the broker; see docs/encryption.md. */
  readonly encryption?: EncryptionOptions;
  /** Large bodies are kept beside the broker; see docs/claim-check.md. */
  readonly claimCheck?: ClaimCheckOptions;
  readonly [option: string]: unknown;
}

/** See docs/transactions.md; the tables come from `outboxSchema` of `@pigeonpost/queue/outbox`. */
export interface OutboxConfig {
  /** How the relay reaches the database, outside of any transaction, such as `fromPg(pool)`. */
  readonly executor: SqlExecutor;
  /** Default `outbox`. */
  readonly table?: string;
  /** How often the relay looks for what other processes wrote. Default 200 ms. */
  readonly poll?: Duration;
  /** Most messages under way at once. Default 256. */
  readonly batch?: number;
  /** After how long without a sign of life the relay of another process takes over. Default 15 s. */
  readonly lease?: Duration;
  /** Whether this process relays; one of them must. Default true. */
  readonly relay?: boolean;
}

export type DriverName = 'memory' | 'sqlite' | 'redis' | 'postgres' | 'rabbitmq';

/** Names are needed before any value is known, so that a bus can be injected by name. */
export interface QueueModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** Names of all backends that the options will list. */
  readonly backends: readonly string[];
  readonly isGlobal?: boolean;
  readonly useFactory?: (...args: never[]) => QueueModuleOptions | Promise<QueueModuleOptions>;
  readonly inject?: FactoryProvider['inject'];
  readonly useClass?: Type<QueueOptionsFactory>;
  readonly useExisting?: InjectionToken<QueueOptionsFactory>;
  readonly extraProviders?: readonly Provider[];
}

export interface QueueOptionsFactory {
  createQueueOptions(): QueueModuleOptions | Promise<QueueModuleOptions>;
}

/** Defaults for the handlers of one module. */
export interface QueueFeatureOptions {
  /** Backend of its handlers that name none. */
  readonly backend?: string;
  /** Prefix of their default subscription names. */
  readonly group?: string;
  /** Besides those of the application. */
  readonly upcasters?: readonly Upcaster[];
}
