import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../../scripts/bootstrap/checkout.mjs';

const TEMPLATE = join(ROOT, 'deploy/nginx/nginx.conf.template');

/**
 * Directives of our nginx template for a baseline, taken from there line by line, so that the two cannot drift apart.
 * @template {string} Block
 * @param {Readonly<Record<Block, readonly string[]>>} wanted names of directives, by the block they are for
 * @returns {Promise<Record<Block, string>>}
 */
export async function takenOver(wanted) {
  const template = await readFile(TEMPLATE, 'utf8');
  const blocks = /** @type {[Block, readonly string[]][]} */ (Object.entries(wanted));
  const lines = blocks.map(([block, names]) => [
    block,
    names.map((name) => directiveOf(template, name)).join('\n'),
  ]);
  return /** @type {Record<Block, string>} */ (Object.fromEntries(lines));
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
