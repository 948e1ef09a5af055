/** Points and boxes: what a person says about the object, and what is done with the answer. */
import { raise, unsay } from '../alerts.js';
import { Asking, formerWith } from '../asking.js';
import { bound } from '../bound.js';
import { undo } from '../pure/history.js';
import { clipBox } from '../pure/view.js';
import { amend, bySize, chosenMask, commit, current, emptyCurrent, patchPicture, picture, work } from '../state.js';
import { words } from '../words.js';
import { currentAsKept, keptOf } from './kept.js';

const text = words.stage;
const WARNING_MS = 3000;

const wish = (since, former = null, drag = null) => ({ since: since ?? performance.now(), former, drag });

function warn({ store }, { x, y, sentence, isMinus = false }) {
  const warning = { x, y, sentence, isMinus };
  store.set({ warning, announce: sentence });
  setTimeout(() => { if (store.get().warning === warning) store.set({ warning: null }); }, WARNING_MS);
}

/** While the picture is being read one click or box is kept; a later one takes its place. */
function queue({ store }, entry, queued) {
  patchPicture(store, entry.key, { queued });
  store.set({ announce: text.queued });
}

const isUsable = (entry) => entry && entry.status !== 'failed' && entry.width > 0;

function hoverAt({ store, asking: ask, own }, x, y, { label, since } = {}) {
  const state = store.get();
  const entry = picture(state);
  const now = current(state);
  if (!isUsable(entry) || entry.status !== 'ready' || state.brush) return;
  const next = { x, y, label: label ?? state.sign };
  if (!now && !next.label) {
    ask.forgetHover();
    return;
  }
  const isSame = own.hovered && own.hovered.x === x && own.hovered.y === y && own.hovered.label === next.label;
  if (isSame && own.hoveredOver === now && own.hoveredOn === entry.key) return;
  Object.assign(own, { hovered: next, hoveredOver: now, hoveredOn: entry.key });
  ask.hover(entry, next, since ?? performance.now());
}

function leave({ asking: ask, own }) {
  own.hovered = null;
  ask.forgetHover();
}

function clickAt(page, x, y, label, { fresh = false, since } = {}) {
  const { store, actions } = page;
  const entry = picture(store.get());
  if (!isUsable(entry)) return;
  const sign = label ?? store.get().sign;
  if (!sign && (fresh || !current(store.get()))) {
    warn(page, { x, y, sentence: text.plusFirst, isMinus: true });
    return;
  }
  if (entry.status !== 'ready') {
    queue(page, entry, { kind: 'click', x, y, label: sign, fresh });
    return;
  }
  if (fresh) actions.newObject();
  leave(page);
  commit(store, text.steps.point, (before) => {
    const now = before.current ?? emptyCurrent();
    return { ...before, current: { ...now, points: [...now.points, { x, y, label: sign }], wanted: wish(since, now.wanted?.former ?? null) } };
  });
  store.set({ warning: null, selected: [] });
}

/**
 * Move, change or take away prompts: the steps are asked again as if they had been so from the beginning.
 * While dragging, all of one drag is one step of undo.
 */
function change(page, label, { changes, renew }, { live = false, since } = {}) {
  const { store, own } = page;
  const key = picture(store.get())?.key;
  const isBegun = own.drag !== null;
  if (live && !isBegun) own.drag = {};
  const now = { ...(current(store.get()) ?? emptyCurrent()), ...changes };
  const wanted = wish(since, formerWith(now.steps, renew, now.points.length), own.drag);
  const apply = (before) => ({ ...before, current: { ...now, wanted } });
  leave(page);
  if (isBegun) {
    const before = work(store.get());
    amend(store, key, (one) => (one === before ? apply(one) : one));
  } else {
    commit(store, label, apply);
  }
  if (!live) own.drag = null;
}

function movePoint(page, i, x, y, { live = false, since } = {}) {
  const now = current(page.store.get());
  if (!now?.points[i]) return;
  const moved = (list, place) => list.map((one, k) => (k === i ? place : one));
  const renew = (step) => ({ ...step, points: moved(step.points, [x, y]) });
  change(page, text.steps.pointMoved, { changes: { points: moved(now.points, { ...now.points[i], x, y }) }, renew }, { live, since });
}

function removePoint(page, i) {
  const { store } = page;
  const now = current(store.get());
  if (!now?.points[i]) return;
  const without = (list) => list.filter((_, k) => k !== i);
  const points = without(now.points);
  const renew = (step) => ({ ...step, points: without(step.points), labels: without(step.labels) });
  const isSaid = now.box || points.some((point) => point.label === 1);
  if (isSaid) {
    change(page, text.steps.pointRemoved, { changes: { points }, renew });
    return;
  }
  // With no + left there is nothing to ask; what the object began with stays.
  leave(page);
  const rest = now.mask || now.edited ? { ...emptyCurrent(), mask: now.edited ?? now.mask, objectId: now.objectId } : null;
  commit(store, text.steps.pointRemoved, (before) => ({ ...before, current: rest }));
}

function setBox(page, box, { live = false, fresh = false, keepPoints = false, since } = {}) {
  const { store, actions } = page;
  const entry = picture(store.get());
  if (!isUsable(entry)) return;
  const clipped = clipBox(box.map(Math.round), entry);
  if (clipped[2] - clipped[0] < 1 || clipped[3] - clipped[1] < 1) return;
  if (entry.status !== 'ready') {
    queue(page, entry, { kind: 'box', box: clipped, fresh });
    return;
  }
  if (fresh) actions.newObject();
  // A box drawn anew says what the object is; what was said before it is over.
  const said = keepPoints ? {} : { points: [], mask: null, edited: null };
  change(page, text.steps.box, { changes: { ...said, box: clipped }, renew: (step) => ({ ...step, box: clipped }) }, { live, since });
}

/** A drag that is broken off leaves no trace, not even for redo. */
function cancelDrag({ store, own }) {
  if (own.drag === null) return;
  own.drag = null;
  patchPicture(store, picture(store.get()).key, ({ history }) => ({ history: { ...undo(history), future: [] } }));
}

function chooseCandidate({ store }, i) {
  const now = current(store.get());
  if (!now?.answer?.masks[i]) return;
  store.set({ candidateShown: null });
  if (i === now.chosen) return;
  commit(store, text.steps.candidate, (before) => ({ ...before, current: { ...before.current, chosen: i, edited: null } }));
}

/** The wheel goes through the candidates, from large to small. */
function stepCandidate(page, direction) {
  const now = current(page.store.get());
  if (!direction || !now?.answer || now.answer.masks.length < 2) return;
  const order = bySize(now.answer.masks);
  const place = order.indexOf(now.chosen) + Math.sign(direction);
  if (order[place] !== undefined) chooseCandidate(page, order[place]);
}

function previewCandidate({ store }, i) {
  const isThere = i !== null && current(store.get())?.answer?.masks[i];
  store.set({ candidateShown: isThere ? i : null });
}

function keep(page) {
  const { store } = page;
  const made = currentAsKept(store.get());
  if (!made) return;
  leave(page);
  let { name } = made;
  commit(store, text.steps.keep, (before) => {
    const held = before.objects.find((one) => one.id === made.id);
    const { id, colour, ...fields } = made;
    const kept = held ? { ...held, ...fields, id: held.id } : keptOf(before.objects, fields);
    name = kept.name;
    const objects = held ? before.objects.map((one) => (one === held ? kept : one)) : [...before.objects, kept];
    return { ...before, objects, current: null };
  });
  store.set({ candidateShown: null, announce: text.kept(name) });
}

function clear(page, label) {
  const { store } = page;
  leave(page);
  if (!current(store.get())) return;
  commit(store, label, (before) => ({ ...before, current: null }));
  store.set({ candidateShown: null, warning: null, announce: text.cleared });
}

/** What has been made is kept, so that several boxes make several objects. */
function newObject(page) {
  if (currentAsKept(page.store.get())) keep(page);
  else clear(page, text.steps.fresh);
}

/** Say what came back, for people who do not see it; that nothing came back, to everybody. */
function announce(page, answer) {
  const { store } = page;
  const mask = answer && chosenMask(store.get());
  const entry = picture(store.get());
  if (!mask || !entry) return;
  const now = current(store.get());
  if (!mask.area) {
    const { x, y } = now.points.at(-1) ?? { x: now.box?.[0] ?? 0, y: now.box?.[1] ?? 0 };
    warn(page, { x, y, sentence: text.noMask });
    return;
  }
  const share = (100 * mask.area) / (entry.width * entry.height);
  const sentence = text.mask(share < 1 ? share.toFixed(1) : share.toFixed(0), mask.score.toFixed(2), bySize(answer.masks).indexOf(now.chosen) + 1, answer.masks.length);
  store.set({ announce: sentence });
}

function answerQueued({ actions }, store, entry) {
  const { queued } = entry;
  patchPicture(store, entry.key, { queued: null });
  if (queued.kind === 'click') actions.clickAt(queued.x, queued.y, queued.label, { fresh: queued.fresh });
  else actions.setBox(queued.box, { fresh: queued.fresh });
}

function watch(page) {
  const { store } = page;
  store.watch((state) => current(state)?.wanted && picture(state)?.status === 'ready' && current(state).wanted, () => page.asking.settle());
  store.watch((state) => current(state)?.answer, (answer) => announce(page, answer));
  store.watch((state) => current(state)?.chosen, () => announce(page, current(store.get())?.answer));
  store.watch((state) => (picture(state)?.status === 'ready' && picture(state).queued ? picture(state) : null), (entry) => {
    if (entry) answerQueued(page, store, entry);
  });
  store.watch((state) => picture(state)?.key, () => leave(page));
}

/** @returns {Record<string, Function>} */
export function makePromptingActions(store, server, painter, actions) {
  const again = { label: words.alerts.retry, run: () => { unsay(store, store.get().alert?.id); page.asking.settle({ isAgain: true }); } };
  const page = {
    store, actions, own: { hovered: null, drag: null },
    asking: new Asking(store, server, (error) => raise(store, error, again)),
  };
  watch(page);
  return bound(page, {
    hoverAt, leave, clickAt, movePoint, removePoint, setBox, cancelDrag, stepCandidate, chooseCandidate, previewCandidate, newObject, keep,
    askAgain: () => page.asking.settle({ isAgain: true }),
    dropCurrent: (its) => clear(its, text.steps.reset), reset: (its) => clear(its, text.steps.reset),
  });
}
