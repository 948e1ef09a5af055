/**
 * What everything mode found outlives a reload: minutes of work lie in a database of their own, one record a picture.
 * Where the browser keeps nothing, the run has to be done again.
 */
import { patchPicture, picture } from '../state.js';

const NAME = 'anymask-everything';
const PAUSE_MS = 400;
/** What a run has found, written once; and what is set by hand, written again and again. */
const FOUND = ['rows', 'codes', 'distinct', 'foundWith', 'status', 'done', 'total'];
const SET = ['settings', 'preset', 'side'];

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

function open() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore('found');
    request.result.createObjectStore('set');
  };
  return done(request);
}

const partOf = (from, names) => Object.fromEntries(names.map((name) => [name, from[name]]));
const modelOf = ({ server }) => `${server?.model?.name} ${server?.model?.origin}`;

/** Reading and writing; each does nothing where there is no database. */
class Results {
  #base = open().catch(() => null);

  async read(key) {
    const base = await this.#base;
    if (!base) return [];
    const reading = base.transaction(['found', 'set']);
    return Promise.all(['found', 'set'].map((name) => done(reading.objectStore(name).get(key))));
  }

  async #change(fn) {
    const base = await this.#base;
    try {
      if (base) fn(base.transaction(['found', 'set'], 'readwrite'));
    } catch { /* a full or forbidden store must not stop the work */ }
  }

  write(key, found, set) {
    return this.#change((write) => {
      if (found) write.objectStore('found').put(found, key);
      write.objectStore('set').put(set, key);
    });
  }

  drop(key) {
    return this.#change((write) => ['found', 'set'].forEach((name) => write.objectStore(name).delete(key)));
  }

  clear() {
    return this.#change((write) => ['found', 'set'].forEach((name) => write.objectStore(name).clear()));
  }
}

/** Follows the pictures that come and go: what was found on them is brought back, or forgotten with them. */
function follow(store, results, onBack) {
  let known = new Set();
  const sought = new Set();

  async function bringBack(key) {
    const [found, set] = await results.read(key).catch(() => []);
    const isBare = (entry) => entry.key === key && !entry.everything.foundWith;
    const state = store.get();
    if (!found || found.model !== modelOf(state) || !state.pictures.some(isBare)) return;
    patchPicture(store, key, ({ everything }) => ({
      everything: { ...everything, ...partOf(found, FOUND), ...set, isSettled: true, colours: new Map() },
    }));
    onBack(key);
  }

  return ({ pictures }) => {
    const keys = new Set(pictures.map((entry) => entry.key));
    const gone = [...known].filter((key) => !keys.has(key));
    // With the last picture everything is forgotten, also what another visit may have left.
    if (gone.length && !keys.size) results.clear();
    else gone.forEach((key) => results.drop(key));
    for (const key of gone) sought.delete(key);
    for (const { key, width } of pictures) {
      // What passes depends on the picture's size, which is known when it has been decoded.
      if (sought.has(key) || !width) continue;
      sought.add(key);
      bringBack(key);
    }
    known = keys;
  };
}

/**
 * @param {object} store
 * @param {(key: string) => void} onBack called when what was found on a picture has come back
 */
export function keepResults(store, onBack) {
  const results = new Results();
  const written = new Map();
  let timer = 0;

  function save() {
    const state = store.get();
    for (const { key, everything } of state.pictures) {
      const { rows, codes, status, settings } = everything;
      const last = written.get(key);
      if (!rows.length || status === 'running' || (last?.codes === codes && last.settings === settings && last.status === status)) continue;
      const isSame = last?.codes === codes && last.status === status;
      results.write(key, isSame ? null : { ...partOf(everything, FOUND), model: modelOf(state) }, partOf(everything, SET));
      written.set(key, { codes, settings, status });
    }
  }

  const followed = follow(store, results, onBack);
  // The model must be known before anything of it can be brought back.
  const seen = ({ key, width }) => `${key} ${Boolean(width)}`;
  store.watch((state) => (state.server ? state.pictures.map(seen).join() : null), (keys) => {
    if (keys !== null) followed(store.get());
  });
  store.watch((state) => picture(state)?.everything, (everything) => {
    if (!everything?.rows.length || everything.status === 'running') return;
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE_MS);
  });
  addEventListener('pagehide', save);
}
