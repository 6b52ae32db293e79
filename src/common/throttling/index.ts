export * from './credential-misses.js';
export * from './rate-limit.guard.js';
export * from './rate-limit.js';
export * from './throttle-subject.js';
export * from './throttling.module.js';
export * from './throttling.problems.js';
