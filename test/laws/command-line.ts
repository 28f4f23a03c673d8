import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

/** A command that was called in a way it does not know. */
export class UsageError extends Error {}

/** The options that were given, as texts; `help` for `--help`. Throws UsageError. */
export function readFlags(names: readonly string[]): Readonly<Record<string, string>> | 'help' {
  const options: ParseArgsOptionsConfig = { help: { type: 'boolean' } };
  for (const name of names) options[name] = { type: 'string' };
  try {
    const { help, ...given } = parseArgs({ options }).values;
    return help === true ? 'help' : (given as Readonly<Record<string, string>>);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/**
 * Runs a command and ends the process with its exit code: 2 after a call that it does not know. It ends the process
 * itself because a backend that is broken on purpose may leave something running.
 */
export async function runCommand(help: string, command: () => Promise<number>): Promise<never> {
  try {
    process.exit(await command());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${help}`);
    process.exit(2);
  }
}
