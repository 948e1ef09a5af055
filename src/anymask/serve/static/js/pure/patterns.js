/**
 * What the inside of a mask is filled with; hatchings tell masks apart without their colour.
 *
 * Exports: word(r, g, b, a) → a pixel of RGBA as a Uint32Array holds it
 * fillOf(rgb, opacity, pattern, pixelRatio, anchor) → Fill · wordAt(fill, x, y) → word
 *
 * @typedef {{plain: number, strong: number, tile: Uint8Array | null, period: number}} Fill  `strong`
 *   where tile[(y % period) * period + x % period] is set, else `plain`.
 */

const PERIOD_PX = 10;
const LINE_PX = 2;
// How much less see-through lines are: a faint mask still shows its hatching.
const STRONGER = 120;
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Whether a place of the tile is on a line: slanted one way, the other, lying, upright, dots, crossed. */
const HATCHINGS = [
  (x, y, period, line) => (x + y) % period < line,
  (x, y, period, line) => (x + period - y) % period < line,
  (x, y, period, line) => y < line,
  (x, y, period, line) => x < line,
  (x, y, period, line) => x < 2 * line && y < 2 * line,
  (x, y, period, line) => x < line || y < line,
];

/**
 * @param {number} red  0 to 255, as the others.
 * @param {number} green
 * @param {number} blue
 * @param {number} alpha
 * @returns {number}
 */
export function word(red, green, blue, alpha) {
  const parts = IS_LITTLE_ENDIAN ? [alpha, blue, green, red] : [red, green, blue, alpha];
  return parts.reduce((all, part) => ((all << 8) | part) >>> 0, 0);
}

/**
 * @param {[number, number, number]} rgb
 * @param {number} opacity  0 to 1.
 * @param {boolean | number | null} pattern  False or null for none; numbers go round six hatchings.
 * @param {number} pixelRatio
 * @param {{x: number, y: number}} [anchor]  Where in the output the hatching begins: that of the picture's corner keeps it
 *   with the picture, however the view moves.
 * @returns {Fill}
 */
export function fillOf(rgb, opacity, pattern, pixelRatio, anchor = { x: 0, y: 0 }) {
  const alpha = Math.round(255 * Math.min(Math.max(opacity, 0), 1));
  const plain = word(...rgb, alpha);
  if (pattern === false || pattern === null || pattern === undefined) {
    return { plain, strong: plain, tile: null, period: 1 };
  }
  const isLine = HATCHINGS[(pattern === true ? 0 : pattern) % HATCHINGS.length];
  const ratio = Math.max(1, Math.round(pixelRatio));
  const [period, line] = [PERIOD_PX * ratio, LINE_PX * ratio];
  const from = (place, start) => (((place - Math.round(start)) % period) + period) % period;
  const tile = Uint8Array.from({ length: period * period }, (_, at) =>
    Number(isLine(from(at % period, anchor.x), from(Math.floor(at / period), anchor.y), period, line)));
  return { plain, strong: word(...rgb, Math.min(255, alpha + STRONGER)), tile, period };
}

/**
 * @param {Fill} fill
 * @param {number} x
 * @param {number} y
 * @returns {number}
 */
export function wordAt({ plain, strong, tile, period }, x, y) {
  return tile !== null && tile[(y % period) * period + (x % period)] ? strong : plain;
}
