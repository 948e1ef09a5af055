/**
 * Gaps in the border of a mask, so that its outline is dashed.
 *
 * Exports: withGaps(borders, dash, gap) → borders
 *
 * @typedef {import('./bit_planes.js').Plane} Plane
 */

/**
 * Walk along each border and leave out a piece of it again and again. (A pattern of places instead
 * would, for some slants, fall in step with the border and leave it whole or leave nothing.)
 *
 * @param {{across: Plane, down: Plane}} borders
 * @param {number} dash  Sides of output pixels that stay.
 * @param {number} gap  Sides that go.
 * @returns {{across: Plane, down: Plane}}
 */
export function withGaps(borders, dash, gap) {
  const left = { across: copyOf(borders.across), down: copyOf(borders.down) };
  const kept = { across: emptyLike(borders.across), down: emptyLike(borders.down) };
  const isKept = (steps) => steps % (dash + gap) < dash;
  for (const { x, y } of setBits(left.across)) walk({ x: x + 1, y }, left, kept, isKept);
  for (const { x, y } of setBits(left.down)) walk({ x, y: y + 1 }, left, kept, isKept);
  return kept;
}

/**
 * Take sides away, one after the other, from a corner on. Corner x, y is the top left one of that
 * pixel; the side to the right of pixel x, y has the bit x, y of `across`.
 */
function walk(corner, left, kept, isKept) {
  let { x, y } = corner;
  for (let steps = 0; ; steps += 1) {
    const keeps = isKept(steps);
    if (take('across', x - 1, y, left, kept, keeps)) y += 1;
    else if (take('down', x, y - 1, left, kept, keeps)) x += 1;
    else if (take('across', x - 1, y - 1, left, kept, keeps)) y -= 1;
    else if (take('down', x - 1, y - 1, left, kept, keeps)) x -= 1;
    else return;
  }
}

function take(name, x, y, left, kept, keeps) {
  const { width, height, stride, words } = left[name];
  if (x < 0 || y < 0 || x >= width || y >= height) return false;
  const at = y * stride + (x >> 5);
  const bit = 1 << (x & 31);
  if ((words[at] & bit) === 0) return false;
  words[at] &= ~bit;
  if (keeps) kept[name].words[at] |= bit;
  return true;
}

/** Give the bits that are set, as they are when their turn comes. */
function* setBits({ height, stride, words }) {
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let k = 0; k < stride; k += 1, at += 1) {
      while (words[at] !== 0) yield { x: (k << 5) + 31 - Math.clz32(words[at] & -words[at]), y };
    }
  }
}

function copyOf(plane) {
  return { ...plane, words: plane.words.slice() };
}

function emptyLike(plane) {
  return { ...plane, words: new Uint32Array(plane.words.length) };
}
