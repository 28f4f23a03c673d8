import { faultScenarios } from './fault-scenarios.js';

faultScenarios({ driver: 'postgres', apart: 'schema', settled: 'for sure', heartbeatMs: 1_000 });
