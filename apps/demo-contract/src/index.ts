export { ACTIVITY_SCHEMA } from './activity-schema.js';
export { backendsOf } from './backends.js';
export { DemoEnvironment, InvalidEnvironmentError, readEnvironment } from './environment.js';
export { GITHUB_EVENTS, isGithubEvent, topicOf, type GithubEvent } from './github-events.js';
export { GithubAccount, GithubPayload, GithubRepository } from './github-payload.js';
export {
  ACTIVITY,
  GITHUB_TOPICS,
  NOTIFIER,
  SUBSCRIPTIONS,
  TOPOLOGY,
  type Subscription,
} from './subscriptions.js';
