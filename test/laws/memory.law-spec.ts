import { memoryFixture } from '@pigeonpost/queue/testing';
import { bindLaws } from './bind-laws.js';

bindLaws(memoryFixture());
