import { InvalidEnvironmentError, readEnvironment } from '../../demo-contract/src/index.js';
import { ApiEnvironment } from './api.environment.js';

const GOOD = {
  DEMO_QUEUE: 'queue.db',
  DEMO_ACTIVITY_FILE: 'activity.db',
  DEMO_WEBHOOK_SECRET: 'long enough to be one',
};

function complaint(variables: NodeJS.ProcessEnv): string {
  try {
    readEnvironment(ApiEnvironment, variables);
  } catch (error) {
    if (error instanceof InvalidEnvironmentError) return error.message;
  }
  return 'none';
}

describe('readEnvironment', () => {
  it('reads what the class names, with its defaults, and nothing else', () => {
    const environment = readEnvironment(ApiEnvironment, { ...GOOD, HOME: 'somewhere' });
    expect(environment).toEqual(Object.assign(new ApiEnvironment(), GOOD));
    expect(environment.DEMO_API_PORT).toBe(3000);
    expect(readEnvironment(ApiEnvironment, { ...GOOD, DEMO_API_PORT: '0' }).DEMO_API_PORT).toBe(0);
  });

  it('names everything that is wrong', () => {
    const message = complaint({ DEMO_QUEUE: '', DEMO_API_PORT: '70000' });
    for (const name of [...Object.keys(GOOD), 'DEMO_API_PORT']) expect(message).toContain(name);
  });

  it('never prints a value, which may be a secret', () => {
    const message = complaint({ ...GOOD, DEMO_WEBHOOK_SECRET: 'too short' });
    expect(message).toContain('DEMO_WEBHOOK_SECRET');
    expect(message).not.toContain('too short');
  });
});
