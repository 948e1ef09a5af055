/** Pictures on their way in: opened, shown at once, sent, encoded, closed and forgotten. */
import { raise, say, unsay } from '../alerts.js';
import { bound } from '../bound.js';
import { Intake } from '../intake.js';
import { initialState, newPicture, pictureOf } from '../state.js';
import { Trouble } from '../server.js';
import { words } from '../words.js';
import { newId } from './kept.js';

const text = words.alerts;

function showPicture({ store, actions, intake }, i) {
  const { pictures, at } = store.get();
  if (!pictures[i]) return;
  if (i !== at) {
    actions.leave();
    store.set({ at: i, selected: [], candidateShown: null, draft: null, crosshair: null, warning: null, pointer: null });
  }
  intake.show(pictures[i].key);
}

function openFiles(page, files) {
  const { store, actions } = page;
  const made = [...files].map((file) => newPicture({ key: newId(), name: file.name || words.pictures.pasted, blob: file }));
  if (!made.length) return;
  const first = store.get().pictures.length;
  unsay(store, store.get().alert?.id);
  store.set((state) => ({ pictures: [...state.pictures, ...made], dialog: state.dialog === 'gallery' ? null : state.dialog }));
  actions.showPicture(first);
}

async function openGallery({ store, server, actions }, id) {
  const { pictures, server: about } = store.get();
  const open = pictures.findIndex((entry) => entry.galleryId === id);
  store.set((state) => ({ dialog: state.dialog === 'gallery' ? null : state.dialog }));
  if (open >= 0) {
    actions.showPicture(open);
    return;
  }
  const known = about?.gallery.find((one) => one.id === id);
  if (about && !known) throw new Trouble({ code: 'not_found', message: text.noGallery(id) });
  const { blob } = await server.bytes('GET', `/gallery/${encodeURIComponent(id)}`);
  const first = store.get().pictures.length;
  const ending = blob.type === 'image/png' ? 'png' : 'jpg';
  const name = known?.name ?? `${id}.${ending}`;
  store.set((state) => ({ pictures: [...state.pictures, newPicture({ key: newId(), name, blob, galleryId: id })] }));
  actions.showPicture(first);
}

/** Whether a picture has objects that are in no export. */
export const isUnsaved = (entry) => entry.history.now.objects.length > 0 && entry.exported !== entry.history.now.objects;

function closePicture({ store, server, actions, intake }, i, { confirmed = false } = {}) {
  const entry = store.get().pictures[i];
  if (!entry) return;
  if (!confirmed && isUnsaved(entry)) {
    store.set({ dialog: 'leave' });
    return;
  }
  intake.stop(entry.key);
  const { at, pictures } = store.get();
  const rest = pictures.filter((one) => one.key !== entry.key);
  actions.leave();
  store.set({ pictures: rest, at: Math.min(i < at ? at - 1 : at, rest.length - 1), selected: [], draft: null, crosshair: null });
  // A server that is gone has forgotten it anyway.
  if (entry.serverId) server.json('DELETE', `/pictures/${entry.serverId}`, null, { isPatient: false }).catch(() => {});
  if (rest.length) actions.showPicture(store.get().at);
}

const step = ({ store, actions }, by) => actions.showPicture(store.get().at + by);

function cancelEncoding({ store, actions, intake }) {
  const entry = store.get().pictures[store.get().at];
  if (!entry || entry.status === 'ready') return;
  intake.stop(entry.key);
  say(store, 'stopped', text.stopped(entry.name), { label: text.retry, run: () => actions.retry() });
}

function retry({ store, actions, intake }) {
  const entry = store.get().pictures[store.get().at];
  unsay(store, store.get().alert?.id);
  if (entry && entry.status !== 'ready') intake.show(entry.key);
  else actions.askAgain();
}

async function forgetEverything({ store, server, actions, intake, storage }) {
  const { stageSize, server: about, view } = store.get();
  for (const { key } of store.get().pictures) intake.stop(key);
  actions.leave();
  store.set({ ...initialState(), stageSize, server: about, view });
  await storage.forget();
  await server.json('DELETE', '/pictures', null);
}

/** Choose files with the browser's own dialog. */
function pickFiles({ actions }) {
  const input = document.createElement('input');
  Object.assign(input, { type: 'file', accept: 'image/*', multiple: true });
  input.addEventListener('change', () => actions.openFiles(input.files));
  input.click();
}

/** What the picture on its way ran into; one that cannot be read leaves the strip again. */
function failed(page, key, error) {
  const { store, actions } = page;
  const entry = pictureOf(store.get(), key);
  const isHopeless = ['not_a_picture', 'broken_picture', 'too_large', 'too_many_pixels', 'wrong_type', 'unreadable'].includes(error.code);
  if (isHopeless && entry) {
    actions.closePicture(store.get().pictures.indexOf(entry), { confirmed: true });
    raise(store, error, { label: text.another, run: () => actions.pickFiles() });
    return;
  }
  raise(store, error, { label: text.retry, run: () => actions.retry() });
}

/** @returns {Record<string, Function>} */
export function makePictureActions(store, server, painter, actions, { storage }) {
  const page = { store, server, actions, storage };
  page.intake = new Intake(store, server, (key, error) => failed(page, key, error));
  return bound(page, {
    openFiles, openGallery, showPicture, closePicture, cancelEncoding, retry, forgetEverything, pickFiles,
    nextPicture: (its) => step(its, 1),
    previousPicture: (its) => step(its, -1),
    closeAlert: () => store.set({ alert: null }),
  });
}
