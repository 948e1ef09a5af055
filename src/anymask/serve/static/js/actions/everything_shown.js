/**
 * What of everything mode is on the screen: the candidates that pass the sliders, less those deleted,
 * with those asked for by hand. Worked out here, without a request.
 */
import { expect } from '../measures.js';
import { patchPicture, pictureOf } from '../state.js';
import { assignColours } from '../pure/colours.js';
import { select } from '../pure/selection.js';
import { partTree } from '../pure/part_tree.js';
import { decompress } from '../pure/rle.js';

/** Codes one request may ask for; the server's own limit. */
const CODES_A_REQUEST = 200;

/** Runs by code list: each candidate is decompressed once a run of everything mode. */
const runsByCodes = new WeakMap();

/** Part trees by list of shown numbers. */
const treesByShown = new WeakMap();

/**
 * Change what a picture knows of everything mode.
 * @param {object} store
 * @param {string} key of the picture
 * @param {object} patch
 */
export function patchEverything(store, key, patch) {
  patchPicture(store, key, (entry) => ({ everything: { ...entry.everything, ...patch } }));
}

/**
 * @param {object} everything
 * @param {number} number of a candidate whose code is here
 * @returns {number[]|Float64Array} its runs
 */
export function runsOfCandidate(everything, number) {
  let runs = runsByCodes.get(everything.codes);
  if (!runs) runsByCodes.set(everything.codes, (runs = new Map()));
  let found = runs.get(number);
  if (!found) runs.set(number, (found = decompress(everything.codes.get(number))));
  return found;
}

/**
 * @param {object} everything
 * @param {number} number
 * @returns {{number: number, score: number, stability: number, box: number[], area: number}}
 */
export function candidate(everything, number) {
  const at = everything.rows[number];
  const row = at && at[0] === number ? at : everything.rows.find((one) => one[0] === number);
  const [, score, stability, x0, y0, x1, y1, area] = row;
  return { number, score, stability, box: [x0, y0, x1, y1], area };
}

/**
 * How many masks there are to choose from: those worth a look that are no copies of others, and what of the rest is shown.
 * @param {object} everything
 * @returns {number}
 */
export function numDistinct({ distinct, shown }) {
  const known = distinct ?? new Set();
  return known.size + shown.filter((number) => !known.has(number)).length;
}

/**
 * Deleted and asked-for masks are told by numbers, which mean something in runs of one grid only.
 * @param {object} everything
 * @param {object} work
 * @returns {{removed: number[], added: number[]}} those of this run
 */
export function gridOf({ foundWith }, { removed, added, grid }) {
  return grid === undefined || grid === foundWith ? { removed, added } : { removed: [], added: [] };
}

/**
 * @param {object} everything
 * @param {object} work
 * @param {number[]} numbers that go from the picture
 * @returns {{removed: number[], added: number[], grid: number}} what of the work changes
 */
export function taken(everything, work, numbers) {
  const { removed, added } = gridOf(everything, work);
  return { removed: [...removed, ...numbers], added, grid: everything.foundWith };
}

/**
 * The shown masks as parts of each other.
 * @param {object} entry the picture
 * @returns {{parents: (number|null)[], levels: number[]}} by place in `shown`
 */
export function treeOf(entry) {
  const { everything } = entry;
  let tree = treesByShown.get(everything.shown);
  if (!tree) {
    const runs = everything.shown.map((number) => runsOfCandidate(everything, number));
    treesByShown.set(everything.shown, (tree = partTree(runs, [entry.height, entry.width])));
  }
  return tree;
}

/**
 * Choose what is shown.
 * @param {object} entry the picture
 * @param {{removed: number[], added: number[]}} done what the person deleted and asked for
 * @returns {{shown: number[], missing: number[]}} missing: passing, but their codes are not here yet
 */
export function chosen(entry, done) {
  const { everything, height, width } = entry;
  const size = [height, width];
  const runsOf = (number) => runsOfCandidate(everything, number);
  // Parts are left out below, among those whose codes are here.
  const settings = { ...everything.settings, wholes_only: false };
  const passing = Array.from(select(everything.rows, runsOf, settings, size));
  const missing = passing.filter((number) => !everything.codes.has(number));
  let here = passing.filter((number) => everything.codes.has(number));
  if (everything.settings.wholes_only) {
    const { parents } = partTree(here.map(runsOf), size);
    here = here.filter((_, place) => parents[place] === null);
  }
  const ofThisRun = gridOf(everything, done);
  const removed = new Set(ofThisRun.removed);
  const shown = here.filter((number) => !removed.has(number));
  const known = new Set(shown);
  for (const number of ofThisRun.added) {
    if (!known.has(number) && !removed.has(number) && everything.codes.has(number)) shown.push(number);
  }
  return { shown, missing };
}

/**
 * Keeps `shown` of every picture true to its sliders and to undo.
 * @param {object} store
 * @param {object} server
 * @param {(error: Error) => void} onTrouble
 * @returns {{now: (key: string, since?: number) => void, soon: (key: string) => void}} now: at once,
 *   `since` when a person began to wait for it; soon: within 200 ms, for masks that arrive one after
 *   the other
 */
export function showing(store, server, onTrouble) {
  const timers = new Map();
  const fetching = makeFetching(store, server, onTrouble, (key) => now(key));

  function now(key, since) {
    clearTimeout(timers.get(key));
    timers.delete(key);
    const entry = pictureOf(store.get(), key);
    if (!entry) return;
    const { shown, missing } = chosen(entry, entry.history.now);
    const visible = new Set(shown);
    const { rows, hover, selected, colours, shown: before } = entry.everything;
    const isSame = before.length === shown.length && before.every((number, place) => number === shown[place]);
    // Colours of masks that go and come again are kept too.
    const next = isSame && colours ? colours : new Map([...(colours ?? []), ...assignColours(rows, shown, colours)]);
    if (since !== undefined && !isSame) expect(shown, since);
    patchEverything(store, key, {
      shown: isSame ? before : shown,
      colours: next,
      hover: visible.has(hover) ? hover : null,
      selected: selected.filter((number) => visible.has(number)),
    });
    // While the run goes on, codes are still coming by themselves.
    if (missing.length && entry.everything.status !== 'running') fetching.ask(key, missing);
  }

  function soon(key) {
    if (!timers.has(key)) timers.set(key, setTimeout(() => now(key), 200));
  }

  return { now, soon };
}

/** Fetch codes that are not here, once the slider has come to rest. */
function makeFetching(store, server, onTrouble, onCodes) {
  const timers = new Map();
  const asked = new Map();

  async function fetchCodes(key, numbers) {
    const entry = pictureOf(store.get(), key);
    if (!entry) return;
    const { codes } = entry.everything;
    for (let from = 0; from < numbers.length; from += CODES_A_REQUEST) {
      const some = numbers.slice(from, from + CODES_A_REQUEST);
      const answer = await server.forPicture(entry, 'candidates', { numbers: some });
      for (const [number, counts] of Object.entries(answer.codes)) codes.set(Number(number), counts);
    }
    // Another run may have begun meanwhile; its numbers are others.
    if (pictureOf(store.get(), key)?.everything.codes === codes) onCodes(key);
  }

  function ask(key, missing) {
    clearTimeout(timers.get(key));
    timers.set(
      key,
      setTimeout(() => {
        const list = missing.join();
        // What the server did not give the first time it will not give the second.
        if (asked.get(key) === list) return;
        asked.set(key, list);
        fetchCodes(key, missing).catch((error) => {
          asked.delete(key);
          onTrouble(error);
        });
      }, 120),
    );
  }

  return { ask };
}
