/** The help dialog: how it works in short, all keys and how to change them, how masks look, privacy. */
import { button, h, replace, slider } from '../dom.js';
import { DEFAULT_KEYS, keyOf, labelOf, withKeys } from '../pure/keymap.js';
import { words } from '../words.js';
import { mountModal } from './modal.js';

const isMac = /Mac|iP(hone|ad|od)/.test(navigator.platform ?? '');
const mapOf = (state) => state.keys.map ?? DEFAULT_KEYS;
const written = (keys) => (keys.length === 0 ? words.help.none : keys.map((key) => labelOf(key, { mac: isMac })).join(', '));

/** Waits for one key press on `target` and gives the key, or null for Esc or when the focus goes. */
function nextKey(target) {
  return new Promise((resolve) => {
    const stop = (key) => {
      target.removeEventListener('keydown', onKey);
      target.removeEventListener('blur', onBlur);
      resolve(key);
    };
    const onBlur = () => stop(null);
    const onKey = (event) => {
      const key = keyOf(event);
      if (key === null || event.key === 'Tab') return;
      event.preventDefault();
      event.stopPropagation();
      stop(event.key === 'Escape' ? null : key);
    };
    target.addEventListener('keydown', onKey);
    target.addEventListener('blur', onBlur);
  });
}

function keyRow(action, store, redraw) {
  const text = words.help;
  const keys = mapOf(store.get())[action];
  const name = text.actions[action] ?? action;
  const change = h('button', { type: 'button', class: 'button key', testid: `key-${action}`, 'aria-label': text.change(name, written(keys)) }, written(keys));
  change.addEventListener('click', async () => {
    if (change.classList.contains('asking')) return;
    change.classList.add('asking');
    change.textContent = text.press;
    const key = await nextKey(change);
    if (key !== null) store.set((state) => ({ keys: { ...state.keys, map: withKeys(mapOf(state), action, [key]) } }));
    redraw(action);
  });
  return h('div', { class: 'key-row' }, h('span', null, name), change);
}

function keyList(store) {
  const element = h('div', { class: 'keys' });
  const redraw = (action) => {
    replace(element, Object.keys(DEFAULT_KEYS).map((name) => keyRow(name, store, redraw)));
    if (action) element.querySelector(`[data-testid="key-${action}"]`)?.focus();
  };
  redraw(null);
  return { element, redraw };
}

function switchButton(label, testid, read, change) {
  const made = h('button', { type: 'button', class: 'switch', role: 'switch', testid, 'aria-checked': String(read()) }, h('span', null, label), h('span', { class: 'knob' }));
  made.addEventListener('click', () => {
    change(!read());
    made.setAttribute('aria-checked', String(read()));
  });
  return made;
}

function keysPart(store) {
  const text = words.help;
  const list = keyList(store);
  const letters = switchButton(text.letters, 'letters', () => store.get().keys.letters,
    (isOn) => store.set((state) => ({ keys: { ...state.keys, letters: isOn } })));
  const restore = button({ icon: 'reset', label: text.restore }, {
    testid: 'keys-restore',
    onclick: () => {
      store.set((state) => ({ keys: { ...state.keys, map: null } }));
      list.redraw(null);
    },
  });
  const fixed = h('div', { class: 'keys' }, text.fixedKeys.map(([name, keys]) =>
    h('div', { class: 'key-row' }, h('span', null, name), h('span', { class: 'key-fixed' }, keys))));
  return [
    h('section', null, h('h3', null, text.keysTitle), letters, h('p', { class: 'hint' }, text.keysHint), list.element, h('div', null, restore)),
    h('section', null, h('h3', null, text.fixed), fixed),
  ];
}

function lookPart(store, actions) {
  const text = words.help;
  const opacity = slider({ label: text.opacity, min: 0, max: 1, step: 0.05, testid: 'opacity', show: text.percent, change: (value) => actions.setOpacity(value) });
  opacity.set(store.get().look.opacity);
  return h('section', null, h('h3', null, text.lookTitle), opacity.element,
    switchButton(text.outline, 'outline', () => store.get().look.outlineOnly, () => actions.toggleOutline()),
    switchButton(text.pattern, 'pattern', () => store.get().look.pattern, () => actions.togglePattern()));
}

function privacyPart(actions) {
  const text = words.help;
  const forget = button({ icon: 'trash', label: text.forget, class: 'button danger' }, {
    testid: 'forget',
    onclick: () => {
      actions.closeDialog();
      actions.forgetEverything();
    },
  });
  return h('section', null, h('h3', null, text.privacyTitle), h('p', { class: 'hint' }, text.privacy), h('div', { class: 'row' }, forget, h('span', { class: 'hint' }, text.forgetHint)));
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountHelp(element, store, actions) {
  const text = words.help;
  mountModal(element, store, actions, {
    name: 'help', title: text.title, testid: 'help-sheet',
    body: () => [
      h('section', null, h('h3', null, text.howTitle), h('ol', { class: 'how-to' }, text.how.map((line) => h('li', null, line)))),
      lookPart(store, actions), ...keysPart(store), privacyPart(actions),
    ],
  });
}
