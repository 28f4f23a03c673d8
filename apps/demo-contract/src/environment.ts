import { plainToInstance } from 'class-transformer';
import { IsNotEmpty, IsString, validateSync, type ValidationError } from 'class-validator';

/** What both processes must agree on. Each property is the environment variable of the same name. */
export class DemoEnvironment {
  /** Where the messages are, for every process the same: a SQLite file, or the URL of a broker. */
  @IsString()
  @IsNotEmpty()
  DEMO_QUEUE!: string;

  /** SQLite file of the keys of what was handled, where the broker cannot remember. */
  @IsString()
  @IsNotEmpty()
  DEMO_KEYS_FILE = 'keys.db';

  /** SQLite file of the activity projection: written by the worker, read by the API. */
  @IsString()
  @IsNotEmpty()
  DEMO_ACTIVITY_FILE!: string;
}

/** Names the variables and the rules they break, never their values: one of them is a secret. */
export class InvalidEnvironmentError extends Error {
  constructor(errors: readonly ValidationError[]) {
    const rules = errors.flatMap(({ constraints = {} }) => Object.values(constraints));
    super(`the environment is not valid: ${rules.join('; ')}`);
    this.name = new.target.name;
  }
}

/** An instance of `type` from the variables it names. Throws InvalidEnvironmentError. */
export function readEnvironment<T extends object>(type: new () => T, variables: NodeJS.ProcessEnv): T {
  const environment = plainToInstance(type, { ...variables }, { exposeDefaultValues: true });
  const errors = validateSync(environment, { whitelist: true });
  if (errors.length > 0) throw new InvalidEnvironmentError(errors);
  return environment;
}
