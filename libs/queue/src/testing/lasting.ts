import { ForwardingBackend } from '../backend/forwarding-backend.js';

/** The broker outlives those who use it. */
export class Lasting extends ForwardingBackend {
  override close(): Promise<void> {
    return Promise.resolve();
  }
}
