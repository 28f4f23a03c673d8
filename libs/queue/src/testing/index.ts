export {
  crash,
  type FaultOptions,
  FaultyBackend,
  type InjectedFault,
} from '../backends/memory/memory.faults.js';
export { seededRandom } from '../ambient/random.js';
export { Consumer } from '../consume/consumer.js';
export type { ConsumerOptions } from '../consume/consumer-options.js';
export { type ConsumePolicies, resolvePolicies } from '../policies/consume.policies.js';
export { ALL_LAWS } from './all-laws.js';
export { type CheckOptions, checkHistory } from './checker.js';
export { unprovenClaims } from './claims.js';
export { runSeam, type SeamTimes } from './differential/run-seam.js';
export { type SeamCommand, seamCommandsOf } from './differential/seam-command.js';
export { LawBrokenError } from './expectations.js';
export { FaultProxy } from './fault-proxy.js';
export type { CutPlace, Direction, NetworkFault } from './network/network-fault.js';
export type { BackendFixture, LawTransaction, World } from './fixture.js';
export { factoryFixture, type FactoryFixtureOptions } from './factory-fixture.js';
export type { History, HistoryEvent } from './history.js';
export type { Gate, Law, NotOffered } from './law.js';
export { answerTo, type LawAnswer } from './law-answer.js';
export { LawBench } from './law-bench.js';
export { capabilitiesOf, type LawTest, lawTests } from './law-tests.js';
export { type LawTime, realTime, virtualTime } from './law-time.js';
export { memoryFixture } from './memory-fixture.js';
export { type Mutant, mutatedFixture } from './mutant.js';
export { IMPOSSIBLE_MUTANTS, type ImpossibleMutant } from './mutants.impossible.js';
export { MUTANTS } from './mutants.js';
export { NOT_OFFERED } from './not-offered.js';
export { plainQueues } from './plain-queues.js';
export { ProcessView } from './process-view.js';
export { Recorder } from './recorder.js';
export { type LawReport, runLaw, runLaws, type Verdict, VERDICTS } from './run-laws.js';
export { testAmbient } from './test-ambient.js';
export { skewedClock, VirtualClock } from './virtual-clock.js';
export { weakened } from './weakened.js';
export { type SimulationCommand } from './simulation/commands.js';
export { shrink } from './simulation/shrink.js';
export { SHOWN_ELSEWHERE, type ShownElsewhere } from './shown-elsewhere.js';
export { simulate, type SimulationReport, type SimulationRequest } from './simulation/simulate.js';
