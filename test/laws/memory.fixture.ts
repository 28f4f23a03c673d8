import { memoryBackend } from '@pigeonpost/queue/memory';
import { memoryFixture } from '@pigeonpost/queue/testing';
import type { BackendUnderLaws } from './backends.js';
import { declaredBy } from './declared.js';

export const memory: BackendUnderLaws = {
  fixture: memoryFixture(),
  atOnce: 1,
  declared: declaredBy(memoryBackend, {}),
};
