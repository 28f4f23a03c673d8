import { faultScenarios } from './fault-scenarios.js';

faultScenarios({ driver: 'redis', apart: 'prefix' });
