/** The buttons that Hover & Click and Box have in common: steps, keep and new, mending by hand, cutting out. */
import { button, fileButton, h, slider } from '../dom.js';
import { current, picture, work } from '../state.js';
import { words } from '../words.js';

/** Disables `element` while `isAble(state)` is false; focus that was on it stays on the page. */
function enabledWhile(store, element, isAble) {
  store.watch((state) => Boolean(isAble(state)), (can) => { element.disabled = !can; });
  return element;
}

/** Gives a place for one of the pieces that move into the open block: 'signs', 'history' or 'controls'. */
export const slot = (name) => h('div', { dataset: { slot: name } });

const hasMask = (state) => {
  const now = current(state);
  return Boolean(now && (now.answer || now.edited || now.mask));
};

/**
 * Gives the row Reset, Undo, Redo.
 *
 * @param {object} store
 * @param {object} actions
 */
export function historyRow(store, actions) {
  const text = words.card;
  const make = (name, run) => button({ icon: name, label: text[name], class: 'button under' }, { testid: name, onclick: run });
  const reset = make('reset', () => actions.reset());
  const undo = make('undo', () => actions.undo());
  const redo = make('redo', () => actions.redo());
  store.watch((state) => picture(state)?.history, () => {
    undo.disabled = !actions.canUndo();
    redo.disabled = !actions.canRedo();
  });
  enabledWhile(store, reset, (state) => current(state));
  return h('div', { class: 'trio', role: 'group', 'aria-label': text.history }, reset, undo, redo);
}

/** Gives the toggles + Add mask and − Remove area. */
export function signToggles(store, actions) {
  const text = words.card;
  const toggles = [[1, 'add', 'plus'], [0, 'remove', 'minus']].map(([sign, name, drawing]) => {
    const made = button({ icon: drawing, label: text[name], class: `toggle ${name}` },
      { testid: name, 'aria-pressed': 'false', onclick: () => actions.setSign(sign) });
    store.watch((state) => state.sign === sign, (isOn) => made.setAttribute('aria-pressed', String(isOn)));
    return made;
  });
  return h('div', { class: 'duo signs', role: 'group', 'aria-label': text.signs }, toggles);
}

function brushToggle(store, actions, mode, drawing, label) {
  const made = button({ icon: drawing, label, class: 'toggle' }, {
    testid: mode === 'add' ? 'brush-add' : 'brush-erase', 'aria-pressed': 'false',
    onclick: () => actions.setBrush(store.get().brush === mode ? null : mode),
  });
  store.watch((state) => state.brush === mode, (isOn) => made.setAttribute('aria-pressed', String(isOn)));
  return made;
}

function loading(store, actions) {
  const text = words.card;
  const { opener, input } = fileButton({ icon: 'load', label: text.loadMask, class: 'button quiet wide' }, { testid: 'load-mask', title: text.loadMaskHint },
    { accept: '.png,.json,image/png,application/json', multiple: false, take: ([file]) => actions.loadMask(file) });
  return [opener, input];
}

function mending(store, actions) {
  const text = words.card;
  const row = h('div', { class: 'duo', role: 'group', 'aria-label': text.byHand },
    brushToggle(store, actions, 'add', 'brush', text.brushAdd), brushToggle(store, actions, 'erase', 'eraser', text.brushErase));
  const size = slider({ label: text.brushSize, min: 1, max: 100, step: 1, testid: 'brush-size', show: text.brushPixels, change: (value) => actions.setBrushRadius(value) });
  store.watch((state) => state.brushRadius, size.set);
  store.watch((state) => state.brush !== null, (isOn) => { size.element.hidden = !isOn; });
  return [row, size.element];
}

/**
 * Gives what stands under the steps in both blocks.
 *
 * @param {object} store
 * @param {object} actions
 */
export function promptControls(store, actions) {
  const text = words.card;
  const keep = button({ icon: 'keep', label: text.keep }, { testid: 'keep', title: text.keepHint, onclick: () => actions.keep() });
  const fresh = button({ icon: 'new', label: text.fresh }, { testid: 'new', title: text.freshHint, onclick: () => actions.newObject() });
  enabledWhile(store, keep, hasMask);
  enabledWhile(store, fresh, (state) => current(state));
  const cutout = button({ icon: 'cutouts', label: text.cutout, class: 'button primary wide' }, { testid: 'cutout', onclick: () => actions.cutOut() });
  enabledWhile(store, cutout, (state) => hasMask(state) || (work(state) && state.selected.length > 0));
  const [load, input] = loading(store, actions);
  const making = h('div', { class: 'stack making' }, ...mending(store, actions), h('div', { class: 'duo' }, keep, fresh));
  // Calm at first: what works on a mask comes with the first mask, and stays while a brush is in the hand.
  store.watch((state) => hasMask(state) || state.brush !== null, (isMaking) => { making.hidden = !isMaking; });
  store.watch((state) => picture(state) !== null && !hasMask(state) && state.brush === null, (canLoad) => { load.hidden = !canLoad; });
  return h('div', { class: 'stack' }, making, cutout, load, input);
}
