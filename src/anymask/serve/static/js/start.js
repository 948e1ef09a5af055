/** The first moments of the page: what was open the last time, what the address asks for, and the ways files come in. */
import { raise, say, unsay } from './alerts.js';
import { isUnsaved } from './actions/pictures.js';
import { filesOf } from './dropped.js';
import { newPicture, picture } from './state.js';
import { words } from './words.js';

function takeFiles(event, transfer, { store, actions }) {
  if (!transfer?.types.includes('Files')) return;
  event.preventDefault();
  filesOf(transfer).then((files) => {
    if (files.length) actions.openFiles(files);
    else say(store, 'note', words.alerts.noPictures);
  }).catch((error) => raise(store, error));
}

function watchFiles(page) {
  addEventListener('dragover', (event) => {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
  });
  addEventListener('drop', (event) => takeFiles(event, event.dataTransfer, page));
  addEventListener('paste', (event) => {
    const isText = event.target?.closest?.('input, textarea, [contenteditable]');
    if (!isText) takeFiles(event, event.clipboardData, page);
  });
}

function watchLeaving(store) {
  let asked = null;
  addEventListener('beforeunload', (event) => {
    const { pictures } = store.get();
    const unsaved = pictures.filter(isUnsaved).map((entry) => entry.history.now.objects);
    const isNew = unsaved.some((objects) => !asked?.includes(objects));
    if (!isNew) return;
    // Asked once for the same objects: who stays and goes again has made up their mind.
    asked = unsaved;
    event.preventDefault();
  });
}

function watchConnection(store, server) {
  store.watch((state) => state.connection, (connection, before) => {
    if (connection === 'lost') say(store, 'lost', words.alerts.lost);
    if (connection === 'ok' && before) {
      for (const id of ['lost', 'server_gone', 'token']) unsay(store, id);
      if (!store.get().server) askAbout(store, server);
    }
    if (connection === 'token') say(store, 'token', words.alerts.token);
  });
}

async function askAbout(store, server) {
  try {
    const about = await server.json('GET', '/server');
    store.set({ server: about });
  } catch (error) {
    raise(store, error, { label: words.alerts.retry, run: () => askAbout(store, server) });
  }
}

async function bringBack(store, storage) {
  const { pictures, at } = await storage.open().catch(() => ({ pictures: [], at: -1 }));
  if (!pictures.length) return;
  const entries = pictures.map(({ key, name, blob, galleryId, history, isExported }) => newPicture({
    key, name, blob, galleryId, history, exported: isExported ? history.now.objects : null,
  }));
  store.set({ pictures: entries, at });
}

/** The address names a gallery picture while that one is shown; a reload after another was opened brings back the other. */
function watchAddress(store, wanted) {
  const unwatch = store.watch((state) => picture(state)?.galleryId, (galleryId, before) => {
    if (before !== wanted || galleryId === wanted) return;
    history.replaceState(null, '', location.pathname + location.hash);
    unwatch();
  });
}

/**
 * @param {object} store
 * @param {object} server
 * @param {object} actions
 * @param {object} storage
 */
export async function startPage(store, server, actions, storage) {
  watchFiles({ store, actions });
  watchLeaving(store);
  watchConnection(store, server);
  await Promise.all([askAbout(store, server), bringBack(store, storage)]);
  storage.begin();
  const wanted = new URLSearchParams(location.search).get('image');
  if (wanted) {
    actions.openGallery(wanted);
    watchAddress(store, wanted);
  } else if (picture(store.get())) actions.showPicture(store.get().at);
}
