/** The strip of the pictures that are open: thumbnails, previous and next. */
import { button, h, replace } from '../dom.js';
import { words } from '../words.js';
import { drawThumbnail } from './candidates.js';

const LIMIT = { width: 144, height: 88 };

function item(entry, index, state, actions) {
  const text = words.card;
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  if (entry.width) drawThumbnail(canvas, entry.bitmap, entry, null, LIMIT);
  const isHere = index === state.at;
  const status = text.states[entry.status];
  const show = h('button', {
    type: 'button', class: 'strip-picture', testid: `strip-${index}`, title: entry.name, 'aria-current': isHere ? 'true' : undefined,
    'aria-label': text.showPicture(entry.name, index + 1, status), onclick: () => actions.showPicture(index),
  }, canvas);
  const close = isHere
    ? button({ icon: 'close', label: text.closePicture(entry.name), class: 'button quiet', iconOnly: true }, { testid: 'close-picture', onclick: () => actions.closePicture(index) })
    : null;
  return h('li', { class: 'strip-item' }, show, h('span', { class: `strip-state ${entry.status}` }), close);
}

/** Arrows in the strip go from picture to picture. */
function walk(event, actions) {
  const moves = { ArrowLeft: actions.previousPicture, ArrowRight: actions.nextPicture };
  if (!moves[event.key]) return;
  event.preventDefault();
  event.stopPropagation();
  moves[event.key]();
}

/** What the strip shows of the state; watched as one text so that masks and points do not redraw it. */
const shownOf = (state) => [state.at, ...state.pictures.map((entry) => `${entry.key} ${entry.status} ${entry.width} ${entry.bitmap !== null}`)].join('\n');

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountStrip(element, store, actions) {
  const text = words.card;
  store.watch(shownOf, () => {
    const state = store.get();
    const hadFocus = element.contains(document.activeElement);
    if (state.pictures.length < 2) {
      replace(element);
      return;
    }
    const list = h('ul', { class: 'strip-list' }, state.pictures.map((entry, index) => item(entry, index, state, actions)));
    const previous = button({ icon: 'left', label: text.previous, class: 'button quiet', iconOnly: true }, { testid: 'previous', disabled: state.at <= 0, onclick: () => actions.previousPicture() });
    const next = button({ icon: 'right', label: text.next, class: 'button quiet', iconOnly: true }, { testid: 'next', disabled: state.at >= state.pictures.length - 1, onclick: () => actions.nextPicture() });
    const strip = h('nav', { class: 'strip', 'aria-label': text.pictures }, previous, list, h('span', { class: 'strip-count' }, text.pictureOf(state.at + 1, state.pictures.length)), next);
    strip.addEventListener('keydown', (event) => walk(event, actions));
    replace(element, strip);
    const here = element.querySelector('[aria-current]');
    here?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    if (hadFocus) here?.focus();
  });
}
