/** Mending a mask by hand: strokes that add to it or take away. */
import { bound } from '../bound.js';
import { area, rleOf, runsOf, stroke } from '../pure/rle.js';
import { commit, emptyCurrent, picture, shownMask } from '../state.js';
import { words } from '../words.js';

/**
 * What has been mended is the mask prompt of the clicks that follow: points said before are part of it already.
 * @param {object} page
 * @param {{x: number, y: number}[]} points in pixels of the picture, the first pixel's centre at 0.5
 * @param {number} radius pixels of the picture
 * @param {boolean} value true adds, false takes away
 */
function brushStroke({ store, actions }, points, radius, value) {
  const entry = picture(store.get());
  if (!entry?.width || !points.length) return;
  const size = [entry.height, entry.width];
  const before = shownMask(store.get());
  if (!before && !value) return;
  const runs = stroke(before ? runsOf(before) : [size[0] * size[1]], size, points, radius, value);
  actions.leave();
  commit(store, words.stage.steps.brush, (work) => {
    const now = work.current ?? emptyCurrent();
    return { ...work, current: area(runs) ? { ...now, points: [], box: null, edited: rleOf(runs, size), wanted: null } : null };
  });
}

/** @returns {Record<string, Function>} */
export function makeBrushActions(store, server, painter, actions) {
  return bound({ store, actions }, { brushStroke });
}
