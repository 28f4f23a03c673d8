import { describe, expect, it } from '@jest/globals';
import { memoryCapabilities } from '../backends/memory/memory.capabilities.js';
import type { Law } from './law.js';
import { answerTo } from './law-answer.js';

const nothing = async (): Promise<void> => undefined;
const plain: Law = { id: 'X1', title: 'holds everywhere', does: nothing };
const gated: Law = { ...plain, gate: { needs: 'lanes', met: ({ lane }) => lane } };
const refusable: Law = { ...gated, refuses: nothing };
const incapable = { ...memoryCapabilities, lane: false };

describe('a law asks a backend', () => {
  it.each([
    ['to do it, when it needs nothing', plain, incapable, 'does'],
    ['to do it, when the backend has what it needs', refusable, memoryCapabilities, 'does'],
    [
      'to refuse, when the backend lacks it and there is something to refuse',
      refusable,
      incapable,
      'refuses',
    ],
    ['nothing, when the backend lacks it and there is nothing to refuse', gated, incapable, 'none'],
  ] as const)('%s', (_what, law, capabilities, answer) => {
    expect(answerTo(law, capabilities)).toBe(answer);
  });
});
