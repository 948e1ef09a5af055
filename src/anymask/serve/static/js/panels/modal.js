/** A dialog that follows state.dialog: the browser's own <dialog> keeps the focus inside and returns it. */
import { button, h, replace } from '../dom.js';
import { words } from '../words.js';

/**
 * Mounts one dialog. Its content is made when it opens and goes when it closes.
 *
 * @param {HTMLElement} element where dialogs stand
 * @param {object} store
 * @param {object} actions
 * @param {{name: string, title: string, testid: string, isSmall?: boolean, body: () => Node[], foot?: () => Node[]}} parts
 */
export function mountModal(element, store, actions, { name, title, testid, isSmall = false, body, foot }) {
  const id = `dialog-${name}`;
  const dialog = h('dialog', { class: `dialog${isSmall ? ' small' : ''}`, testid, 'aria-labelledby': id });
  let opener = null;
  // Esc: the state closes it, so that page and state never differ.
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault();
    actions.closeDialog();
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) actions.closeDialog(); });
  dialog.addEventListener('close', () => { if (store.get().dialog === name) actions.closeDialog(); });
  element.append(dialog);
  store.watch((state) => state.dialog === name, (isOpen) => {
    if (isOpen && !dialog.open) {
      opener = document.activeElement;
      const close = button({ icon: 'close', label: words.card.close, class: 'button quiet', iconOnly: true }, { testid: `${testid}-close`, onclick: () => actions.closeDialog() });
      replace(dialog, h('div', { class: 'dialog-head' }, h('h2', { id }, title), close), h('div', { class: 'dialog-body' }, body()),
        foot ? h('div', { class: 'dialog-foot' }, foot()) : null);
      dialog.showModal();
      (dialog.querySelector('[data-first], .tile') ?? close).focus();
    } else if (!isOpen && dialog.open) {
      dialog.close();
      replace(dialog);
      // What opened it may be gone or disabled by now: the stage is where work goes on.
      const back = opener?.isConnected && opener !== document.body ? opener : document.querySelector('[data-testid=stage]');
      back?.focus();
    }
  });
}
