/** Everything mode: the run, its settings, and keeping what is shown true to both. */
import { words } from '../words.js';
import { raise } from '../alerts.js';
import { Trouble } from '../server.js';
import { commit, picture, pictureOf } from '../state.js';
import { keepResults } from './everything_results.js';
import { patchEverything, showing } from './everything_shown.js';
import { makeSelectingActions } from './everything_selecting.js';

/** Which of the server's presets stands behind each button. */
const PRESETS = { all: 'default', objects: 'objects', parts: 'dense' };
/** Parts are what is smaller than this share of the picture. */
const LARGEST_PART = 0.25;
const FIELDS = ['pred_iou_thresh', 'stability_score_thresh', 'min_area', 'box_nms_thresh', 'wholes_only', 'max_area_share'];

/** @returns {object} the thresholds of a preset; those of `settings` where the server has not said its own yet */
function presetSettings(server, name, settings) {
  const told = server?.presets?.[PRESETS[name]];
  const chosen = Object.fromEntries(FIELDS.map((field) => [field, told?.[field] ?? settings[field]]));
  if (name === 'parts') return { ...chosen, wholes_only: false, max_area_share: LARGEST_PART };
  if (name === 'objects') return { ...chosen, wholes_only: true };
  return { ...chosen, wholes_only: false };
}

/**
 * @param {object} store
 * @param {object} server
 * @param {object} painter
 * @param {object} actions all of them, by name
 */
export function makeEverythingActions(store, server, painter, actions) {
  const rerun = { label: words.everything.run, run: () => actions.runEverything() };
  // Where the server was started anew it has no candidates any more; another run brings them back.
  const show = showing(store, server, (error) => raise(store, error, error.code === 'not_found' ? rerun : null));
  const runs = new Map();
  // Settings stay from picture to picture; a picture that was run keeps its own.
  let last = null;

  function begun(entry) {
    const { again, run, smallerGrid } = words.everything;
    // What asked for this run has been answered.
    if ([again, run, smallerGrid].includes(store.get().alert?.action?.label)) store.set({ alert: null });
    const { side } = entry.everything;
    commit(store, words.everything.changes.fresh, (work) =>
      work.removed.length || work.added.length ? { ...work, removed: [], added: [], grid: side } : work, entry.key);
    patchEverything(store, entry.key, {
      status: 'running', place: 0, done: 0, total: 0, secondsLeft: null, rows: [], codes: new Map(), shown: [], colours: new Map(),
      hover: null, selected: [], empty: null, foundWith: side, distinct: new Set(),
    });
    store.set({ announce: words.everything.looking });
  }

  function lineCame(key, codes, line) {
    const entry = pictureOf(store.get(), key);
    // A line of a run that was given up for another one.
    if (entry?.everything.codes !== codes) return undefined;
    if (line.error) throw new Trouble(line.error);
    if (line.finished) return undefined;
    if (line.place) return patchEverything(store, key, { place: line.place });
    for (const [number, counts] of Object.entries(line.codes ?? {})) {
      codes.set(Number(number), counts);
      // What is sent unasked is good enough to be looked at and no copy of something better.
      entry.everything.distinct.add(Number(number));
    }
    patchEverything(store, key, {
      place: 0, done: line.done, total: line.total, secondsLeft: line.seconds_left ?? null,
      rows: line.rows?.length ? entry.everything.rows.concat(line.rows) : entry.everything.rows,
    });
    return line.rows?.length && show.soon(key);
  }

  function ended(key, codes, status) {
    const entry = pictureOf(store.get(), key);
    if (entry?.everything.codes !== codes) return;
    patchEverything(store, key, { status, secondsLeft: null });
    show.now(key);
    const { shown } = pictureOf(store.get(), key).everything;
    const found = words.everything.found(shown.length);
    store.set({ announce: status === 'done' ? found : `${words.everything.stopped} ${found}` });
  }

  function failed(error, key) {
    const { rows, side } = pictureOf(store.get(), key)?.everything ?? { rows: [], side: 16 };
    patchEverything(store, key, { status: rows.length ? 'stopped' : 'idle' });
    const isSmaller = error.code === 'out_of_memory' && side > 16;
    const again = { label: words.everything.again, run: () => actions.runEverything() };
    const smaller = { label: words.everything.smallerGrid, run: () => { actions.setSide(16); actions.runEverything(); } };
    raise(store, error, isSmaller ? smaller : again);
  }

  async function runEverything() {
    const entry = picture(store.get());
    if (!entry || entry.status !== 'ready' || runs.has(entry.key)) return;
    const { key } = entry;
    const controller = new AbortController();
    runs.set(key, controller);
    begun(entry);
    const { codes, side } = pictureOf(store.get(), key).everything;
    try {
      await server.forPicture(entry, 'everything', { points_per_side: side }, {
        as: 'lines', signal: controller.signal, onLine: (line) => lineCame(key, codes, line),
      });
      ended(key, codes, 'done');
    } catch (error) {
      ended(key, codes, 'stopped');
      if (!controller.signal.aborted) failed(error, key);
    } finally {
      runs.delete(key);
    }
  }

  function changeSettings(patch) {
    const since = performance.now();
    const entry = picture(store.get());
    if (!entry) return;
    patchEverything(store, entry.key, { ...patch, empty: null });
    const { settings, preset, side } = pictureOf(store.get(), entry.key).everything;
    last = { settings, preset, side };
    if (patch.settings) show.now(entry.key, since);
  }

  /** A picture that was never run takes the settings used last, or the server's for this model. */
  function settle() {
    const state = store.get();
    const entry = picture(state);
    if (!entry || !state.server || entry.everything.foundWith || entry.everything.isSettled) return;
    const { settings } = entry.everything;
    const fresh = last ?? { preset: 'all', settings: presetSettings(state.server, 'all', settings) };
    patchEverything(store, entry.key, { ...fresh, isSettled: true });
  }

  store.watch((state) => state.server && picture(state)?.key, settle);
  // Undo and redo bring back what was deleted or asked for; so does a picture that comes back.
  const worked = (field) => (state) => picture(state)?.history.now[field];
  keepResults(store, (key) => show.now(key));
  const again = () => {
    const entry = picture(store.get());
    if (entry?.everything.rows.length) show.now(entry.key);
  };
  store.watch(worked('removed'), again);
  store.watch(worked('added'), again);

  return {
    runEverything,
    cancelEverything: () => runs.get(picture(store.get())?.key)?.abort(),
    setSide: (side) => changeSettings({ side: Number(side) }),
    setThreshold(name, value) {
      const settings = picture(store.get())?.everything.settings;
      changeSettings({ preset: null, settings: { ...settings, [name]: value } });
    },
    choosePreset(preset) {
      const state = store.get();
      const settings = picture(state)?.everything.settings;
      if (settings) changeSettings({ preset, settings: presetSettings(state.server, preset, settings) });
    },
    ...makeSelectingActions(store, server, actions),
  };
}
