import { bindLaws } from './bind-laws.js';
import { postgres } from './postgres.fixture.js';

bindLaws(postgres);
