import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../../scripts/bootstrap/checkout.mjs';

const TEMPLATE = join(ROOT, 'deploy/nginx/nginx.conf.template');

/**
 * Directives of our nginx template for a baseline, taken from there line by line, so that the two cannot drift apart.
 * @param {readonly string[]} names of directives
 * @returns {Promise<string>}
 */
export async function takenOver(names) {
  const template = await readFile(TEMPLATE, 'utf8');
  return names.map((name) => directiveOf(template, name)).join('\n');
}

/**
 * @param {string} template
 * @param {string} name
 * @returns {string} the directive's first line in the template
 */
function directiveOf(template, name) {
  const line = new RegExp(`^ *${name} [^;$]*;$`, 'm').exec(template)?.[0];
  if (line === undefined) throw new Error(`${TEMPLATE} does not set ${name} any more`);
  return line;
}
