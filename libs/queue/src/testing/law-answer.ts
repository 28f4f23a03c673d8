import type { Capabilities } from '../backend/capabilities.js';
import type { Beside, Law } from './law.js';

/** Which of its two answers a law asks of a backend; `none`: the law does not apply to it. */
export type LawAnswer = 'does' | 'refuses' | 'none';

/** A backend that has what the law needs must do it; one that lacks it must refuse, if there is anything to refuse. */
export function answerTo(
  { gate, refuses }: Law,
  capabilities: Capabilities,
  beside: Beside = { remembers: true },
): LawAnswer {
  if (gate === undefined || gate.met(capabilities, beside)) return 'does';
  return refuses === undefined ? 'none' : 'refuses';
}
