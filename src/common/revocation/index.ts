export * from './revocation.module.js';
export * from './revocations.js';
export * from './revoking-transaction.js';
export * from './versioned-cache.js';
export * from './versions.js';
