export { redisBackend } from './redis.backend.js';
export { RedisOptions } from './redis.options.js';
