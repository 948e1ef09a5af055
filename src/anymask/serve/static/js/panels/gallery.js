/** The gallery dialog. */
import { words } from '../words.js';
import { mountModal } from './modal.js';
import { samples } from './samples.js';

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountGallery(element, store, actions) {
  const choose = (id) => {
    actions.closeDialog();
    actions.openGallery(id);
  };
  mountModal(element, store, actions, {
    name: 'gallery', title: words.card.galleryTitle, testid: 'gallery-sheet',
    body: () => [samples(store.get().server?.gallery ?? [], choose)],
  });
}
