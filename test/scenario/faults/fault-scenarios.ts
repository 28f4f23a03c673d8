import { jest } from '@jest/globals';
import { BrokerProcess } from '../../brokers/broker-process.js';
import { describeWithOwn } from '../../brokers/broker-url.js';
import { brokerOutages } from './broker-outages.js';
import { consumerDeaths } from './consumer-deaths.js';
import { handlerFaults } from './handler-faults.js';
import { networkFaults } from './network-faults.js';
import type { FaultSubject } from './fault-subject.js';
import { Site } from './site.js';

/** The faults of docs/faults.md that are the same for every broker, on a broker of their own. */
export function faultScenarios(subject: FaultSubject): void {
  // Every test starts processes, on a machine that may be busy.
  jest.setTimeout(120_000);

  describeWithOwn(subject.driver, `faults of ${subject.driver}`, () => {
    let broker: BrokerProcess;
    let site: Site;
    beforeAll(async () => void (broker = await BrokerProcess.start(subject.driver)));
    afterAll(() => broker?.dispose());
    beforeEach(async () => {
      // The test before may have failed while it was down.
      if (!broker.isRunning) await broker.start();
      site = await Site.open(subject, broker);
    });
    afterEach(() => site?.close());

    describe('processes', () => {
      consumerDeaths(() => site);
    });
    describe('the broker', () => {
      brokerOutages(() => site);
    });
    describe('the network', () => {
      networkFaults(() => site);
    });
    describe('handlers', () => {
      handlerFaults(() => site);
    });
  });
}
