import { bindLaws } from './bind-laws.js';
import { rabbitmq } from './rabbitmq.fixture.js';

bindLaws(rabbitmq);
