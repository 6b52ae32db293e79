export * from './bucket-tag.js';
export * from './lua-script.js';
export * from './redis.module.js';
export * from './redis-identity.js';
export * from './redis-policy.js';
