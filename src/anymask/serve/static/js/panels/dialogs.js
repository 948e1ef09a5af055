/** The two questions the page asks: before unsaved work is left, and before very many pieces are cut. */
import { button, h } from '../dom.js';
import { picture } from '../state.js';
import { words } from '../words.js';
import { mountModal } from './modal.js';

function answers(actions, { go, stay, run, isDanger }) {
  const no = button({ label: stay }, { testid: 'dialog-no', dataset: { first: '' }, onclick: () => actions.closeDialog() });
  const yes = button({ label: go, class: isDanger ? 'button danger' : 'button primary' }, {
    testid: 'dialog-yes',
    onclick: () => {
      actions.closeDialog();
      run();
    },
  });
  return [no, yes];
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountDialogs(element, store, actions) {
  const text = words.card;
  mountModal(element, store, actions, {
    name: 'leave', title: text.leaveTitle, testid: 'leave-sheet', isSmall: true,
    body: () => [h('p', null, text.leaveText)],
    foot: () => answers(actions, { go: text.leaveGo, stay: text.leaveStay, isDanger: true, run: () => actions.closePicture(store.get().at, { confirmed: true }) }),
  });
  mountModal(element, store, actions, {
    name: 'many', title: text.manyTitle, testid: 'many-sheet', isSmall: true,
    body: () => [h('p', null, text.manyText(picture(store.get())?.everything.shown.length ?? 0))],
    foot: () => answers(actions, { go: text.manyGo, stay: text.manyStay, isDanger: false, run: () => actions.cutOutAll({ confirmed: true }) }),
  });
}
