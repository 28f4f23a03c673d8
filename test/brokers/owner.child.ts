// Starts a broker and says where it is, to be killed then.
//   node --import ./test/run-sources.mjs owner.child.ts '{"name":"redis"}'
import { orderOf } from '../scenario/child-process.js';
import type { BrokerName } from './broker-name.js';
import { BrokerProcess } from './broker-process.js';

const { name } = orderOf<{ readonly name: BrokerName }>();
const broker = await BrokerProcess.start(name);
process.stdout.write(`${JSON.stringify({ folder: broker.folder, pids: await broker.pids() })}\n`);
