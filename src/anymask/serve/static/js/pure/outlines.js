/**
 * The two-tone outline: one of its tones is seen on whatever lies beneath.
 *
 * Exports: LIGHT, DARK (words) · outline(pixels, borders, {dashed, pixelRatio}) · putWord(pixels, plane, word)
 * putFill(pixels, plane, fill) · putRing(pixels, light, dark, growth)
 */

import { grown, ringOf } from './bit_planes.js';
import { withGaps } from './dashes.js';
import { word, wordAt } from './patterns.js';

export const LIGHT = word(255, 255, 255, 255);
export const DARK = word(16, 20, 28, 255);

// With the pixels that the line grows by at its ends, a dash is nine long and a gap five.
const DASH_PX = 5;
const GAP_PX = 9;

/**
 * Draw 2 px of light with 1 px of dark on both sides, centred on the border.
 *
 * @param {Uint32Array} pixels
 * @param {{across: import('./bit_planes.js').Plane, down: import('./bit_planes.js').Plane}} borders
 * @param {{dashed?: boolean, pixelRatio?: number}} options
 */
export function outline(pixels, borders, { dashed = false, pixelRatio = 1 }) {
  const ratio = Math.max(1, Math.round(pixelRatio));
  const ring = ringOf(dashed ? withGaps(borders, DASH_PX * ratio, GAP_PX * ratio) : borders);
  putRing(pixels, ring, ring, ratio);
}

/**
 * Draw pixels of both tones, light over dark.
 *
 * @param {Uint32Array} pixels
 * @param {import('./bit_planes.js').Plane} light
 * @param {import('./bit_planes.js').Plane} dark  If it is the same, there is dark around the light.
 * @param {number} thickness  In steps of a pixel.
 */
export function putRing(pixels, light, dark, thickness) {
  const ring = thicker(light, thickness - 1);
  const around = dark === light ? thicker(ring, thickness) : thicker(dark, thickness - 1);
  putWord(pixels, around, DARK);
  putWord(pixels, ring, LIGHT);
}

/** Corners count in every other step, so that slanted lines are about as thick as upright ones. */
function thicker(plane, steps) {
  let out = plane;
  for (let step = 0; step < steps; step += 1) out = grown(out, step % 2 === 0);
  return out;
}

/**
 * @param {Uint32Array} pixels
 * @param {import('./bit_planes.js').Plane} plane
 * @param {number} value  Written wherever the plane is set.
 */
export function putWord(pixels, { width, height, stride, words }, value) {
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let k = 0; k < stride; k += 1, at += 1) {
      let bits = words[at];
      if (bits === 0) continue;
      const place = y * width + (k << 5);
      const room = width - (k << 5);
      if (bits === 0xffffffff) pixels.fill(value, place, place + Math.min(32, room));
      else {
        for (; bits !== 0; bits &= bits - 1) {
          const x = 31 - Math.clz32(bits & -bits);
          if (x < room) pixels[place + x] = value;
        }
      }
    }
  }
}

/**
 * @param {Uint32Array} pixels
 * @param {import('./bit_planes.js').Plane} plane
 * @param {import('./patterns.js').Fill} fill
 */
export function putFill(pixels, plane, fill) {
  if (fill.tile === null) {
    putWord(pixels, plane, fill.plain);
    return;
  }
  const { width, height, stride, words } = plane;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if ((words[y * stride + (x >> 5)] >>> (x & 31)) & 1) pixels[y * width + x] = wordAt(fill, x, y);
    }
  }
}
