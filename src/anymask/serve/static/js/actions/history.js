/** Undo and redo over what has been made of the picture on the stage. Values come back as they were; nothing is asked again. */
import { bound } from '../bound.js';
import * as pure from '../pure/history.js';
import { patchPicture, picture } from '../state.js';
import { words } from '../words.js';

function step({ store, actions }, move, sentence) {
  const entry = picture(store.get());
  const after = entry && move(entry.history);
  if (!entry || after === entry.history) return;
  const label = move === pure.undo ? entry.history.label : after.label;
  actions.leave();
  patchPicture(store, entry.key, { history: after });
  store.set({ candidateShown: null, announce: sentence(label) });
}

/** @returns {Record<string, Function>} */
export function makeHistoryActions(store, server, painter, actions) {
  return bound({ store, actions }, {
    undo: (page) => step(page, pure.undo, words.stage.undone),
    redo: (page) => step(page, pure.redo, words.stage.redone),
    canUndo: () => Boolean(picture(store.get()) && pure.canUndo(picture(store.get()).history)),
    canRedo: () => Boolean(picture(store.get()) && pure.canRedo(picture(store.get()).history)),
  });
}
