/** All that a person can do, gathered from the files in actions/ into one record. */
import { makeBrushActions } from './actions/brush.js';
import { makeCutoutsActions } from './actions/cutouts.js';
import { makeEverythingActions } from './actions/everything.js';
import { makeExportingActions } from './actions/exporting.js';
import { makeHistoryActions } from './actions/history.js';
import { makeLookActions } from './actions/look.js';
import { makeObjectsActions } from './actions/objects.js';
import { makePictureActions } from './actions/pictures.js';
import { makePromptingActions } from './actions/prompting.js';
import { makeToolActions } from './actions/tools.js';
import { raise } from './alerts.js';

const MAKERS = [
  makePictureActions, makePromptingActions, makeHistoryActions, makeLookActions, makeToolActions, makeBrushActions,
  makeEverythingActions, makeObjectsActions, makeCutoutsActions, makeExportingActions,
];

function guarded(store, fn) {
  return (...values) => {
    try {
      const result = fn(...values);
      if (typeof result?.catch === 'function') return result.catch((error) => raise(store, error));
      return result;
    } catch (error) {
      return raise(store, error);
    }
  };
}

/**
 * Every action by name. Each maker gets (store, server, painter, actions), so that one action may call another.
 * Whatever an action throws becomes a sentence in the alert.
 * @param {object} store
 * @param {object} server
 * @param {object} painter
 * @param {object} storage what a reload brings back
 * @returns {Record<string, Function>}
 */
export function makeActions(store, server, painter, storage) {
  const actions = {};
  for (const make of MAKERS) {
    for (const [name, fn] of Object.entries(make(store, server, painter, actions, { storage }))) actions[name] = guarded(store, fn);
  }
  return actions;
}
