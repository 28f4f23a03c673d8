// What the threads of thread-pool.spec.ts run.
let runs = 0;

export async function run(input) {
  runs += 1;
  switch (input.do) {
    case 'add':
      return input.numbers.reduce((sum, number) => sum + number, 0);
    case 'count':
      return runs;
    case 'wait':
      return Atomics.waitAsync(new Int32Array(input.gate), 0, 0).value;
    case 'spin':
      for (;;) Atomics.add(new Int32Array(input.turns), 0, 1);
    case 'die':
      return process.exit(3);
    case 'throw':
      throw Object.assign(new RangeError('no such number'), { code: 'E_NUMBER' });
    case 'throw a text':
      return Promise.reject('a text'); // oxlint-disable-line -- what the code of others does
    default:
      return () => 'cannot be copied';
  }
}
