import { checkPriority, InvalidPriorityError } from './priority.js';

describe('a priority', () => {
  it('is a whole number from 1 to 9, and 0 is none', () => {
    expect([0, 1, 9].map(checkPriority)).toEqual([undefined, 1, 9]);
  });

  it.each([-1, 10, 1.5, Number.NaN, '5', null])('is not %p', (given) => {
    expect(() => checkPriority(given)).toThrow(InvalidPriorityError);
  });
});
