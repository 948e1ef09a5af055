/**
 * Undo and redo over values that are never changed in place.
 *
 * Exports: begin(value) → history · push(history, value, label = '', limit = 500) → history
 * undo(history) · redo(history) → history · canUndo(history) · canRedo(history) → boolean
 * history.now is the value; history.label says what led to it.
 *
 * @template T
 * @typedef {{past: {value: T, label: string}[], now: T, label: string, future: {value: T, label: string}[]}} History
 */

const MOST_STEPS = 500;

/**
 * @template T
 * @param {T} value
 * @returns {History<T>}
 */
export function begin(value) {
  return Object.freeze({ past: [], now: value, label: '', future: [] });
}

/**
 * Go on to a new value; what was undone before is forgotten.
 *
 * @template T
 * @param {History<T>} history
 * @param {T} value
 * @param {string} [label]  What was done.
 * @param {number} [limit]  How many steps can be undone; the oldest are forgotten.
 * @returns {History<T>} The same history if the value is the same.
 */
export function push(history, value, label = '', limit = MOST_STEPS) {
  if (value === history.now) return history;
  const past = [...history.past, entryOf(history)].slice(-limit);
  return Object.freeze({ past, now: value, label, future: [] });
}

/**
 * @template T
 * @param {History<T>} history
 * @returns {History<T>} The same history where nothing can be undone.
 */
export function undo(history) {
  if (!canUndo(history)) return history;
  const { value, label } = history.past[history.past.length - 1];
  return Object.freeze({
    past: history.past.slice(0, -1), now: value, label, future: [entryOf(history), ...history.future],
  });
}

/**
 * @template T
 * @param {History<T>} history
 * @returns {History<T>} The same history where nothing can be done again.
 */
export function redo(history) {
  if (!canRedo(history)) return history;
  const [{ value, label }, ...future] = history.future;
  return Object.freeze({ past: [...history.past, entryOf(history)], now: value, label, future });
}

/** @param {History<unknown>} history @returns {boolean} */
export function canUndo(history) {
  return history.past.length > 0;
}

/** @param {History<unknown>} history @returns {boolean} */
export function canRedo(history) {
  return history.future.length > 0;
}

function entryOf(history) {
  return { value: history.now, label: history.label };
}
