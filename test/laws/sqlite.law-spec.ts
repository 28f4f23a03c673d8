import { bindLaws } from './bind-laws.js';
import { sqlite } from './sqlite.fixture.js';

bindLaws(sqlite);
