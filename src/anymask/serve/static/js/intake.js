/** Takes pictures in: the browser's own decode for the eye, the sending and encoding for the model. */
import { measure } from './measures.js';
import { prepareReduced } from './picture_layer.js';
import { Trouble } from './server.js';
import { patchPicture, picture, pictureOf } from './state.js';
import { words } from './words.js';

const TICK_MS = 200;
const NEAR = 2;

// Not every browser tells when it has nothing to do.
const whenIdle = (fn) => (window.requestIdleCallback ?? setTimeout)(fn);

export class Intake {
  #sending = new Map();
  #decoding = new Map();

  /**
   * @param {object} store
   * @param {object} server
   * @param {(key: string, error: Error) => void} onTrouble
   */
  constructor(store, server, onTrouble) {
    Object.assign(this, { store, server, onTrouble });
    server.setEnsure((entry, options) => this.ensure(entry.key, options));
    server.setOnRestart(() => this.#sendAgain());
  }

  /** Show a picture: decode and encode it now, and the next one ahead. */
  async show(key) {
    this.#decode(key);
    this.#freeFarOnes();
    const entry = pictureOf(this.store.get(), key);
    if (entry?.serverId && entry.status === 'ready') {
      this.#sendNext();
      return;
    }
    try {
      await this.ensure(key, {});
      this.#sendNext();
    } catch (error) {
      this.onTrouble(key, error);
    }
  }

  /** Break off what is on its way. */
  stop(key) {
    this.#sending.get(key)?.stop.abort();
    if (pictureOf(this.store.get(), key)?.status !== 'ready') patchPicture(this.store, key, { status: 'failed', queued: null });
  }

  /**
   * See that the server has a picture.
   * @param {string} key
   * @param {{isAhead?: boolean, lostId?: string}} options lostId: an id the server no longer knows
   * @returns {Promise<string>} its id
   */
  async ensure(key, { isAhead = false, lostId } = {}) {
    const entry = pictureOf(this.store.get(), key);
    if (!entry) throw new DOMException('closed', 'AbortError');
    if (entry.serverId && entry.serverId !== lostId && entry.status === 'ready') return entry.serverId;
    const running = this.#sending.get(key);
    if (running && (isAhead || !running.isAhead)) return running.id;
    const stop = new AbortController();
    const sending = { stop, isAhead, id: null };
    sending.id = this.#send(key, stop.signal, isAhead).finally(() => { if (this.#sending.get(key) === sending) this.#sending.delete(key); });
    // Somebody waits for it now: the same bytes again move it up, the slow request is not needed any more.
    running?.stop.abort();
    this.#sending.set(key, sending);
    return sending.id;
  }

  async #send(key, signal, isAhead) {
    const { blob, name } = pictureOf(this.store.get(), key);
    const since = performance.now();
    const own = { id: null, timer: 0, failure: null };
    patchPicture(this.store, key, { status: 'sending', share: 0, secondsLeft: null });
    const onSent = (share) => patchPicture(this.store, key, share < 1 ? { share, status: 'sending' } : { share: 0, status: 'reading' });
    const path = `/pictures?name=${encodeURIComponent(name)}${isAhead ? '&ahead=1' : ''}`;
    try {
      await this.server.lines('POST', path, blob, { signal, onSent, onLine: (line) => this.#take(key, line, own) });
      if (own.failure) throw new Trouble(own.failure);
      if (!own.isReady) throw new Trouble({ code: 'cut_off', message: words.alerts.cutOff });
    } catch (error) {
      if (!signal.aborted) patchPicture(this.store, key, { status: 'failed', queued: null });
      throw error;
    } finally {
      clearInterval(own.timer);
    }
    patchPicture(this.store, key, { status: 'ready', serverId: own.id, share: 1, secondsLeft: null });
    measure('encode', since);
    if (picture(this.store.get())?.key === key) this.store.set({ announce: words.stage.ready });
    return own.id;
  }

  #take(key, line, own) {
    if (line.stage === 'encoding') {
      const { id, width, height, notes } = line.picture;
      own.id = id;
      patchPicture(this.store, key, { status: 'encoding', width, height, notes, share: 0, secondsLeft: Math.ceil(line.seconds_expected) });
      this.#seeThatItIsSeen(key, id);
      this.#count(key, line.seconds_expected, own);
    }
    if (line.stage === 'ready') own.isReady = true;
    if (line.stage === 'failed') own.failure = line.error;
  }

  /** Let the time left run down as the server foresaw it. */
  #count(key, expected, own) {
    const since = performance.now();
    clearInterval(own.timer);
    own.timer = setInterval(() => {
      const spent = (performance.now() - since) / 1000;
      patchPicture(this.store, key, { share: Math.min(spent / Math.max(expected, 0.1), 0.97), secondsLeft: Math.max(Math.ceil(expected - spent), 1) });
    }, TICK_MS);
  }

  #decode(key) {
    const entry = pictureOf(this.store.get(), key);
    if (!entry || entry.bitmap || this.#decoding.has(key)) return;
    const decoding = createImageBitmap(entry.blob, { imageOrientation: 'from-image' }).then((bitmap) => this.#put(key, bitmap), () => {});
    this.#decoding.set(key, decoding.finally(() => this.#decoding.delete(key)));
    if (entry.serverId) this.#seeThatItIsSeen(key, entry.serverId);
  }

  /** Formats this browser does not know: the server reads more of them. */
  async #seeThatItIsSeen(key, id) {
    await this.#decoding.get(key);
    if (pictureOf(this.store.get(), key)?.bitmap === null) this.#fetchUpright(key, id);
  }

  async #fetchUpright(key, id) {
    try {
      const { blob } = await this.server.bytes('GET', `/pictures/${id}/picture.png`, null);
      this.#put(key, await createImageBitmap(blob));
    } catch (error) {
      this.onTrouble(key, error);
    }
  }

  #put(key, bitmap) {
    const entry = pictureOf(this.store.get(), key);
    if (!entry) {
      bitmap.close();
      return;
    }
    // The size the server tells is the one all coordinates are in; until it is known, the browser's own.
    const size = entry.width ? {} : { width: bitmap.width, height: bitmap.height };
    patchPicture(this.store, key, { bitmap, ...size });
    // After it has been seen: reducing a big picture takes the page's own time.
    requestAnimationFrame(() => whenIdle(() => prepareReduced(bitmap).catch(() => {})));
  }

  #sendNext() {
    const { pictures, at } = this.store.get();
    const next = pictures[at + 1];
    if (!next || (next.serverId && next.status === 'ready')) return;
    this.#decode(next.key);
    this.ensure(next.key, { isAhead: true }).catch((error) => {
      if (error.name !== 'AbortError') this.onTrouble(next.key, error);
    });
  }

  /** Decoded pictures are large; those far from the one on the stage are decoded again when they are shown. */
  #freeFarOnes() {
    const { pictures, at } = this.store.get();
    pictures.forEach(({ key, bitmap }, k) => {
      if (!bitmap || Math.abs(k - at) <= NEAR) return;
      patchPicture(this.store, key, { bitmap: null });
      bitmap.close();
    });
  }

  /** Another start of the server has none of the pictures. */
  #sendAgain() {
    const entry = picture(this.store.get());
    if (entry && !this.#sending.has(entry.key)) this.show(entry.key);
  }
}
