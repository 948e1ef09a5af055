/** What stands by the pointer in everything mode: facts of the mask under it, and why a spot is empty. */
import { button, h } from '../dom.js';
import { picture } from '../state.js';
import { words } from '../words.js';
import { candidate } from '../actions/everything_shown.js';
import { toScreen } from '../pure/view.js';

const text = words.everything;
/** Beside the pointer, not under it. */
const AWAY_PX = 16;

/** Put an element by a point of the picture, inside its parent. */
function place(element, state, x, y) {
  const at = toScreen(state.view, x, y);
  const { clientWidth, clientHeight } = element.parentElement;
  const { offsetWidth, offsetHeight } = element;
  const isRight = at.x + AWAY_PX + offsetWidth > clientWidth;
  const isLow = at.y + AWAY_PX + offsetHeight > clientHeight;
  const left = isRight ? at.x - AWAY_PX - offsetWidth : at.x + AWAY_PX;
  const top = isLow ? at.y - AWAY_PX - offsetHeight : at.y + AWAY_PX;
  element.style.left = `${Math.max(4, Math.min(left, clientWidth - offsetWidth - 4))}px`;
  element.style.top = `${Math.max(4, Math.min(top, clientHeight - offsetHeight - 4))}px`;
}

function factsOf(entry, number) {
  const { area, score, stability } = candidate(entry.everything, number);
  const percent = words.objects.percent(area / (entry.width * entry.height));
  return text.chip(percent, score.toFixed(2), stability.toFixed(2));
}

function mountChip(frame, store) {
  const chip = h('div', {
    class: 'chip', testid: 'hover-chip', hidden: true, 'aria-hidden': 'true',
    style: { position: 'absolute', pointerEvents: 'none', zIndex: '3', boxShadow: 'var(--shadow)', background: 'var(--surface)', color: 'var(--text)' },
  });
  frame.append(chip);
  const hovered = (state) => (state.tool === 'everything' ? picture(state)?.everything.hover ?? null : null);
  const update = () => {
    const state = store.get();
    const number = hovered(state);
    chip.hidden = number === null || !state.pointer;
    if (chip.hidden) return;
    const facts = factsOf(picture(state), number);
    if (chip.textContent !== facts) chip.textContent = facts;
    place(chip, state, state.pointer.x, state.pointer.y);
  };
  store.watch(hovered, update);
  store.watch((state) => (hovered(state) === null ? null : state.pointer), update);
}

function mountWhy(frame, store, actions) {
  const sentence = h('p', { style: { margin: '0' } });
  const show = button({ icon: 'show', label: text.showIt }, { testid: 'show-it', onclick: () => {
    const { best } = picture(store.get()).everything.empty;
    actions.showAnyway(best);
  } });
  const close = button({ icon: 'close', label: text.close, class: 'button quiet', iconOnly: true }, { onclick: () => actions.closeWhy() });
  const why = h('div', {
    class: 'menu', testid: 'empty-spot', hidden: true, role: 'status',
    style: { position: 'absolute', zIndex: '4', maxWidth: 'min(20rem, calc(100% - 1rem))', padding: '0.6rem', gap: '0.5rem' },
  }, h('div', { class: 'row tight', style: { alignItems: 'flex-start' } }, sentence, close), show);
  frame.append(why);
  const spot = (state) => (state.tool === 'everything' ? picture(state)?.everything.empty ?? null : null);
  const update = () => {
    const state = store.get();
    const empty = spot(state);
    why.hidden = empty === null;
    if (!empty) return;
    const said = sentenceOf(empty.sentence);
    if (sentence.textContent !== said) sentence.textContent = said;
    show.hidden = empty.best === null;
    place(why, state, empty.point[0] + 0.5, empty.point[1] + 0.5);
  };
  store.watch(spot, update);
  store.watch((state) => (spot(state) ? state.view : null), update);
  // Before the page's own keys: what was opened last closes first.
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || why.hidden || store.get().dialog) return;
    event.preventDefault();
    event.stopPropagation();
    actions.closeWhy();
  }, { capture: true });
}

/** @returns {string} as a sentence: capital first, full stop last */
function sentenceOf(said) {
  const whole = said.charAt(0).toUpperCase() + said.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/**
 * @param {HTMLElement} frame what the stage fills
 * @param {object} store
 * @param {object} actions
 */
export function mountSpots(frame, store, actions) {
  mountChip(frame, store);
  mountWhy(frame, store, actions);
}
