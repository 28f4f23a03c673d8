/**
 * Ends a run with the brokers that it had, if it needed any, and its sum, alone on the last line: `N passed, N failed`,
 * and `, N skipped` if any were.
 */
export default class TallyReporter {
  onRunComplete(_contexts, results) {
    // A file that could not even be loaded has no tests to count, and is a failure all the same.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const sum = `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    const brokers = process.env['PIGEONPOST_BROKERS_REPORT'];
    const ranOn = brokers === undefined ? '' : `brokers: ${brokers}\n\n`;
    // Jest's own summary follows every reporter, so only the end of the process is late enough.
    process.once('exit', () => process.stdout.write(`\n${ranOn}${sum}\n`));
  }
}
