/** Turning what went wrong into one sentence in the one place for trouble. */
import { Trouble } from './server.js';
import { words } from './words.js';

// Answers a person does not need to hear of: an older question, a request that was taken back.
const QUIET = new Set(['newer_question']);

/**
 * Show a sentence in the alert.
 * @param {object} store
 * @param {string} id what kind of trouble, so that its end can take it away again
 * @param {string} sentence
 * @param {{label: string, run: () => void}|null} [action]
 * @param {object} [details] what a report may say; never the picture
 */
export function say(store, id, sentence, action = null, details = {}) {
  store.set({ alert: { id, sentence, action, details } });
}

/**
 * Show an error of an action; quiet ones and requests taken back are not shown.
 * @param {object} store
 * @param {Error} error
 * @param {{label: string, run: () => void}|null} [action]
 */
export function raise(store, error, action = null) {
  if (error?.name === 'AbortError' || QUIET.has(error?.code)) return;
  if (!(error instanceof Trouble)) {
    reportError(error);
    say(store, 'fault', words.alerts.fault, action, { error: String(error?.message ?? error) });
    return;
  }
  const sentence = error.code === 'busy' && error.place !== undefined ? words.alerts.busy(error.place) : error.sentence;
  say(store, error.code, sentence, action, { code: error.code, status: error.status });
}

/**
 * Take an alert away if it is still the one shown.
 * @param {object} store
 * @param {string} id
 */
export function unsay(store, id) {
  if (store.get().alert?.id === id) store.set({ alert: null });
}
