import { RouteMetadata } from './route-metadata.js';

/** What a route does with credentials; without a word they are required. */
export const CREDENTIALS = new RouteMetadata<'required' | 'ignored'>(Symbol('CREDENTIALS'));

/** The route does not look at credentials at all, not even wrong ones: probes, and logging in. */
export const IgnoreCredentials = (): ClassDecorator & MethodDecorator => CREDENTIALS.set('ignored');
