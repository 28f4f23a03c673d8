import type { WritePacket } from '@nestjs/microservices';
import type { MessageContext } from '../interceptors/message-context.js';
import type { Reply } from '../message/reply.js';
import { errOf } from './rpc.failure.js';

/**
 * `envelope`: our own events, which `@Consume` and `bus.publish` on the other side understand too. `nest`: the packets
 * of Nest's own transports, one JSON object as the body and nothing in headers, answered at `<topic>.reply`.
 */
export type WireFormat = 'envelope' | 'nest';

/** How a message of a pattern is read. */
export interface ServerWire {
  /** What the handler gets as its payload. Throws Reject for what is no message of this wire. */
  dataOf(context: MessageContext): unknown;
}

export const envelopeWire: ServerWire = Object.freeze({
  dataOf: ({ data }: MessageContext) => data,
});

/** As Nest's clients and servers write an answer. */
export function nestAnswer(reply: Reply): WritePacket {
  switch (reply.kind) {
    case 'value':
      return { response: reply.value };
    case 'last':
      return { response: reply.value, isDisposed: true };
    case 'end':
      return { isDisposed: true };
    case 'failure':
      return { err: errOf(reply.failure), isDisposed: true };
  }
}
