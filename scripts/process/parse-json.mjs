/**
 * JSON.parse, typed as what it is: something that is still to be looked at.
 * @param {string} text
 * @returns {unknown}
 */
export function parseJson(text) {
  return /** @type {unknown} */ (JSON.parse(text));
}
