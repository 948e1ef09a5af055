/**
 * Masks as sets of pixels, joined by their run lengths; no plane is ever drawn. What comes out has
 * no needless runs, as in `anymask.masks.run_sets`.
 *
 * Exports: union(a, b) · subtract(a, b) · intersect(a, b) → runs · sharedArea(a, b) → pixels
 * runsOfSpans(starts, ends, numPixels) → runs of rising spans that may touch or overlap
 *
 * @typedef {import('./rle.js').Runs} Runs
 */

/**
 * @param {Runs} a
 * @param {Runs} b  Of the same picture.
 * @returns {Int32Array} The pixels in either.
 */
export function union(a, b) {
  return joined(a, b, 0b1110);
}

/**
 * @param {Runs} a
 * @param {Runs} b  Of the same picture.
 * @returns {Int32Array} The pixels of the first that are not in the second.
 */
export function subtract(a, b) {
  return joined(a, b, 0b0010);
}

/**
 * @param {Runs} a
 * @param {Runs} b  Of the same picture.
 * @returns {Int32Array} The pixels in both.
 */
export function intersect(a, b) {
  return joined(a, b, 0b1000);
}

/**
 * @param {Runs} a
 * @param {Runs} b  Of the same picture.
 * @returns {number} How many pixels are in both.
 */
export function sharedArea(a, b) {
  checkSame(a, b);
  let i = 0;
  let j = 0;
  let endA = a.length ? a[0] : 0;
  let endB = b.length ? b[0] : 0;
  let at = 0;
  let shared = 0;
  while (i < a.length && j < b.length) {
    const next = endA < endB ? endA : endB;
    if (i & j & 1) shared += next - at;
    at = next;
    if (endA === next) endA += ++i < a.length ? a[i] : 0;
    if (endB === next) endB += ++j < b.length ? b[j] : 0;
  }
  return shared;
}

/**
 * Give the mask of spans of pixels.
 *
 * @param {ArrayLike<number>} starts  First place of each, column-major, rising.
 * @param {ArrayLike<number>} ends  The place after the last of each.
 * @param {number} numPixels  Of the picture.
 * @returns {Int32Array}
 */
export function runsOfSpans(starts, ends, numPixels) {
  const runs = [];
  let done = 0;
  for (let k = 0; k < starts.length; ) {
    const start = starts[k];
    let end = ends[k];
    for (k += 1; k < starts.length && starts[k] <= end; k += 1) end = Math.max(end, ends[k]);
    if (end === start) continue;
    runs.push(start - done, end - start);
    done = end;
  }
  if (done < numPixels || runs.length === 0) runs.push(numPixels - done);
  return Int32Array.from(runs);
}

/** Walk both masks at once; bit (inA + 2 inB) of the rule says whether a pixel is in the result. */
function joined(a, b, rule) {
  checkSame(a, b);
  const out = new Int32Array(a.length + b.length + 1);
  let num = 0;
  let begun = 0;
  let i = 0;
  let j = 0;
  let endA = a.length ? a[0] : 0;
  let endB = b.length ? b[0] : 0;
  let at = 0;
  while (i < a.length && j < b.length) {
    const next = endA < endB ? endA : endB;
    const isSet = (rule >> ((i & 1) | ((j & 1) << 1))) & 1;
    // Runs of no pixels say nothing; a place in `out` is odd while pixels are set.
    if (next > at && isSet !== (num & 1)) {
      out[num] = at - begun;
      num += 1;
      begun = at;
    }
    at = next;
    if (endA === next) endA += ++i < a.length ? a[i] : 0;
    if (endB === next) endB += ++j < b.length ? b[j] : 0;
  }
  if (at > begun || num === 0) out[num++] = at - begun;
  return out.slice(0, num);
}

/** Check that two masks are of one picture, as far as their pixels tell. */
function checkSame(a, b) {
  const [numA, numB] = [numPixels(a), numPixels(b)];
  if (numA !== numB) throw new RangeError(`masks must have one size, got ${numA} and ${numB} pixels`);
}

function numPixels(runs) {
  let total = 0;
  for (let k = 0; k < runs.length; k += 1) total += runs[k];
  return total;
}
