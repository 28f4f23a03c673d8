import { QueueError } from '../../message/queue-error.js';
import type { ReplayReport } from './replay.js';

export class NoSuchDeadLetterError extends QueueError {
  readonly code = 'no_such_dead_letter';
}

/** The message came back from the dead letters so often that it does not go again by itself. */
export class QuarantinedError extends QueueError {
  readonly code = 'quarantined';

  constructor(subscription: string, id: string, replays: number) {
    super(
      `message "${id}" of subscription "${subscription}" is in quarantine after ${replays} replays: mend the handler or edit the message, or replay it with force: true`,
    );
  }
}

/** The backend took no more. What was not replayed is still a dead letter; the same call goes on with it. */
export class ReplayStoppedError extends QueueError {
  readonly code = 'replay_stopped';

  constructor(
    subscription: string,
    readonly report: ReplayReport,
    options: { cause: unknown },
  ) {
    super(
      `the replay of subscription "${subscription}" stopped after ${report.replayed} dead letters, because its backend failed: the rest is unchanged, and the same call goes on with it`,
      options,
    );
  }
}

/** An edit that makes no message. */
export class InvalidEditError extends QueueError {
  readonly code = 'invalid_edit';
}
