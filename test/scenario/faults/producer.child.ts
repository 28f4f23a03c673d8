// Publishes until it is killed, and writes down what it was told.
//   node --import ./test/run-sources.mjs producer.child.ts '<ProducerOrder as JSON>'
import { Bus, systemAmbient } from '@pigeonpost/queue';
import { orderOf } from '../child-process.js';
import { Notebook } from '../notes.js';
import { factoryOf, type ScenarioBackend } from '../scenario-backend.js';
import { type Burst, produce, type Told } from './producer.js';

export interface ProducerOrder {
  readonly backend: ScenarioBackend;
  readonly notes: string;
  readonly burst: Burst;
}

const { backend: reached, notes, burst } = orderOf<ProducerOrder>();
const notebook = new Notebook<Told>(notes);
const factory = await factoryOf(reached);
const { backend } = await factory.open('events', reached.options, systemAmbient);
const bus = new Bus({ backend, source: 'urn:scenario:producer', ambient: systemAmbient });
await produce(bus, burst, { note: (told) => notebook.write(told) });
