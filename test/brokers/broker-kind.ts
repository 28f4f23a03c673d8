import type { BrokerName } from './broker-name.js';

/** Where one broker lives: never shared, and all of it goes when the broker is disposed of. */
export interface BrokerHome {
  /** A temporary folder that only its owner may enter. */
  readonly folder: string;
  readonly port: number;
  /** More ports, for those that talk among themselves. */
  readonly spare: readonly number[];
  /** Paths of the programs of BrokerKind.programs, by name. */
  readonly programs: ReadonlyMap<string, string>;
  /** Settings of the server, as its own configuration calls them; they go before ours. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A process as it is to be started. */
export interface BrokerLaunch {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whom it runs as, when that is not who runs the tests. */
  readonly owner?: ProcessOwner | undefined;
}

export interface ProcessOwner {
  readonly uid: number;
  readonly gid: number;
}

/** What has to be known of PostgreSQL, Redis or RabbitMQ to run one. */
export interface BrokerKind {
  readonly name: BrokerName;
  /** Debian's and Ubuntu's name of it. */
  readonly package: string;
  /** Programs that it needs. */
  readonly programs: readonly string[];
  /** Folders beside those of PATH, the best one first. */
  folders(): Promise<readonly string[]>;
  /** Writes configuration and empty data into the folder: once, before the first launch. */
  prepare(home: BrokerHome): Promise<void>;
  launch(home: BrokerHome): Promise<BrokerLaunch>;
  /** With name and password. */
  url(home: BrokerHome): string;
  /** The signal for an orderly end, everything written. */
  readonly stopSignal: NodeJS.Signals;
  /** The signal for an end at once that leaves nothing in the system, such as shared memory; its data may be spoilt. */
  readonly endSignal: NodeJS.Signals;
  /** Connects, asks for the version, and leaves. Rejects while the broker is not ready. */
  version(url: string): Promise<string>;
}

/** Every broker that tests start has a user and a password, so that a wrong one is refused. */
export const BROKER_USER = 'pigeon';
export const BROKER_PASSWORD = 'canary-4f1d';
