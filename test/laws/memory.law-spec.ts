import { bindLaws } from './bind-laws.js';
import { memory } from './memory.fixture.js';

bindLaws(memory);
