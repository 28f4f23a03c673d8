import { bindLaws } from './bind-laws.js';
import { redis } from './redis.fixture.js';

bindLaws(redis);
