/**
 * Candidates of everything mode → the masks that are shown, exactly as `anymask.everything.select`
 * chooses them for a run without crops and without cleaning of regions.
 *
 * Exports: COLUMN {number, iou, stability, x0, y0, x1, y1, area, px, py, slot} (places in a row)
 * select(rows, runsOf, settings, size) → numbers in order · suppress(boxes, scores, threshold) → places
 * topmostAt(numbers, rows, runsOf, size, x, y) → number | null (smallest first)
 * allAt(numbers, rows, runsOf, size, x, y) → numbers, smallest first
 * `runsOf(number)` gives run lengths, or nothing while they are not there.
 *
 * @typedef {number[]} Row  As the server sends it; boxes x0, y0, x1, y1 with right and bottom edge
 *   exclusive, zeros if the mask is empty.
 * @typedef {(number: number) => import('./rle.js').Runs | null | undefined} RunsOf
 * @typedef {{pred_iou_thresh?: number, stability_score_thresh?: number, box_nms_thresh?: number,
 *   min_area?: number, max_area_share?: number, wholes_only?: boolean}} Settings
 */

import { partTree } from './part_tree.js';
import { contains } from './rle.js';

export const COLUMN = Object.freeze({
  number: 0, iou: 1, stability: 2, x0: 3, y0: 4, x1: 5, y1: 6, area: 7, px: 8, py: 9, slot: 10,
});

/** The defaults of the published generator. */
const DEFAULTS = Object.freeze({
  pred_iou_thresh: 0.88, stability_score_thresh: 0.95, box_nms_thresh: 0.7, min_area: 0, max_area_share: 0, wholes_only: false,
});
// So few pixels show one thing at most, and boxes of a pixel have no overlap to be judged by.
const ONE_THING_PX = 6;

/**
 * Choose among candidates.
 *
 * @param {Row[]} rows  In the order of the candidates' numbers.
 * @param {RunsOf} runsOf  Asked for only if `wholes_only`; what it does not give is nobody's part.
 * @param {Settings} settings
 * @param {[number, number]} size  Height and width of the picture.
 * @returns {number[]} Numbers of what stays, best first.
 */
export function select(rows, runsOf, settings, size) {
  const asked = { ...DEFAULTS, ...settings };
  const numPixels = size[0] * size[1];
  const sure = rows.filter((row) => isSure(row, asked) && hasSize(row, asked, numPixels));
  const scores = sure.map((row) => row[COLUMN.iou]);
  let kept = suppress(sure.map(lastPixels), scores, asked.box_nms_thresh).map((place) => sure[place][COLUMN.number]);
  if (numPixels <= ONE_THING_PX && asked.box_nms_thresh < 1) kept = kept.slice(0, 1);
  return asked.wholes_only ? wholesOf(kept, runsOf, size) : kept;
}

/** Scores are single precision, and so are thresholds where they are held against them. */
function isSure(row, { pred_iou_thresh: leastIou, stability_score_thresh: leastStability }) {
  // Written so that what is no number does not pass.
  if (leastIou > 0 && !(row[COLUMN.iou] > Math.fround(leastIou))) return false;
  return !(leastStability > 0) || row[COLUMN.stability] >= Math.fround(leastStability);
}

function hasSize(row, { min_area: least, max_area_share: most }, numPixels) {
  if (least > 0 && row[COLUMN.area] < least) return false;
  return !(most > 0) || !(row[COLUMN.area] / numPixels >= most);
}

/** Give the box as the published generator has it: right and bottom are the last pixels inside. */
function lastPixels(row) {
  if (row[COLUMN.x1] === 0) return [0, 0, 0, 0];
  return [row[COLUMN.x0], row[COLUMN.y0], row[COLUMN.x1] - 1, row[COLUMN.y1] - 1];
}

function wholesOf(numbers, runsOf, size) {
  const runs = numbers.map((number) => runsOf(number) ?? []);
  const { parents } = partTree(runs, size);
  return numbers.filter((_, place) => parents[place] === null);
}

/**
 * Go through boxes from the best to the worst and drop what overlaps a better one.
 *
 * @param {number[][]} boxes  Corners; a side's length is the difference of its corners.
 * @param {(number | null)[]} scores  Of equal ones the earlier is the better; what is no number comes last.
 * @param {number} threshold  Boxes whose IoU with a better one is larger are dropped.
 * @returns {number[]} Places of what stays, best first.
 */
export function suppress(boxes, scores, threshold) {
  const order = orderOf(scores);
  // Only boxes of much the same area can overlap much: kept by area, those are neighbours.
  const boxesByArea = columnsOf(boxes);
  const placeByArea = new Int32Array(boxes.length);
  boxesByArea.order.forEach((place, k) => { placeByArea[place] = k; });
  const isDone = new Uint8Array(boxes.length);
  const kept = [];
  for (const place of order) {
    const best = placeByArea[place];
    if (isDone[best]) continue;
    isDone[best] = 1;
    kept.push(place);
    dropLike(best, boxesByArea, isDone, threshold);
  }
  return kept;
}

function orderOf(scores) {
  const worth = Float64Array.from(scores, (score) => (score === null || Number.isNaN(score) ? -Infinity : score));
  return [...worth.keys()].sort((a, b) => (worth[a] === worth[b] ? a - b : worth[b] > worth[a] ? 1 : -1));
}

/** Give the corners column by column in single precision, the boxes of least area first. */
function columnsOf(boxes) {
  const areaOf = ([x0, y0, x1, y1]) => Math.fround(Math.fround(x1 - x0) * Math.fround(y1 - y0));
  const areas = Float32Array.from(boxes, areaOf);
  const order = Int32Array.from(areas.keys()).sort((a, b) => areas[a] - areas[b]);
  const column = (k) => Float32Array.from(order, (place) => boxes[place][k]);
  return { order, x0: column(0), y0: column(1), x1: column(2), y1: column(3), areas: areas.sort() };
}

/** Drop all boxes that overlap one; each step is rounded to single precision, as published. */
function dropLike(best, { x0, y0, x1, y1, areas }, isDone, threshold) {
  const [left, top, right, bottom, area] = [x0[best], y0[best], x1[best], y1[best], areas[best]];
  // No overlap is a larger share than the smaller area of the larger; the rest is for rounding.
  const most = threshold > 0.001 ? area / (threshold - 0.0005) : Infinity;
  const least = area * (threshold - 0.0005);
  for (let other = firstFrom(areas, least); other < areas.length && areas[other] <= most; other += 1) {
    // Boxes that share nothing both stay, also where they have no area to be measured by.
    if (isDone[other] || x0[other] >= right || x1[other] <= left || y0[other] >= bottom || y1[other] <= top) continue;
    const width = Math.min(right, x1[other]) - Math.max(left, x0[other]);
    const height = Math.min(bottom, y1[other]) - Math.max(top, y0[other]);
    const common = Math.fround(Math.fround(width) * Math.fround(height));
    const together = Math.fround(Math.fround(area + areas[other]) - common);
    // Held against the threshold in double precision, as the published operator does.
    if (Math.fround(common / together) > threshold) isDone[other] = 1;
  }
}

/** Give the first place of a rising list with at least this value. */
function firstFrom(rising, least) {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Give the masks at a pixel, the smallest first.
 *
 * @param {number[]} numbers  Of those that are shown.
 * @param {Row[]} rows
 * @param {RunsOf} runsOf
 * @param {[number, number]} size
 * @param {number} x
 * @param {number} y
 * @returns {number[]}
 */
export function allAt(numbers, rows, runsOf, size, x, y) {
  return around(numbers, rows, x, y)
    .map((row) => row[COLUMN.number])
    .filter((number) => holds(runsOf(number), size, x, y));
}

/**
 * Give the smallest mask at a pixel.
 *
 * @param {number[]} numbers  Of those that are shown.
 * @param {Row[]} rows
 * @param {RunsOf} runsOf
 * @param {[number, number]} size
 * @param {number} x
 * @param {number} y
 * @returns {number | null}
 */
export function topmostAt(numbers, rows, runsOf, size, x, y) {
  const found = around(numbers, rows, x, y).find((row) => holds(runsOf(row[COLUMN.number]), size, x, y));
  return found ? found[COLUMN.number] : null;
}

/** Give the rows whose box holds a pixel, smallest mask first. */
function around(numbers, rows, x, y) {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const isShown = new Set(numbers);
  return rows
    .filter((one) => column >= one[COLUMN.x0] && column < one[COLUMN.x1]
      && row >= one[COLUMN.y0] && row < one[COLUMN.y1] && isShown.has(one[COLUMN.number]))
    .sort((a, b) => a[COLUMN.area] - b[COLUMN.area]);
}

function holds(runs, size, x, y) {
  return Boolean(runs) && contains(runs, size, x, y);
}
