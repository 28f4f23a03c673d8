import type { Peeked } from '../../backend/inspect.js';
import { EDITED_FROM_HEADER, type Headers, REPLAY_COUNT_HEADER } from '../../message/headers.js';

const EDITED_BY_HEADER = 'pp-edited-by';
/** Wall clock, ms since the epoch. */
const EDITED_AT_HEADER = 'pp-edited-at';

/** Where a message comes from that was replayed or edited. */
export interface Lineage {
  /** How often it came back from the dead letters. */
  readonly replays: number;
  /** Set when it was edited: the last edit counts. */
  readonly edited: EditRecord | undefined;
}

export interface EditRecord {
  /** Id of the message before the edit. */
  readonly from: string;
  /** Who did it, as they said. */
  readonly by: string;
  /** Wall clock, ms since the epoch. */
  readonly at: number;
}

/** As its headers tell. Whoever publishes past this library can write anything there. */
export function lineageOf({ headers }: Pick<Peeked, 'headers'>): Lineage {
  const { [EDITED_FROM_HEADER]: from, [EDITED_BY_HEADER]: by, [EDITED_AT_HEADER]: at } = headers;
  const wasEdited = from !== undefined && by !== undefined && at !== undefined;
  return {
    replays: wholeNumber(headers[REPLAY_COUNT_HEADER], 9),
    edited: wasEdited ? { from, by, at: wholeNumber(at, 15) } : undefined,
  };
}

/** Headers of the next replay of this letter. */
export function replayHeaders(letter: Pick<Peeked, 'headers'>): Headers {
  return { [REPLAY_COUNT_HEADER]: String(lineageOf(letter).replays + 1) };
}

export function editHeaders({ from, by, at }: EditRecord): Headers {
  return { [EDITED_FROM_HEADER]: from, [EDITED_BY_HEADER]: by, [EDITED_AT_HEADER]: String(at) };
}

function wholeNumber(text: string | undefined, digits: number): number {
  return text !== undefined && /^\d+$/.test(text) && text.length <= digits ? Number(text) : 0;
}
