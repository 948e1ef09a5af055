/** The block Box: its hint, and what it has in common with Hover & Click. */
import { h } from '../dom.js';
import { words } from '../words.js';
import { slot } from './prompt_controls.js';

/** @param {HTMLElement} element */
export function mountBoxBlock(element) {
  element.append(h('p', { class: 'hint' }, words.card.boxHint), slot('signs'), slot('history'), slot('controls'));
}
