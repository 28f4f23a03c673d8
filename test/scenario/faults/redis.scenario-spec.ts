import { faultScenarios } from './fault-scenarios.js';

faultScenarios({ driver: 'redis', apart: 'prefix', settled: 'for sure', heartbeatMs: 1_000 });
