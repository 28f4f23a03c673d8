import type { Capabilities } from '../backend/capabilities.js';
import type { LeavingRetries } from '../composed/delay-store/leaving-retries.js';
import type { Anomaly } from './anomalies.js';

/** What a requirement is held against: the backend's capabilities, and what stands beside it. */
export interface Offer {
  readonly capabilities: Capabilities;
  /** Whether a store comes with the backend. */
  readonly remembers: boolean;
  /** Its fan-out is made of copies. */
  readonly copying?: boolean;
  /** Retries that leave the backend to wait on another one; undefined: none. */
  readonly leaving?: LeavingRetries | undefined;
}

/** How one requirement is met. `leaves` is what can still happen, in words; absent: nothing worth telling. */
export type Resolution =
  /** The backend does it. */
  | { readonly answer: 'native'; readonly leaves?: string }
  /** Done above the backend, by what `by` names. */
  | { readonly answer: 'composed'; readonly by: string; readonly leaves?: string }
  /** Not met, and the handler said by name that it can live with what is left. */
  | { readonly answer: 'accepted'; readonly anomaly: Anomaly; readonly leaves: string }
  | Refusal;

/** Not met. Stops the boot. */
export interface Refusal {
  readonly answer: 'refused';
  readonly why: string;
  readonly remedy: string;
  /** What accepting this by name would leave; absent: it cannot be accepted. */
  readonly anomaly?: Anomaly;
}

export function native(leaves?: string): Resolution {
  return leaves === undefined ? NATIVE : { answer: 'native', leaves };
}

const NATIVE: Resolution = Object.freeze({ answer: 'native' });

export function composed(by: string, leaves?: string): Resolution {
  return leaves === undefined ? { answer: 'composed', by } : { answer: 'composed', by, leaves };
}

/** `why` goes on after the name of the backend, `remedy` is what to do instead. */
export function refused(why: string, remedy: string, anomaly?: Anomaly): Resolution {
  return anomaly === undefined
    ? { answer: 'refused', why, remedy }
    : { answer: 'refused', why, remedy, anomaly };
}
