import { relative } from 'node:path';
import { SaidError } from '../process/said-error.mjs';

/** What separates or ends a word in nginx.conf. */
const SPECIAL = /[\s"'\\;{}#]/;

/**
 * nginx.conf has no escape for a path with a blank or a quote where the template does not quote it; but nginx takes
 * relative paths as below its prefix, which comes on the command line. For such paths the relative form is used.
 * @param {string} path absolute
 * @param {string} prefix nginx's own folder
 * @returns {string}
 */
export function pathInConfig(path, prefix) {
  const short = SPECIAL.test(path) ? relative(prefix, path) || '.' : path;
  // A dollar sign begins a variable in some directives; nothing can quote it.
  if (path.includes('$') || SPECIAL.test(short)) {
    throw new SaidError(
      `nginx cannot use the folder ${path}: choose one without ${path.includes('$') ? 'a dollar sign' : 'blanks and quotes'} (DATA_DIR)`,
    );
  }
  return short;
}

/**
 * @param {string} template
 * @param {Readonly<Record<string, string>>} values
 * @returns {string} only these names are replaced, as envsubst does when it is given a list: nginx has `$` of its own
 */
export function renderTemplate(template, values) {
  return template.replace(
    /\$\{([A-Z][A-Z0-9_]*)\}/g,
    (whole, /** @type {string} */ name) => values[name] ?? whole,
  );
}
