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
 * @param {Map<number, number>} [before]  Colours to keep where a mask had one and no neighbour has it.
 * @returns {Map<number, number>} Index for `colourOf` by number.
 */
export function assignColours(rows, numbers, before = new Map()) {
  const rowOf = new Map(rows.map((row) => [row[COLUMN.number], row]));
  const chosen = new Map();
  const shown = numbers.map((number) => rowOf.get(number)).filter(Boolean);
  const coloured = makeColoured(shown.length);
  for (const row of shown) {
    const colour = before.get(row[COLUMN.number]);
    // Two that were never shown together may have got the same.
    if (colour === undefined || coloured.near(row).has(colour)) continue;
    chosen.set(row[COLUMN.number], colour);
    coloured.add(row, colour);
  }
  const fresh = shown.filter((row) => !chosen.has(row[COLUMN.number]));
  fresh.sort((a, b) => b[COLUMN.area] - a[COLUMN.area] || a[COLUMN.number] - b[COLUMN.number]);
  for (const row of fresh) {
    const colour = freeColour(wishOf(row), coloured.near(row));
    chosen.set(row[COLUMN.number], colour);
    coloured.add(row, colour);
  }
  return chosen;
}

/** The boxes that have a colour, in columns of plain numbers: thousands of them are gone through for each new one. */
function makeColoured(most) {
  const [x0, y0, x1, y1, colours] = Array.from({ length: 5 }, () => new Int32Array(most));
  // By colour, whose turn it was when it was last found near: a set that need not be emptied.
  let turns = new Int32Array(PALETTE.length + most + 1);
  let [count, turn] = [0, 0];
  return {
    add(row, colour) {
      [x0[count], y0[count], x1[count], y1[count]] = [row[COLUMN.x0], row[COLUMN.y0], row[COLUMN.x1], row[COLUMN.y1]];
      colours[count] = colour;
      if (colour >= turns.length) turns = Int32Array.from({ length: 2 * colour }, (_, k) => turns[k] ?? 0);
      count += 1;
    },
    /** The colours of the boxes that touch or overlap one; good until it is asked about the next. */
    near(row) {
      const [left, top, right, bottom] = [row[COLUMN.x0], row[COLUMN.y0], row[COLUMN.x1], row[COLUMN.y1]];
      turn += 1;
      for (let k = 0; k < count; k += 1) {
        if (left <= x1[k] && x0[k] <= right && top <= y1[k] && y0[k] <= bottom) turns[colours[k]] = turn;
      }
      return { has: (colour) => turns[colour] === turn };
    },
  };
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

/** Turn what tells a mask from others into a number that looks drawn by lot. */
function wishOf(row) {
  let mixed = 0x811c9dc5;
  for (const column of [COLUMN.x0, COLUMN.y0, COLUMN.x1, COLUMN.y1, COLUMN.area]) {
    mixed = Math.imul(mixed ^ row[column], 0x01000193);
    mixed ^= mixed >>> 15;
  }
  return mixed >>> 0;
}
