/** Keys: what they mean is in pure/keymap.js, what is done about it is here. None acts while typing or while a dialog is open. */
import { actionOf, DEFAULT_KEYS } from './pure/keymap.js';
import { Crosshair } from './crosshair.js';
import { bySize, current, picture, work } from './state.js';

const OPACITY_STEP = 0.1;
const ON_STAGE_ONLY = new Set(['place', 'left', 'right', 'up', 'down']);
// These have a meaning of their own on buttons and sliders.
const NOT_ON_CONTROLS = new Set(['keep', 'remove', 'place']);
const CONTROL = 'button, a, summary, input, select, [role="slider"], [role="menuitem"], [role="option"]';

const isEverything = (state) => state.tool === 'everything';

/** The candidate that is the n-th by size, the largest first. */
function chooseBySize({ store, actions }, rank) {
  const answer = current(store.get())?.answer;
  const index = answer ? bySize(answer.masks)[rank] : undefined;
  if (index !== undefined) actions.chooseCandidate(index);
}

function remove({ store, actions }) {
  const state = store.get();
  const now = current(state);
  if (isEverything(state) && picture(state)?.everything.selected.length) actions.deleteSelected();
  else if (state.focusedPoint !== null && now?.points[state.focusedPoint]) actions.removePoint(state.focusedPoint);
  else if (now?.points.length) actions.removePoint(now.points.length - 1);
  else for (const id of state.selected) actions.deleteObject(id);
}

function keep({ store, actions }) {
  const state = store.get();
  if (isEverything(state) && picture(state)?.everything.selected.length) actions.keepSelected();
  else actions.keep();
}

/** Escape puts away the nearest thing first. */
function drop({ store, actions }) {
  const state = store.get();
  const everything = picture(state)?.everything;
  if (state.draft) store.set({ draft: null });
  else if (state.brush) actions.setBrush(null);
  else if (current(state) && !isEverything(state)) actions.dropCurrent();
  else if (isEverything(state) && everything?.selected.length) actions.selectNone();
  else if (state.selected.length) actions.selectObject(null);
  else if (state.alert) actions.closeAlert();
}

function copy({ store, actions }) {
  const pieces = work(store.get())?.pieces;
  if (pieces?.length) actions.copyPiece(pieces.at(-1).id);
}

/** L names the object that is selected, else the last one kept. */
function rename({ store, actions }) {
  const state = store.get();
  const id = state.selected.at(-1) ?? work(state)?.objects.at(-1)?.id;
  if (id) actions.startRename(id);
}

/** Space held over the stage pans; it places points only where arrows have brought the crosshair, and once a press. */
function place({ store, crosshair }, event) {
  const { pointer, crosshair: isShown } = store.get();
  if (!event.repeat && (isShown || !pointer)) crosshair.place({ isShift: event.shiftKey });
}

const opacity = ({ store, actions }, step) => actions.setOpacity(Math.round(10 * (store.get().look.opacity + step)) / 10);

/** @type {Record<string, (page: object, event: KeyboardEvent) => void>} */
const DEEDS = {
  'tool-hover': ({ actions }) => actions.chooseTool('hover'),
  'tool-box': ({ actions }) => actions.chooseTool('box'),
  'tool-everything': ({ actions }) => actions.chooseTool('everything'),
  'tool-cutouts': ({ actions }) => actions.chooseTool('cutouts'),
  'sign-add': ({ actions }) => actions.setSign(1),
  'sign-remove': ({ actions }) => actions.setSign(0),
  undo: ({ actions }) => actions.undo(),
  redo: ({ actions }) => actions.redo(),
  keep, drop, remove, copy,
  'candidate-0': (page) => chooseBySize(page, 0),
  'candidate-1': (page) => chooseBySize(page, 1),
  'candidate-2': (page) => chooseBySize(page, 2),
  cutout: ({ actions }) => actions.cutOut(),
  new: ({ actions }) => actions.newObject(),
  previous: ({ actions }) => actions.previousPicture(),
  next: ({ actions }) => actions.nextPicture(),
  fit: ({ actions }) => actions.fit(),
  outline: ({ actions }) => actions.toggleOutline(),
  'less-opacity': (page) => opacity(page, -OPACITY_STEP),
  'more-opacity': (page) => opacity(page, OPACITY_STEP),
  gallery: ({ actions }) => actions.openDialog('gallery'),
  climb: ({ actions }) => actions.climb(),
  descend: ({ actions }) => actions.descend(),
  merge: ({ actions }) => actions.mergeSelected(),
  subtract: ({ actions }) => actions.subtractSelected(),
  rename,
  export: ({ actions }) => actions.openDialog('export'),
  help: ({ actions }) => actions.openDialog('help'),
  place,
  left: ({ crosshair }, event) => crosshair.move(-1, 0, event.shiftKey),
  right: ({ crosshair }, event) => crosshair.move(1, 0, event.shiftKey),
  up: ({ crosshair }, event) => crosshair.move(0, -1, event.shiftKey),
  down: ({ crosshair }, event) => crosshair.move(0, 1, event.shiftKey),
};

function press(page, event) {
  const state = page.store.get();
  if ((event.defaultPrevented && event.key !== ' ') || state.dialog || document.querySelector('dialog[open], [role="menu"]:not([hidden])')?.contains(event.target)) return;
  const action = actionOf(event, state.keys.map ?? DEFAULT_KEYS, { letters: state.keys.letters });
  if (!action || !DEEDS[action]) return;
  const isOnStage = event.target?.dataset?.testid === 'stage';
  if (ON_STAGE_ONLY.has(action) && !isOnStage) return;
  if (NOT_ON_CONTROLS.has(action) && event.target?.closest?.(CONTROL)) return;
  event.preventDefault();
  DEEDS[action](page, event);
}

/**
 * @param {Document} page
 * @param {object} store
 * @param {object} actions
 */
export function mountKeyboard(page, store, actions) {
  const crosshair = new Crosshair(store, actions);
  const own = { store, crosshair, actions };
  page.addEventListener('keydown', (event) => press(own, event));
  page.addEventListener('focusout', (event) => { if (event.target?.dataset?.testid === 'stage') crosshair.hide(); });
}
