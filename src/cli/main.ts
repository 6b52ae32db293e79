#!/usr/bin/env node
import { EXIT, Failure, UsageError } from './failures.js';
import { printable } from './printable.js';
import { run } from './run.js';

const ending = new AbortController();

for (const [signal, exitCode] of [
  ['SIGINT', EXIT.interrupted],
  ['SIGTERM', EXIT.terminated],
] as const) {
  process.once(signal, () => {
    ending.abort(new Failure('Interrupted. The same command goes on where it was.', exitCode));
    // Again: at once.
    process.once(signal, () => process.exit(exitCode));
  });
}
// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on('error', () => process.exit(EXIT.failed));

try {
  await run(process.argv.slice(2), {
    environment: process.env,
    signal: ending.signal,
    screen: process.stderr,
    print: (line) => {
      process.stdout.write(`${line}\n`);
    },
  });
} catch (error) {
  const failure = ending.signal.aborted ? (ending.signal.reason as Failure) : error;
  // What nobody has foreseen is shown whole.
  const message =
    failure instanceof Failure || (failure instanceof Error && 'syscall' in failure)
      ? printable(failure.message)
      : ((failure instanceof Error ? failure.stack : undefined) ?? String(failure));
  process.stderr.write(`download-service: ${message}\n`);
  if (failure instanceof UsageError) process.stderr.write('download-service --help says more.\n');
  process.exitCode = failure instanceof Failure ? failure.exitCode : EXIT.failed;
}
