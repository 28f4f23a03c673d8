import { faultScenarios } from './fault-scenarios.js';

faultScenarios({ driver: 'postgres', apart: 'schema' });
