/**
 * The brush: a thick line drawn into a mask.
 *
 * Exports: stroke(runs, size, points, radius, value) → runs
 *
 * @typedef {import('./rle.js').Runs} Runs
 */

import { runsOfSpans, subtract, union } from './run_sets.js';

/**
 * Add what a round brush covers on its way, or take it away. A pixel is covered if its centre is;
 * the pixels right under the points always are, however thin the brush.
 *
 * @param {Runs} runs
 * @param {[number, number]} size  Height and width.
 * @param {{x: number, y: number}[]} points  The way, pixels of the picture, the first pixel's centre
 *   at (0.5, 0.5); one point is a dab.
 * @param {number} radius  Pixels of the picture.
 * @param {boolean | number} value  True adds, false removes.
 * @returns {Int32Array}
 */
export function stroke(runs, size, points, radius, value) {
  const spans = [];
  points.forEach((point, k) => {
    pushSpan(spans, size, Math.floor(point.x), point.y - 0.5, point.y + 0.5);
    pushSegment(spans, size, points[Math.max(k - 1, 0)], point, radius);
  });
  spans.sort((a, b) => a[0] - b[0]);
  const covered = runsOfSpans(spans.map((span) => span[0]), spans.map((span) => span[1]), size[0] * size[1]);
  return value ? union(runs, covered) : subtract(runs, covered);
}

/** Push what one straight piece of the way covers, column by column. */
function pushSegment(spans, size, from, to, radius) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy);
  // How far beside a column the point lies whose circle reaches lowest there.
  const slant = length > 0 ? (radius * dy * Math.sign(dx)) / length : 0;
  const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
  const last = Math.min(Math.floor(right + radius), size[1] - 1);
  for (let column = Math.max(Math.floor(left - radius), 0); column <= last; column += 1) {
    const x = column + 0.5;
    const [least, most] = [Math.max(x - right, -radius), Math.min(x - left, radius)];
    if (least > most) continue;
    const heights = [-slant, slant].map((wish) => {
      const beside = Math.min(Math.max(wish, least), most);
      const half = Math.sqrt(Math.max(radius * radius - beside * beside, 0));
      return { y: from.y + (dx === 0 ? 0 : (dy / dx) * (x - beside - from.x)), half };
    });
    const ys = dx === 0 ? [from.y, to.y] : [heights[1].y, heights[0].y];
    const top = dx === 0 ? Math.min(...ys) : ys[0];
    const bottom = dx === 0 ? Math.max(...ys) : ys[1];
    pushSpan(spans, size, column, top - heights[1].half, bottom + heights[0].half);
  }
}

/** Push the pixels of a column whose centres lie from `top` to `bottom`. */
function pushSpan(spans, [height, width], column, top, bottom) {
  const first = Math.max(Math.ceil(top - 0.5), 0);
  const end = Math.min(Math.floor(bottom - 0.5) + 1, height);
  if (column >= 0 && column < width && end > first) spans.push([column * height + first, column * height + end]);
}
