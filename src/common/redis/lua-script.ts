import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';

/** Runs a script: its keys, then its arguments. */
export type LuaScript = (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;

/**
 * Loads `<what>-<numKeys>.lua`, kept beside its caller. Sent once per connection, then called by its SHA-1; calls of one event-loop turn
 * go out together.
 * @param way `alone` for what is a batch already, or runs in the background: else the driver would collect what requests ask meanwhile
 * until that is answered, and a Redis that hangs would cost them twice the time
 */
export function loadLuaScript(redis: Redis, file: URL, way: 'collected' | 'alone' = 'collected'): LuaScript {
  const path = fileURLToPath(file);
  const [, what = '', count = ''] = /^(.+)-(\d+)\.lua$/.exec(basename(path)) ?? [];
  if (what === '') throw new TypeError(`${path} is not named <what>-<numKeys>.lua`);
  const command = `lua:${what}`;
  if (way === 'alone') redis.options.autoPipeliningIgnoredCommands?.push(command);
  redis.defineCommand(command, { numberOfKeys: Number(count), lua: readFileSync(path, 'utf8') });
  const run = (redis as unknown as Record<string, (...all: (string | number)[]) => Promise<unknown>>)[
    command
  ];
  return (keys, args) => {
    if (keys.length !== Number(count)) throw new TypeError(`${command} takes ${count} keys`);
    return run?.call(redis, ...keys, ...args) ?? Promise.reject(new Error(`${command} is not defined`));
  };
}
