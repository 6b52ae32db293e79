/** @typedef {{ median: number, min: number, max: number }} Spread */

/**
 * @param {readonly number[]} values at least one
 * @returns {Spread}
 */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (/** @type {number} */ index) => sorted[index] ?? NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

/**
 * @param {number} share 0 to 1
 * @returns {string}
 */
export function percent(share) {
  return `${String(Math.round(share * 100))} %`;
}

/**
 * @param {number} value
 * @returns {string} about three digits that mean something, grouped by thousands
 */
export function figure(value) {
  return value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 2 : 0 });
}
