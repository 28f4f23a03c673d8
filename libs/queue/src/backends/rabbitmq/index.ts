export { rabbitmqBackend } from './rabbitmq.backend.js';
export { RabbitmqOptions } from './rabbitmq.options.js';
