import type { Clock } from '../ambient/clock.js';
import type { FailureRecord } from '../message/failure-record.js';
import { SerializeError } from '../message/json.js';
import { ACK, type Outcome } from '../message/outcome.js';
import { type Reply, replyDeadline, type ReplyFailure } from '../message/reply.js';
import { type Handling, NO_RESULT } from './handling.js';
import type { Replier } from './replier.js';
import type { Station } from './station.js';

/**
 * Answers requests before they are settled: a crash in between repeats the request, and its second answer is dropped.
 * Outside of the stations that decide about retries, so that only a final outcome is an answer. A reply that cannot
 * be stored is reported and does not undo the work: the requester runs into its timeout.
 */
export class ReplyStation implements Station {
  readonly name = 'reply';

  constructor(
    private readonly replier: Replier,
    /** Given where the backend does not drop what is out of date itself. */
    private readonly clock: Pick<Clock, 'now'> | undefined,
  ) {}

  /** Nobody waits any more: as if it had expired. */
  enter({ delivery }: Handling): Outcome | undefined {
    if (this.clock === undefined) return undefined;
    const by = replyDeadline(delivery.headers);
    return by !== undefined && by <= this.clock.now() ? ACK : undefined;
  }

  exit(handling: Handling, outcome: Outcome): Outcome | Promise<Outcome> {
    if ((outcome.kind !== 'ack' && outcome.kind !== 'dead') || handling.isAnswered) return outcome;
    const address = this.replier.addressOf(handling.delivery);
    if (address === undefined) return outcome;
    const seq = handling.replies;
    const reply: Reply =
      outcome.kind === 'dead' ? failure(seq, failureOf(outcome.failure)) : answerOf(handling, seq);
    return this.replier
      .reply(address, reply)
      .catch((error: unknown) => {
        if (!(error instanceof SerializeError)) throw error;
        const { code, message } = error;
        return this.replier.reply(address, failure(seq, { reason: 'unserializable', code, message }));
      })
      .then(() => outcome);
  }
}

function answerOf({ result }: Handling, seq: number): Reply {
  if (result === NO_RESULT) return failure(seq, DUPLICATE);
  return result === undefined ? { kind: 'end', seq } : { kind: 'last', seq, value: result };
}

const DUPLICATE: ReplyFailure = Object.freeze({
  reason: 'duplicate',
  message: 'it was handled before, and what its handler returned was not kept',
});

function failure(seq: number, of: ReplyFailure): Reply {
  return { kind: 'failure', seq, failure: of };
}

/** A verdict and an invalid payload are meant for the requester; any other error may hold what is none of its business. */
function failureOf({ reason, error }: FailureRecord): ReplyFailure {
  const code = error.code === undefined ? {} : { code: error.code };
  if (reason !== 'rejected' && reason !== 'invalid_payload') return { reason, ...code };
  const details = error.details === undefined ? {} : { details: error.details };
  return { reason, ...code, message: error.message, ...details };
}
