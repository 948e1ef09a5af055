/** The line under the stage: what is looked at, where the pointer is, which model on which device, and its state. */
import { button, h, icon } from '../dom.js';
import { picture } from '../state.js';
import { THEMES, chooseTheme, chosenTheme } from '../theme.js';
import { words } from '../words.js';

/** Gives [name of the state, class of its dot]. */
export function stateOf(state) {
  if (state.connection === 'lost') return ['lost', 'trouble'];
  if (state.connection === 'token') return ['token', 'trouble'];
  const entry = picture(state);
  if (!entry) return ['none', ''];
  if (entry.status === 'failed') return ['failed', 'trouble'];
  if (entry.status !== 'ready') return [entry.status, 'working'];
  return state.thinking ? ['thinking', 'working'] : ['ready', 'ready'];
}

function fact(store, name, read, props = {}) {
  const element = h('span', { class: `fact-${name}`, ...props });
  store.watch(read, (value) => { element.textContent = value ?? ''; });
  return element;
}

function facts(store) {
  const text = words.card;
  const name = fact(store, 'name', (state) => picture(state)?.name);
  store.watch((state) => picture(state)?.name, (value) => { name.title = value ?? ''; });
  const dot = fact(store, 'state', (state) => text.states[stateOf(state)[0]]);
  store.watch((state) => stateOf(state)[1], (kind) => { dot.className = `fact-state ${kind}`; });
  const stays = h('span', { class: 'privacy' }, icon('lock'), fact(store, 'privacy', privacySentence));
  return h('div', { class: 'facts', testid: 'status' }, dot, name,
    fact(store, 'size', (state) => { const entry = picture(state); return entry?.width ? text.size(entry.width, entry.height) : null; }),
    fact(store, 'pointer', (state) => (state.pointer && picture(state) ? text.pointer(Math.floor(state.pointer.x), Math.floor(state.pointer.y)) : null)),
    fact(store, 'model', (state) => (state.server ? text.model(state.server.model.name, state.server.model.origin === 'embedded default', state.server.model.device) : null)),
    stays);
}

/** Says where pictures are: the sentence every empty state and the status line share. */
export function privacySentence(state) {
  if (!state.server || state.server.is_local) return words.card.stays;
  return words.card.onHost(state.server.host);
}

function zoom(store, actions) {
  const text = words.card;
  const parts = [['zoomOut', 'minus', () => actions.zoomBy(1 / 1.25)], ['zoomIn', 'plus', () => actions.zoomBy(1.25)], ['fit', 'fit', () => actions.fit()]];
  const [out, into, fit] = parts.map(([name, drawing, run]) => button({ icon: drawing, label: text[name], iconOnly: true, class: 'button quiet' }, { testid: name, onclick: run }));
  const value = h('span', { class: 'zoom-value' });
  store.watch((state) => (picture(state) ? Math.round(100 * state.view.scale) : null), (percent) => { value.textContent = percent === null ? '' : text.zoom(percent); });
  const element = h('div', { class: 'zoom' }, out, value, into, fit);
  store.watch((state) => picture(state) === null, (isEmpty) => { element.hidden = isEmpty; });
  return element;
}

function themeSwitch() {
  const text = words.card;
  const select = h('select', { class: 'select', testid: 'theme' }, THEMES.map((theme) => h('option', { value: theme }, text.themes[theme])));
  select.value = chosenTheme();
  select.addEventListener('change', () => chooseTheme(select.value));
  return h('label', { class: 'theme' }, h('span', null, text.theme), select);
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountStatus(element, store, actions) {
  element.append(facts(store), zoom(store, actions), themeSwitch());
}
