/**
 * Which mask is part of which, as `anymask.masks.part_tree`: a mask is part of the smallest mask that
 * holds nearly all of it and is clearly larger.
 *
 * Exports: partTree(listOfRuns, size, {insideShare = 0.9, mostOfWhole = 0.8}) → {parents, levels}
 *
 * @typedef {import('./rle.js').Runs} Runs
 */

import { area, boundsOf } from './rle.js';

/**
 * @param {Runs[]} masks  Run lengths, all of one picture.
 * @param {[number, number]} size  Height and width.
 * @param {{insideShare?: number, mostOfWhole?: number}} [shares]  How much of a part lies in its
 *   whole, as a share of the part, and how large it may be, as a share of its whole.
 * @returns {{parents: (number | null)[], levels: number[]}} By place in the list; null for wholes,
 *   level 0 for those.
 */
export function partTree(masks, size, { insideShare = 0.9, mostOfWhole = 0.8 } = {}) {
  const measured = masks.map((runs, place) => ({ place, area: area(runs), box: boundsOf(runs, size), runs }));
  const rising = measured.filter((mask) => mask.area > 0).sort((a, b) => a.area - b.area);
  const parents = masks.map(() => null);
  const edges = new Map();
  const edgesOf = (mask) => {
    if (!edges.has(mask.place)) edges.set(mask.place, edgesOfRuns(mask.runs));
    return edges.get(mask.place);
  };
  // The smallest mask that takes a part keeps it.
  for (const whole of rising) {
    for (const part of rising) {
      if (!(part.area <= mostOfWhole * whole.area)) break;
      if (parents[part.place] !== null) continue;
      const least = insideShare * part.area;
      if (!(sharedByBoxes(part.box, whole.box) >= least)) continue;
      if (sharedByEdges(edgesOf(part), edgesOf(whole), part.area - least) >= least) parents[part.place] = whole.place;
    }
  }
  return { parents, levels: parents.map((_, place) => levelOf(parents, place)) };
}

function levelOf(parents, place) {
  let level = 0;
  for (let above = parents[place]; above !== null; above = parents[above]) level += 1;
  return level;
}

function sharedByBoxes(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return Math.max(width, 0) * Math.max(height, 0);
}

/** Give where pixels begin and end, in pairs. */
function edgesOfRuns(runs) {
  const edges = new Int32Array(runs.length & ~1);
  for (let k = 0, at = 0; k < edges.length; k += 1) {
    at += runs[k];
    edges[k] = at;
  }
  return edges;
}

/**
 * Count the pixels that a part shares with another mask.
 *
 * @param {Int32Array} part
 * @param {Int32Array} whole
 * @param {number} spare  Given up, with a count too small, once clearly more of the part lies outside.
 */
function sharedByEdges(part, whole, spare) {
  let shared = 0;
  let outside = 0;
  let j = firstEndAfter(whole, part[0]);
  for (let k = 0; k < part.length && outside <= spare + 1; k += 2) {
    const start = part[k];
    const end = part[k + 1];
    let common = 0;
    while (j < whole.length && whole[j + 1] <= start) j += 2;
    for (; j < whole.length && whole[j] < end; j += 2) {
      const from = whole[j] > start ? whole[j] : start;
      const to = whole[j + 1] < end ? whole[j + 1] : end;
      common += to - from;
      // What goes on beyond the run may hold the next one too.
      if (whole[j + 1] >= end) break;
    }
    shared += common;
    outside += end - start - common;
  }
  return shared;
}

/** Give the place of the first pair that ends after a pixel. */
function firstEndAfter(edges, pixel) {
  let [low, high] = [0, edges.length >> 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[2 * middle + 1] <= pixel) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}
