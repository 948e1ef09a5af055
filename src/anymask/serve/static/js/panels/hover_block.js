/** The block Hover & Click: what a click does, and whether it offers three masks. */
import { h } from '../dom.js';
import { words } from '../words.js';
import { slot } from './prompt_controls.js';

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountHoverBlock(element, store, actions) {
  const text = words.card;
  const isTouch = matchMedia('(hover: none)').matches;
  const multimask = h('button', {
    type: 'button', class: 'switch', testid: 'multimask', title: text.multimaskHint, 'aria-pressed': 'false',
    onclick: () => actions.setMultimask(!store.get().multimask),
  }, h('span', null, text.multimask), h('span', { class: 'knob' }));
  store.watch((state) => state.multimask, (isOn) => multimask.setAttribute('aria-pressed', String(isOn)));
  element.append(h('p', { class: 'hint' }, isTouch ? text.hoverHintTouch : text.hoverHint),
    slot('signs'), slot('history'), multimask, slot('controls'));
}
