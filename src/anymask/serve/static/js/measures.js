/** Times a person feels, as entries of the browser's performance list: from the event to after the drawing. */
import { current, picture } from './state.js';

const expected = new WeakMap();

/**
 * @param {string} name after 'anymask:'
 * @param {number} since the causing event's timeStamp
 */
export function measure(name, since) {
  performance.measure(`anymask:${name}`, { start: since, end: Math.max(performance.now(), since) });
}

/**
 * Say that a thing is due on the canvas, and since when a person waits for it.
 * @param {object} thing
 * @param {number} since the causing event's timeStamp
 */
export function expect(thing, since) {
  if (since <= performance.now()) expected.set(thing, since);
}

function once(thing, name) {
  if (!thing || !expected.has(thing)) return;
  measure(name, expected.get(thing));
  expected.delete(thing);
}

/**
 * Note the answers that now stand on the canvas for the first time.
 * @param {object} state
 * @param {object[]} layers those that have been drawn
 */
export function measureDrawn(state, layers) {
  const isDrawn = (slot) => layers.find((layer) => layer.slot === slot);
  const { preview } = state;
  if (preview && isDrawn('preview')?.deps[0] === preview.masks[preview.best]?.rle) once(preview, 'hover');
  const answer = current(state)?.answer;
  if (answer && answer.masks.some((mask) => mask.rle === isDrawn('solid')?.deps[0])) once(answer, 'click');
  const everything = picture(state)?.everything;
  if (everything && isDrawn('everything')?.deps[0] === everything.shown) once(everything.shown, 'everything-redraw');
}
