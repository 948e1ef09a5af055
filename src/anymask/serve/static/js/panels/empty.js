/** The stage without a picture: a big place to drop one, the gallery, and where pictures stay. */
import { fileButton, h, icon, replace } from '../dom.js';
import { words } from '../words.js';
import { samples } from './samples.js';
import { privacySentence } from './status.js';

function dropArea(state, actions) {
  const text = words.card;
  const { opener, input } = fileButton({ icon: 'upload', label: text.dropChoose, class: 'button primary' }, { testid: 'choose' },
    { accept: 'image/*', multiple: true, take: (files) => actions.openFiles(files) });
  const area = h('div', { class: 'drop-area' }, icon('gallery'), h('div', null, h('h2', null, text.dropTitle), h('p', { class: 'hint' }, text.dropHint)), opener, input);
  // While the gallery dialog is open its pictures stand there, not twice.
  if (state.server?.gallery.length && state.dialog !== 'gallery') {
    area.append(h('div', { class: 'samples' }, h('p', { class: 'samples-title' }, text.samples), samples(state.server.gallery, (id) => actions.openGallery(id))));
  }
  area.append(h('p', { class: 'privacy' }, icon('lock'), privacySentence(state)));
  return area;
}

/** Lights the frame up while files hover over the page. */
function watchDrag(frame) {
  const isFiles = (event) => event.dataTransfer?.types.includes('Files');
  document.addEventListener('dragover', (event) => { if (isFiles(event)) frame.classList.add('over'); });
  document.addEventListener('dragleave', (event) => { if (event.relatedTarget === null) frame.classList.remove('over'); });
  document.addEventListener('drop', () => frame.classList.remove('over'));
}

/**
 * @param {HTMLElement} element
 * @param {object} store
 * @param {object} actions
 */
export function mountEmpty(element, store, actions) {
  const place = document.getElementById('empty') ?? element;
  watchDrag(place.parentElement);
  const draw = () => {
    const state = store.get();
    if (state.pictures.length > 0) replace(place);
    else replace(place, dropArea(state, actions));
  };
  store.watch((state) => [state.pictures.length > 0, state.server !== null, state.dialog === 'gallery'].join(), draw);
}
