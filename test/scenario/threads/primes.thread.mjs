// #region thread
/** A plain function in a module of its own: there is no Nest in a thread. */
export function run({ below, forMs }) {
  const endsAt = performance.now() + forMs;
  let found = [];
  do {
    found = Array.from({ length: below }, (_, at) => at).filter(isPrime);
  } while (performance.now() < endsAt);
  return found;
}
// #endregion

function isPrime(number) {
  for (let by = 2; by * by <= number; by++) if (number % by === 0) return false;
  return number > 1;
}
