/** Everything mode: pointing at masks, selecting them, and what is done with those selected. */
import { words } from '../words.js';
import { raise } from '../alerts.js';
import { commit, picture } from '../state.js';
import { contains, runsOf } from '../pure/rle.js';
import { topmostAt } from '../pure/selection.js';
import { candidate, gridOf, patchEverything, runsOfCandidate, taken, treeOf } from './everything_shown.js';
import { keptOf } from './kept.js';

/**
 * @param {object} entry a picture
 * @param {number} number of a candidate
 * @returns {object} what a kept object of it is made of
 */
export function fieldsOfCandidate(entry, number) {
  const { everything } = entry;
  const { score, area, box } = candidate(everything, number);
  const settings = { ...everything.settings, points_per_side: everything.foundWith };
  return {
    name: words.everything.name(number), score, area, box,
    rle: { size: [entry.height, entry.width], counts: everything.codes.get(number) },
    source: { kind: 'everything', settings, number },
  };
}

/** @returns {object|null} the smallest visible object of the list at a pixel */
function keptAt({ history, width, height }, x, y) {
  const there = history.now.objects.filter((one) => one.visible && contains(runsOf(one.rle), [height, width], x, y));
  return there.sort((a, b) => a.area - b.area)[0] ?? null;
}

/**
 * Why a spot is empty: in the words of the sliders where one of them is the reason, else the server's.
 * @returns {{sentence: string, canShow: boolean}}
 */
function whyNot({ sentence, filter, candidates, best }, { everything, history }) {
  const { scoreMissing, stabilityMissing, areaMissing, deletedHere, keptHere } = words.everything;
  const { settings } = everything;
  if (filter === 'pred_iou_thresh') sentence = scoreMissing(candidates, best.iou, settings.pred_iou_thresh);
  if (filter === 'stability_score_thresh') sentence = stabilityMissing(candidates, best.stability, settings.stability_score_thresh);
  if (filter === 'min_area') sentence = areaMissing(candidates, best.area, settings.min_area);
  // No slider is the reason where the person has taken the mask away.
  const isTaken = best && !filter && gridOf(everything, history.now).removed.includes(best.number);
  if (!isTaken) return { sentence, canShow: Boolean(best && filter) };
  const isKept = history.now.objects.some(({ source }) => source?.kind === 'everything' && source.number === best.number);
  return { sentence: isKept ? keptHere : deletedHere, canShow: !isKept };
}

/** Selecting: under the pointer, by click, up and down the tree. */
function makePointing(store, server, actions) {
  const change = (patch) => patchEverything(store, picture(store.get()).key, patch);

  function at(x, y) {
    const entry = picture(store.get());
    const { everything, height, width } = entry;
    const runsOf = (number) => runsOfCandidate(everything, number);
    return topmostAt(everything.shown, everything.rows, runsOf, [height, width], x, y) ?? null;
  }

  function hoverEverything(x, y) {
    const entry = picture(store.get());
    if (!entry?.everything.shown.length) return;
    const hover = x === undefined || x === null ? null : at(x, y);
    if (hover !== entry.everything.hover) change({ hover });
  }

  async function selectAt(x, y, { add = false } = {}) {
    const entry = picture(store.get());
    if (!entry?.everything.rows.length) return;
    const found = at(x, y);
    const kept = found === null ? keptAt(entry, x, y) : null;
    if (kept) actions.selectObject(kept.id, { add });
    else if (!add) store.set({ selected: [] });
    if (found !== null) choose(entry, found, add);
    else if (!add && kept) change({ selected: [], empty: null });
    else if (!add) await askWhy(entry, Math.floor(x), Math.floor(y));
  }

  function choose(entry, found, add) {
    const { selected } = entry.everything;
    const others = selected.filter((number) => number !== found);
    const isOut = add && others.length < selected.length;
    change({ selected: add ? (isOut ? others : [...selected, found]) : [found], empty: null });
    tell(entry, found);
  }

  async function askWhy(entry, x, y) {
    change({ selected: [], empty: null });
    const { settings, codes } = entry.everything;
    const answer = await explained(entry, { point: [x, y], settings });
    const now = picture(store.get());
    // Sliders moved or another picture came while it was asked: the sentence would be of something else.
    if (!answer || now?.key !== entry.key || now.everything.settings !== settings || now.everything.codes !== codes) return;
    if (answer.best?.rle) codes.set(answer.best.number, answer.best.rle.counts);
    const { sentence, canShow } = whyNot(answer, now);
    change({ empty: { point: [x, y], sentence, best: canShow ? answer.best.number : null } });
    store.set({ announce: sentence });
  }

  async function explained(entry, question) {
    try {
      return await server.forPicture(entry, 'explain', question);
    } catch (error) {
      if (error.code !== 'not_found') throw error;
      // The run has only begun, or the server was started anew since.
      if (entry.everything.status === 'running') return { sentence: words.everything.stillLooking, filter: null, best: null };
      raise(store, error, { label: words.everything.run, run: () => actions.runEverything() });
      return null;
    }
  }

  function tell(entry, number) {
    const { area, score, stability } = candidate(entry.everything, number);
    const percent = words.objects.percent(area / (entry.width * entry.height));
    store.set({ announce: words.everything.chip(percent, score.toFixed(2), stability.toFixed(2)) });
  }

  function step(toNext, sentence) {
    const entry = picture(store.get());
    if (!entry?.everything.selected.length) return;
    const { shown, selected } = entry.everything;
    const place = shown.indexOf(selected.at(-1));
    const next = place < 0 ? null : toNext(entry, place, treeOf(entry));
    if (next === null) return store.set({ announce: sentence });
    change({ selected: [shown[next]], empty: null });
    return tell(entry, shown[next]);
  }

  // The way down again leads over the part that one came from.
  const cameFrom = new Map();

  function wholeOf(entry, place, { parents }) {
    if (parents[place] !== null) cameFrom.set(entry.everything.shown[parents[place]], entry.everything.shown[place]);
    return parents[place];
  }

  function partOf(entry, place, { parents }) {
    const { shown } = entry.everything;
    const parts = parents.flatMap((parent, part) => (parent === place ? [part] : []));
    const known = parts.find((part) => shown[part] === cameFrom.get(shown[place]));
    if (known !== undefined) return known;
    const areaOf = (part) => candidate(entry.everything, shown[part]).area;
    return parts.sort((a, b) => areaOf(b) - areaOf(a))[0] ?? null;
  }

  return {
    hoverEverything, selectAt,
    climb: () => step(wholeOf, words.everything.topmost),
    descend: () => step(partOf, words.everything.smallest),
    closeWhy: () => change({ empty: null }),
    selectNone: () => change({ selected: [], empty: null }),
  };
}

/**
 * @param {object} store
 * @param {object} server
 * @param {object} actions all of them, by name
 */
export function makeSelectingActions(store, server, actions) {
  const change = (patch) => patchEverything(store, picture(store.get()).key, patch);

  function keepSelected() {
    const entry = picture(store.get());
    const selected = entry?.everything.selected ?? [];
    if (!selected.length) return;
    commit(store, words.everything.changes.keep, (work) => {
      const objects = selected.reduce((all, number) => [...all, keptOf(all, fieldsOfCandidate(entry, number))], work.objects);
      // What is kept is drawn as an object from now on, not twice.
      return { ...work, objects, ...taken(entry.everything, work, selected) };
    });
    change({ selected: [], hover: null });
    store.set({ announce: words.everything.keptMany(selected.length) });
  }

  function deleteSelected() {
    const { everything } = picture(store.get()) ?? {};
    const selected = everything?.selected ?? [];
    if (!selected.length) return;
    commit(store, words.everything.changes.remove, (work) => ({ ...work, ...taken(everything, work, selected) }));
    change({ selected: [], hover: null });
    store.set({ announce: words.everything.removed(selected.length) });
  }

  function showAnyway(number) {
    const { everything } = picture(store.get());
    commit(store, words.everything.changes.add, (work) => {
      const { removed, added, grid } = taken(everything, work, []);
      const others = added.filter((one) => one !== number);
      return { ...work, removed: removed.filter((one) => one !== number), added: [...others, number], grid };
    });
    change({ empty: null });
    // Selected once it is shown, which the change of the work brings about first.
    queueMicrotask(() => queueMicrotask(() => change({ selected: [number] })));
  }

  return { ...makePointing(store, server, actions), keepSelected, deleteSelected, showAnyway };
}
