/** The block Everything: run and progress, presets and sliders, and what is done with the masks selected. */
import { button, h, slider } from '../dom.js';
import { picture } from '../state.js';
import { words } from '../words.js';
import { numDistinct } from '../actions/everything_shown.js';
import { mountSpots } from './everything_spots.js';

const text = words.everything;
const SIDES = [16, 32];
const PRESETS = ['objects', 'parts', 'all'];
/** The largest that "smallest area" can be set to, as a share of the picture. */
const MOST_AREA = 0.1;
const AREA_STEPS = 100;

const everythingOf = (state) => picture(state)?.everything ?? null;

/** Areas are felt by their ratio: each step of the slider makes the area a fixed part larger. */
function areaScale(entry) {
  const most = Math.max(2, MOST_AREA * entry.width * entry.height);
  return {
    toArea: (step) => (step <= 0 ? 0 : Math.round(most ** (step / AREA_STEPS))),
    toStep: (area) => (area <= 0 ? 0 : Math.round((AREA_STEPS * Math.log(area)) / Math.log(most))),
  };
}

function pressedWhile(store, element, isOn) {
  store.watch((state) => Boolean(isOn(state)), (on) => element.setAttribute('aria-pressed', String(on)));
  return element;
}

function segments(label, made) {
  return h('div', { class: 'segments', role: 'group', 'aria-label': label }, made);
}

function gridChoice(store, actions) {
  const select = h('select', { class: 'select', testid: 'grid', style: { flex: 'none' }, 'aria-label': text.gridLabel, title: text.gridLabel, onchange: () => actions.setSide(select.value) },
    SIDES.map((side) => h('option', { value: side }, text.grid(side))));
  store.watch((state) => everythingOf(state)?.side, (side) => { if (side) select.value = String(side); });
  return select;
}

/** Where a run stands, in rows of the grid. */
function progressText({ place, done, total, side, secondsLeft }) {
  if (place) return text.inLine(place);
  if (!total) return text.starting;
  const rows = Math.min(side, Math.ceil((side * done) / total));
  return text.progress(rows, side, secondsLeft === null ? null : Math.ceil(secondsLeft));
}

function running(store, actions) {
  const run = button({ icon: 'run', label: text.run, class: 'button primary' },
    { style: { flex: '1 1 auto', whiteSpace: 'nowrap' }, testid: 'run', onclick: () => actions.runEverything() });
  const bar = h('progress', { class: 'progress', 'aria-label': text.title });
  const line = h('p', { class: 'hint figures', testid: 'progress' });
  const cancel = button({ icon: 'stop', label: text.cancel, class: 'button wide' },
    { testid: 'cancel', onclick: () => actions.cancelEverything() });
  const going = h('div', { class: 'stack' }, bar, line, cancel);
  const start = h('div', { class: 'row tight' }, run, gridChoice(store, actions));
  store.watch((state) => picture(state)?.status === 'ready', (isReady) => { run.disabled = !isReady; });
  store.watch((state) => everythingOf(state)?.status, (status) => {
    const hadFocus = [run, cancel].includes(document.activeElement);
    start.hidden = status === 'running';
    going.hidden = status !== 'running';
    run.classList.toggle('primary', status !== 'done');
    const isAgain = ['done', 'stopped'].includes(status);
    run.style.paddingInline = isAgain ? '0.25rem' : '';
    run.lastChild.textContent = isAgain ? text.runAgain : text.run;
    // Beside the grid there is room for the drawing or for two words.
    run.firstChild.style.display = isAgain ? 'none' : '';
    // The button that was pressed goes; the keyboard goes on from the one in its place.
    if (hadFocus) (start.hidden ? cancel : run).focus();
  });
  store.watch(everythingOf, (everything) => {
    if (everything?.status !== 'running') return;
    if (everything.total) Object.assign(bar, { max: everything.total, value: everything.done });
    else bar.removeAttribute('value');
    line.textContent = progressText(everything);
  });
  return [start, going];
}

function sliders(store, actions) {
  const set = (name) => (value) => actions.setThreshold(name, value);
  const share = { min: 0, max: 1, step: 0.01, show: text.share };
  const scale = () => areaScale(picture(store.get()) ?? { width: 1, height: 1 });
  // A preset's area may lie between two steps; it is told as it is.
  const areaShown = (step) => {
    const least = everythingOf(store.get())?.settings.min_area ?? 0;
    return scale().toStep(least) === step ? least : scale().toArea(step);
  };
  const made = {
    pred_iou_thresh: slider({ label: text.sliders.score, testid: 'slider-score', ...share, change: set('pred_iou_thresh') }),
    stability_score_thresh: slider({ label: text.sliders.stability, testid: 'slider-stability', ...share, change: set('stability_score_thresh') }),
    min_area: slider({
      label: text.sliders.area, testid: 'slider-area', min: 0, max: AREA_STEPS, step: 1,
      show: (step) => text.pixels(areaShown(step)), change: (step) => set('min_area')(scale().toArea(step)),
    }),
    box_nms_thresh: slider({ label: text.sliders.overlap, testid: 'slider-overlap', ...share, change: set('box_nms_thresh') }),
  };
  store.watch((state) => everythingOf(state)?.settings, (settings) => {
    if (!settings) return;
    for (const [name, one] of Object.entries(made)) one.set(name === 'min_area' ? scale().toStep(settings[name]) : settings[name]);
  });
  return Object.values(made).map((one) => one.element);
}

function filters(store, actions) {
  const presets = PRESETS.map((name) => pressedWhile(store,
    button({ label: text.presets[name], class: 'toggle' }, { testid: `preset-${name}`, onclick: () => actions.choosePreset(name) }),
    (state) => everythingOf(state)?.preset === name));
  const count = h('p', { class: 'heading figures', testid: 'shown-count', role: 'status' });
  const note = h('p', { class: 'hint' });
  store.watch(everythingOf, (everything) => {
    if (!everything) return;
    const { shown, rows, status } = everything;
    // Counts that follow each other in a run are for the eyes only.
    count.setAttribute('aria-live', status === 'running' ? 'off' : 'polite');
    const told = text.shown(shown.length, numDistinct(everything));
    if (count.textContent !== told) count.textContent = told;
    count.title = text.shownTitle(rows.length);
    note.textContent = shown.length || !rows.length || status === 'running' ? '' : text.none;
    if (status === 'stopped' && shown.length) note.textContent = text.stopped;
    note.hidden = !note.textContent;
  });
  return [segments(text.presetsLabel, presets), count, note];
}

function looks(store, actions) {
  const opacity = slider({ label: text.opacity, min: 0, max: 1, step: 0.05, testid: 'slider-opacity',
    show: (value) => `${Math.round(100 * value)} %`, change: (value) => actions.setOpacity(value) });
  store.watch((state) => state.look.opacity, opacity.set);
  const outline = h('button', {
    type: 'button', class: 'switch', role: 'switch', testid: 'outline-only', 'aria-checked': 'false', onclick: () => actions.toggleOutline(),
  }, h('span', null, text.outline), h('span', { class: 'knob' }));
  store.watch((state) => state.look.outlineOnly, (isOn) => outline.setAttribute('aria-checked', String(isOn)));
  return [opacity.element, outline];
}

function selecting(store, actions) {
  const make = (drawing, label, testid, run, title) => button({ icon: drawing, label, class: 'button under' }, { testid, title, onclick: run });
  const some = [
    make('keep', text.keep, 'keep-selected', () => actions.keepSelected(), text.keepTitle),
    make('trash', text.remove, 'delete-selected', () => actions.deleteSelected(), text.removeTitle),
    make('climb', text.climb, 'climb', () => actions.climb(), text.climbTitle),
    make('descend', text.descend, 'descend', () => actions.descend(), text.descendTitle),
  ];
  const several = [
    make('merge', text.merge, 'merge', () => actions.mergeSelected(), text.mergeTitle),
    make('subtract', text.subtract, 'subtract', () => actions.subtractSelected(), text.subtractTitle),
  ];
  const label = h('p', { class: 'hint', testid: 'selected-count' });
  const group = h('div', { class: 'trio', role: 'group', 'aria-label': text.selection }, some[0], some[1], several[0], some[2], some[3], several[1]);
  const countOf = (state) => everythingOf(state)?.selected.length ?? 0;
  store.watch(countOf, (count) => {
    label.textContent = count ? text.selectedLabel(count) : text.selectHint;
    group.hidden = count === 0;
  });
  store.watch((state) => (everythingOf(state)?.shown.length ?? 0) > 0, (canSelect) => { label.hidden = !canSelect; });
  store.watch((state) => countOf(state) + state.selected.length, (count) => {
    for (const element of several) element.disabled = count < 2;
  });
  return h('div', { class: 'stack' }, label, group);
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountEverythingBlock(element, store, actions) {
  const cutOutAll = button({ icon: 'cutouts', label: text.cutOutAll, class: 'button wide' },
    { testid: 'cutout-all', onclick: () => actions.cutOutAll() });
  store.watch((state) => {
    const everything = everythingOf(state);
    return Boolean(everything?.shown.length) && everything.status !== 'running';
  }, (can) => { cutOutAll.disabled = !can; });
  const found = h('div', { class: 'stack' }, filters(store, actions), selecting(store, actions), cutOutAll,
    h('div', { class: 'stack parted' }, sliders(store, actions)), h('div', { class: 'stack parted' }, looks(store, actions)));
  store.watch((state) => (everythingOf(state)?.rows.length ?? 0) > 0, (isFound) => { found.hidden = !isFound; });
  const hint = h('p', { class: 'hint' }, text.hint);
  store.watch((state) => everythingOf(state)?.status ?? 'idle', (status) => { hint.hidden = status !== 'idle'; });
  element.append(hint, ...running(store, actions), found);
  mountSpots(document.getElementById('frame') ?? document.body, store, actions);
}
