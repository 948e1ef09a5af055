/** The objects kept in a picture: naming, showing, joining, refining, and masks from files. */
import { words } from '../words.js';
import { say } from '../alerts.js';
import { commit, emptyCurrent, picture, work } from '../state.js';
import { area, boundsOf, rleOf, runsOf, subtract, union } from '../pure/rle.js';
import { fieldsOfCandidate } from './everything_selecting.js';
import { patchEverything, taken } from './everything_shown.js';
import { keptOf } from './kept.js';

/** @returns {object} mask, area and box of runs */
function measured(runs, size) {
  return { rle: rleOf(runs, size), area: area(runs), box: boundsOf(runs, size) };
}

/**
 * What is selected, in the order it was selected: objects of the list, then masks of everything mode.
 * @returns {{id: string|null, number: number|null, fields: object}[]}
 */
function selectedItems(state) {
  const entry = picture(state);
  if (!entry) return [];
  const { objects } = entry.history.now;
  const kept = state.selected.map((id) => objects.find((one) => one.id === id)).filter(Boolean);
  const numbers = state.tool === 'everything' ? entry.everything.selected : [];
  return [
    ...kept.map((one) => ({ id: one.id, number: null, fields: one })),
    ...numbers.map((number) => ({ id: null, number, fields: fieldsOfCandidate(entry, number) })),
  ];
}

/** Merge and subtract: the first selected becomes the result. */
function makeJoining(store) {
  function join({ label, told }, combine, takesOthers) {
    const state = store.get();
    const items = selectedItems(state);
    if (items.length < 2) return say(store, 'note', words.objects.needTwo);
    const entry = picture(state);
    const size = [entry.height, entry.width];
    const runs = items.map((item) => runsOf(item.fields.rle)).reduce(combine);
    if (!area(runs)) return say(store, 'note', words.objects.nothingLeft);
    const gone = takesOthers ? items : items.slice(0, 1);
    let result = null;
    commit(store, label, (before) => {
      const made = { ...measured(runs, size), score: null, source: { kind: 'edited' } };
      const ids = new Set(gone.map((item) => item.id));
      const first = before.objects.find((one) => one.id === items[0].id);
      const kept = first ? { ...first, ...made } : keptOf(before.objects, made);
      result = kept;
      const others = before.objects.flatMap((one) => (one === first ? [kept] : ids.has(one.id) ? [] : [one]));
      const numbers = gone.flatMap((item) => (item.number === null ? [] : [item.number]));
      const rest = numbers.length ? taken(entry.everything, before, numbers) : {};
      return { ...before, ...rest, objects: first ? others : [...others, kept] };
    });
    patchEverything(store, entry.key, { selected: [], hover: null });
    return store.set({ selected: [result.id], announce: told(result.name) });
  }

  return {
    mergeSelected: () => join({ label: words.objects.changes.merge, told: words.objects.merged }, union, true),
    subtractSelected: () => join({ label: words.objects.changes.subtract, told: words.objects.subtracted }, subtract, false),
  };
}

/** The current object that goes on where a kept one ended. */
function currentOf(kept) {
  const { source } = kept;
  const mask = { number: 0, score: kept.score, area: kept.area, box: kept.box, rle: kept.rle };
  const begun = { ...emptyCurrent(), objectId: kept.id };
  if (source?.kind !== 'steps' || !source.steps.length) return { ...begun, mask: kept.rle };
  const last = source.steps.at(-1);
  const points = last.points.map(([x, y], place) => ({ x, y, label: last.labels[place] }));
  // Clicks go on from the answer that was chosen; its number is what the next step is fed.
  const answer = { request: 0, masks: [{ ...mask, number: source.number }], best: 0, warnings: [] };
  return { ...begun, points, box: last.box ?? null, steps: source.steps, mask: source.mask ?? null, answer };
}

/**
 * @param {object} store
 * @param {object} server
 * @param {object} painter
 * @param {object} actions all of them, by name
 */
export function makeObjectsActions(store, server, painter, actions) {
  const change = (label, id, fn) => commit(store, label, (before) => {
    const objects = before.objects.flatMap((one) => (one.id === id ? fn(one) : [one]));
    return { ...before, objects };
  });

  function selectObject(id, { add = false } = {}) {
    const { selected } = store.get();
    if (!add) return store.set({ selected: id === null ? [] : [id] });
    const others = selected.filter((one) => one !== id);
    return store.set({ selected: others.length < selected.length ? others : [...others, id] });
  }

  const objectOf = (id) => work(store.get())?.objects.find((one) => one.id === id);

  function deleteObject(id) {
    const gone = objectOf(id);
    if (!gone) return;
    change(words.objects.changes.remove, id, () => []);
    store.set((state) => ({ selected: state.selected.filter((one) => one !== id), announce: words.objects.removed(gone.name) }));
  }

  /** Pieces of the object that bear its name are renamed with it. */
  function renameObject(id, name) {
    const text = name.trim();
    const named = objectOf(id);
    if (!text || !named || named.name === text) return;
    const isOfIt = (piece) => (piece.objectId === id || piece.rle.counts === named.rle.counts) && piece.name === named.name;
    commit(store, words.objects.changes.rename, (before) => ({
      ...before,
      objects: before.objects.map((one) => (one.id === id ? { ...one, name: text } : one)),
      pieces: before.pieces.some(isOfIt) ? before.pieces.map((piece) => (isOfIt(piece) ? { ...piece, name: text } : piece)) : before.pieces,
    }));
    store.set({ announce: words.objects.renamed(text) });
  }

  function toggleVisible(id) {
    change(words.objects.changes.eye, id, (one) => [{ ...one, visible: !one.visible }]);
    const { name, visible } = objectOf(id);
    store.set({ announce: visible ? words.objects.shown(name) : words.objects.hidden(name) });
  }

  function editObject(id) {
    const kept = objectOf(id);
    if (!kept) return;
    // What was being made is not lost over it.
    if (work(store.get()).current?.answer || work(store.get()).current?.edited) actions.keep();
    commit(store, words.objects.changes.edit, (before) => ({ ...before, current: currentOf(kept) }));
    store.set({ selected: [], announce: words.objects.refining(kept.name) });
    if (!['hover', 'box'].includes(store.get().tool)) actions.chooseTool('hover');
  }

  async function loadMask(file) {
    const entry = picture(store.get());
    if (!entry || entry.status !== 'ready') return say(store, 'note', words.objects.noPicture);
    const verb = `mask-file?name=${encodeURIComponent(file.name)}`;
    const { objects, notes } = await server.forPicture(entry, verb, file, { type: 'application/octet-stream' });
    if (!objects.length) return say(store, 'note', words.objects.nothingInFile);
    const size = [entry.height, entry.width];
    commit(store, words.objects.changes.load, (before) => ({
      ...before,
      objects: objects.reduce((all, { name, rle, score }) => {
        const fields = { ...measured(runsOf(rle), size), score: score ?? null, source: { kind: 'edited' } };
        return [...all, keptOf(all, { name: name || undefined, ...fields })];
      }, before.objects),
    }), entry.key);
    const loaded = words.objects.loaded(objects.length);
    store.set({ announce: loaded });
    // The list shows what came; only what did not come has to be told.
    return notes.length && say(store, 'note', [loaded, ...notes].join(' '));
  }

  /** Opens the name of an object to be typed over; without an id that of the one selected, else of the last. */
  function startRename(id) {
    const state = store.get();
    const objects = work(state)?.objects ?? [];
    const found = objects.find((one) => one.id === (id ?? state.selected.at(-1))) ?? objects.at(-1);
    if (found) store.set({ renaming: found.id, trayOpen: true });
  }

  return {
    ...makeJoining(store),
    selectObject, deleteObject, editObject, loadMask, startRename, renameObject, toggleVisible,
  };
}
