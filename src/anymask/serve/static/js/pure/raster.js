/**
 * Masks as pixels of the stage. The window is the part of the picture's plane that is shown; each
 * pixel of the output asks the pixel of the picture under its centre, so enlarged pixels are squares.
 *
 * Exports: sample(runs, size, window, width, height) → Uint8Array (0 and 1, row-major)
 * paint(inside, width, height, options) → Uint8ClampedArray (RGBA, for ImageData)
 * draw(runs, size, window, width, height, options) → Uint8ClampedArray: both at once, much quicker
 * drawOnto(rgba, runs, size, window, width, height, options): the same, over what is there
 * and from its own file: composite(masks, size, window, width, height, options) → Uint8ClampedArray
 * options: {rgb, opacity = 0.4, outlineOnly = false, dashed = false, pattern = false | number, pixelRatio = 1, anchor}
 *
 * @typedef {import('./bit_planes.js').Window} Window
 * @typedef {object} PaintOptions
 * @property {[number, number, number]} [rgb]
 * @property {number} [opacity]  Of the inside.
 * @property {boolean} [outlineOnly]
 * @property {boolean} [dashed]  The outline has gaps: this mask is not there yet.
 * @property {boolean | number} [pattern]  Hatch the inside; numbers choose among 6 ways.
 * @property {number} [pixelRatio]  Output pixels for each pixel of CSS.
 * @property {{x: number, y: number}} [anchor]  Where in the output the hatching begins.
 */

import { bordersOf, bytesOf, planeOf, sampleBits } from './bit_planes.js';
import { outline, putFill } from './outlines.js';
import { fillOf } from './patterns.js';

export { composite } from './composite.js';

const BLUE = [0, 114, 189];

/**
 * @param {import('./rle.js').Runs} runs
 * @param {[number, number]} size  Height and width of the picture.
 * @param {Window} window
 * @param {number} width  Of the output.
 * @param {number} height
 * @returns {Uint8Array} 1 inside, row-major.
 */
export function sample(runs, size, window, width, height) {
  return bytesOf(sampleBits(runs, size, window, width, height));
}

/**
 * Tint a mask and draw its outline: 2 px light with 1 px dark on both sides, centred on the border.
 * Where the mask runs out of the output there is no outline.
 *
 * @param {Uint8Array} inside  As `sample` gives it.
 * @param {number} width
 * @param {number} height
 * @param {PaintOptions} [options]
 * @returns {Uint8ClampedArray} RGBA, not premultiplied.
 */
export function paint(inside, width, height, options = {}) {
  const rgba = new Uint8ClampedArray(4 * width * height);
  paintPlane(new Uint32Array(rgba.buffer), planeOf(inside, width, height), options);
  return rgba;
}

/**
 * @param {import('./rle.js').Runs} runs
 * @param {[number, number]} size
 * @param {Window} window
 * @param {number} width
 * @param {number} height
 * @param {PaintOptions} [options]
 * @returns {Uint8ClampedArray} As `paint` gives it.
 */
export function draw(runs, size, window, width, height, options = {}) {
  const rgba = new Uint8ClampedArray(4 * width * height);
  drawOnto(rgba, runs, size, window, width, height, options);
  return rgba;
}

/**
 * Draw over what is there; its colour gives way to the mask's, it is not mixed.
 *
 * @param {Uint8ClampedArray} rgba
 * @param {import('./rle.js').Runs} runs
 * @param {[number, number]} size
 * @param {Window} window
 * @param {number} width
 * @param {number} height
 * @param {PaintOptions} [options]
 */
export function drawOnto(rgba, runs, size, window, width, height, options = {}) {
  const pixels = new Uint32Array(rgba.buffer, rgba.byteOffset, width * height);
  paintPlane(pixels, sampleBits(runs, size, window, width, height), options);
}

function paintPlane(pixels, plane, options) {
  const { rgb = BLUE, opacity = 0.4, outlineOnly = false, pattern = false, pixelRatio = 1, anchor } = options;
  if (!outlineOnly) putFill(pixels, plane, fillOf(rgb, opacity, pattern, pixelRatio, anchor));
  outline(pixels, bordersOf(plane), options);
}
