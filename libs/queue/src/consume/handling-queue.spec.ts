import { handling } from '../interceptors/handling.fixture.js';
import { HandlingQueue } from './handling-queue.js';

it('hands out in the order it was given, however much went through it', () => {
  const queue = new HandlingQueue();
  expect(queue.shift()).toBeUndefined();
  let [put, got] = [0, 0];
  for (let round = 1; round <= 200; round++) {
    for (let count = 0; count < round; count++) queue.push(handling({ id: String(put++) }));
    for (let count = 0; count < round - 1; count++) expect(queue.shift()?.id).toBe(String(got++));
    expect(queue.size).toBe(round);
  }
  while (queue.size > 0) expect(queue.shift()?.id).toBe(String(got++));
  expect(got).toBe(put);
  expect(queue.shift()).toBeUndefined();
});
