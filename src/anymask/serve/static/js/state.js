/**
 * The state of the page: one plain object, replaced and never changed in place, and the few questions everybody asks it.
 *
 * What a person can undo (points, kept objects, pieces) is a `Work`; a picture's `history` goes over works.
 */
import { begin, push } from './pure/history.js';

/**
 * @typedef {{size: [number, number], counts: string}} Rle
 * @typedef {{number: number, score: number, area: number, box: number[], rle: Rle}} Mask
 * @typedef {{request: number, masks: Mask[], best: number, warnings: string[]}} Answer
 * @typedef {{points: number[][], labels: number[], box: number[]|null, multimask: boolean|null, number: number}} Step
 * @typedef {{points: {x: number, y: number, label: 0|1}[], box: number[]|null, steps: Step[], mask: Rle|null, answer: Answer|null,
 *   chosen: number, edited: Rle|null, objectId: string|null, wanted: object|null}} Current
 * @typedef {{current: Current|null, objects: object[], pieces: object[], removed: number[], added: number[]}} Work
 */

/**
 * A store: the only thing on the page that changes.
 * @param {object} initial
 * @returns {{get: () => object, set: (patch: object|((state: object) => object)) => void, watch: (selector: Function, fn: Function) => () => void}}
 */
export function makeStore(initial) {
  let state = initial;
  let isScheduled = false;
  const watchers = new Set();

  function tell() {
    isScheduled = false;
    for (const watcher of [...watchers]) {
      const value = watcher.selector(state);
      if (Object.is(value, watcher.value)) continue;
      const before = watcher.value;
      watcher.value = value;
      try {
        watcher.fn(value, before);
      } catch (error) {
        // One panel that fails must not keep the others from hearing; reported so that it shows in the console.
        reportError(error);
      }
    }
  }

  return {
    get: () => state,
    set(patch) {
      const change = typeof patch === 'function' ? patch(state) : patch;
      if (!change || change === state) return;
      state = { ...state, ...change };
      if (isScheduled) return;
      isScheduled = true;
      queueMicrotask(tell);
    },
    watch(selector, fn) {
      const watcher = { selector, fn, value: selector(state) };
      watchers.add(watcher);
      fn(watcher.value, undefined);
      return () => watchers.delete(watcher);
    },
  };
}

/** @returns {object} the state of a page that has just been opened */
export function initialState() {
  return {
    server: null, connection: 'ok', tool: 'hover', sign: 1, multimask: false, brush: null, brushRadius: 12,
    look: { opacity: 0.4, outlineOnly: false, pattern: false }, pictures: [], at: -1,
    view: { scale: 1, x: 0, y: 0 }, stageSize: { width: 0, height: 0 }, pointer: null, preview: null, thinking: false,
    candidateShown: null, draft: null, crosshair: null, warning: null, focusedPoint: null, over: null, canPan: false, isPanning: false,
    alert: null, dialog: null, selected: [], announce: '', keys: { letters: true, map: null }, trayOpen: true,
    cutoutOptions: { crop: true, margin: 0, background: 'transparent', edge: 'soft' },
  };
}

/** @returns {Work} */
export const emptyWork = () => ({ current: null, objects: [], pieces: [], removed: [], added: [] });

/** @returns {Current} */
export const emptyCurrent = () => ({
  points: [], box: null, steps: [], mask: null, answer: null, chosen: 0, edited: null, objectId: null, wanted: null,
});

/** @returns {object} the settings and results of the everything mode before its first run */
export const emptyEverything = () => ({
  status: 'idle', done: 0, total: 0, secondsLeft: null, side: 32, preset: 'all', rows: [], codes: new Map(),
  settings: { pred_iou_thresh: 0.88, stability_score_thresh: 0.95, min_area: 0, box_nms_thresh: 0.7, wholes_only: false, max_area_share: 1 },
  shown: [], hover: null, selected: [], empty: null,
});

/**
 * @param {{key: string, name: string, blob: Blob, galleryId?: string|null}} fields
 * @returns {object} a picture entry that has not been looked at yet
 */
export function newPicture(fields) {
  return {
    width: 0, height: 0, bitmap: null, serverId: null, status: 'sending', share: 0, secondsLeft: null, queued: null,
    history: begin(emptyWork()), everything: emptyEverything(), galleryId: null, notes: [], ...fields,
  };
}

/** @returns {object|null} the picture on the stage */
export const picture = (state) => state.pictures[state.at] ?? null;

/** @returns {Work|null} what has been made of the picture on the stage */
export const work = (state) => picture(state)?.history.now ?? null;

/** @returns {Current|null} the object being made */
export const current = (state) => work(state)?.current ?? null;

/** @returns {Mask|null} the candidate of the current object that is chosen or looked at */
export function chosenMask(state) {
  const now = current(state);
  if (!now?.answer) return null;
  return now.answer.masks[state.candidateShown ?? now.chosen] ?? null;
}

/** @returns {Rle|null} the mask drawn solid now */
export function shownMask(state) {
  const now = current(state);
  if (!now) return null;
  return now.edited ?? chosenMask(state)?.rle ?? now.mask;
}

/** @returns {number[]} the places of masks in their list, the largest mask first, as keys and people count them */
export function bySize(masks) {
  return masks.map((_, index) => index).sort((a, b) => masks[b].area - masks[a].area);
}

/** @returns {object|null} the picture entry of this key, as it is now */
export const pictureOf = (state, key) => state.pictures.find((entry) => entry.key === key) ?? null;

/**
 * Change one picture entry.
 * @param {object} store
 * @param {string} key
 * @param {object|((entry: object) => object)} patch
 */
export function patchPicture(store, key, patch) {
  store.set((state) => ({
    pictures: state.pictures.map((entry) => {
      if (entry.key !== key) return entry;
      return { ...entry, ...(typeof patch === 'function' ? patch(entry) : patch) };
    }),
  }));
}

/**
 * Make a new work of the picture on the stage (or of `key`), which undo can take back.
 * @param {object} store
 * @param {string} label what was done, as undo names it
 * @param {(work: Work) => Work} fn
 * @param {string} [key]
 */
export function commit(store, label, fn, key = picture(store.get())?.key) {
  if (key === undefined) return;
  patchPicture(store, key, (entry) => {
    const next = fn(entry.history.now);
    return next === entry.history.now ? {} : { history: push(entry.history, Object.freeze(next), label) };
  });
}

/**
 * Change every work of a picture's history in place, without a step of undo: as when an answer arrives for a step
 * that is already there, and perhaps has been undone meanwhile.
 * @param {object} store
 * @param {string} key
 * @param {(work: Work) => Work} fn gives the same work where nothing changes
 */
export function amend(store, key, fn) {
  const renew = (step) => {
    const value = fn(step.value);
    return value === step.value ? step : { ...step, value: Object.freeze(value) };
  };
  patchPicture(store, key, ({ history }) => ({
    history: Object.freeze({ ...history, past: history.past.map(renew), now: Object.freeze(fn(history.now)), future: history.future.map(renew) }),
  }));
}
