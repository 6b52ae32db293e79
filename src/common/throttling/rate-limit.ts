import { SetMetadata } from '@nestjs/common';

/** Classes of routes with a limit of their own; `none` is for routes that are not counted here. */
export type RatePolicy = 'api' | 'login' | 'none';

export const RATE_POLICY = Symbol('RATE_POLICY');

/** The policy of a route; without it `api`. */
export const RateLimit = (policy: RatePolicy): ClassDecorator & MethodDecorator =>
  SetMetadata(RATE_POLICY, policy);
