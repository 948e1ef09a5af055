/** How pieces are cut: size, margin, background, edge. */
import { button, h } from '../dom.js';
import { words } from '../words.js';

const text = words.cutouts;
const WHITE = '#ffffff';
const FIRST_COLOUR = '#00a0ff';

function choice(store, label, name, values) {
  const made = values.map(([value, title, choose]) => {
    const element = button({ label: title, class: 'toggle' }, { onclick: choose });
    store.watch((state) => state.cutoutOptions[name] === value, (isOn) => element.setAttribute('aria-pressed', String(isOn)));
    return element;
  });
  return h('div', { class: 'stack', style: { gap: '0.25rem' } }, h('span', { class: 'hint' }, label),
    h('div', { class: 'segments', role: 'group', 'aria-label': label }, made));
}

function backgroundField(store, actions) {
  const kinds = text.backgrounds;
  const select = h('select', { class: 'select', testid: 'cutout-background', 'aria-label': text.backgroundLabel },
    Object.entries(kinds).map(([value, title]) => h('option', { value }, title)));
  const colour = h('input', { type: 'color', class: 'input', value: FIRST_COLOUR, testid: 'cutout-colour', 'aria-label': text.colour,
    style: { width: '3.5rem', padding: '0.3rem' } });
  const values = { transparent: () => 'transparent', white: () => WHITE, colour: () => colour.value, blur: () => 'blur' };
  const apply = () => actions.setCutoutOption('background', values[select.value]());
  select.addEventListener('change', () => {
    colour.hidden = select.value !== 'colour';
    apply();
  });
  colour.addEventListener('change', apply);
  store.watch((state) => state.cutoutOptions.background, (background) => {
    const isColour = background.startsWith('#') && (background !== WHITE || select.value === 'colour');
    select.value = isColour ? 'colour' : background === WHITE ? 'white' : background;
    colour.hidden = !isColour;
    if (isColour) colour.value = background;
  });
  return h('div', { class: 'field' }, h('span', null, text.backgroundLabel), select, colour);
}

function marginField(store, actions) {
  const input = h('input', { type: 'number', class: 'input', min: 0, max: 1000, step: 1, testid: 'cutout-margin', style: { width: '5.5rem' } });
  input.addEventListener('change', () => {
    const margin = Math.max(0, Math.min(1000, Math.round(Number(input.value) || 0)));
    input.value = String(margin);
    actions.setCutoutOption('margin', margin);
  });
  store.watch((state) => state.cutoutOptions.margin, (margin) => { input.value = String(margin); });
  const field = h('label', { class: 'field' }, h('span', null, text.margin), input);
  store.watch((state) => state.cutoutOptions.crop, (isTight) => { field.hidden = !isTight; });
  return field;
}

/**
 * @param {object} store
 * @param {object} actions
 * @returns {HTMLElement} the options, folded together
 */
export function mountOptions(store, actions) {
  const set = (name, value) => () => actions.setCutoutOption(name, value);
  const size = choice(store, text.sizeLabel, 'crop', [[true, text.tight, set('crop', true)], [false, text.whole, set('crop', false)]]);
  const edge = choice(store, text.edgeLabel, 'edge', [['soft', text.soft, set('edge', 'soft')], ['hard', text.hard, set('edge', 'hard')]]);
  const summary = h('summary', { testid: 'cutout-options', style: { minHeight: 'var(--target)', display: 'list-item', lineHeight: 'var(--target)', cursor: 'pointer' } }, text.options);
  return h('details', null, summary,
    h('div', { class: 'stack' }, size, marginField(store, actions), backgroundField(store, actions), edge));
}
