/**
 * Many masks as one image, small ones on top, each in its own colour.
 *
 * Exports: composite(masks, size, window, width, height, options) → Uint8ClampedArray (RGBA)
 *
 * @typedef {object} Layer
 * @property {import('./rle.js').Runs} runs
 * @property {[number, number, number]} rgb
 * @property {[number, number, number, number]} [box]  Measured if not given, as is the area.
 * @property {number} [area]
 * @property {'dim' | 'bright'} [style]
 * @property {number} [pattern]  Which hatching, if there is one; by default its place in the list.
 */

import { columnsOfPicture, emptyPlane, rowsOfPicture } from './bit_planes.js';
import { putRing } from './outlines.js';
import { fillOf, wordAt } from './patterns.js';
import { area, boundsOf } from './rle.js';

// So many masks have lines a pixel light and a pixel dark; thicker ones would hide the small masks.
const MANY = 32;
// Columns written at a time: 16 pixels of RGBA fill a cache line.
const BLOCK = 16;

/**
 * @param {Layer[]} masks
 * @param {[number, number]} size  Height and width of the picture.
 * @param {import('./bit_planes.js').Window} window
 * @param {number} width  Of the output.
 * @param {number} height
 * @param {{opacity?: number, outlineOnly?: boolean, pattern?: boolean, pixelRatio?: number, thin?: boolean,
 *   anchor?: {x: number, y: number}}} [options]
 *   `thin`: outlines of half the width, by default for more than 32 masks.
 * @returns {Uint8ClampedArray} RGBA, not premultiplied.
 */
export function composite(masks, size, window, width, height, options = {}) {
  const { outlineOnly = false, pixelRatio = 1, thin = masks.length > MANY } = options;
  const layers = orderOf(masks, size);
  const labels = labelsOf(layers, size, window, width, height);
  const rgba = new Uint8ClampedArray(4 * width * height);
  const pixels = new Uint32Array(rgba.buffer);
  if (!outlineOnly) fillLabels(pixels, labels, width, height, layers.map((layer) => fillOfLayer(layer, options)));
  const light = emptyPlane(width, height);
  const dark = thin ? emptyPlane(width, height) : light;
  markBorders(labels, light, dark);
  putRing(pixels, light, dark, Math.max(1, Math.round(pixelRatio)));
  return rgba;
}

/** Give the masks, largest first, with their boxes and places in the list. */
function orderOf(masks, size) {
  return masks
    .map((mask, place) => ({ ...mask, place, box: mask.box ?? boundsOf(mask.runs, size), area: mask.area ?? area(mask.runs) }))
    .sort((a, b) => b.area - a.area);
}

function fillOfLayer({ rgb, style, pattern, place }, options) {
  const { opacity = 0.4, pixelRatio = 1, anchor } = options;
  const shown = { dim: opacity * 0.45, bright: Math.min(opacity + 0.25, 0.9) }[style] ?? opacity;
  return fillOf(rgb, shown, options.pattern ? pattern ?? place : null, pixelRatio, anchor);
}

/** Say which mask is on top at each pixel, by its place from 1; down each column, as run lengths go. */
function labelsOf(layers, size, window, width, height) {
  const labels = layers.length < 65536 ? new Uint16Array(width * height) : new Uint32Array(width * height);
  const columns = columnsOfPicture(window, size[1], width);
  const rows = rowsOfPicture(window, size[0], height);
  layers.forEach((layer, k) => {
    const [x0, y0, x1, y1] = layer.box;
    const isInSight = x1 > x0 && x0 < window.x1 && x1 > window.x0 && y0 < window.y1 && y1 > window.y0;
    if (isInSight) putLabel(labels, k + 1, layer, size[0], columns, rows, height);
  });
  return labels;
}

function putLabel(labels, label, { runs, box }, pictureHeight, columns, rows, height) {
  let k = 1;
  let start = runs[0];
  let end = start + runs[1];
  for (let x = firstAtLeast(columns, box[0]); x < columns.length && columns[x] < box[2]; x += 1) {
    if (columns[x] < 0) break;
    const top = columns[x] * pictureHeight;
    const bottom = top + pictureHeight;
    while (end <= top && k + 2 < runs.length) {
      start = end + runs[k + 1];
      end = start + runs[k + 2];
      k += 2;
    }
    // Looked at again by the next column of the output where pixels are wider than one.
    for (let [one, from, to] = [k, start, end]; from < bottom; ) {
      const first = rows[from > top ? from - top : 0];
      const past = rows[to < bottom ? to - top : pictureHeight];
      if (to > top) labels.fill(label, x * height + first, x * height + past);
      if (one + 2 >= runs.length) break;
      from = to + runs[one + 1];
      to = from + runs[one + 2];
      one += 2;
    }
  }
}

/** Give the first place of a list with at least this value; only its beginning and end are -1. */
function firstAtLeast(columns, least) {
  let place = 0;
  while (place < columns.length && columns[place] < least) place += 1;
  return place;
}

/** Colour the labels and turn columns into rows, a block at a time so that the cache holds it. */
function fillLabels(pixels, labels, width, height, fills) {
  const words = Uint32Array.of(0, ...fills.map((fill) => fill.plain));
  const isHatched = fills.some((fill) => fill.tile !== null);
  for (let left = 0; left < width; left += BLOCK) {
    const right = Math.min(left + BLOCK, width);
    for (let top = 0; top < height; top += 64) {
      const bottom = Math.min(top + 64, height);
      for (let x = left; x < right; x += 1) {
        for (let y = top, from = x * height + top, to = top * width + x; y < bottom; y += 1, from += 1, to += width) {
          const label = labels[from];
          if (label !== 0) pixels[to] = isHatched ? wordAt(fills[label - 1], x, y) : words[label];
        }
      }
    }
  }
}

/** Mark both sides of each border: light where the upper mask is, the other side in `dark`. */
function markBorders(labels, light, dark) {
  const { width, height, stride } = light;
  const mark = (one, other, at, bit, next, nextBit) => {
    (one > other ? light : dark).words[at] |= bit;
    (one > other ? dark : light).words[next] |= nextBit;
  };
  for (let x = 0; x < width; x += 1) {
    const bit = 1 << (x & 31);
    const right = 1 << ((x + 1) & 31);
    const hasRight = x + 1 < width;
    for (let y = 0, from = x * height, at = x >> 5; y < height; y += 1, from += 1, at += stride) {
      const label = labels[from];
      if (y + 1 < height && labels[from + 1] !== label) mark(label, labels[from + 1], at, bit, at + stride, bit);
      if (hasRight && labels[from + height] !== label) {
        mark(label, labels[from + height], at, bit, at + ((x + 1) >> 5) - (x >> 5), right);
      }
    }
  }
}
