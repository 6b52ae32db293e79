import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], more: object = {}) => ({
  test: { name, include, environment: 'node' as const, retry: process.env.CI === undefined ? 0 : 2, ...more },
});

const LOAD = ['test/faults/memory.spec.ts', 'test/faults/s3-memory.spec.ts'];

/** Suites run side by side; those of `e2e` and `security` share one stack, each with users and files of its own. */
export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // More than cores: the suites that stop and freeze servers mostly wait.
    maxWorkers: 4,
    // Suites that stop, freeze and kill real servers share two noisy cores: what fails three times is a fault.
    retry: process.env.CI === undefined ? 0 : 2,
    projects: [
      project('unit', ['test/unit/**/*.spec.ts', 'test/contracts/**/*.spec.ts']),
      project('e2e', ['test/e2e/**/*.spec.ts', 'test/security/**/*.spec.ts'], {
        globalSetup: ['test/harness/shared-stack.ts'],
        testTimeout: 20_000,
        hookTimeout: 60_000,
      }),
      // Gigabytes through two cores would spoil the suites that measure how soon an answer comes: they go last.
      project('load', LOAD, { sequence: { groupOrder: 1 } }),
      project('faults', ['test/faults/**/*.spec.ts', 'test/medium/**/*.spec.ts'], {
        exclude: LOAD,
        testTimeout: 60_000,
        hookTimeout: 90_000,
      }),
    ],
  },
});
