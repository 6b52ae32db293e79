import { RouteMetadata } from './route-metadata.js';

/** What a route does with credentials; without a word they are required. */
export const CREDENTIALS = new RouteMetadata<'required' | 'optional' | 'ignored'>(Symbol('CREDENTIALS'));

/** The route also serves callers without credentials. Wrong credentials are refused all the same. */
export const AllowAnonymous = (): ClassDecorator & MethodDecorator => CREDENTIALS.set('optional');

/** The route does not look at credentials at all, not even wrong ones: probes, and logging in. */
export const IgnoreCredentials = (): ClassDecorator & MethodDecorator => CREDENTIALS.set('ignored');
