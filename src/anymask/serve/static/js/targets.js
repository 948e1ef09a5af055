/** What of the current object lies under a place of the stage: its points and the handles of its box. */
import { POINT_RADIUS } from './marks.js';
import { handleAt, toPicture } from './pure/view.js';
import { current } from './state.js';

/** @returns {number|null} the index of the point of the current object under a place of the stage */
export function pointAt(state, at, reach = POINT_RADIUS + 3) {
  const now = current(state);
  if (!now || state.tool === 'everything') return null;
  const { view } = state;
  for (let k = now.points.length - 1; k >= 0; k -= 1) {
    const x = view.x + (now.points[k].x + 0.5) * view.scale;
    const y = view.y + (now.points[k].y + 0.5) * view.scale;
    if (Math.hypot(at.x - x, at.y - y) <= reach) return k;
  }
  return null;
}

/** @returns {string|null} the handle of the current box under a place of the stage */
export function boxHandleAt(state, at, reach = 12) {
  const box = current(state)?.box;
  if (!box || state.tool !== 'box') return null;
  return handleAt(box, toPicture(state.view, at.x, at.y), reach / state.view.scale);
}
