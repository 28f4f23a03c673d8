import { faultScenarios } from './fault-scenarios.js';

faultScenarios({ driver: 'rabbitmq', apart: 'prefix', settled: 'on its way', heartbeatMs: 2_000 });
