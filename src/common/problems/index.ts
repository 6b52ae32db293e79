export * from './common.problems.js';
export * from './problem.js';
export * from './problem-document.js';
export * from './problem.filter.js';
export * from './to-problem.js';
