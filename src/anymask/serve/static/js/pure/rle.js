/**
 * Masks as run lengths, exactly as `anymask.masks.rle` writes them: down each column, then the next
 * column, beginning with zeros. Runs are an Int32Array; sizes are [height, width].
 *
 * Exports: decompress(text) → runs · compress(runs) → text · runsOf(rle) → runs · rleOf(runs, size) → rle
 * area(runs) · boundsOf(runs, size) → [x0, y0, x1, y1] · contains(runs, size, x, y) → boolean
 * decodePlane(runs, h, w) → Uint8Array, row-major · encodePlane(plane, h, w) → runs
 * and, from their own files: union, subtract, intersect, sharedArea, stroke.
 *
 * @typedef {Int32Array | number[]} Runs
 * @typedef {[number, number]} Size  Height and width, pixels.
 * @typedef {{size: Size, counts: string}} RLE
 */

export { intersect, sharedArea, subtract, union } from './run_sets.js';
export { stroke } from './stroke.js';

const FIRST_CHARACTER = 48;
const MOST_GROUPS = 10;

/**
 * Read run lengths from COCO's compressed text.
 *
 * @param {string} text
 * @returns {Int32Array}
 * @throws {RangeError} If a character is not part of the code, the text ends within a number, or a
 *   run is negative or longer than any picture a browser can show.
 */
export function decompress(text) {
  const runs = new Int32Array(numbersIn(text));
  const length = text.length;
  for (let at = 0, k = 0; at < length; k += 1) {
    let value = 0;
    let weight = 1;
    let code;
    do {
      code = text.charCodeAt(at) - FIRST_CHARACTER;
      at += 1;
      // Multiplied, not shifted: shifts would wrap round silently after 32 bits.
      value += (code & 31) * weight;
      weight *= 32;
    } while (code >= 32);
    if (code & 16) value -= weight;
    if (k > 2) value += runs[k - 2];
    if (value < 0 || value > 0x7fffffff) throw new RangeError(`RLE run ${k} is ${value} pixels long`);
    runs[k] = value;
  }
  return runs;
}

/** Count the numbers of a text and check that each can be read. */
function numbersIn(text) {
  let count = 0;
  let groups = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at) - FIRST_CHARACTER;
    if (code < 0 || code > 63) throw new RangeError(`RLE counts hold a strange character at ${at}`);
    groups += 1;
    if (groups > MOST_GROUPS) throw new RangeError('RLE counts hold a number that does not end');
    if (code < 32) {
      count += 1;
      groups = 0;
    }
  }
  if (groups > 0) throw new RangeError('RLE counts end within a number');
  return count;
}

/**
 * Write run lengths as COCO's compressed text.
 *
 * @param {Runs} runs
 * @returns {string}
 */
export function compress(runs) {
  const codes = [];
  const parts = [];
  for (let k = 0; k < runs.length; k += 1) {
    // A run is at most 2^31 - 1, so a difference of two fits 32 bits with its sign.
    let rest = k > 2 ? runs[k] - runs[k - 2] : runs[k];
    let hasMore = true;
    while (hasMore) {
      const digit = rest & 31;
      rest >>= 5;
      hasMore = digit & 16 ? rest !== -1 : rest !== 0;
      codes.push(digit + FIRST_CHARACTER + (hasMore ? 32 : 0));
    }
    // fromCharCode takes its characters as arguments, of which there may not be too many.
    if (codes.length > 8000) parts.push(String.fromCharCode(...codes.splice(0)));
  }
  parts.push(String.fromCharCode(...codes));
  return parts.join('');
}

/**
 * Read the run lengths of a code, checked against its size.
 *
 * @param {RLE | {size: Size, counts: number[]}} rle
 * @returns {Int32Array}
 * @throws {RangeError} If the code is damaged or does not fit its size.
 */
export function runsOf(rle) {
  const runs = typeof rle.counts === 'string' ? decompress(rle.counts) : Int32Array.from(rle.counts);
  const [height, width] = rle.size;
  let total = 0;
  for (let k = 0; k < runs.length; k += 1) total += runs[k];
  if (total !== height * width) {
    throw new RangeError(`RLE counts sum to ${total}, but size [${height}, ${width}] has ${height * width} pixels`);
  }
  return runs;
}

/**
 * @param {Runs} runs
 * @param {Size} size
 * @returns {RLE}
 */
export function rleOf(runs, size) {
  return { size: [size[0], size[1]], counts: compress(runs) };
}

/**
 * @param {Runs} runs
 * @returns {number} Pixels of the mask.
 */
export function area(runs) {
  let total = 0;
  for (let k = 1; k < runs.length; k += 2) total += runs[k];
  return total;
}

/**
 * Give the tight box around a mask.
 *
 * @param {Runs} runs
 * @param {Size} size
 * @returns {[number, number, number, number]} x0, y0, x1, y1; right and bottom edge exclusive; zeros
 *   for an empty mask.
 */
export function boundsOf(runs, [height]) {
  let first = -1;
  let last = -1;
  let top = height;
  let bottom = 0;
  // Where the present column begins; mostly the next run is in this one or the next.
  let base = 0;
  for (let k = 0, at = 0; k + 1 < runs.length; k += 2) {
    const start = at + runs[k];
    at = start + runs[k + 1];
    if (at === start) continue;
    if (start >= base + height) base = start < base + 2 * height ? base + height : start - (start % height);
    if (first < 0) first = start;
    last = at - 1;
    if (start - base < top) top = start - base;
    // A run that goes on in the next column touches the bottom of one and the top of the other.
    if (at - base > height) top = 0;
    if (at - base > bottom) bottom = at - base;
  }
  if (first < 0) return [0, 0, 0, 0];
  return [Math.floor(first / height), top, Math.floor(last / height) + 1, Math.min(bottom, height)];
}

/**
 * Say whether a mask holds a pixel.
 *
 * @param {Runs} runs
 * @param {Size} size
 * @param {number} x  Column; fractions are cut off.
 * @param {number} y  Row.
 * @returns {boolean} False outside of the picture.
 */
export function contains(runs, [height, width], x, y) {
  const column = Math.floor(x);
  const row = Math.floor(y);
  if (!(column >= 0 && row >= 0 && column < width && row < height)) return false;
  const place = column * height + row;
  let end = 0;
  for (let k = 0; k < runs.length; k += 1) {
    end += runs[k];
    if (end > place) return (k & 1) === 1;
  }
  return false;
}

/**
 * @param {Runs} runs
 * @param {number} height
 * @param {number} width
 * @returns {Uint8Array} 0 and 1, row-major.
 */
export function decodePlane(runs, height, width) {
  const plane = new Uint8Array(height * width);
  for (let k = 0, at = 0; k + 1 < runs.length; k += 2) {
    const start = at + runs[k];
    at = start + runs[k + 1];
    let column = Math.floor(start / height);
    let row = start - column * height;
    for (let place = start; place < at; place += 1) {
      plane[row * width + column] = 1;
      row += 1;
      if (row === height) {
        row = 0;
        column += 1;
      }
    }
  }
  return plane;
}

/**
 * @param {Uint8Array} plane  Zero and not zero, row-major.
 * @param {number} height
 * @param {number} width
 * @returns {Int32Array} Runs.
 */
export function encodePlane(plane, height, width) {
  const runs = [];
  let isSet = false;
  let length = 0;
  for (let column = 0; column < width; column += 1) {
    for (let place = column; place < height * width; place += width) {
      if (plane[place] !== 0 !== isSet) {
        runs.push(length);
        isSet = !isSet;
        length = 0;
      }
      length += 1;
    }
  }
  if (length > 0 || runs.length === 0) runs.push(length);
  return Int32Array.from(runs);
}
