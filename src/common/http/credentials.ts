import { SetMetadata } from '@nestjs/common';

export const CREDENTIALS = Symbol('CREDENTIALS');

/** What a route does with credentials; without a word they are required. */
export type CredentialUse = 'required' | 'optional' | 'ignored';

/** The route also serves callers without credentials. Wrong credentials are refused all the same. */
export const AllowAnonymous = (): ClassDecorator & MethodDecorator =>
  SetMetadata(CREDENTIALS, 'optional' satisfies CredentialUse);

/** The route does not look at credentials at all, not even wrong ones: probes, and logging in. */
export const IgnoreCredentials = (): ClassDecorator & MethodDecorator =>
  SetMetadata(CREDENTIALS, 'ignored' satisfies CredentialUse);
