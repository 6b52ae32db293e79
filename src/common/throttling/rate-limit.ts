import { RouteMetadata } from '../http/route-metadata.js';

/** Classes of routes with limits of their own; `none` is for routes that are not counted here. */
export type RatePolicy = 'api' | 'chunk' | 'login' | 'none';

/**
 * What is counted: under `login` the account that is tried from an address, and as `login-address` all that come from
 * there, whatever they try.
 */
export type RateCounter = 'api' | 'chunk' | 'login' | 'login-address';

export const COUNTERS: Readonly<Record<RatePolicy, readonly RateCounter[]>> = {
  api: ['api'],
  chunk: ['chunk'],
  login: ['login', 'login-address'],
  none: [],
};

/** The policy of a route; without it `api`. */
export const RATE_POLICY = new RouteMetadata<RatePolicy>(Symbol('RATE_POLICY'));

export const RateLimit = (policy: RatePolicy): ClassDecorator & MethodDecorator => RATE_POLICY.set(policy);
