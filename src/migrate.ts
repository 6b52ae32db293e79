import 'reflect-metadata';
import { loadConfig, readFirstAccount } from './common/config/load-config.js';
import { runMigrations } from './common/database/index.js';
import { migrations } from './migrations/index.js';
import { authEntities, ensureFirstAccount, PasswordHasher } from './modules/auth/index.js';
import { fileMetaEntities } from './modules/file-meta/index.js';

/** `npm run migrate`: brings the schema up to date and, when ADMIN_EMAIL is set, makes sure of the first account. */
try {
  const account = readFirstAccount(process.env);
  const passwords = new PasswordHasher();
  let firstAccount: 'created' | 'exists' | 'none' = 'none';
  const applied = await runMigrations(
    loadConfig(process.env).database,
    migrations,
    [...authEntities, ...fileMetaEntities],
    async (database) => {
      if (account !== undefined) firstAccount = await ensureFirstAccount(database, passwords, account);
    },
  );
  await passwords.onApplicationShutdown();
  process.stdout.write(`${JSON.stringify({ applied, firstAccount })}\n`);
} catch (error) {
  process.stderr.write(`migration failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
