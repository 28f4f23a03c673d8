export { rabbitmqBackend } from './rabbitmq.backend.js';
export { RabbitmqOptions } from './rabbitmq.options.js';
export type { ForeignExchange } from './rabbitmq.foreign-topics.js';
