/** Giving functions the page they act on. */

/**
 * @param {object} page {store, server, painter, actions, …}
 * @param {Record<string, Function>} functions each takes the page first
 * @returns {Record<string, Function>} the same without that argument
 */
export function bound(page, functions) {
  return Object.fromEntries(Object.entries(functions).map(([name, fn]) => [name, (...values) => fn(page, ...values)]));
}
