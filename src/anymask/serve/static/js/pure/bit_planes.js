/**
 * Masks as the stage shows them, 32 pixels a word: what a canvas is painted from.
 *
 * Exports: emptyPlane(width, height) → Plane · sampleBits(runs, size, window, width, height) → Plane · planeOf(inside, width, height) → Plane
 * bytesOf(plane) → Uint8Array · bordersOf(plane) → {across, down} · ringOf(borders) → Plane · grown(plane, isSquare) → Plane
 * rowsOfPicture(window, pictureHeight, height), columnsOfPicture(window, pictureWidth, width) → Int32Array
 *
 * @typedef {{width: number, height: number, stride: number, words: Uint32Array}} Plane  Bit x & 31 of
 *   word y * stride + (x >> 5).
 * @typedef {{x0: number, y0: number, x1: number, y1: number}} Window  Pixels of the picture, fractions allowed.
 */

/**
 * @param {number} width
 * @param {number} height
 * @returns {Plane}
 */
export function emptyPlane(width, height) {
  const stride = (width + 31) >> 5;
  return { width, height, stride, words: new Uint32Array(stride * height) };
}

/**
 * Say which column of the picture lies under the centre of each column of the output.
 *
 * @param {Window} window
 * @param {number} pictureWidth
 * @param {number} width
 * @returns {Int32Array} -1 beside the picture.
 */
export function columnsOfPicture(window, pictureWidth, width) {
  return Int32Array.from({ length: width }, (_, x) => {
    const column = Math.floor(window.x0 + ((x + 0.5) * (window.x1 - window.x0)) / width);
    return column >= 0 && column < pictureWidth ? column : -1;
  });
}

/**
 * Say at which row of the output each row of the picture begins.
 *
 * @param {Window} window
 * @param {number} pictureHeight
 * @param {number} height
 * @returns {Int32Array} (pictureHeight + 1): the first output row whose centre lies on it or below.
 */
export function rowsOfPicture(window, pictureHeight, height) {
  const rows = new Int32Array(pictureHeight + 1).fill(height);
  let begun = 0;
  for (let y = 0; y < height; y += 1) {
    const row = Math.floor(window.y0 + ((y + 0.5) * (window.y1 - window.y0)) / height);
    for (; begun <= row && begun <= pictureHeight; begun += 1) rows[begun] = y;
  }
  return rows;
}

/**
 * Draw a mask: each pixel of the output asks the pixel of the picture under its centre.
 *
 * @param {import('./rle.js').Runs} runs
 * @param {[number, number]} size  Height and width of the picture.
 * @param {Window} window
 * @param {number} width  Of the output.
 * @param {number} height
 * @returns {Plane}
 */
export function sampleBits(runs, size, window, width, height) {
  const plane = emptyPlane(width, height);
  const rows = rowsOfPicture(window, size[0], height);
  const columns = columnsOfPicture(window, size[1], width);
  markTurns(plane, runs, size[0], columns, rows);
  const { stride, words } = plane;
  for (let at = stride; at < words.length; at += 1) words[at] ^= words[at - stride];
  return plane;
}

/** Set a bit wherever a column of the output goes into or out of the mask. */
function markTurns({ width, height, stride, words }, runs, pictureHeight, columns, rows) {
  const turn = (x, row) => {
    const y = rows[row];
    if (y < height) words[y * stride + (x >> 5)] ^= 1 << (x & 31);
  };
  let k = 1;
  let start = runs.length > 1 ? runs[0] : 0;
  let end = runs.length > 1 ? start + runs[1] : 0;
  for (let x = 0; x < width; x += 1) {
    if (columns[x] < 0) continue;
    const top = columns[x] * pictureHeight;
    const bottom = top + pictureHeight;
    while (k < runs.length && end <= top) {
      start = end + (k + 1 < runs.length ? runs[k + 1] : 0);
      end = start + (k + 2 < runs.length ? runs[k + 2] : 0);
      k += 2;
    }
    // Looked at again by the next column of the output where pixels are wider than one.
    let [one, from, to] = [k, start, end];
    while (one < runs.length && from < bottom) {
      turn(x, from > top ? from - top : 0);
      turn(x, to < bottom ? to - top : pictureHeight);
      from = to + (one + 1 < runs.length ? runs[one + 1] : 0);
      to = from + (one + 2 < runs.length ? runs[one + 2] : 0);
      one += 2;
    }
  }
}

/**
 * @param {Uint8Array} inside  Zero and not zero, row-major.
 * @param {number} width
 * @param {number} height
 * @returns {Plane}
 */
export function planeOf(inside, width, height) {
  const plane = emptyPlane(width, height);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      if (inside[at]) plane.words[y * plane.stride + (x >> 5)] |= 1 << (x & 31);
    }
  }
  return plane;
}

/**
 * @param {Plane} plane
 * @returns {Uint8Array} 0 and 1, row-major.
 */
export function bytesOf({ width, height, stride, words }) {
  const bytes = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    for (let k = 0; k < stride; k += 1) {
      const word = words[y * stride + k];
      if (word === 0) continue;
      const first = k << 5;
      const end = Math.min(width, first + 32);
      if (word === 0xffffffff) bytes.fill(1, y * width + first, y * width + end);
      else for (let x = first; x < end; x += 1) bytes[y * width + x] = (word >>> (x & 31)) & 1;
    }
  }
  return bytes;
}

/**
 * Say where a mask borders on what is not mask. The edge of the output is no border: nobody knows
 * how the mask goes on there.
 *
 * @param {Plane} plane
 * @returns {{across: Plane, down: Plane}} Bit x, y: a border between it and its right, its lower neighbour.
 */
export function bordersOf({ width, height, stride, words }) {
  const across = emptyPlane(width, height);
  const down = emptyPlane(width, height);
  // The last column has no right neighbour.
  const lastBit = ~(1 << ((width - 1) & 31));
  for (let y = 0; y < height; y += 1) {
    const row = y * stride;
    for (let at = row; at < row + stride; at += 1) {
      const next = at + 1 < row + stride ? words[at + 1] << 31 : 0;
      across.words[at] = words[at] ^ ((words[at] >>> 1) | next);
      if (y + 1 < height) down.words[at] = words[at] ^ words[at + stride];
    }
    across.words[row + stride - 1] &= lastBit;
  }
  return { across, down };
}

/**
 * Give the pixels on both sides of borders.
 *
 * @param {{across: Plane, down: Plane}} borders
 * @returns {Plane}
 */
export function ringOf({ across, down }) {
  const { width, height, stride } = across;
  const ring = emptyPlane(width, height);
  for (let at = 0; at < ring.words.length; at += 1) {
    const before = at % stride ? across.words[at - 1] >>> 31 : 0;
    const above = at >= stride ? down.words[at - stride] : 0;
    ring.words[at] = across.words[at] | (across.words[at] << 1) | before | down.words[at] | above;
  }
  return ring;
}

/**
 * Give a plane with the neighbours of its pixels.
 *
 * @param {Plane} plane
 * @param {boolean} isSquare  Whether those across a corner count.
 * @returns {Plane}
 */
export function grown({ width, height, stride, words }, isSquare) {
  const out = emptyPlane(width, height);
  const sideways = emptyPlane(width, height).words;
  for (let at = 0; at < words.length; at += 1) {
    const k = at % stride;
    const before = k ? words[at - 1] >>> 31 : 0;
    const after = k + 1 < stride ? words[at + 1] << 31 : 0;
    sideways[at] = words[at] | (words[at] << 1) | (words[at] >>> 1) | before | after;
  }
  const upright = isSquare ? sideways : words;
  for (let at = 0; at < words.length; at += 1) {
    const above = at >= stride ? upright[at - stride] : 0;
    const below = at + stride < words.length ? upright[at + stride] : 0;
    out.words[at] = sideways[at] | above | below;
  }
  return out;
}
