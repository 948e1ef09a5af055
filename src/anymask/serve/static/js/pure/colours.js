/**
 * Colours of masks, safe for eyes that do not tell red from green.
 *
 * Exports: PALETTE (8 × [r, g, b]) · colourOf(i) → [r, g, b], any i from 0
 * assignColours(rows, numbers, before?) → Map(number → index for colourOf): stable, neighbours differ
 *
 * @typedef {[number, number, number]} RGB  0 to 255.
 */

import { COLUMN } from './selection.js';

/**
 * The hues of Okabe and Ito (2008), moved until eyes without red or green cones tell them apart as
 * well; the dark one lives by its light rim.
 */
export const PALETTE = Object.freeze([
  [0, 114, 189], [245, 120, 0], [0, 220, 140], [190, 40, 40],
  [150, 245, 255], [215, 120, 165], [250, 240, 40], [30, 30, 36],
]);

// Steps of the golden angle never come back to a hue they have used.
const GOLDEN_TURN = 0.618033988749895;

/**
 * @param {number} index  From 0; beyond the palette the hues go round.
 * @returns {RGB}
 */
export function colourOf(index) {
  if (index < PALETTE.length) return PALETTE[index];
  const step = index - PALETTE.length;
  const hue = (0.08 + step * GOLDEN_TURN) % 1;
  return fromHue(hue, [0.9, 0.6][step % 2], [1, 0.75][(step >> 1) % 2]);
}

function fromHue(hue, saturation, value) {
  const channel = (shift) => {
    const k = (shift + hue * 6) % 6;
    return Math.round(255 * value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}

/**
 * Choose colours for the masks of everything mode. A mask asks for a colour by what it is, not by
 * its place in the list, so that it mostly keeps it while others come and go; the larger of two
 * whose boxes meet gets what it asks for.
 *
 * @param {number[][]} rows  All candidates.
 * @param {number[]} numbers  Those that are shown.
 * @param {Map<number, number>} [before]  Colours to keep where a mask had one.
 * @returns {Map<number, number>} Index for `colourOf` by number.
 */
export function assignColours(rows, numbers, before = new Map()) {
  const rowOf = new Map(rows.map((row) => [row[COLUMN.number], row]));
  const chosen = new Map();
  const shown = numbers.map((number) => rowOf.get(number)).filter(Boolean);
  for (const row of shown) {
    const number = row[COLUMN.number];
    if (before.has(number)) chosen.set(number, before.get(number));
  }
  const done = shown.filter((row) => chosen.has(row[COLUMN.number]));
  const fresh = shown.filter((row) => !chosen.has(row[COLUMN.number]));
  fresh.sort((a, b) => b[COLUMN.area] - a[COLUMN.area] || a[COLUMN.number] - b[COLUMN.number]);
  for (const row of fresh) {
    const taken = new Set();
    for (const other of done) if (meet(row, other)) taken.add(chosen.get(other[COLUMN.number]));
    chosen.set(row[COLUMN.number], freeColour(wishOf(row), taken));
    done.push(row);
  }
  return chosen;
}

function freeColour(wish, taken) {
  for (let step = 0; step < PALETTE.length; step += 1) {
    const index = (wish + step) % PALETTE.length;
    if (!taken.has(index)) return index;
  }
  let index = PALETTE.length;
  while (taken.has(index)) index += 1;
  return index;
}

/** Say whether the boxes of two masks touch or overlap. */
function meet(a, b) {
  return a[COLUMN.x0] <= b[COLUMN.x1] && b[COLUMN.x0] <= a[COLUMN.x1]
    && a[COLUMN.y0] <= b[COLUMN.y1] && b[COLUMN.y0] <= a[COLUMN.y1];
}

/** Turn what tells a mask from others into a number that looks drawn by lot. */
function wishOf(row) {
  let mixed = 0x811c9dc5;
  for (const column of [COLUMN.x0, COLUMN.y0, COLUMN.x1, COLUMN.y1, COLUMN.area]) {
    mixed = Math.imul(mixed ^ row[column], 0x01000193);
    mixed ^= mixed >>> 15;
  }
  return mixed >>> 0;
}
