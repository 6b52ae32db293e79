import { type DataSource, IsNull } from 'typeorm';
import type { PasswordHasher } from '../passwords/password-hasher.js';
import { normaliseEmail } from './email.js';
import { Tenant } from './tenant.entity.js';
import { User } from './user.entity.js';

export interface FirstAccount {
  readonly email: string;
  /** The password the account must have: another one of an existing account is an error. */
  readonly password?: string | undefined;
  /** The password for a new account; an existing one keeps its own. */
  readonly initialPassword?: string | undefined;
}

/** Its text is for the operator at the terminal. */
export class FirstAccountError extends Error {
  override readonly name = 'FirstAccountError';
}

/** The installation's first account: an operator of the tenant `default` (RULES 1.5). */
export async function ensureFirstAccount(
  database: DataSource,
  passwords: PasswordHasher,
  account: FirstAccount,
): Promise<'created' | 'exists'> {
  const email = normaliseEmail(account.email);
  const existing = await database.getRepository(User).findOneBy({ email, deletedAt: IsNull() });
  if (existing !== null) {
    if (
      account.password !== undefined &&
      !(await passwords.verify(existing.passwordHash, account.password))
    ) {
      throw new FirstAccountError(
        `the account ${email} exists and has another password than ADMIN_PASSWORD: ` +
          'unset ADMIN_PASSWORD to keep the account as it is, or give its present password',
      );
    }
    return 'exists';
  }
  const password = account.password ?? account.initialPassword;
  if (password === undefined)
    throw new FirstAccountError(`ADMIN_PASSWORD is missing: the account ${email} is new`);
  const passwordHash = await passwords.hash(password);
  const tenant = await database.getRepository(Tenant).findOneByOrFail({ slug: 'default' });
  await database.getRepository(User).insert({ tenantId: tenant.id, email, passwordHash, role: 'operator' });
  return 'created';
}
