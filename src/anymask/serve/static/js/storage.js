/**
 * What outlives a reload: pictures and the work on them in the browser's database, settings in its local storage.
 * Where the browser keeps nothing (private windows, full disk) the page works all the same.
 */
import { initialState } from './state.js';

const NAME = 'anymask';
const SETTINGS = 'anymask-settings';
const MOST_STEPS = 30;
const PAUSE_MS = 400;
const KEPT_SETTINGS = ['tool', 'multimask', 'brushRadius', 'look', 'keys', 'trayOpen', 'cutoutOptions'];

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

function open() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore('pictures', { keyPath: 'key' });
    request.result.createObjectStore('works', { keyPath: 'key' });
  };
  return done(request);
}

/** The works of the last steps; what is further back is not worth the room. */
function lasting({ past, now, label, future }) {
  return { past: past.slice(-MOST_STEPS), now, label, future: future.slice(0, MOST_STEPS) };
}

export class Storage {
  #base = open().catch(() => null);
  #timer = 0;
  #saved = new Map();
  #settings = null;

  /** @param {object} store */
  constructor(store) {
    this.store = store;
  }

  /** @returns {object} settings of the last time, empty where there are none */
  settings() {
    try {
      const found = JSON.parse(localStorage.getItem(SETTINGS) ?? '{}');
      const isKnown = ([name, value]) => KEPT_SETTINGS.includes(name) && value !== null;
      return Object.fromEntries(Object.entries(found).filter(isKnown));
    } catch {
      return {};
    }
  }

  /** @returns {Promise<{pictures: object[], at: number}>} what was open the last time */
  async open() {
    const base = await this.#base;
    if (!base) return { pictures: [], at: -1 };
    const read = base.transaction(['pictures', 'works']);
    const [pictures, works] = await Promise.all([done(read.objectStore('pictures').getAll()), done(read.objectStore('works').getAll())]);
    const workOf = new Map(works.map((one) => [one.key, one]));
    const found = pictures.map((one) => ({ ...one, ...workOf.get(one.key) })).filter((one) => one.history && one.blob);
    found.sort((a, b) => a.order - b.order);
    for (const { key, history } of found) this.#saved.set(key, { history: history.now });
    return { pictures: found, at: Math.max(found.findIndex((one) => one.isShown), 0) };
  }

  /** Save from now on whatever changes, a moment after it has. */
  begin() {
    for (const name of [...KEPT_SETTINGS, 'pictures', 'at']) this.store.watch((state) => state[name], () => this.#soon());
    addEventListener('pagehide', () => this.save());
    document.addEventListener('visibilitychange', () => { if (document.hidden) this.save(); });
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), PAUSE_MS);
  }

  async save() {
    clearTimeout(this.#timer);
    const state = this.store.get();
    try {
      this.#writeSettings(state);
      const base = await this.#base;
      if (base) this.#write(base, state);
    } catch { /* a full or forbidden store must not stop the work */ }
  }

  /** Settings nobody has changed are not kept, so that nothing is left where everything was forgotten. */
  #writeSettings(state) {
    const textOf = (from) => JSON.stringify(Object.fromEntries(KEPT_SETTINGS.map((name) => [name, from[name]])));
    const settings = textOf(state);
    // The store of settings waits for the disk, and most of what is saved is work.
    if (settings === this.#settings) return;
    this.#settings = settings;
    if (settings === textOf(initialState())) localStorage.removeItem(SETTINGS);
    else localStorage.setItem(SETTINGS, settings);
  }

  #write(base, state) {
    const write = base.transaction(['pictures', 'works'], 'readwrite');
    const keys = new Set(state.pictures.map((entry) => entry.key));
    for (const key of this.#saved.keys()) if (!keys.has(key)) this.#drop(write, key);
    state.pictures.forEach((entry, order) => {
      if (entry.status === 'failed' && !entry.width) return;
      const isShown = order === state.at;
      const isExported = entry.exported === entry.history.now.objects;
      const saved = this.#saved.get(entry.key);
      if (!saved?.isBlob) write.objectStore('pictures').put({ key: entry.key, name: entry.name, blob: entry.blob, galleryId: entry.galleryId });
      const isSame = saved && saved.history === entry.history && saved.order === order && saved.isShown === isShown && saved.isExported === isExported;
      if (!isSame) write.objectStore('works').put({ key: entry.key, order, isShown, isExported, history: lasting(entry.history) });
      this.#saved.set(entry.key, { isBlob: true, history: entry.history, order, isShown, isExported });
    });
  }

  #drop(write, key) {
    write.objectStore('pictures').delete(key);
    write.objectStore('works').delete(key);
    this.#saved.delete(key);
  }

  /** Forget everything this browser keeps of the page. */
  async forget() {
    clearTimeout(this.#timer);
    for (const name of Object.keys(localStorage)) if (name.startsWith('anymask')) localStorage.removeItem(name);
    this.#settings = null;
    const base = await this.#base;
    if (!base) return;
    const write = base.transaction(['pictures', 'works'], 'readwrite');
    write.objectStore('pictures').clear();
    write.objectStore('works').clear();
    this.#saved.clear();
  }
}
