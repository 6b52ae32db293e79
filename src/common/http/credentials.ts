import { RouteMetadata } from './route-metadata.js';

/** What a route does with credentials; without a word they are required. */
export const CREDENTIALS = new RouteMetadata<'required' | 'optional' | 'judged' | 'ignored'>(
  Symbol('CREDENTIALS'),
);

/** The route also serves callers without credentials. Wrong credentials are refused all the same. */
export const AllowAnonymous = (): ClassDecorator & MethodDecorator => CREDENTIALS.set('optional');

/** The route does not look at credentials at all, not even wrong ones: probes, and logging in. */
export const IgnoreCredentials = (): ClassDecorator & MethodDecorator => CREDENTIALS.set('ignored');

/**
 * The route judges credentials itself: it commits its decision together with the versions that who asks rests on, in one trip
 * (RULES 2.1), which a guard that has gone before cannot.
 */
export const JudgesCredentials = (): ClassDecorator & MethodDecorator => CREDENTIALS.set('judged');
