import { memoryFixture } from '@pigeonpost/queue/testing';
import type { BackendUnderLaws } from './backends.js';

export const memory: BackendUnderLaws = {
  fixture: memoryFixture(),
  atOnce: 1,
  unconfigured: memoryFixture(),
};
