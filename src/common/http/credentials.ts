import { RouteMetadata } from './route-metadata.js';

/** Whether a route ignores credentials; without a word they are required. */
export const IGNORES_CREDENTIALS = new RouteMetadata<true>(Symbol('IGNORES_CREDENTIALS'));

/** The route does not look at credentials at all, not even wrong ones: probes, and logging in. */
export const IgnoreCredentials = (): ClassDecorator & MethodDecorator => IGNORES_CREDENTIALS.set(true);
